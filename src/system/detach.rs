//! Becoming a daemon, and the process's name.
#![allow(unsafe_code)]

use std::io;

/// Which of the processes this is after [`detach`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The process that was started; the daemon runs elsewhere.
    Parent,
    Daemon,
}

/// Forks twice, so that the daemon belongs to no terminal and no parent; its standard streams are
/// /dev/null, all other descriptors closed, its directory `/` (COMPAT §12).
///
/// Must be called before any thread is started.
pub fn detach() -> io::Result<Side> {
    if fork()? == Side::Parent {
        return Ok(Side::Parent);
    }
    // A child of fork is never a group leader, so this cannot fail.
    let _ = rustix::process::setsid();
    if fork()? == Side::Parent {
        // SAFETY: _exit ends the intermediate process without running anybody's cleanup twice.
        unsafe { libc::_exit(0) };
    }
    std::env::set_current_dir("/")?;
    // SAFETY: no descriptor is in use by Rust objects yet; 0 to 2 are replaced right below. The bare system call,
    // because not every libc has a function for it.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    let null = rustix::fs::open("/dev/null", rustix::fs::OFlags::RDWR, rustix::fs::Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(Side::Daemon)
}

fn fork() -> io::Result<Side> {
    // SAFETY: there is only one thread yet, so the child's memory is consistent.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Side::Daemon),
        _ => Ok(Side::Parent),
    }
}

/// Sets the name that `ps` shows for the calling thread, cut to 15 bytes by the kernel.
pub fn set_name(name: &str) {
    if let Ok(name) = std::ffi::CString::new(name) {
        // A name is only for people; failing to set it matters to nobody.
        let _ = rustix::thread::set_name(&name);
    }
}

/// Ignores SIGHUP, as a daemon does.
pub fn ignore_hangup() {
    // SAFETY: SIG_IGN is a valid disposition, and no handler for SIGHUP was installed.
    unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
}
