//! One compiled expression.

use std::fmt;
use std::sync::Arc;

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
    engine: fancy_regex::Regex,
}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Regex").field(&self.0.pattern).finish()
    }
}

impl Regex {
    /// Compiles a pattern as Python's `re.compile(pattern, flags)` does.
    pub fn new(pattern: &str, flags: Flags) -> Result<Regex, Error> {
        let mut prefix = String::new();
        for (on, c) in
            [(flags.ignore_case, 'i'), (flags.multiline, 'm'), (flags.dot_all, 's'), (flags.verbose, 'x')]
        {
            if on {
                prefix.push(c);
            }
        }
        let text = match prefix.is_empty() {
            true => pattern.to_owned(),
            false => format!("(?{prefix}){pattern}"),
        };
        let engine = fancy_regex::Regex::new(&text).map_err(|e| Error { reason: e.to_string() })?;
        let names = engine.capture_names().map(|n| n.map(str::to_owned)).collect();
        Ok(Regex(Arc::new(Compiled { pattern: pattern.to_owned(), names, engine })))
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
        caps.slots.clear();
        let Ok(text) = std::str::from_utf8(text) else { return Ok(false) };
        let found = self.0.engine.captures_from_pos(text, start).map_err(|_| StepLimit)?;
        let Some(found) = found else { return Ok(false) };
        for i in 0..found.len() {
            caps.slots.push(found.get(i).map(|m| (m.start(), m.end())));
        }
        Ok(true)
    }

    /// `re.match(text, start)`: a match that begins exactly at byte `start`.
    pub fn match_at(&self, text: &[u8], start: usize, caps: &mut Captures) -> Result<bool, StepLimit> {
        Ok(self.search(text, start, caps)? && caps.get(0).is_some_and(|(s, _)| s == start))
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
    slots: Vec<Option<(usize, usize)>>,
}

impl Captures {
    /// An empty one; no groups until a search says `true`.
    pub fn new() -> Captures {
        Captures::default()
    }

    /// Byte range of group `i` (0 = whole match) of the last successful search; `None` if the
    /// group did not take part or does not exist.
    pub fn get(&self, i: usize) -> Option<(usize, usize)> {
        self.slots.get(i).copied().flatten()
    }
}
