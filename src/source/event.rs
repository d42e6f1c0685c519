//! What goes in and out of [`Sources`](super::Sources).

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::Block;

/// A jail as the sources know it: a number given by the engine, never reused while the jail lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JailId(pub u32);

/// How changes of a log file are noticed (`backend = pyinotify` or `polling`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Backend {
    /// The kernel says so.
    Inotify,
    /// `stat` at least every 2 s; also for network file systems.
    Polling,
}

/// A position as the `logs` table keeps it for one jail and path.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Column `firstlinemd5`: SHA-1 of the first line (trap 1), or the ISO time for a journal.
    pub hash: Option<String>,
    /// Column `lastfilepos`.
    pub mark: Mark,
}

/// How far a source was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mark {
    /// Bytes from the start of a file.
    Offset(u64),
    /// Unix seconds of the last entry, for sources without offsets.
    Time(f64),
}

/// What to write into the `logs` table.
#[derive(Clone, Debug, PartialEq)]
pub struct Position {
    /// File name, or `systemd-journal`, `kmsg`, `nflog`.
    pub path: PathBuf,
    /// Column `firstlinemd5`; see [`Stored::hash`].
    pub hash: String,
    pub mark: Mark,
}

/// Where a newly added file is going to be read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Added {
    /// Bytes from the start; the bisecting seek of [`Sources::start`](super::Sources::start) may still move it on.
    pub pos: u64,
    /// SHA-1 of the first line, hexadecimal; empty while that line is incomplete.
    pub hash: String,
}

/// One jail that is to look at the lines of an [`Event`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader {
    pub jail: JailId,
    /// False during the first pass over what was there before the start (COMPAT §4.6, trap 17).
    pub in_operation: bool,
}

/// What [`Sources::process`](super::Sources::process) delivers.
#[derive(Debug)]
pub enum Event<'a> {
    /// Complete lines of a file, in order, each exactly once per jail.
    Lines {
        path: &'a Path,
        readers: &'a [Reader],
        block: Block<'a>,
        /// Unix seconds at which it became known that there is something to read.
        arrived: f64,
    },
    /// One entry of the journal, the kernel log or a packet log. Its time is known: no date detection.
    Entry {
        readers: &'a [Reader],
        /// Unix seconds.
        time: f64,
        /// The date part of the line: ISO time and a blank.
        date: &'a str,
        /// The rest of the line: `HOST IDENT[PID]: MESSAGE`; a line feed inside is the two characters `\n`.
        text: &'a str,
        arrived: f64,
    },
}

/// Something for the log, with upstream's wording where upstream says it.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Python's number of the level: 40 ERROR, 30 WARNING, 25 NOTICE, 20 INFO, 18 MSG, 10 DEBUG.
    pub level: u8,
    /// E.g. `fail2ban.filter`.
    pub logger: &'static str,
    /// The jail that this is about.
    pub jail: Option<JailId>,
    /// Without `[JAIL] `, which is to be prefixed if `jail` is given.
    pub text: String,
}

/// Counters of one jail's sources (`status JAIL --verbose`).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    pub bytes: u64,
    pub lines: u64,
    /// Seconds between arrival and processing of the last block or entry.
    pub lag: f64,
    /// The largest such time so far.
    pub max_lag: f64,
    /// Messages that the kernel dropped because its buffer was full (kmsg, nflog).
    pub lost: u64,
}

/// Why a source could not be added.
#[derive(Debug)]
pub enum Error {
    /// The jail already watches this file. Upstream only logs it (level ERROR, logger `fail2ban.filter`).
    Exists(PathBuf),
    /// Opening failed; its Display is Python's `[Errno N] text: 'path'`.
    Open(PathBuf, io::Error),
    /// `journalmatch` is not of the form FIELD=value (Python's `ValueError`); holds the words, joined by blanks.
    Match(String),
    /// A match to be removed does not exist; holds its Python form.
    NoMatch(String),
    /// An option of the backend is wrong, or this machine does not offer the source.
    Source(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Exists(path) => write!(f, "{} already exists", path.display()),
            Error::Open(path, error) => {
                f.write_str(&crate::value::Exception::os(error, &path.to_string_lossy()).message())
            }
            Error::Match(words) => {
                write!(f, "Error adding journal match for: {}", crate::value::Value::str(words))
            }
            Error::NoMatch(repr) => write!(f, "Match {repr} not found"),
            Error::Source(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}
