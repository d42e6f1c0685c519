//! File descriptors handed over by systemd (`sd_listen_fds(3)`).
#![allow(unsafe_code)]

use std::os::fd::{FromRawFd, OwnedFd};

/// Where the handed-over descriptors begin.
const FIRST: i32 = 3;
const VARIABLES: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// The inherited socket called `name` in `LISTEN_FDNAMES`, or else the first one, made close-on-exec. The
/// variables are removed, so that no child takes them for its own. To be called before any thread is started.
pub fn listening_socket(name: &str) -> Option<OwnedFd> {
    let [pid, count, names] = VARIABLES.map(|variable| std::env::var(variable).unwrap_or_default());
    let index = index(&pid, std::process::id(), &count, &names, name)?;
    for variable in VARIABLES {
        // SAFETY: the caller promises that no other thread exists that could read the environment.
        unsafe { std::env::remove_var(variable) };
    }
    let fd = FIRST + index;
    // SAFETY: fcntl on a number that may not be open fails harmlessly.
    if unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return None;
    }
    // SAFETY: the descriptor is open, and by the protocol it is ours alone.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Which of the descriptors is meant, if any is for process `own`.
fn index(pid: &str, own: u32, count: &str, names: &str, name: &str) -> Option<i32> {
    if pid != own.to_string() {
        return None;
    }
    let count: i32 = count.parse().ok().filter(|count| *count > 0)?;
    let named = names.split(':').position(|one| one == name).unwrap_or(0);
    Some(i32::try_from(named).unwrap_or(0).min(count - 1))
}

#[cfg(test)]
mod tests {
    use super::index;

    #[test]
    fn descriptor_is_chosen_by_name() {
        assert_eq!(index("7", 7, "1", "", "fail2ban"), Some(0));
        assert_eq!(index("7", 7, "2", "other:fail2ban", "fail2ban"), Some(1));
        assert_eq!(index("7", 7, "1", "other:fail2ban", "fail2ban"), Some(0));
        assert_eq!(index("8", 7, "1", "", "fail2ban"), None);
        assert_eq!(index("7", 7, "0", "", "fail2ban"), None);
        assert_eq!(index("7", 7, "", "", "fail2ban"), None);
        assert_eq!(index("", 7, "1", "", "fail2ban"), None);
    }
}
