//! Where in a text the matcher is tried.

use memchr::{memchr, memchr2, memchr3};

use super::StepLimit;
use super::chars::next_char;
use super::charset::First;
use super::literal::Literal;
use super::program::{Program, Start};
use super::vm::{Scratch, Vm};

/// The leftmost match at or after `start`, within `steps`; its groups are in `scratch.slots`. `one_line`: the only
/// line feed, if there is one, is the last character.
#[inline]
pub(super) fn search(
    program: &Program,
    text: &[u8],
    start: usize,
    scratch: &mut Scratch,
    steps: u32,
    one_line: bool,
) -> Result<bool, StepLimit> {
    if text.len().saturating_sub(start) < program.min_len {
        return Ok(false);
    }
    if let Start::Text = program.start {
        if start > 0 || !program.first.has(text.first().copied()) {
            return Ok(false);
        }
    }
    scratch.prepare(program);
    let mut vm = Vm::new(program, text, scratch, steps, one_line);
    let found = match &program.start {
        Start::Text => vm.attempt(start, program.entry as usize, start),
        Start::Once => vm.attempt(start, 0, start),
        Start::Literal { literal, skip } => {
            at_literals(&mut vm, literal, skip.then(|| program.ops[0].next as usize), text, start)
        }
        other => at_each(&mut vm, text, start, |pos| next_start(other, text, start, pos)),
    };
    vm.count(steps);
    found
}

/// A match that begins at `start`.
pub(super) fn match_at(
    program: &Program,
    text: &[u8],
    start: usize,
    scratch: &mut Scratch,
    steps: u32,
) -> Result<bool, StepLimit> {
    scratch.prepare(program);
    Vm::new(program, text, scratch, steps, false).attempt(start, 0, start)
}

/// `behind`: the instruction after the text, if that is all of the first one.
#[inline]
fn at_literals(
    vm: &mut Vm<'_>,
    literal: &Literal,
    behind: Option<usize>,
    text: &[u8],
    start: usize,
) -> Result<bool, StepLimit> {
    let len = literal.len;
    let mut from = start;
    while let Some(pos) = literal.find_inline(text, from) {
        let found = match behind {
            Some(pc) => vm.attempt(pos, pc, pos + len)?,
            None => vm.attempt(pos, 0, pos)?,
        };
        if found {
            return Ok(true);
        }
        from = pos + 1;
    }
    Ok(false)
}

/// Tries at each place that `next` gives, from `start` on.
fn at_each(
    vm: &mut Vm<'_>,
    text: &[u8],
    start: usize,
    next: impl Fn(usize) -> Option<usize>,
) -> Result<bool, StepLimit> {
    let mut from = start;
    while let Some(pos) = next(from) {
        if vm.attempt(pos, 0, pos)? {
            return Ok(true);
        }
        if pos >= text.len() {
            break;
        }
        from = next_char(text, pos);
    }
    Ok(false)
}

/// The first place at or after `pos` where the pattern can begin; the search began at `start`.
fn next_start(how: &Start, text: &[u8], start: usize, pos: usize) -> Option<usize> {
    let rest = text.get(pos..)?;
    let found = match how {
        Start::Byte1(a) => memchr(*a, rest)?,
        Start::Byte2(a, b) => memchr2(*a, *b, rest)?,
        Start::Byte3(a, b, c) => memchr3(*a, *b, *c, rest)?,
        Start::First(first) => first_allowed(first, rest)?,
        Start::Lines if pos > 0 => memchr(b'\n', &text[pos - 1..])?,
        Start::OncePerLine if pos > start => memchr(b'\n', &text[pos - 1..])?,
        _ => 0,
    };
    Some(pos + found)
}

fn first_allowed(first: &First, rest: &[u8]) -> Option<usize> {
    let inside = rest.iter().position(|byte| byte & 0xc0 != 0x80 && first.has(Some(*byte)));
    inside.or_else(|| first.has(None).then_some(rest.len()))
}
