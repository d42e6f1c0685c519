//! A line becomes failures: date, prefregex, failregex, ignoreregex, sessions (COMPAT §4.6, §5).
//!
//! - `dating` – which time the line has, and what if it has none or an odd one
//! - `rules` – the regexes, and which of them can match at all; `gate` – whether it pays to ask that first
//! - `find` – which regex matches, and what that says
//! - `identify` – who failed
//! - `session` – several lines of one connection (`<F-MLFID>`)
//! - `cache` – what is remembered for a while
//! - `multiline` – failregexes that span lines
//! - `ignore` – who is never banned
//! - `decode` – log encodings
//!
//! Nothing here does I/O or asks the clock, except that `ignore` reads the lists that `file:` names.

pub mod cache;
pub mod data;
mod dating;
pub mod decode;
mod find;
mod gate;
mod identify;
pub mod ignore;
mod multiline;
mod rules;
mod session;

use crate::address::Address;
use crate::date::{DateDetector, Stamp};
use crate::level::Level;
use crate::pattern::{Captures, FailRegex, FailRegexError, Origin};

pub use data::{Data, Item, MatchLine, Matches, trimmed};
pub use dating::Dated;

/// What happens to host names that stand where an address could (`usedns`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UseDns {
    Yes,
    /// Resolve, and say so in the log.
    #[default]
    Warn,
    No,
    /// Ban the name itself.
    Raw,
}

impl UseDns {
    /// Reads the option; `None` for a value that upstream calls incorrect.
    pub fn parse(text: &str) -> Option<UseDns> {
        match text.to_lowercase().as_str() {
            "yes" => Some(UseDns::Yes),
            "warn" => Some(UseDns::Warn),
            "no" => Some(UseDns::No),
            "raw" => Some(UseDns::Raw),
            _ => None,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            UseDns::Yes => "yes",
            UseDns::Warn => "warn",
            UseDns::No => "no",
            UseDns::Raw => "raw",
        }
    }

    fn in_pattern(self) -> crate::pattern::UseDns {
        if self == UseDns::No { crate::pattern::UseDns::No } else { crate::pattern::UseDns::Yes }
    }
}

/// Who failed.
#[derive(Clone, Debug, PartialEq)]
pub enum Id {
    Known(Address),
    /// A host name: whoever owns the resolver turns it into addresses (`usedns`).
    Host(Box<str>),
    /// Not yet known: the session's failure waits for its address. Only reported with
    /// `ignore_pending` off.
    Pending,
}

/// One failure that a line caused.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Index of the failregex.
    pub regex: usize,
    pub id: Id,
    /// `None` only where dates are not checked and the line has none.
    pub time: Option<Stamp>,
    pub data: Data,
    pub matches: Matches,
}

impl Failure {
    /// When it happened, Unix seconds: not after `now`, which it is if nobody knows.
    #[inline]
    pub fn seconds(&self, now: f64) -> f64 {
        self.time.map_or(now, Stamp::seconds).min(now)
    }
}

/// Where the failures of a line go.
pub trait Sink {
    /// Whether the groups of a failure of this address are wanted. (They are not where the address has failed before, and
    /// collecting them costs more than finding them.)
    fn wants_groups(&self, id: &Address) -> bool;
    /// Takes a failure; `notes` is what has been told so far.
    fn take(&mut self, failure: Failure, notes: &[Note]);
}

impl Sink for Vec<Failure> {
    fn wants_groups(&self, _id: &Address) -> bool {
        true
    }

    fn take(&mut self, failure: Failure, _notes: &[Note]) {
        self.push(failure);
    }
}

/// What the filter tells besides failures.
#[derive(Clone, Debug)]
pub enum Note {
    /// A message for the log, to be prefixed with the jail's name where `jail` is set.
    Log { level: Level, jail: bool, text: String },
    /// A message of the date detector.
    Dates(String),
    /// The ignoreregex of this index matched.
    Ignored(usize),
}

/// How the filter is run: in a server, or as a test of regexes.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// Try every failregex on every line.
    pub check_all: bool,
    /// Drop or re-date lines whose date is odd.
    pub check_find_time: bool,
    /// Keep failures without address back until their session knows one.
    pub ignore_pending: bool,
    /// Never interpret identifiers.
    pub raw_host: bool,
    /// Remember what the prefregex found, for [`Filter::prefix`].
    pub keep_prefix: bool,
}

impl Default for Mode {
    fn default() -> Self {
        Mode {
            check_all: false,
            check_find_time: true,
            ignore_pending: true,
            raw_host: false,
            keep_prefix: false,
        }
    }
}

/// The regexes and line state of one jail.
pub struct Filter {
    rules: rules::Rules,
    /// How far back lines count when a log is read for the first time, seconds.
    pub find_time: f64,
    /// `None`: dates come with the lines (journal).
    pub detector: Option<DateDetector>,
    pub mode: Mode,
    /// Whether lines are new, rather than left from before the start.
    pub in_operation: bool,
    dating: dating::Memory,
    announced_dates: bool,
    memory: find::Memory,
    gate: gate::GateUse,
    work: Work,
}

/// Memory that searches use again and again.
#[derive(Default)]
struct Work {
    captures: Captures,
    pre_captures: Captures,
    candidates: Vec<usize>,
    content: String,
}

impl Filter {
    pub fn new(detector: Option<DateDetector>) -> Self {
        Filter {
            rules: rules::Rules::new(),
            find_time: 600.0,
            detector,
            mode: Mode::default(),
            in_operation: true,
            dating: dating::Memory::default(),
            announced_dates: false,
            memory: find::Memory::default(),
            gate: gate::GateUse::default(),
            work: Work::default(),
        }
    }

    pub fn use_dns(&self) -> UseDns {
        self.rules.use_dns
    }

    /// Takes effect on regexes that are added later (trap 20).
    pub fn set_use_dns(&mut self, use_dns: UseDns) {
        self.rules.use_dns = use_dns;
    }

    pub fn max_lines(&self) -> usize {
        self.rules.max_lines
    }

    /// Number of lines a failregex may span, at least 1. Regexes added later become multi-line ones.
    pub fn set_max_lines(&mut self, lines: usize) {
        self.rules.max_lines = lines.max(1);
    }

    pub fn prefregex(&self) -> Option<&FailRegex> {
        self.rules.prefregex.as_ref()
    }

    pub fn failregexes(&self) -> &[FailRegex] {
        &self.rules.failregex
    }

    pub fn ignoreregexes(&self) -> &[FailRegex] {
        &self.rules.ignoreregex
    }

    /// What the prefregex found when it was last searched (with [`Mode::keep_prefix`]).
    pub fn prefix(&self) -> Option<&Data> {
        self.memory.prefix.as_ref()
    }

    /// The lines that a failregex over several lines may still need.
    pub fn buffered_lines(&self) -> &[MatchLine] {
        &self.memory.buffer
    }

    /// The time of the last line that had one.
    pub fn last_time(&self) -> Option<Stamp> {
        self.dating.last_time()
    }

    /// Sets the prefregex; an empty text removes it.
    pub fn set_prefregex(&mut self, text: &str, origin: Origin) -> Result<(), FailRegexError> {
        self.rules.set_prefregex(text, origin)
    }

    pub fn add_failregex(&mut self, text: &str, origin: Origin) -> Result<(), FailRegexError> {
        self.rules.add_failregex(text, origin)
    }

    pub fn add_ignoreregex(&mut self, text: &str, origin: Origin) -> Result<(), FailRegexError> {
        self.rules.add_ignoreregex(text, origin)
    }

    /// Removes a failregex; `false` if there is none of that index. Negative ones count from the end.
    pub fn remove_failregex(&mut self, index: i64) -> bool {
        self.rules.remove_failregex(index)
    }

    pub fn remove_ignoreregex(&mut self, index: i64) -> bool {
        self.rules.remove_ignoreregex(index)
    }

    /// Forgets all regexes, as a reload does before the new ones come.
    pub fn clear_regexes(&mut self) {
        self.rules.clear();
    }
}
