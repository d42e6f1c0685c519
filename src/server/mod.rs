//! The server process: from the command line's settings to the running engine.

pub mod logging;

use std::path::PathBuf;

use crate::value::{Exception, Value};

/// See [`Start::configured`].
pub type Configured = Box<dyn FnOnce(Option<&Exception>) + Send>;

/// What a server needs to know before its first command; all of it comes from fail2ban.conf or the command line.
pub struct Start {
    pub socket: PathBuf,
    pub pidfile: PathBuf,
    /// Name of the process as `ps` shows it.
    pub pname: String,
    pub loglevel: String,
    pub logtarget: String,
    pub syslogsocket: String,
    /// Number of `-v` on the command line plus one; above one it also makes log lines more detailed.
    pub verbose: i32,
    /// Replace a socket file that exists.
    pub force: bool,
    /// Stay attached to the terminal instead of becoming a daemon.
    pub foreground: bool,
    /// Called once when the stream given to [`run`] has been executed, with the error that stopped it, if any.
    pub configured: Configured,
}

/// Runs the server until it is told to stop. In background mode the calling process forks: in the parent this
/// returns at once, in the daemon at the end; either way the caller just exits.
///
/// `stream` is a list of commands to execute as soon as the socket accepts clients (foreground mode; a daemon
/// gets it through the socket). If one of them fails, the rest is skipped, and the server shuts down and
/// returns an error (COMPAT §1.2).
///
/// # Errors
/// The sentence to show to the user.
pub fn run(start: Start, stream: Option<Value>) -> Result<(), String> {
    todo!("server {} {stream:?}", start.pname)
}
