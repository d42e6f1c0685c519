//! A quick matcher for the regexes that date templates consist of: backtracking in Python's order over ASCII bytes.
//!
//! It either gives exactly what the regex gives, or says that it does not know (a byte beyond ASCII in its way, too
//! many steps), and is not made at all for a regex with other constructs. Unlike the regex it knows how far it looked,
//! so that two lines which are equal up to there need not be matched twice.

use super::direct_code::{Branch, Inst, emit, first_bytes, know_starts};
use super::direct_parse::parse;

/// A regex as instructions.
#[derive(Debug)]
pub(super) struct Direct {
    code: Vec<Inst>,
    groups: usize,
    /// Can match at the start of the text only.
    at_start: bool,
    /// Bytes with which a match can begin; `None` if it can be empty.
    first: Option<u128>,
}

/// What came of a search; the groups are in the [`Scratch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// There is a match; `reach` is the last byte it depends on (perhaps one behind the text: the fact that it ends).
    Match { reach: usize },
    /// The regex does not match.
    None,
    /// Ask the regex.
    Unknown,
}

/// The memory of a search, to be used again.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    slots: Vec<usize>,
    stack: Vec<Alternative>,
    reach: usize,
    steps: u32,
}

/// What to try when the present way fails.
#[derive(Clone, Copy, Debug)]
enum Alternative {
    At {
        pc: u32,
        pos: usize,
    },
    /// A run that can give back bytes down to `min`.
    Shorter {
        pc: u32,
        min: usize,
        pos: usize,
    },
    /// Forgets a remembered position.
    Restore {
        slot: u32,
        old: usize,
    },
}

const UNSET: usize = usize::MAX;

/// More than any date takes; a pattern that needs more is left to the regex and its limits.
const STEPS: u32 = 5000;

impl Scratch {
    /// Byte range of a group that took part in the last match.
    pub(super) fn group(&self, group: usize) -> Option<(usize, usize)> {
        match (self.slots.get(2 * group), self.slots.get(2 * group + 1)) {
            (Some(&start), Some(&end)) if start != UNSET && end != UNSET => Some((start, end)),
            _ => None,
        }
    }
}

impl Direct {
    /// For a regex of the supported constructs; `None` for others.
    pub(super) fn new(regex: &str) -> Option<Direct> {
        let (node, groups) = parse(regex)?;
        let mut code = vec![Inst::Save(0)];
        emit(&node, &mut code)?;
        code.extend([Inst::Save(1), Inst::Match]);
        let at_start = code
            .iter()
            .find(|inst| !matches!(inst, Inst::Save(_)))
            .is_some_and(|inst| matches!(inst, Inst::TextStart));
        know_starts(&mut code);
        Some(Direct { first: first_bytes(&code, 0), code, groups, at_start })
    }

    /// `re.search(text, start)`
    pub(super) fn search(&self, text: &[u8], start: usize, scratch: &mut Scratch) -> Answer {
        (scratch.reach, scratch.steps) = (0, 0);
        if self.at_start {
            return if start == 0 {
                self.match_at(text, 0, scratch).unwrap_or(Answer::None)
            } else {
                Answer::None
            };
        }
        let mut at = start;
        loop {
            if let Some(first) = self.first {
                // bytes beyond ASCII are looked at by the matcher, which then gives up
                let skipped = text[at..].iter().take_while(|b| b.is_ascii() && first >> **b & 1 == 0).count();
                at += skipped;
                scratch.reach = scratch.reach.max(at);
                if at == text.len() {
                    return Answer::None;
                }
            }
            if let Some(answer) = self.match_at(text, at, scratch) {
                return answer;
            }
            at += 1;
            if at > text.len() {
                return Answer::None;
            }
        }
    }

    /// `None` if there is no match at this position.
    fn match_at(&self, text: &[u8], start: usize, scratch: &mut Scratch) -> Option<Answer> {
        scratch.stack.clear();
        scratch.slots.clear();
        scratch.slots.resize(2 * self.groups + 2, UNSET);
        let (mut pc, mut pos) = (0, start);
        loop {
            scratch.steps += 1;
            if scratch.steps > STEPS {
                return Some(Answer::Unknown);
            }
            match self.step(text, pc, pos, scratch) {
                Step::To(next, at) => (pc, pos) = (next, at),
                Step::Matched => return Some(Answer::Match { reach: scratch.reach.max(pos) }),
                Step::Unknown => return Some(Answer::Unknown),
                Step::Failed(at) => {
                    scratch.reach = scratch.reach.max(at);
                    (pc, pos) = scratch.backtrack()?;
                }
            }
        }
    }

    #[inline(always)]
    fn step(&self, text: &[u8], pc: u32, pos: usize, scratch: &mut Scratch) -> Step {
        let next = pc + 1;
        let holds = |yes: Option<bool>| match yes {
            Some(true) => Step::To(next, pos),
            Some(false) => Step::Failed(pos),
            None => Step::Unknown,
        };
        match self.code[pc as usize] {
            Inst::Set(set) => match text.get(pos) {
                Some(b) if !b.is_ascii() => Step::Unknown,
                Some(b) if set >> b & 1 == 1 => Step::To(next, pos + 1),
                _ => Step::Failed(pos),
            },
            Inst::Run { set, min, max } => run(text, pos, (set, min as usize, max as usize), next, scratch),
            Inst::Fork { first, later } => fork(text, pos, first, later, scratch),
            Inst::Jump(to) => Step::To(to, pos),
            Inst::Save(slot) => {
                let old = std::mem::replace(&mut scratch.slots[slot as usize], pos);
                if !scratch.stack.is_empty() {
                    scratch.stack.push(Alternative::Restore { slot, old });
                }
                Step::To(next, pos)
            }
            Inst::Again(group) => match scratch.group(group as usize) {
                None => Step::Failed(pos),
                Some((start, end)) => {
                    let length = end - start;
                    scratch.reach = scratch.reach.max((pos + length).min(text.len()));
                    match text.get(pos..pos + length) {
                        Some(here) if *here == text[start..end] => Step::To(next, pos + length),
                        _ => Step::Failed(pos),
                    }
                }
            },
            Inst::TextStart => holds(Some(pos == 0)),
            Inst::TextEnd => {
                let before_last = pos + 1 == text.len() && text[pos] == b'\n';
                scratch.reach = scratch.reach.max(pos + usize::from(text.get(pos) == Some(&b'\n')));
                holds(Some(pos == text.len() || before_last))
            }
            Inst::WordBoundary => holds(boundary(text, pos)),
            Inst::LeftBound => holds(left_bound(text, pos)),
            Inst::RightBound => holds(right_bound(text, pos)),
            Inst::Match => Step::Matched,
        }
    }
}

enum Step {
    To(u32, usize),
    Matched,
    /// Having looked at this byte.
    Failed(usize),
    Unknown,
}

impl Scratch {
    /// The latest alternative: instruction and position.
    fn backtrack(&mut self) -> Option<(u32, usize)> {
        loop {
            match self.stack.pop()? {
                Alternative::At { pc, pos } => return Some((pc, pos)),
                Alternative::Restore { slot, old } => self.slots[slot as usize] = old,
                Alternative::Shorter { pc, min, pos } => {
                    if pos - 1 > min {
                        self.stack.push(Alternative::Shorter { pc, min, pos: pos - 1 });
                    }
                    return Some((pc, pos - 1));
                }
            }
        }
    }
}

/// Takes the branches that the next byte allows.
#[inline(always)]
fn fork(text: &[u8], pos: usize, first: Branch, later: Branch, scratch: &mut Scratch) -> Step {
    let can = match text.get(pos) {
        Some(b) if !b.is_ascii() => return Step::Unknown,
        Some(b) => [first, later].map(|branch| branch.starts >> b & 1 == 1),
        None => [first, later].map(|branch| branch.at_end),
    };
    scratch.reach = scratch.reach.max(pos);
    match can {
        [true, true] => {
            scratch.stack.push(Alternative::At { pc: later.pc, pos });
            Step::To(first.pc, pos)
        }
        [true, false] => Step::To(first.pc, pos),
        [false, true] => Step::To(later.pc, pos),
        [false, false] => Step::Failed(pos),
    }
}

fn run(
    text: &[u8],
    pos: usize,
    (set, min, max): (u128, usize, usize),
    pc: u32,
    scratch: &mut Scratch,
) -> Step {
    let rest = &text[pos..];
    let rest = &rest[..max.min(rest.len())];
    let length = rest.iter().take_while(|b| b.is_ascii() && set >> **b & 1 == 1).count();
    let end = pos + length;
    if length < max {
        scratch.reach = scratch.reach.max(end);
        if text.get(end).is_some_and(|b| !b.is_ascii()) {
            return Step::Unknown;
        }
    }
    if length < min {
        return Step::Failed(end);
    }
    if length > min {
        scratch.stack.push(Alternative::Shorter { pc, min: pos + min, pos: end });
    }
    Step::To(pc, end)
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

/// Whether the byte is of a word; `Some(false)` outside of the text, `None` beyond ASCII.
fn word_at(text: &[u8], pos: Option<usize>) -> Option<bool> {
    match pos.and_then(|pos| text.get(pos)) {
        Some(b) if !b.is_ascii() => None,
        Some(b) => Some(is_word(*b)),
        None => Some(false),
    }
}

fn boundary(text: &[u8], pos: usize) -> Option<bool> {
    Some(word_at(text, pos.checked_sub(1))? != word_at(text, Some(pos))?)
}

fn left_bound(text: &[u8], pos: usize) -> Option<bool> {
    let other = pos < text.len() && !word_at(text, Some(pos))?;
    Some(pos == 0 || other || boundary(text, pos)?)
}

fn right_bound(text: &[u8], pos: usize) -> Option<bool> {
    Some(!word_at(text, Some(pos))? || boundary(text, pos)?)
}
