//! The thread that owns the connection.
//!
//! Operations are taken in order, up to [`BATCH`] in one transaction. When a transaction fails for a reason outside
//! (locked, full or read-only disk), it is rolled back and tried again later with everything that came meanwhile;
//! questions are then answered from what is on the disk, so that nobody waits for an admin to make room.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use super::connect::{Site, is_corrupt, text_of};
use super::handle::Positions;
use super::queries::{self, Position};
use super::{BanRow, Merged, Reply, RestoreQuery};
use crate::level::{DEBUG, ERROR, INFO};

/// Most operations of one transaction.
const BATCH: usize = 1000;
/// Most operations kept while the database cannot be written; the oldest bans and positions are given up.
const WAITING: usize = 50_000;
/// First and longest pause between two attempts to write.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
/// A continuing failure is reported this often.
const REPORT: Duration = Duration::from_secs(60);

/// One message to the database thread.
pub(super) enum Op {
    Write(Write),
    Read(Read),
    /// Acknowledged when everything before is written.
    Flush(Sender<()>),
    /// The last one: write what is left until the deadline, close, acknowledge.
    Close(Sender<()>, Instant),
}

pub(super) enum Write {
    AddJail(String),
    DelJail(String),
    Position { jail: String, path: String, at: Position },
    AddBan { jail: String, ban: BanRow },
    DelBans { jail: String, ips: Vec<String> },
    DelAllBans(String),
    Purge { now: f64, age: f64 },
}

pub(super) enum Read {
    Restore(RestoreQuery),
    History { token: u64, ip: String, jail: Option<String> },
    Merged { ip: String, jail: Option<String>, max_matches: usize, to: Sender<Option<Merged>> },
}

/// What a read found, to be sent once the transaction is through.
enum Answer {
    Reply(Reply),
    Merged(Sender<Option<Merged>>, Option<Merged>),
}

/// The state of not being able to write.
struct Trouble {
    retry: Instant,
    pause: Duration,
    reported: Instant,
}

pub(super) struct Worker {
    site: Site,
    db: Connection,
    positions: Positions,
    reply: Box<dyn Fn(Reply) + Send>,
    waiting: VecDeque<Op>,
    trouble: Option<Trouble>,
    /// Operations given up for lack of memory since the last report.
    lost: usize,
    repaired: bool,
}

impl Worker {
    pub fn new(site: Site, db: Connection, positions: Positions, reply: Box<dyn Fn(Reply) + Send>) -> Self {
        let waiting = VecDeque::new();
        Worker { site, db, positions, reply, waiting, trouble: None, lost: 0, repaired: false }
    }

    /// Works until told to close, or until nobody can send any more.
    pub fn run(mut self, inbox: &Receiver<Op>) {
        let closing = loop {
            match self.receive(inbox) {
                Err(closing) => break closing,
                Ok(()) if self.may_write() => self.work(),
                Ok(()) => self.answer_reads(),
            }
        };
        let deadline = closing.as_ref().map_or_else(Instant::now, |(_, deadline)| *deadline);
        self.work();
        while let Some(trouble) = &self.trouble {
            if Instant::now() >= deadline {
                break;
            }
            thread::sleep(trouble.retry.min(deadline).saturating_duration_since(Instant::now()));
            self.work();
        }
        self.close();
        if let Some((done, _)) = closing {
            // Whoever closes may have stopped waiting.
            let _ = done.send(());
        }
    }

    /// Takes what has arrived; waits while there is nothing to do. An error is the end: [`Op::Close`], if there was one.
    fn receive(&mut self, inbox: &Receiver<Op>) -> Result<(), Option<(Sender<()>, Instant)>> {
        let first = match &self.trouble {
            None => inbox.recv().map_err(|_| None)?,
            Some(trouble) => {
                match inbox.recv_timeout(trouble.retry.saturating_duration_since(Instant::now())) {
                    Ok(op) => op,
                    Err(RecvTimeoutError::Timeout) => return Ok(()),
                    Err(RecvTimeoutError::Disconnected) => return Err(None),
                }
            }
        };
        for op in std::iter::once(first).chain(inbox.try_iter()).take(WAITING) {
            match op {
                Op::Close(done, deadline) => return Err(Some((done, deadline))),
                op => self.waiting.push_back(op),
            }
        }
        while self.trouble.is_some() && self.waiting.len() > WAITING && self.give_up_oldest() {}
        Ok(())
    }

    fn give_up_oldest(&mut self) -> bool {
        let expendable =
            |op: &Op| matches!(op, Op::Write(Write::AddBan { .. } | Write::Position { .. }) | Op::Read(_));
        let oldest = self.waiting.iter().position(expendable);
        self.lost += usize::from(oldest.is_some());
        oldest.and_then(|i| self.waiting.remove(i)).is_some()
    }

    fn may_write(&self) -> bool {
        self.trouble.as_ref().is_none_or(|trouble| Instant::now() >= trouble.retry)
    }

    /// Writes and answers everything that waits, as far as that is possible.
    fn work(&mut self) {
        while !self.waiting.is_empty() {
            match self.batch() {
                Ok(()) => {}
                Err(error) if is_corrupt(&error) && !self.repaired => self.repair(&error),
                Err(error) => {
                    self.failed(&error);
                    self.answer_reads();
                    return;
                }
            }
        }
        if self.trouble.take().is_some() {
            self.site.say(INFO, format!("Persistent database '{}' is written again", self.site.path));
        }
    }

    /// One transaction. On an error everything is as before.
    fn batch(&mut self) -> rusqlite::Result<()> {
        let count = self.waiting.len().min(BATCH);
        let writes = self.waiting.iter().take(count).any(|op| matches!(op, Op::Write(_)));
        let behavior = if writes { TransactionBehavior::Immediate } else { TransactionBehavior::Deferred };
        let transaction = Transaction::new_unchecked(&self.db, behavior)?;
        let (mut answers, mut gone) = (Vec::new(), Vec::new());
        for op in self.waiting.iter().take(count) {
            let done = match op {
                Op::Write(write) => apply(&transaction, write).map(|jails| gone.extend(jails)),
                Op::Read(read) => self.look_up(read).map(|answer| answers.push(answer)),
                Op::Flush(_) | Op::Close(..) => Ok(()),
            };
            match done {
                Err(error) if !is_outside(&error) => self.site.say(ERROR, text_of(&error)),
                done => done?,
            }
        }
        transaction.commit()?;
        self.positions.forget(&gone);
        for answer in answers {
            self.send(answer);
        }
        for op in self.waiting.drain(..count) {
            if let Op::Flush(done) = op {
                // Whoever flushes may have stopped waiting.
                let _ = done.send(());
            }
        }
        Ok(())
    }

    /// Answers the questions among what waits from what is on the disk. One that even that cannot answer stays.
    fn answer_reads(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        for op in waiting {
            let answer = match &op {
                Op::Read(read) => self.look_up(read).ok(),
                _ => None,
            };
            match answer {
                Some(answer) => self.send(answer),
                None => self.waiting.push_back(op),
            }
        }
    }

    fn look_up(&self, read: &Read) -> rusqlite::Result<Answer> {
        let unreadable = |reason| self.site.say(ERROR, format!("json loads failed: {reason}"));
        Ok(match read {
            Read::Restore(query) => Answer::Reply(Reply::Restored {
                jail: query.jail.clone(),
                bans: queries::restore(&self.db, query, &unreadable)?,
            }),
            Read::History { token, ip, jail } => Answer::Reply(Reply::History {
                token: *token,
                history: queries::history(&self.db, ip, jail.as_deref())?,
            }),
            Read::Merged { ip, jail, max_matches, to } => Answer::Merged(
                to.clone(),
                queries::merged(&self.db, ip, jail.as_deref(), *max_matches, &unreadable)?,
            ),
        })
    }

    fn send(&self, answer: Answer) {
        match answer {
            Answer::Reply(reply) => (self.reply)(reply),
            // The asker may have stopped waiting.
            Answer::Merged(to, merged) => drop(to.send(merged)),
        }
    }

    /// Notes a failure, and reports it when it is new or has lasted.
    fn failed(&mut self, error: &rusqlite::Error) {
        let now = Instant::now();
        let (pause, reported) = match &self.trouble {
            None => (PAUSE.0, None),
            Some(trouble) => ((trouble.pause * 2).min(PAUSE.1), Some(trouble.reported)),
        };
        let quiet = reported.filter(|last| now - *last < REPORT);
        if quiet.is_none() {
            let waiting = self.waiting.iter().filter(|op| matches!(op, Op::Write(_))).count();
            let lost = match std::mem::take(&mut self.lost) {
                0 => String::new(),
                count => format!(", {count} given up"),
            };
            let path = &self.site.path;
            let text = text_of(error);
            self.site.say(
                ERROR,
                format!(
                    "Error writing persistent database '{path}': {text} ({waiting} changes waiting{lost})"
                ),
            );
        }
        self.trouble = Some(Trouble { retry: now + pause, pause, reported: quiet.unwrap_or(now) });
    }

    /// The file turned out to be damaged: continues with what can be saved of it. Tried once.
    fn repair(&mut self, error: &rusqlite::Error) {
        self.repaired = true;
        let path = &self.site.path;
        self.site.say(ERROR, format!("Error in persistent database '{path}': {}", text_of(error)));
        self.site = Site::new(path, self.site.log.clone());
        // A failure has been logged; the next attempt to write meets it again.
        if let Ok(db) = self.site.repair() {
            self.db = db;
        }
    }

    fn close(mut self) {
        self.site.say(DEBUG, "Close connection to database ...".into());
        let left = self.waiting.iter().filter(|op| matches!(op, Op::Write(_))).count() + self.lost;
        if left > 0 {
            self.site.say(ERROR, format!("Closing persistent database with {left} changes not written"));
        }
        self.waiting.clear();
        match self.db.close() {
            Ok(()) => self.site.say(INFO, "Connection to database closed.".into()),
            Err((_, error)) => self.site.say(ERROR, text_of(&error)),
        }
    }
}

/// Executes a write; returns the jails that a purge removed.
fn apply(db: &Connection, write: &Write) -> rusqlite::Result<Vec<String>> {
    match write {
        Write::AddJail(jail) => queries::add_jail(db, jail)?,
        Write::DelJail(jail) => queries::del_jail(db, jail)?,
        Write::Position { jail, path, at } => {
            with_jail(db, jail, || queries::set_position(db, jail, path, at))?;
        }
        Write::AddBan { jail, ban } => with_jail(db, jail, || queries::add_ban(db, jail, ban))?,
        Write::DelBans { jail, ips } => ips.iter().try_for_each(|ip| queries::del_ban(db, jail, ip))?,
        Write::DelAllBans(jail) => queries::del_all_bans(db, jail)?,
        Write::Purge { now, age } => return queries::purge(db, *now, *age),
    }
    Ok(Vec::new())
}

/// Does something that needs the jail's row, which may have been lost with a damaged file.
fn with_jail(db: &Connection, jail: &str, act: impl Fn() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    match act() {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            queries::add_jail(db, jail)?;
            act()
        }
        done => done,
    }
}

/// Whether an error comes from the disk or another process rather than from the operation itself.
fn is_outside(error: &rusqlite::Error) -> bool {
    use ErrorCode::*;
    matches!(
        error.sqlite_error_code(),
        Some(
            DatabaseBusy
                | DatabaseLocked
                | DiskFull
                | ReadOnly
                | SystemIoFailure
                | CannotOpen
                | OutOfMemory
                | PermissionDenied
                | FileLockingProtocolFailed
                | DatabaseCorrupt
                | NotADatabase
        )
    )
}
