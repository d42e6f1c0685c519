//! Child processes in a session of their own.

#![allow(unsafe_code)]

use std::os::unix::process::CommandExt;
use std::process::Command;

/// Makes the child the leader of a new session and process group, so that a signal to the group reaches
/// all that it starts and never us.
pub fn in_new_session(command: &mut Command) -> &mut Command {
    // SAFETY: between fork and exec only `setsid` runs, which is async-signal-safe and touches no memory.
    unsafe {
        command.pre_exec(|| {
            rustix::process::setsid()?;
            Ok(())
        })
    }
}

/// Makes the kernel end the child when the thread that started it ends, however that happens.
pub fn ending_with_us(command: &mut Command) -> &mut Command {
    // SAFETY: between fork and exec only `prctl` runs, which is async-signal-safe and touches no memory.
    unsafe {
        command.pre_exec(|| {
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))?;
            Ok(())
        })
    }
}
