//! One reading position in a journal, shared by all jails that stand there.

use std::io;
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;

use super::entry::{Entry, iso_date};
use super::handle::{From, Handle, Next};
use super::matches::{Filter, Group, Terms};
use super::options::Options;
use crate::source::{Event, JailId, Reader};
use crate::system::journal::Changed;

/// Seconds of quiet after journal files came or went, as upstream takes a little break.
const BREAK: f64 = 0.5;
/// Seconds between looks where the kernel reports no changes.
const POLL: f64 = 1.0;

/// Seconds until a journal that cannot be read is opened again.
pub const RETRY: f64 = 30.0;
/// Broken entries that are passed over.
const MAX_ERRORS: u32 = 1000;

/// A jail that reads here.
#[derive(Debug)]
pub struct Member {
    pub reader: Reader,
    filter: Filter,
    groups: Vec<Group>,
    /// Entries before this time (microseconds since 1970) are not for it; 0 once it has passed.
    pub from: u64,
    /// Unix seconds of the start: what is younger is new.
    started: f64,
    /// Time of its last entry as text, with the blank, and in microseconds.
    pub last: Option<(String, u64)>,
}

/// See the module's description.
#[derive(Debug)]
pub struct Shared {
    pub options: Options,
    pub handle: Handle,
    pub members: Vec<Member>,
    terms: Terms,
    /// The last entry read, and when journald got it.
    cursor: String,
    pub realtime: u64,
    /// Nothing was left at the last look.
    pub at_end: bool,
    /// Failures since the last good entry.
    errors: u32,
    /// When the journal is to be opened again.
    reopen_at: Option<f64>,
    poll_at: Option<f64>,
    invalidated: bool,
}

/// What one step did.
#[derive(Debug)]
pub enum Step {
    Read,
    End,
    /// An entry could not be read; told for the first of several.
    Failed(Option<io::Error>),
    /// `journalctl` ended; the descriptor is of no use until it is started again.
    Closed(io::Error),
}

/// Memory used again and again for entries.
#[derive(Debug)]
pub struct Scratch {
    entry: Entry,
    date: String,
    line: String,
    readers: Vec<Reader>,
    zone: TimeZone,
}

impl Default for Scratch {
    fn default() -> Scratch {
        let (entry, date, line, readers) = Default::default();
        Scratch { entry, date, line, readers, zone: TimeZone::system() }
    }
}

/// A jail as it joins: its alternatives, and where it begins.
#[derive(Clone, Debug)]
pub struct Joining {
    pub reader: Reader,
    pub groups: Vec<Group>,
    pub from: u64,
    pub last: Option<(String, u64)>,
}

impl Shared {
    /// Opens a journal for some jails, at the earliest of their places.
    pub fn open(options: &Options, joining: &[Joining], now: f64) -> io::Result<Shared> {
        let from = joining.iter().map(|jail| jail.from).min().unwrap_or(0);
        let groups = all_groups(joining.iter().map(|jail| &jail.groups));
        let handle = Handle::open(options, &groups, From::Time(from), None)?;
        let mut shared = Shared {
            options: options.clone(),
            handle,
            members: Vec::new(),
            terms: Terms::default(),
            cursor: String::new(),
            realtime: from.saturating_sub(1),
            errors: 0,
            at_end: false,
            reopen_at: None,
            poll_at: None,
            invalidated: false,
        };
        joining.iter().for_each(|jail| shared.join(jail, now));
        Ok(shared)
    }

    fn join(&mut self, jail: &Joining, now: f64) {
        self.members.push(Member {
            reader: jail.reader,
            filter: self.terms.filter(&jail.groups),
            groups: jail.groups.clone(),
            from: jail.from,
            started: now,
            last: jail.last.clone(),
        });
    }

    /// Takes over the jails of another reader that is at the end as well.
    pub fn absorb(&mut self, other: Shared) -> io::Result<()> {
        // The later of the two ends has been read by its own jails only.
        for member in &mut self.members {
            member.from = member.from.max(self.realtime + 1);
        }
        if other.realtime < self.realtime && !other.cursor.is_empty() {
            self.cursor = other.cursor;
            self.realtime = other.realtime;
        }
        for mut member in other.members {
            member.from = member.from.max(other.realtime + 1);
            member.filter = self.terms.filter(&member.groups);
            self.members.push(member);
        }
        self.reopen()
    }

    /// A jail leaves; what it needs to join again.
    pub fn leave(&mut self, jail: JailId) -> Option<Joining> {
        let at = self.members.iter().position(|member| member.reader.jail == jail)?;
        let member = self.members.remove(at);
        let from = if member.from == 0 { self.realtime + 1 } else { member.from };
        Some(Joining { reader: member.reader, groups: member.groups, from, last: member.last })
    }

    /// Opens the journal again and goes on after the last entry.
    fn reopen(&mut self) -> io::Result<()> {
        self.reopen_at = None;
        self.at_end = false;
        let from = match self.cursor.as_str() {
            "" => From::Time(self.realtime),
            cursor => From::After(cursor.to_owned()),
        };
        // What was rotated away may hold entries not yet read.
        let since = SystemTime::UNIX_EPOCH + Duration::from_micros(self.realtime);
        let groups = all_groups(self.members.iter().map(|member| &member.groups));
        self.handle = Handle::open(&self.options, &groups, from, Some(since))?;
        Ok(())
    }

    /// When this reader wants to be looked after.
    pub fn due(&self) -> Option<f64> {
        [self.reopen_at, self.poll_at].into_iter().flatten().min_by(f64::total_cmp)
    }

    /// Takes note of changes. True if the journal was opened again, so that its descriptor is another one.
    pub fn look(&mut self, now: f64) -> io::Result<bool> {
        if self.reopen_at.is_some_and(|at| at <= now) {
            self.reopen()?;
            return Ok(true);
        }
        match self.handle.changed()? {
            Changed::Nothing => {}
            Changed::Appended => self.at_end = false,
            Changed::Files => {
                self.invalidated |= self.reopen_at.is_none();
                self.reopen_at = Some(self.reopen_at.unwrap_or(now + BREAK));
            }
        }
        self.poll_at = self.handle.must_poll().then_some(now + POLL);
        self.at_end &= self.poll_at.is_none();
        Ok(false)
    }

    /// Lets the journal rest for a while after a failure.
    pub fn retry(&mut self, now: f64) {
        self.at_end = true;
        self.reopen_at = Some(now + RETRY);
    }

    /// Whether journal files have just come or gone; true once each time.
    pub fn took_break(&mut self) -> bool {
        std::mem::take(&mut self.invalidated)
    }

    /// Whether the quiet after a rotation is on.
    pub fn in_break(&self) -> bool {
        self.reopen_at.is_some()
    }

    /// Reads one entry and delivers it to the jails it is for.
    pub fn step(
        &mut self,
        now: f64,
        scratch: &mut Scratch,
        deliver: &mut dyn FnMut(&[Reader], usize, Event<'_>),
        operating: &mut dyn FnMut(JailId),
    ) -> Step {
        match self.handle.next(&mut scratch.entry, &mut self.terms) {
            Ok(Next::Entry) => self.errors = 0,
            Ok(Next::Wait) => {
                self.at_end = true;
                return Step::End;
            }
            Ok(Next::End) => {
                self.at_end = true;
                if self.handle.ends() {
                    self.reopen_at = Some(now);
                }
                let late = self.members.iter_mut().filter(|m| !m.reader.in_operation);
                late.for_each(|member| begin(member, operating));
                return Step::End;
            }
            Err(error) => return self.failed(error, now),
        }
        self.hand_out(now, scratch, deliver, operating);
        Step::Read
    }

    /// Delivers the entry just read to the jails it is for.
    fn hand_out(
        &mut self,
        now: f64,
        scratch: &mut Scratch,
        deliver: &mut dyn FnMut(&[Reader], usize, Event<'_>),
        operating: &mut dyn FnMut(JailId),
    ) {
        let Scratch { entry, date, line, readers, zone } = scratch;
        self.cursor.clone_from(&entry.cursor);
        self.realtime = entry.realtime;
        let time = entry.time();
        let seconds = time as f64 / 1e6;
        readers.clear();
        date.clear();
        for member in self.members.iter_mut().filter(|m| entry.realtime >= m.from) {
            member.from = 0;
            if !self.terms.pass(&member.filter) {
                continue;
            }
            if date.is_empty() {
                iso_date(time, zone, date);
                entry.write_line(line);
            }
            if !member.reader.in_operation && (seconds >= now - 1.0 || seconds > member.started) {
                begin(member, operating);
            }
            member.last = Some((date.clone(), time));
            readers.push(member.reader);
        }
        if !readers.is_empty() {
            let arrived = (entry.realtime as f64 / 1e6).min(now);
            let event = Event::Entry { readers, time: seconds, date, text: line, arrived };
            deliver(readers, line.len(), event);
        }
    }

    /// A broken entry is passed over; too many in a row, and the journal is opened again later.
    fn failed(&mut self, error: io::Error, now: f64) -> Step {
        self.errors += 1;
        if matches!(self.handle, Handle::Command(_)) {
            self.retry(now);
            return Step::Closed(error);
        }
        if self.errors >= MAX_ERRORS {
            self.retry(now);
        }
        Step::Failed((self.errors == 1).then_some(error))
    }
}

fn begin(member: &mut Member, operating: &mut dyn FnMut(JailId)) {
    member.reader.in_operation = true;
    operating(member.reader.jail);
}

/// What the library has to let through: the alternatives of all jails; everything if one has none.
fn all_groups<'a>(jails: impl Iterator<Item = &'a Vec<Group>>) -> Vec<Group> {
    let mut all: Vec<Group> = Vec::new();
    for groups in jails {
        if groups.iter().all(Vec::is_empty) {
            return Vec::new();
        }
        for group in groups.iter().filter(|group| !group.is_empty()) {
            if !all.contains(group) {
                all.push(group.clone());
            }
        }
    }
    all
}
