//! A line becomes failures: date, prefregex, failregex, ignoreregex, sessions (COMPAT §4.6, §5).
//!
//! - `dating` – which time the line has, and what if it has none or an odd one
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
mod identify;
pub mod ignore;
mod multiline;
mod session;

use crate::address::Address;
use crate::date::{DateDetector, Stamp};
use crate::level::{self, Level};
use crate::pattern::{Captures, FailRegex, FailRegexError, Origin, PatternSet, StepLimit};

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
    prefregex: Option<FailRegex>,
    failregex: Vec<FailRegex>,
    ignoreregex: Vec<FailRegex>,
    /// Which failregexes can match at all; rebuilt when they change.
    prefilter: Option<PatternSet>,
    use_dns: UseDns,
    max_lines: usize,
    /// How far back lines count when a log is read for the first time, seconds.
    pub find_time: f64,
    /// `None`: dates come with the lines (journal).
    pub detector: Option<DateDetector>,
    pub mode: Mode,
    /// Whether lines are new, rather than left from before the start.
    pub in_operation: bool,
    dating: dating::Memory,
    /// The lines that a multi-line regex may still need.
    buffer: Vec<MatchLine>,
    sessions: session::Sessions,
    announced_dates: bool,
    warned_undated: dating::OncePerDay,
    warned_steps: dating::OncePerDay,
    /// Groups of the last match of the prefregex; none if its last search found nothing.
    prefix: Option<Data>,
    captures: Captures,
    pre_captures: Captures,
    candidates: Vec<usize>,
}

impl Filter {
    pub fn new(detector: Option<DateDetector>) -> Self {
        Filter {
            prefregex: None,
            failregex: Vec::new(),
            ignoreregex: Vec::new(),
            prefilter: None,
            use_dns: UseDns::default(),
            max_lines: 1,
            find_time: 600.0,
            detector,
            mode: Mode::default(),
            in_operation: true,
            dating: dating::Memory::default(),
            buffer: Vec::new(),
            sessions: session::Sessions::default(),
            announced_dates: false,
            warned_undated: dating::OncePerDay::default(),
            warned_steps: dating::OncePerDay::default(),
            prefix: None,
            captures: Captures::new(),
            pre_captures: Captures::new(),
            candidates: Vec::new(),
        }
    }

    pub fn use_dns(&self) -> UseDns {
        self.use_dns
    }

    /// Takes effect on regexes that are added later (trap 20).
    pub fn set_use_dns(&mut self, use_dns: UseDns) {
        self.use_dns = use_dns;
    }

    pub fn max_lines(&self) -> usize {
        self.max_lines
    }

    /// Number of lines a failregex may span, at least 1. Regexes added later become multi-line ones.
    pub fn set_max_lines(&mut self, lines: usize) {
        self.max_lines = lines.max(1);
    }

    pub fn prefregex(&self) -> Option<&FailRegex> {
        self.prefregex.as_ref()
    }

    pub fn failregexes(&self) -> &[FailRegex] {
        &self.failregex
    }

    pub fn ignoreregexes(&self) -> &[FailRegex] {
        &self.ignoreregex
    }

    /// What the prefregex found when it was last searched (with [`Mode::keep_prefix`]).
    pub fn prefix(&self) -> Option<&Data> {
        self.prefix.as_ref()
    }

    /// The lines that a failregex over several lines may still need.
    pub fn buffered_lines(&self) -> &[MatchLine] {
        &self.buffer
    }

    /// The time of the last line that had one.
    pub fn last_time(&self) -> Option<Stamp> {
        self.dating.last_time()
    }

    /// Sets the prefregex; an empty text removes it.
    pub fn set_prefregex(&mut self, text: &str, origin: Origin) -> Result<(), FailRegexError> {
        self.prefregex = match text {
            "" => None,
            text => Some(FailRegex::new(text, self.use_dns.in_pattern(), false, origin)?),
        };
        Ok(())
    }

    pub fn add_failregex(&mut self, text: &str, origin: Origin) -> Result<(), FailRegexError> {
        let multiline = self.max_lines > 1;
        let use_dns = self.use_dns.in_pattern();
        let regex = FailRegex::new_fail(text, use_dns, multiline, self.prefregex.as_ref(), origin)?;
        self.failregex.push(regex);
        self.prefilter = None;
        Ok(())
    }

    pub fn add_ignoreregex(&mut self, text: &str, origin: Origin) -> Result<(), FailRegexError> {
        self.ignoreregex.push(FailRegex::new(text, self.use_dns.in_pattern(), false, origin)?);
        Ok(())
    }

    /// Removes a failregex; `false` if there is none of that index. Negative ones count from the end.
    pub fn remove_failregex(&mut self, index: i64) -> bool {
        self.prefilter = None;
        remove_at(&mut self.failregex, index)
    }

    pub fn remove_ignoreregex(&mut self, index: i64) -> bool {
        remove_at(&mut self.ignoreregex, index)
    }

    /// Forgets all regexes, as a reload does before the new ones come.
    pub fn clear_regexes(&mut self) {
        self.failregex.clear();
        self.ignoreregex.clear();
        self.prefilter = None;
    }

    /// A search that treats "too many steps" as no match and says so once a day.
    fn search(
        &mut self,
        regex: &FailRegex,
        text: &str,
        captures: &mut Captures,
        line: &mut find::Line,
    ) -> bool {
        match regex.regex().search(text.as_bytes(), 0, captures) {
            Ok(found) => found,
            Err(StepLimit) => {
                if self.warned_steps.is_due(line.now) {
                    let message = format!(
                        "Regex gives up on a line of {} bytes after too many steps, counted as no match: {} ({})",
                        text.len(),
                        crate::value::Value::str(regex.original()),
                        regex.origin(),
                    );
                    line.notes.push(Note::Log { level: level::WARNING, jail: true, text: message });
                }
                false
            }
        }
    }
}

fn remove_at<T>(list: &mut Vec<T>, index: i64) -> bool {
    let at = if index < 0 { index + list.len() as i64 } else { index };
    let valid = (0..list.len() as i64).contains(&at);
    if valid {
        list.remove(at as usize);
    }
    valid
}
