//! The handle that the engine and the action workers hold.

use std::sync::Arc;
use std::time::Duration;

use super::{BanRow, Error, Merged, Reply, RestoreQuery};

/// Where messages for the log go: Python's level number (10 debug … 40 error), logger name, text.
pub type Log = Arc<dyn Fn(u8, &'static str, String) + Send + Sync>;

/// An open database. Clones share it; it is closed by [`Store::close`] or when the last clone is dropped.
#[derive(Clone)]
pub struct Store(());

impl Store {
    /// Opens or creates the database at `path` (or `:memory:`), migrates or repairs it where needed, and marks all
    /// jails as disabled. Blocks meanwhile.
    ///
    /// `purge_age`: seconds after which old bans are removed; `max_matches`: `dbmaxmatches`. `reply` is called on the
    /// database thread: it must only pass the message on.
    pub fn open(
        _path: &str,
        _purge_age: f64,
        _max_matches: usize,
        _log: Log,
        _reply: Box<dyn Fn(Reply) + Send>,
    ) -> Result<Store, Error> {
        todo!()
    }

    /// The path as given to [`Store::open`].
    pub fn filename(&self) -> &str {
        todo!()
    }

    /// Changes `dbpurgeage` (seconds).
    pub fn set_purge_age(&self, _seconds: f64) {
        todo!()
    }

    /// Changes `dbmaxmatches`.
    pub fn set_max_matches(&self, _count: usize) {
        todo!()
    }

    /// Notes a jail as existing and enabled. Must come before anything else about that jail.
    pub fn add_jail(&self, _jail: &str) {
        todo!()
    }

    /// Marks a jail as disabled; a purge removes it once it has no bans.
    pub fn del_jail(&self, _jail: &str) {
        todo!()
    }

    /// Where reading of a log file ended last time, in bytes, if the file still begins with the same line; notes the
    /// file when it is new. `hash` is the SHA-1 of the first line (trap 1), `pos` the current position. Never blocks.
    pub fn add_log(&self, _jail: &str, _path: &str, _hash: Option<&str>, _pos: u64) -> Option<u64> {
        todo!()
    }

    /// Notes how far a log file has been read.
    pub fn update_log(&self, _jail: &str, _path: &str, _hash: Option<&str>, _pos: u64) {
        todo!()
    }

    /// The Unix time up to which a journal (`systemd-journal`) was read. Never blocks.
    pub fn journal_position(&self, _jail: &str, _name: &str) -> Option<f64> {
        todo!()
    }

    /// Notes the time up to which a journal was read, as Unix time and as text.
    pub fn update_journal(&self, _jail: &str, _name: &str, _time: f64, _iso: &str) {
        todo!()
    }

    /// Adds a ban; of its matches the newest `dbmaxmatches` are stored.
    pub fn add_ban(&self, _jail: &str, _ban: BanRow) {
        todo!()
    }

    /// Removes all bans of these ids in a jail.
    pub fn del_bans(&self, _jail: &str, _ips: Vec<String>) {
        todo!()
    }

    /// Removes all bans of a jail.
    pub fn del_all_bans(&self, _jail: &str) {
        todo!()
    }

    /// Asks for the bans that a starting jail restores; answered by [`Reply::Restored`].
    pub fn restore(&self, _query: RestoreQuery) {
        todo!()
    }

    /// Asks for the earlier bans of an id in one jail, or in all together (`None`); answered by [`Reply::History`].
    /// Sees every write sent before.
    pub fn history(&self, _token: u64, _ip: &str, _jail: Option<&str>) {
        todo!()
    }

    /// All stored bans of an id, in one jail or in all, as one. Blocks until the database answers or `timeout` has
    /// passed: for worker threads only.
    pub fn merged(&self, _ip: &str, _jail: Option<&str>, _timeout: Duration) -> Option<Merged> {
        todo!()
    }

    /// Removes bans, bad ids and jails that are out of date at `now` (Unix seconds).
    pub fn purge(&self, _now: f64) {
        todo!()
    }

    /// Waits until everything sent so far is written; false if it is not after `timeout`.
    pub fn flush(&self, _timeout: Duration) -> bool {
        todo!()
    }

    /// Writes what is left and closes the database; false if that took longer than `timeout`. What is sent to other
    /// clones afterwards is ignored.
    pub fn close(&self, _timeout: Duration) -> bool {
        todo!()
    }
}
