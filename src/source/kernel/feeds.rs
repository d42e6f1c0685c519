//! The jails that listen to the kernel: one descriptor per kind of message, however many jails there are.

use std::fmt::Write;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::kind::{Kind, Source};
use crate::source::book::{Book, ERROR, INFO, WARNING};
use crate::source::journal::iso_date;
use crate::source::sources::add_to_poll;
use crate::source::{Error, Event, JailId, Mark, Position, Reader, Stored};

/// Messages, or batches of packets, that are read in one call.
const BUDGET: usize = 500;
/// Seconds between complaints about lost messages, and until a failed descriptor is tried again.
const QUIET: f64 = 60.0;

/// A jail that listens.
#[derive(Debug)]
struct Member {
    reader: Reader,
    started: bool,
    stored: Option<Stored>,
    /// Older messages (Unix seconds) are not for it, nor those with a smaller number.
    from: f64,
    next: u64,
    last: Option<(String, f64)>,
    saved: Option<f64>,
}

#[derive(Debug)]
struct Feed {
    kind: Kind,
    /// `None` until it could be opened.
    source: Option<Source>,
    /// When opening is tried again.
    retry_at: Option<f64>,
    members: Vec<Member>,
    /// There may be something to read.
    more: bool,
    /// Messages from this number on are read as they come.
    live: u64,
    told_lost: u64,
    tell_at: f64,
}

/// See the module's description.
#[derive(Debug)]
pub struct Feeds {
    feeds: Vec<Feed>,
    scratch: Scratch,
    boot: String,
}

/// Memory used again and again.
#[derive(Debug)]
struct Scratch {
    host: String,
    date: String,
    line: String,
    readers: Vec<Reader>,
    zone: TimeZone,
}

impl Feeds {
    pub fn new() -> Feeds {
        let scratch = Scratch {
            host: String::new(),
            date: String::new(),
            line: String::new(),
            readers: Vec::new(),
            zone: TimeZone::system(),
        };
        Feeds { feeds: Vec::new(), scratch, boot: read_line("/proc/sys/kernel/random/boot_id") }
    }

    /// Gives a jail its source; false if the backend is none of these.
    pub fn add(
        &mut self,
        jail: JailId,
        backend: &str,
        options: &[(String, String)],
        stored: Option<&Stored>,
    ) -> Result<bool, Error> {
        let Some(kind) = Kind::parse(backend, options)? else { return Ok(false) };
        let known = self.feeds.iter().position(|feed| feed.kind == kind);
        let at = known.unwrap_or_else(|| {
            let (members, told_lost, tell_at) = Default::default();
            let (source, retry_at, more, live) = (None, None, false, u64::MAX);
            self.feeds.push(Feed { kind, source, retry_at, members, more, live, told_lost, tell_at });
            self.feeds.len() - 1
        });
        self.feeds[at].members.push(Member {
            reader: Reader { jail, in_operation: false },
            started: false,
            stored: stored.cloned(),
            from: 0.0,
            next: 0,
            last: None,
            saved: None,
        });
        Ok(true)
    }

    /// Begins delivery: of the kernel's messages those since the stored one, but none before `from`.
    pub fn start(&mut self, jail: JailId, from: f64, poll: &OwnedFd, book: &mut Book) {
        self.scratch.host = read_line("/proc/sys/kernel/hostname");
        for feed in &mut self.feeds {
            let Some(member) = feed.members.iter_mut().find(|m| m.reader.jail == jail && !m.started) else {
                continue;
            };
            member.started = true;
            member.from = from;
            if let Some(Stored { hash, mark: Mark::Time(time) }) = &member.stored {
                let number =
                    hash.as_ref().and_then(|hash| hash.strip_prefix(self.boot.as_str())?.trim().parse().ok());
                member.next = number.map_or(0, |number: u64| number + 1);
                member.from = if number.is_none() { from.max(*time) } else { from };
            }
            match feed.source {
                Some(_) => feed.rewind(book),
                None => feed.open(poll, book),
            }
        }
    }

    /// Stops or resumes delivery; what the kernel keeps is delivered then.
    pub fn set_idle(&mut self, jail: JailId, book: &mut Book) {
        let own = |feed: &&mut Feed| feed.members.iter().any(|m| m.reader.jail == jail);
        self.feeds.iter_mut().filter(own).for_each(|feed| feed.rewind(book));
    }

    pub fn remove(&mut self, jail: JailId) -> Vec<Position> {
        let mut positions = Vec::new();
        for feed in &mut self.feeds {
            let kind = feed.kind;
            let leaving = feed.members.iter().filter(|m| m.reader.jail == jail);
            positions.extend(leaving.filter_map(|m| m.last.as_ref().map(|last| position(kind, last))));
            feed.members.retain(|m| m.reader.jail != jail);
        }
        self.feeds.retain(|feed| !feed.members.is_empty());
        positions
    }

    pub fn changed_positions(&mut self) -> Vec<(JailId, Position)> {
        let mut changed = Vec::new();
        for feed in &mut self.feeds {
            for member in &mut feed.members {
                let Some(last) = &member.last else { continue };
                if member.saved.replace(last.1) != Some(last.1) {
                    changed.push((member.reader.jail, position(feed.kind, last)));
                }
            }
        }
        changed
    }

    /// Seconds until something is due; 0 if something is known to be unread.
    pub fn due_in(&self, now: f64) -> Option<f64> {
        let due = |feed: &Feed| if feed.more { Some(0.0) } else { Some((feed.retry_at? - now).max(0.0)) };
        self.feeds.iter().filter_map(due).min_by(f64::total_cmp)
    }

    /// Delivers what has come; true if there is more.
    pub fn process(&mut self, poll: &OwnedFd, book: &mut Book, sink: &mut dyn FnMut(Event<'_>)) -> bool {
        for feed in &mut self.feeds {
            if feed.retry_at.is_some_and(|at| at <= book.now) {
                feed.open(poll, book);
            }
            let result = match &mut feed.source {
                Some(Source::Kmsg(_)) => feed.read_kmsg(&mut self.scratch, &self.boot, book, sink),
                Some(Source::Nflog(_)) => feed.read_nflog(&mut self.scratch, book, sink),
                None => continue,
            };
            if let Err(error) = result {
                feed.failed(&error, book);
            }
            feed.tell_lost(book);
        }
        self.feeds.iter().any(|feed| feed.more)
    }
}

impl Feed {
    fn open(&mut self, poll: &OwnedFd, book: &mut Book) {
        self.retry_at = None;
        let opened = self.kind.open().and_then(|source| {
            add_to_poll(poll, &source)?;
            Ok(source)
        });
        match opened {
            Ok(source) => {
                (self.source, self.more, self.told_lost) = (Some(source), true, 0);
            }
            Err(error) => self.failed(&error, book),
        }
    }

    /// Tells the jails, and tries again later.
    fn failed(&mut self, error: &io::Error, book: &mut Book) {
        (self.source, self.more, self.retry_at) = (None, false, Some(book.now + QUIET));
        for member in self.members.iter().filter(|member| member.started) {
            book.say(ERROR, self.kind.logger(), Some(member.reader.jail), self.kind.reason(error));
        }
    }

    /// Reads again what the kernel still has, for jails that have not seen all of it.
    fn rewind(&mut self, book: &mut Book) {
        self.more = self.source.is_some();
        if let Some(Source::Kmsg(kmsg)) = &mut self.source {
            if let Err(error) = kmsg.rewind() {
                self.failed(&error, book);
            }
        }
    }

    fn read_kmsg(
        &mut self,
        scratch: &mut Scratch,
        boot: &str,
        book: &mut Book,
        sink: &mut dyn FnMut(Event<'_>),
    ) -> io::Result<()> {
        let now = book.now - book.ahead();
        let Some(Source::Kmsg(kmsg)) = &mut self.source else { return Ok(()) };
        let booted = now - monotonic();
        for _ in 0..BUDGET {
            let Some(record) = kmsg.next()? else {
                self.more = false;
                self.live = kmsg.following();
                operate(&mut self.members, self.kind, book);
                return Ok(());
            };
            // The kernel's own clock drifts, so that it only dates what was there before.
            let seconds = record.usec as f64 / 1e6;
            let time = if record.number >= self.live { now } else { (booted + seconds).min(now) };
            scratch.readers.clear();
            for member in self.members.iter_mut().filter(|m| m.started && !book.is_idle(m.reader.jail)) {
                if record.number >= member.next {
                    member.next = record.number + 1;
                    if time >= member.from {
                        scratch.readers.push(member.reader);
                        member.last = Some((format!("{boot} {}", record.number), time));
                    }
                }
            }
            scratch.deliver(time, seconds, record.text, book, sink);
        }
        self.more = true;
        Ok(())
    }

    fn read_nflog(
        &mut self,
        scratch: &mut Scratch,
        book: &mut Book,
        sink: &mut dyn FnMut(Event<'_>),
    ) -> io::Result<()> {
        let now = book.now - book.ahead();
        operate(&mut self.members, self.kind, book);
        let Some(Source::Nflog(nflog)) = &mut self.source else { return Ok(()) };
        let members = &mut self.members;
        for _ in 0..BUDGET {
            self.more = nflog.read(&mut |record| {
                let time = record.time.map_or(now, |usec| (usec as f64 / 1e6).min(now));
                scratch.readers.clear();
                for member in members.iter_mut().filter(|m| m.started && !book.is_idle(m.reader.jail)) {
                    scratch.readers.push(member.reader);
                }
                scratch.deliver(time, monotonic(), record.text, book, sink);
            })?;
            if !self.more {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Counts messages that the kernel dropped, and says so from time to time.
    fn tell_lost(&mut self, book: &mut Book) {
        let lost = match &self.source {
            Some(Source::Kmsg(kmsg)) => kmsg.lost,
            Some(Source::Nflog(nflog)) => nflog.lost,
            None => return,
        };
        for member in &self.members {
            book.jails.entry(member.reader.jail).or_default().stats.lost = lost;
        }
        if lost > self.told_lost && book.now >= self.tell_at {
            let what = if self.kind == Kind::Kmsg { "kernel messages" } else { "packets" };
            let text =
                format!("{} {what} were lost: they came faster than they were read", lost - self.told_lost);
            self.members
                .iter()
                .for_each(|m| book.say(WARNING, self.kind.logger(), Some(m.reader.jail), text.clone()));
            self.told_lost = lost;
            self.tell_at = book.now + QUIET;
        }
    }
}

impl Scratch {
    /// Hands a message to the readers noted, as a line of the kernel's log.
    fn deliver(
        &mut self,
        time: f64,
        seconds: f64,
        text: &str,
        book: &mut Book,
        sink: &mut dyn FnMut(Event<'_>),
    ) {
        if self.readers.is_empty() {
            return;
        }
        iso_date((time * 1e6).round() as u64, &self.zone, &mut self.date);
        self.line.clear();
        // Writing to a string cannot fail.
        let _ = write!(self.line, "{} kernel: [{seconds:12.6}] {text}", self.host);
        let arrived = time + book.ahead();
        book.count(&self.readers, self.line.len(), 1, book.now - arrived);
        sink(Event::Entry { readers: &self.readers, time, date: &self.date, text: &self.line, arrived });
    }
}

/// All that was there before has been read.
fn operate(members: &mut [Member], kind: Kind, book: &mut Book) {
    for member in members.iter_mut().filter(|m| m.started && !m.reader.in_operation) {
        member.reader.in_operation = true;
        let text = "Jail is in operation now (process new kernel messages)";
        book.say(INFO, kind.logger(), Some(member.reader.jail), text.to_owned());
    }
}

fn position(kind: Kind, last: &(String, f64)) -> Position {
    Position { path: PathBuf::from(kind.path()), hash: last.0.clone(), mark: Mark::Time(last.1) }
}

/// Seconds since the boot.
fn monotonic() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn read_line(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default().trim_end().to_owned()
}
