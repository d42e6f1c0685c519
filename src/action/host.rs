//! What the actions need from the program around them.

use crate::store::Merged;
use crate::value::{Exception, Value};

/// Log levels by their Python numbers (COMPAT §11).
pub mod level {
    pub const CRITICAL: u8 = 50;
    pub const ERROR: u8 = 40;
    pub const WARNING: u8 = 30;
    pub const NOTICE: u8 = 25;
    pub const INFO: u8 = 20;
    pub const DEBUG: u8 = 10;
    pub const TRACE: u8 = 9;
}

/// Services of the surrounding program. Called from worker threads, so an implementation may block
/// (except in `log` and `notify`) but must not wait for the engine to answer an action's own event.
pub trait Host: Send + Sync {
    /// The lowest level that is logged now; text below it is not even built.
    fn log_level(&self) -> u8;

    /// Writes one log line; `logger` as in upstream (`fail2ban.actions`, `fail2ban.utils`, …).
    fn log(&self, level: u8, logger: &str, text: &str);

    /// Hands an event to the engine and wakes it.
    fn notify(&self, event: Event);

    /// Earlier bans of `ip`, in `jail` or (`None`) in all jails; `Ok(None)` when there is no database or
    /// no such ban. The error text is what upstream would print for the exception.
    fn merged_bans(&self, ip: &str, jail: Option<&str>) -> Result<Option<Merged>, String>;

    /// The host name of an address by reverse DNS, for `<ip-host>`.
    fn host_of(&self, ip: &str) -> Option<String>;

    /// This machine's name: fully qualified (`<fq-hostname>`) or short (`<sh-hostname>`).
    fn hostname(&self, fully_qualified: bool) -> String;

    /// Whether actions may be started for IPv6 (upstream's `allowipv6`).
    fn ipv6_allowed(&self) -> bool;
}

/// What a jail's worker reports to the engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Everything queued before [`JailActions::barrier`](super::JailActions::barrier) has been done.
    Done { jail: String, token: u64 },
    /// The answer to a control command that replied [`Reply::Later`](super::Reply::Later).
    Reply { jail: String, token: u64, result: Result<Value, Exception> },
    /// firewalld was reloaded or restarted and has forgotten what it was told:
    /// [`JailActions::restore`](super::JailActions::restore) tells it again.
    FirewalldReset,
}
