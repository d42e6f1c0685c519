//! The owner of all sources.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::epoll;

use super::book::Book;
use super::files::Files;
use super::journal::{Journals, Options};
use super::kernel::Feeds;
use super::seek::DateOf;
use super::{Added, Backend, Error, Event, JailId, LineEnd, Message, Position, Stats, Stored};

/// All log sources of all jails. Belongs to the engine thread; no call blocks for longer than
/// reading what is already there.
#[derive(Debug)]
pub struct Sources {
    poll: OwnedFd,
    book: Book,
    files: Files,
    journals: Journals,
    kernel: Feeds,
    watching: bool,
}

impl Sources {
    /// Fails only if the kernel gives no descriptors.
    pub fn new() -> io::Result<Self> {
        Ok(Sources {
            poll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            book: Book::default(),
            files: Files::new(),
            journals: Journals::default(),
            kernel: Feeds::new(),
            watching: false,
        })
    }

    /// The line end of a jail's log encoding (`set JAIL logencoding`), for its present and later files.
    pub fn set_line_end(&mut self, jail: JailId, line_end: LineEnd) {
        let settings = self.book.jails.entry(jail).or_default();
        if std::mem::replace(&mut settings.line_end, line_end) != line_end {
            self.files.set_line_end(jail, line_end, &mut self.book);
        }
    }

    /// `set JAIL addlogpath PATH head|tail`. The file must exist and be openable. Nothing is read
    /// for the jail before [`Sources::start`].
    ///
    /// `stored` is used if its hash is that of the file's first line and not `tail`.
    pub fn add_file(
        &mut self,
        jail: JailId,
        path: &Path,
        backend: Backend,
        tail: bool,
        stored: Option<&Stored>,
    ) -> Result<Added, Error> {
        let added = self.files.add(jail, path, backend, tail, stored, &mut self.book)?;
        self.poll_watcher();
        Ok(added)
    }

    /// The watcher exists from the first file on that needs it.
    fn poll_watcher(&mut self) {
        if let (false, Some(watcher)) = (self.watching, &self.files.watcher) {
            self.watching = add_to_poll(&self.poll, watcher).is_ok();
        }
    }

    /// `set JAIL dellogpath PATH`: where reading ended; `None` if it was not watched (no error upstream either).
    pub fn remove_file(&mut self, jail: JailId, path: &Path) -> Option<Position> {
        self.files.remove(jail, path, &mut self.book)
    }

    /// `get JAIL logpath`, in order of addition.
    pub fn files(&self, jail: JailId) -> Vec<PathBuf> {
        self.files.paths(jail)
    }

    /// Gives a jail the source that its backend names: `systemd`, `kmsg` or `nflog`, with the
    /// options in brackets, e.g. `("systemd", [("journalflags", "1")])`. `stored` is the saved time.
    pub fn add_entries(
        &mut self,
        jail: JailId,
        backend: &str,
        options: &[(String, String)],
        stored: Option<&Stored>,
    ) -> Result<(), Error> {
        match backend {
            "systemd" => {
                let flags = std::env::var("F2B_SYSTEMD_DEFAULT_FLAGS").ok();
                self.journals.add(jail, Options::parse(options, flags.as_deref())?, stored)
            }
            _ if self.kernel.add(jail, backend, options, stored)? => Ok(()),
            _ => Err(Error::Source(format!("Unknown backend {backend}"))),
        }
    }

    /// `set JAIL addjournalmatch WORDS…`: one more alternative; `+` separates alternatives within.
    pub fn add_journal_match(&mut self, jail: JailId, words: &[String]) -> Result<(), Error> {
        self.journals.add_match(jail, words, &mut self.book)
    }

    /// `set JAIL deljournalmatch [WORDS…]`; all of them without words.
    pub fn remove_journal_match(&mut self, jail: JailId, words: Option<&[String]>) -> Result<(), Error> {
        self.journals.remove_match(jail, words, &mut self.book)
    }

    /// `get JAIL journalmatch`.
    pub fn journal_matches(&self, jail: JailId) -> Vec<Vec<String>> {
        self.journals.matches(jail)
    }

    /// Begins delivery of everything added to the jail so far (again for what is added later).
    ///
    /// `from` is now − findtime in Unix seconds: a file's first read starts there, found by
    /// bisection with `date_of` (the date of a raw line, if it has one), unless it was added with
    /// `tail`; a journal's first read starts at the later of `from` and the stored time.
    pub fn start(&mut self, jail: JailId, from: f64, now: f64, date_of: DateOf<'_>) {
        self.book.set_now(now);
        self.files.start(jail, from, date_of, &mut self.book);
        self.journals.start(jail, from, &mut self.book);
        self.kernel.start(jail, from, &self.poll, &mut self.book);
    }

    /// `set JAIL idle on|off`: an idle jail keeps its positions and is delivered nothing.
    pub fn set_idle(&mut self, jail: JailId, idle: bool) {
        self.book.jails.entry(jail).or_default().idle = idle;
        self.files.set_idle(jail, idle, self.book.now);
        self.journals.set_idle(jail, idle);
        self.kernel.set_idle(jail, &mut self.book);
    }

    /// Removes a jail with all its sources; returns its last positions.
    pub fn remove_jail(&mut self, jail: JailId) -> Vec<Position> {
        let mut positions = self.files.remove_jail(jail, &mut self.book);
        positions.extend(self.journals.remove(jail));
        positions.extend(self.kernel.remove(jail));
        self.book.jails.remove(&jail);
        positions
    }

    /// Whether [`Sources::changed_positions`] would return something.
    pub fn positions_changed(&self) -> bool {
        self.book.moved
    }

    /// Positions that changed since the last call, to be stored (at most every 10 s, COMPAT §6).
    pub fn changed_positions(&mut self) -> Vec<(JailId, Position)> {
        self.book.moved = false;
        let mut changed = self.files.changed_positions();
        changed.extend(self.journals.changed_positions());
        changed.extend(self.kernel.changed_positions());
        changed
    }

    /// Counters of a jail.
    pub fn stats(&self, jail: JailId) -> Stats {
        self.book.jails.get(&jail).map(|j| j.stats).unwrap_or_default()
    }

    /// How long the engine may wait for the descriptor; `None` if nothing is due at any time.
    pub fn next_timeout(&self, now: f64) -> Option<Duration> {
        let now = now + self.book.ahead();
        let due = [self.files.due_in(now), self.journals.due_in(now, &self.book), self.kernel.due_in(now)];
        let due = due.into_iter().flatten().min_by(f64::total_cmp)?;
        Some(Duration::from_secs_f64(due.clamp(0.0, 3600.0)))
    }

    /// Reads what there is, up to a bounded amount; true if there is more, so that the engine may
    /// answer commands in between. Call it when the descriptor is readable, when
    /// [`Sources::next_timeout`] has passed, and after it returned true.
    pub fn process(&mut self, now: f64, sink: &mut dyn FnMut(Event<'_>)) -> bool {
        self.book.set_now(now);
        let files = self.files.process(&mut self.book, sink);
        self.poll_watcher();
        let journals = self.journals.process(&self.poll, &mut self.book, sink);
        let kernel = self.kernel.process(&self.poll, &mut self.book, sink);
        files || journals || kernel
    }

    /// Messages for the log since the last call, in order. Any call may leave some.
    pub fn take_messages(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.book.messages)
    }
}

impl AsFd for Sources {
    /// Readable when [`Sources::process`] has something to do.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.as_fd()
    }
}

/// Makes the one descriptor readable when `source` is.
pub fn add_to_poll(poll: &OwnedFd, source: impl AsFd) -> rustix::io::Result<()> {
    epoll::add(poll, source, epoll::EventData::new_u64(0), epoll::EventFlags::IN)
}

/// Ends that.
pub fn remove_from_poll(poll: &OwnedFd, source: impl AsFd) {
    // Fails only if it was not there.
    let _ = epoll::delete(poll, source);
}
