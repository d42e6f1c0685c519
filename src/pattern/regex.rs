//! One compiled expression.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::compile::compile;
use super::linear::Linear;
use super::literal::Literal;
use super::literals::required;
use super::parse::parse;
use super::program::{Program, Start};
use super::search;
use super::specialise::specialise;
use super::vm::{Scratch, UNSET};

/// Steps after which the matcher gives up: less than 50 ms on the hostile lines known.
const STEPS: u32 = 700_000;

/// Steps after which the automaton is asked instead, if there is one: some for any text, and some
/// for each byte.
const STEPS_BEFORE_LINEAR: (u32, u32) = (20_000, 2);

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

/// What kind of search is made.
#[derive(Clone, Copy, Debug)]
enum How {
    Search,
    /// In a text whose only line feed is its last character.
    SearchLine,
    MatchHere,
}

/// A compiled regular expression; cheap to clone.
#[derive(Clone)]
pub struct Regex(Arc<Compiled>);

struct Compiled {
    pattern: String,
    flags: Flags,
    names: Vec<Option<String>>,
    program: Program,
    /// Every match contains one of these; empty if none is known.
    required: Box<[Literal]>,
    /// Built when it is needed first; `None` if there cannot be one.
    linear: OnceLock<Option<Linear>>,
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
        let required: Vec<Literal> = required(&parsed.root).iter().map(|text| Literal::new(text)).collect();
        let program = compile(&specialise(parsed.root), parsed.names.len());
        Ok(Regex(Arc::new(Compiled {
            pattern: pattern.to_owned(),
            flags,
            names: parsed.names,
            program,
            required: required.into(),
            linear: OnceLock::new(),
        })))
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
        self.find(text, start, caps, How::Search)
    }

    /// The same from the start of a text whose only line feed, if it has one, is its last character: quicker.
    pub fn search_line(&self, line: &[u8], caps: &mut Captures) -> Result<bool, StepLimit> {
        self.find(line, 0, caps, How::SearchLine)
    }

    /// `re.match(text, start)`: a match that begins exactly at byte `start`.
    pub fn match_at(&self, text: &[u8], start: usize, caps: &mut Captures) -> Result<bool, StepLimit> {
        self.find(text, start, caps, How::MatchHere)
    }

    #[inline]
    fn find(&self, text: &[u8], start: usize, caps: &mut Captures, how: How) -> Result<bool, StepLimit> {
        caps.valid = false;
        if text.len() >= UNSET as usize {
            return Err(StepLimit);
        }
        let (base, per_byte) = STEPS_BEFORE_LINEAR;
        let few = base.saturating_add(per_byte.saturating_mul(text.len() as u32));
        if self.0.program.start.is_costly() && !self.may_match(text) {
            return Ok(false);
        }
        let found = match self.backtrack(text, start, caps, how, few.min(STEPS)) {
            Err(StepLimit) => self.find_long(text, start, caps, how)?,
            Ok(found) => found,
        };
        caps.valid = found;
        Ok(found)
    }

    #[inline]
    fn backtrack(
        &self,
        text: &[u8],
        start: usize,
        caps: &mut Captures,
        how: How,
        steps: u32,
    ) -> Result<bool, StepLimit> {
        let (program, scratch) = (&self.0.program, &mut caps.scratch);
        match how {
            How::MatchHere => search::match_at(program, text, start, scratch, steps),
            _ => search::search(program, text, start, scratch, steps, matches!(how, How::SearchLine)),
        }
    }

    /// After backtracking has taken many steps: by the automaton, or by backtracking up to the
    /// limit.
    #[cold]
    fn find_long(&self, text: &[u8], start: usize, caps: &mut Captures, how: How) -> Result<bool, StepLimit> {
        let Some(linear) = self.linear().filter(|linear| linear.suits(text)) else {
            return self.backtrack(text, start, caps, how, STEPS);
        };
        let anchored = matches!(how, How::MatchHere);
        let Some(found) = linear.search(text, start, anchored) else { return Ok(false) };
        let slots = &mut caps.scratch.slots;
        slots.clear();
        slots.resize(2 * self.0.names.len(), UNSET);
        for group in 0..self.0.names.len() {
            if let Some(span) = found.get_group(group) {
                slots[2 * group] = span.start as u32;
                slots[2 * group + 1] = span.end as u32;
            }
        }
        Ok(true)
    }

    fn linear(&self) -> Option<&Linear> {
        let build = || Linear::new(&parse(&self.0.pattern, self.0.flags).ok()?.root);
        self.0.linear.get_or_init(build).as_ref()
    }

    /// The result of the automaton alone, for tests of its equality: `None` if the pattern has
    /// none that suits the text, else whether it matches.
    #[doc(hidden)]
    pub fn search_linear(&self, text: &[u8], start: usize, caps: &mut Captures) -> Option<bool> {
        self.linear().filter(|linear| linear.suits(text))?;
        caps.valid = self.find_long(text, start, caps, How::Search).unwrap_or(false);
        Some(caps.valid)
    }

    /// Engine and required literals, for `fail2ban-regex --profile`.
    pub fn info(&self) -> Info {
        let root = parse(&self.0.pattern, self.0.flags).map(|parsed| parsed.root);
        let engine = match root.is_ok_and(|root| Linear::is_possible(&root)) {
            true => Engine::Linear,
            false => Engine::Backtracking,
        };
        let text = |literal: &Literal| String::from_utf8_lossy(literal.bytes()).into_owned();
        Info { engine, required_literals: self.0.required.iter().map(text).collect() }
    }

    /// A quick check: `false` only if the pattern certainly matches nowhere in `text`.
    #[inline]
    pub fn may_match(&self, text: &[u8]) -> bool {
        let required = &self.0.required;
        required.is_empty() || required.iter().any(|literal| literal.find(text, 0).is_some())
    }

    /// Whether a text that begins with this byte (`None`: is empty) may match.
    pub(super) fn may_begin_with(&self, next: Option<u8>) -> bool {
        !self.is_anchored() || self.0.program.first.has(next)
    }

    /// Whether it can only match at the start of the text.
    pub(super) fn is_anchored(&self) -> bool {
        matches!(self.0.program.start, Start::Text)
    }

    /// Texts of which every match contains one; empty if none is known.
    pub(super) fn required(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.0.required.iter().map(Literal::bytes)
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

    /// Steps of the matcher in all searches so far, for tests of their limit. (Those of automata are not counted.)
    #[doc(hidden)]
    pub fn steps(&self) -> u64 {
        self.scratch.spent
    }

    /// Byte range of group `i` (0 = whole match) of the last successful search; `None` if the
    /// group did not take part or does not exist.
    pub fn get(&self, i: usize) -> Option<(usize, usize)> {
        let start = *self.scratch.slots.get(2 * i)?;
        let end = *self.scratch.slots.get(2 * i + 1)?;
        let set = self.valid && start != UNSET && end != UNSET && start <= end;
        set.then_some((start as usize, end as usize))
    }

    /// The IPv4 address that group `i` is, if the matcher has read it as one.
    #[inline]
    pub fn v4(&self, i: usize) -> Option<u32> {
        let span = self.get(i)?;
        let (start, end, bits) = self.scratch.quad?;
        (span == (start as usize, end as usize)).then_some(bits)
    }
}
