//! One open journal, whoever reads it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::SystemTime;

use super::ctl::Command;
use super::entry::Entry;
use super::matches::{Group, Terms};
use super::options::{Options, Spec};
use crate::system::journal::{self, Changed, Journal, Open};

/// Where reading begins.
#[derive(Clone, Debug)]
pub enum From {
    /// Microseconds since 1970.
    Time(u64),
    /// After the entry of this name.
    After(String),
}

/// libsystemd, or `journalctl`.
#[derive(Debug)]
pub enum Handle {
    Library(Journal, Option<Seek>),
    Command(Command),
}

/// What a look for the next entry showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Entry,
    /// Nothing yet; more of what is already in the journal may come.
    Wait,
    /// The end of the journal.
    End,
}

/// What is still to be done before the next entry is read.
#[derive(Debug)]
pub struct Seek(From);

/// Why no journal can be read here; `None` if one can.
pub fn unavailable() -> Option<&'static str> {
    let here = journal::available() || Command::available();
    (!here).then_some("neither libsystemd.so.0 nor journalctl is installed")
}

impl Handle {
    /// Opens a journal for the entries that match, from a place on; again, if `since` is given: the
    /// time of the last entry read.
    pub fn open(
        options: &Options,
        groups: &[Group],
        from: From,
        since: Option<SystemTime>,
    ) -> io::Result<Handle> {
        if !journal::available() {
            let follow = since.is_some();
            return Ok(Handle::Command(Command::start(&options.places(), groups, &from, follow)?));
        }
        let spec = options.spec(since);
        let open = match &spec {
            Spec::System { flags } => Open::System { flags: *flags },
            Spec::Namespace { name, flags } => Open::Namespace { name, flags: *flags },
            Spec::Directory { path, flags } => Open::Directory { path, flags: *flags },
            Spec::Files(files) => Open::Files(files),
        };
        let mut journal = Journal::open(&open)?;
        journal.set_matches(groups.iter().map(Vec::as_slice))?;
        // The files just opened count as a change.
        journal.process()?;
        Ok(Handle::Library(journal, Some(Seek(from))))
    }

    /// Reads the next entry.
    pub fn next(&mut self, entry: &mut Entry, terms: &mut Terms) -> io::Result<Next> {
        entry.clear();
        terms.clear();
        match self {
            Handle::Command(command) => command.next(entry, terms),
            Handle::Library(journal, seek) => {
                let found = match seek.take() {
                    None => journal.advance()?,
                    Some(Seek(from)) => go(journal, &from)?,
                };
                if !found {
                    return Ok(Next::End);
                }
                entry.realtime = journal.realtime()?;
                entry.monotonic = journal.monotonic().unwrap_or(0);
                entry.cursor = journal.cursor()?;
                journal.fields(&mut |field| entry.take(field, terms))?;
                Ok(Next::Entry)
            }
        }
    }

    /// What the descriptor's readiness meant.
    pub fn changed(&mut self) -> io::Result<Changed> {
        match self {
            Handle::Library(journal, _) => journal.process(),
            Handle::Command(_) => Ok(Changed::Appended),
        }
    }

    /// Whether it reads what is there and then ends, so that it has to be opened again to follow.
    pub fn ends(&self) -> bool {
        matches!(self, Handle::Command(command) if !command.follow)
    }

    /// Whether one has to look for changes from time to time.
    pub fn must_poll(&self) -> bool {
        matches!(self, Handle::Library(journal, _) if !journal.reports_changes())
    }
}

/// Moves to the first entry to be read.
fn go(journal: &mut Journal, from: &From) -> io::Result<bool> {
    match from {
        From::Time(usec) => {
            journal.seek_realtime(*usec)?;
            // One back, so as not to end up in a dead space behind the end of the journal.
            let _ = journal.retreat();
            journal.advance()
        }
        From::After(cursor) => {
            journal.seek_cursor(cursor)?;
            let found = journal.advance()?;
            // Without that entry, the library stands at the one that follows it.
            if found && journal.is_at(cursor)? { journal.advance() } else { Ok(found) }
        }
    }
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Handle::Library(journal, _) => journal.as_fd(),
            Handle::Command(command) => command.as_fd(),
        }
    }
}
