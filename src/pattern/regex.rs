//! One compiled expression.

use std::fmt;
use std::sync::Arc;

use super::compile::compile;
use super::parse::parse;
use super::program::Program;
use super::search;
use super::vm::{Scratch, UNSET};

/// Steps the matcher may take (each a few nanoseconds): some for any text, some for each byte.
const STEPS: u64 = 2_000_000;

/// The flags given to `re.compile`; flags inside the pattern add to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags {
    /// `re.IGNORECASE`
    pub ignore_case: bool,
    /// `re.MULTILINE`
    pub multiline: bool,
    /// `re.DOTALL`
    pub dot_all: bool,
    /// `re.VERBOSE`
    pub verbose: bool,
    /// `re.ASCII`
    pub ascii: bool,
}

/// Why Python rejects a pattern; displays as Python's `str(re.error)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub(super) reason: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Error {}

/// The search was given up because it took too many steps; to be treated as "no match" and
/// reported with the pattern's origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepLimit;

impl fmt::Display for StepLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("regular expression needs too many steps on this line")
    }
}

impl std::error::Error for StepLimit {}

/// Which engine decides when the plain matcher exceeds its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Has an equivalent automaton of linear time.
    Linear,
    /// Only the step-limited backtracking matcher can decide it.
    Backtracking,
}

/// What is known about a pattern before it sees a line.
#[derive(Clone, Debug)]
pub struct Info {
    /// See [`Engine`].
    pub engine: Engine,
    /// Texts of which every matching line contains at least one; empty if none is known.
    pub required_literals: Vec<String>,
}

/// A compiled regular expression; cheap to clone.
#[derive(Clone)]
pub struct Regex(Arc<Compiled>);

struct Compiled {
    pattern: String,
    names: Vec<Option<String>>,
    program: Program,
}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Regex").field(&self.0.pattern).finish()
    }
}

impl Regex {
    /// Compiles a pattern as Python's `re.compile(pattern, flags)` does.
    pub fn new(pattern: &str, flags: Flags) -> Result<Regex, Error> {
        let parsed = parse(pattern, flags).map_err(|reason| Error { reason })?;
        let program = compile(&parsed.root, parsed.names.len());
        Ok(Regex(Arc::new(Compiled { pattern: pattern.to_owned(), names: parsed.names, program })))
    }

    /// The pattern as it was given.
    pub fn as_str(&self) -> &str {
        &self.0.pattern
    }

    /// Number of capturing groups, without group 0.
    pub fn group_count(&self) -> usize {
        self.0.names.len() - 1
    }

    /// The groups' names; index 0 is the whole match and has none.
    pub fn group_names(&self) -> &[Option<String>] {
        &self.0.names
    }

    /// The number of the group with this name.
    pub fn group_index(&self, name: &str) -> Option<usize> {
        self.0.names.iter().position(|n| n.as_deref() == Some(name))
    }

    /// `re.search(text, start)`: the leftmost match at or after byte `start`.
    ///
    /// `text` must be valid UTF-8 and `start` a character boundary; on other bytes the result is
    /// unspecified, but nothing panics. `caps` holds the groups if the answer is `true`.
    pub fn search(&self, text: &[u8], start: usize, caps: &mut Captures) -> Result<bool, StepLimit> {
        self.run(text, caps, |program, scratch| search::search(program, text, start, scratch, STEPS))
    }

    /// `re.match(text, start)`: a match that begins exactly at byte `start`.
    pub fn match_at(&self, text: &[u8], start: usize, caps: &mut Captures) -> Result<bool, StepLimit> {
        self.run(text, caps, |program, scratch| search::match_at(program, text, start, scratch, STEPS))
    }

    fn run(
        &self,
        text: &[u8],
        caps: &mut Captures,
        search: impl FnOnce(&Program, &mut Scratch) -> Result<bool, StepLimit>,
    ) -> Result<bool, StepLimit> {
        caps.valid = false;
        if text.len() >= UNSET as usize {
            return Err(StepLimit);
        }
        caps.valid = search(&self.0.program, &mut caps.scratch)?;
        Ok(caps.valid)
    }

    /// Engine and required literals, for `fail2ban-regex --profile`.
    pub fn info(&self) -> Info {
        Info { engine: Engine::Backtracking, required_literals: Vec::new() }
    }
}

/// The groups of a match, and the memory a search works in; reuse one for many searches (of any
/// patterns), so that searching does not allocate.
#[derive(Clone, Debug, Default)]
pub struct Captures {
    scratch: Scratch,
    /// The slots are those of a match.
    valid: bool,
}

impl Captures {
    /// An empty one; no groups until a search says `true`.
    pub fn new() -> Captures {
        Captures::default()
    }

    /// Byte range of group `i` (0 = whole match) of the last successful search; `None` if the
    /// group did not take part or does not exist.
    pub fn get(&self, i: usize) -> Option<(usize, usize)> {
        let start = *self.scratch.slots.get(2 * i)?;
        let end = *self.scratch.slots.get(2 * i + 1)?;
        let set = self.valid && start != UNSET && end != UNSET && start <= end;
        set.then_some((start as usize, end as usize))
    }
}
