//! The handle that the engine and the action workers hold.

use std::collections::HashMap;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::connect::{Site, text_of};
use super::queries::{self, Position};
use super::rows::limit_matches;
use super::worker::{Op, Read, Worker, Write};
use super::{BanRow, Error, Merged, Reply, RestoreQuery};
use crate::level::Level;

/// Where messages for the log go: level, logger name, text.
pub type Log = Arc<dyn Fn(Level, &'static str, String) + Send + Sync>;

/// An open database. Clones share it; it is closed by [`Store::close`] or when the last clone is dropped.
#[derive(Clone)]
pub struct Store {
    filename: Arc<str>,
    worker: Sender<Op>,
    settings: Arc<Mutex<Settings>>,
    positions: Positions,
}

#[derive(Clone, Copy)]
struct Settings {
    purge_age: f64,
    max_matches: usize,
}

impl Store {
    /// Opens or creates the database at `path` (or `:memory:`), migrates or repairs it where needed, and marks all
    /// jails as disabled. Blocks meanwhile.
    ///
    /// `purge_age`: seconds after which old bans are removed; `max_matches`: `dbmaxmatches`. `reply` is called on the
    /// database thread: it must only pass the message on.
    pub fn open(
        path: &str,
        purge_age: f64,
        max_matches: usize,
        log: Log,
        reply: Box<dyn Fn(Reply) + Send>,
    ) -> Result<Store, Error> {
        let site = Site::new(path, log);
        let sqlite = |error: rusqlite::Error| Error::Sqlite(text_of(&error));
        let db = site.connect()?;
        queries::disable_jails(&db).map_err(sqlite)?;
        let positions = Positions::new(queries::positions(&db).map_err(sqlite)?);
        let (worker, inbox) = channel();
        let thread = Worker::new(site, db, positions.clone(), reply);
        thread::Builder::new()
            .name("f2b/database".into())
            .spawn(move || thread.run(&inbox))
            .map_err(|error| Error::Sqlite(error.to_string()))?;
        let settings = Arc::new(Mutex::new(Settings { purge_age, max_matches }));
        Ok(Store { filename: path.into(), worker, settings, positions })
    }

    /// The path as given to [`Store::open`].
    pub fn filename(&self) -> &str {
        &self.filename
    }

    /// Changes `dbpurgeage` (seconds).
    pub fn set_purge_age(&self, seconds: f64) {
        lock(&self.settings).purge_age = seconds;
    }

    /// Changes `dbmaxmatches`.
    pub fn set_max_matches(&self, count: usize) {
        lock(&self.settings).max_matches = count;
    }

    /// Notes a jail as existing and enabled. Must come before anything else about that jail.
    pub fn add_jail(&self, jail: &str) {
        self.write(Write::AddJail(jail.into()));
    }

    /// Marks a jail as disabled; a purge removes it once it has no bans.
    pub fn del_jail(&self, jail: &str) {
        self.write(Write::DelJail(jail.into()));
    }

    /// Where reading of a log file ended last time, in bytes, if the file still begins with the same line; notes the
    /// file when it is new. `hash` is the SHA-1 of the first line (trap 1), `pos` the current position. Never blocks.
    pub fn add_log(&self, jail: &str, path: &str, hash: Option<&str>, pos: u64) -> Option<u64> {
        let stored = self.positions.get(jail, path);
        let stored_hash = stored.as_ref().and_then(|at| at.hash.as_deref());
        let same = hash.is_none() || hash == stored_hash;
        if stored_hash.is_none() && (pos > 0 || hash.is_some()) {
            self.update_log(jail, path, hash, pos);
        }
        stored.filter(|_| same).map(|at| at.pos as u64)
    }

    /// First-line hash and position of a log file as they were stored last time. Never blocks.
    pub fn log_position(&self, jail: &str, path: &str) -> Option<(Option<String>, u64)> {
        self.positions.get(jail, path).map(|at| (at.hash, at.pos as u64))
    }

    /// Notes how far a log file has been read.
    pub fn update_log(&self, jail: &str, path: &str, hash: Option<&str>, pos: u64) {
        self.set_position(jail, path, Position { hash: hash.map(str::to_owned), pos: pos as f64 });
    }

    /// The Unix time up to which a journal (`systemd-journal`) was read. Never blocks.
    pub fn journal_position(&self, jail: &str, name: &str) -> Option<f64> {
        self.positions.get(jail, name).map(|at| at.pos)
    }

    /// Notes the time up to which a journal was read, as Unix time and as text.
    pub fn update_journal(&self, jail: &str, name: &str, time: f64, iso: &str) {
        self.set_position(jail, name, Position { hash: Some(iso.to_owned()), pos: time });
    }

    /// Adds a ban; of its matches the newest `dbmaxmatches` are stored.
    pub fn add_ban(&self, jail: &str, mut ban: BanRow) {
        ban.data = limit_matches(ban.data, lock(&self.settings).max_matches);
        self.write(Write::AddBan { jail: jail.into(), ban });
    }

    /// Removes all bans of these ids in a jail.
    pub fn del_bans(&self, jail: &str, ips: Vec<String>) {
        self.write(Write::DelBans { jail: jail.into(), ips });
    }

    /// Removes all bans of a jail.
    pub fn del_all_bans(&self, jail: &str) {
        self.write(Write::DelAllBans(jail.into()));
    }

    /// Asks for the bans that a starting jail restores; answered by [`Reply::Restored`].
    pub fn restore(&self, query: RestoreQuery) {
        self.send(Op::Read(Read::Restore(query)));
    }

    /// Asks for the earlier bans of an id in one jail, or in all together (`None`); answered by [`Reply::History`].
    /// Sees every write sent before, unless the database cannot be written at the moment.
    pub fn history(&self, token: u64, ip: &str, jail: Option<&str>) {
        self.send(Op::Read(Read::History { token, ip: ip.into(), jail: jail.map(str::to_owned) }));
    }

    /// All stored bans of an id, in one jail or in all, as one. Blocks until the database answers or `timeout` has
    /// passed: for worker threads only.
    pub fn merged(&self, ip: &str, jail: Option<&str>, timeout: Duration) -> Option<Merged> {
        let max_matches = lock(&self.settings).max_matches;
        let (to, answer) = channel();
        let jail = jail.map(str::to_owned);
        self.send(Op::Read(Read::Merged { ip: ip.into(), jail, max_matches, to }));
        answer.recv_timeout(timeout).ok().flatten()
    }

    /// Removes bans, bad ids and jails that are out of date at `now` (Unix seconds).
    pub fn purge(&self, now: f64) {
        let age = lock(&self.settings).purge_age;
        self.write(Write::Purge { now, age });
    }

    /// Waits until everything sent so far is written; false if it is not after `timeout`.
    pub fn flush(&self, timeout: Duration) -> bool {
        let (done, wait) = channel();
        self.send(Op::Flush(done));
        wait.recv_timeout(timeout).is_ok()
    }

    /// Writes what is left and closes the database; false if that took longer than `timeout`. What is sent to other
    /// clones afterwards is ignored.
    pub fn close(&self, timeout: Duration) -> bool {
        let (done, wait) = channel();
        let deadline = Instant::now() + timeout;
        self.send(Op::Close(done, deadline));
        // The worker gives up at the deadline and then still has to close.
        wait.recv_timeout(timeout + Duration::from_millis(700)).is_ok() && Instant::now() < deadline
    }

    fn set_position(&self, jail: &str, path: &str, at: Position) {
        self.positions.set(jail, path, at.clone());
        self.write(Write::Position { jail: jail.into(), path: path.into(), at });
    }

    fn write(&self, write: Write) {
        self.send(Op::Write(write));
    }

    /// After closing nobody listens, and nothing is expected.
    fn send(&self, op: Op) {
        let _ = self.worker.send(op);
    }
}

/// The table `logs` in memory, so that asking for a position never waits for the disk.
#[derive(Clone)]
pub(super) struct Positions(Arc<Mutex<HashMap<(String, String), Position>>>);

impl Positions {
    fn new(rows: Vec<(String, String, Position)>) -> Self {
        let rows = rows.into_iter().map(|(jail, path, at)| ((jail, path), at));
        Positions(Arc::new(Mutex::new(rows.collect())))
    }

    fn get(&self, jail: &str, path: &str) -> Option<Position> {
        lock(&self.0).get(&(jail.to_owned(), path.to_owned())).cloned()
    }

    fn set(&self, jail: &str, path: &str, at: Position) {
        lock(&self.0).insert((jail.to_owned(), path.to_owned()), at);
    }

    /// Drops what belonged to removed jails.
    pub fn forget(&self, jails: &[String]) {
        if !jails.is_empty() {
            lock(&self.0).retain(|(jail, _), _| !jails.contains(jail));
        }
    }
}

/// Nothing that holds one of these locks can panic half-way, so a poisoned lock guards sound data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
