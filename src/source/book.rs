//! What all sources share: the jails with their counters, and the messages not yet fetched.

use std::collections::BTreeMap;

use super::{JailId, LineEnd, Message, Reader, Stats};

/// Python's numbers of the log levels used here.
pub const ERROR: u8 = 40;
pub const WARNING: u8 = 30;
pub const NOTICE: u8 = 25;
pub const INFO: u8 = 20;
pub const MSG: u8 = 18;

/// One jail's settings and counters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Jail {
    pub line_end: LineEnd,
    pub idle: bool,
    pub stats: Stats,
}

/// See the module's description.
#[derive(Debug, Default)]
pub struct Book {
    pub jails: BTreeMap<JailId, Jail>,
    pub messages: Vec<Message>,
    /// Unix seconds at the present call; never goes back, so that a clock that is set does not stop
    /// the timers.
    pub now: f64,
    ahead: f64,
    /// Some position changed since they were last asked for.
    pub moved: bool,
}

impl Book {
    pub fn set_now(&mut self, now: f64) {
        self.ahead = self.ahead.max(self.now - now);
        self.now = now + self.ahead;
    }

    /// Seconds by which [`Book::now`] runs ahead of the caller's clock.
    pub fn ahead(&self) -> f64 {
        self.ahead
    }

    pub fn say(&mut self, level: u8, logger: &'static str, jail: Option<JailId>, text: String) {
        self.messages.push(Message { level, logger, jail, text });
    }

    pub fn is_idle(&self, jail: JailId) -> bool {
        self.jails.get(&jail).is_some_and(|jail| jail.idle)
    }

    /// Counts what was delivered to `readers`; `lag` in seconds.
    pub fn count(&mut self, readers: &[Reader], bytes: usize, lines: usize, lag: f64) {
        self.moved = true;
        for reader in readers {
            let stats = &mut self.jails.entry(reader.jail).or_default().stats;
            stats.bytes += bytes as u64;
            stats.lines += lines as u64;
            stats.lag = lag.max(0.0);
            stats.max_lag = stats.max_lag.max(stats.lag);
        }
    }
}
