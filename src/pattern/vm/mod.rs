//! The matcher: backtracking with Python's priorities, within a limit of steps.
//!
//! - here: the instructions, and going back; `runs`: repeated characters; `control`: loops,
//!   atomic groups, look-around; `tests`: conditions that read no characters on.

mod conditions;
mod control;
mod runs;

use super::StepLimit;
use super::choices::Ways;
use super::program::{Inst, NO_LIMIT, Op, Pc, Program};
use runs::quad;

/// A position that is none: of groups that did not take part, of loops that did not turn.
pub(super) const UNSET: u32 = u32::MAX;

/// A stack that has become larger (16 bytes each) is not kept for the next search.
const MAX_KEPT: usize = 1 << 16;

/// What to do when the way taken turns out to be wrong; last in, first out.
#[derive(Clone, Copy, Debug)]
enum Frame {
    /// Go on there.
    Resume { pc: Pc, pos: u32 },
    /// Try these ways of a choice.
    Choice { ways: Ways, pos: u32 },
    /// Shorten the greedy run that ended at `pos`, down to `low`.
    Shorten { pc: Pc, pos: u32, low: u32 },
    /// Lengthen the lazy run that ended at `pos`, by at most `left` characters.
    Lengthen { pc: Pc, pos: u32, left: u32 },
    /// One more turn of the lazy loop.
    Turn { pc: Pc, pos: u32 },
    /// Give a slot its old value.
    Slot { slot: u32, old: u32 },
    /// Give a loop's counter its old value.
    Loop { index: u32, old: Counter },
}

/// State of a counted loop.
#[derive(Clone, Copy, Debug)]
struct Counter {
    /// Turns made, less one; starts at `UNSET` and wraps.
    count: u32,
    /// Where the last turn began that was not required.
    last: u32,
}

/// Memory of a search, reused from search to search.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    /// Start and end of each group, or [`UNSET`].
    pub slots: Vec<u32>,
    stack: Vec<Frame>,
    counters: Vec<Counter>,
    /// A slot was set for which the stack has no old value.
    dirty: bool,
    /// The IPv4 address read last, after where it stands in the text. (It may belong to a way that was given up.)
    pub quad: Option<(u32, u32, u32)>,
    /// Steps of all searches.
    pub spent: u64,
}

impl Scratch {
    /// Makes ready for a search with `program`.
    #[inline]
    pub fn prepare(&mut self, program: &Program) {
        self.slots.resize(program.slots, UNSET);
        self.slots.fill(UNSET);
        self.dirty = false;
        self.quad = None;
        if self.stack.capacity() > MAX_KEPT {
            self.stack = Vec::new();
        }
        if !program.loops.is_empty() {
            self.counters.clear();
            self.counters.resize(program.loops.len(), Counter { count: 0, last: UNSET });
        }
    }
}

/// One search in progress.
pub(super) struct Vm<'a> {
    program: &'a Program,
    text: &'a [u8],
    scratch: &'a mut Scratch,
    /// Steps still allowed.
    steps: u32,
    /// A stretch of text without line feed, up to the next one or the end.
    line: (usize, usize),
}

impl<'a> Vm<'a> {
    /// A search of `text`, shorter than 4 GiB, that may take so many steps. `one_line`: its only line feed, if there is
    /// one, is its last character.
    pub fn new(
        program: &'a Program,
        text: &'a [u8],
        scratch: &'a mut Scratch,
        steps: u32,
        one_line: bool,
    ) -> Vm<'a> {
        let line = match one_line {
            true => (0, text.len() - usize::from(text.last() == Some(&b'\n'))),
            false => (1, 0),
        };
        Vm { program, text, scratch, steps, line }
    }

    /// Counts the steps that were taken of the `allowed` ones.
    pub fn count(&mut self, allowed: u32) {
        self.scratch.spent += u64::from(allowed - self.steps);
    }

    /// Tries to match from instruction `pc` at `pos`; the match is said to begin at `start`.
    #[inline]
    pub fn attempt(&mut self, start: usize, pc: usize, pos: usize) -> Result<bool, StepLimit> {
        self.scratch.stack.clear();
        if std::mem::take(&mut self.scratch.dirty) {
            self.scratch.slots.fill(UNSET);
        }
        self.spend(1)?;
        let end = self.run(pc, pos)?;
        if let Some(end) = end {
            self.scratch.slots[0] = start as u32;
            self.scratch.slots[1] = end as u32;
        }
        Ok(end.is_some())
    }

    /// Runs from `pc` at `pos` to the end of the pattern or sub-pattern: the position there.
    ///
    /// On success the stack holds what would undo it, on failure it is as before.
    ///
    /// What takes more than a few steps is a function of its own: the fewer registers are needed here, the quicker is
    /// the way from one instruction to the next.
    fn run(&mut self, mut pc: usize, mut pos: usize) -> Result<Option<usize>, StepLimit> {
        let (program, text) = (self.program, self.text);
        let ops = program.ops.as_slice();
        let base = self.scratch.stack.len();
        loop {
            let op = &ops[pc];
            // an arm that continues has found the way; the others fall through to going back
            match &op.inst {
                Inst::Byte(byte) => {
                    if text.get(pos) == Some(byte) {
                        (pc, pos) = (op.next as usize, pos + 1);
                        continue;
                    }
                }
                Inst::Text(index) => {
                    let literal = &program.literals[*index as usize];
                    if literal.is_at(text, pos) {
                        (pc, pos) = (op.next as usize, pos + literal.len);
                        continue;
                    }
                }
                Inst::Whole { class, some } => {
                    let end = program.classes[*class as usize].run(text, pos);
                    if end > pos || !some {
                        self.spend_bytes(end - pos)?;
                        (pc, pos) = (op.next as usize, end);
                        continue;
                    }
                }
                Inst::Maybe { class } => {
                    pos = program.classes[*class as usize].step(text, pos).unwrap_or(pos);
                    pc = op.next as usize;
                    continue;
                }
                Inst::Class(class) => {
                    if let Some(after) = program.classes[*class as usize].step(text, pos) {
                        (pc, pos) = (op.next as usize, after);
                        continue;
                    }
                }
                Inst::Save(slot) => {
                    self.save(*slot, pos);
                    pc = op.next as usize;
                    continue;
                }
                Inst::Select { ways, masks } => {
                    let ways = program.choices.possible(*ways, *masks, text.get(pos).copied());
                    if let Some(way) = self.choose(ways, pos)? {
                        pc = way;
                        continue;
                    }
                }
                Inst::Few(_) | Inst::Fields(_) | Inst::Quad { .. } => {
                    if let Some(next) = self.numbers(pc, pos) {
                        (pc, pos) = next;
                        continue;
                    }
                }
                Inst::Greedy(index) => {
                    let run = &program.runs[*index as usize];
                    if let Some(end) = self.greedy(run, pc, pos)? {
                        (pc, pos) = (op.next as usize, end + run.skip);
                        continue;
                    }
                }
                Inst::Gap(index) => {
                    let run = &program.runs[*index as usize];
                    if let Some(end) = self.gap(run, pc, pos)? {
                        (pc, pos) = (op.next as usize, end + run.skip);
                        continue;
                    }
                }
                Inst::Run(index) => {
                    let run = &program.runs[*index as usize];
                    if let Some(end) = self.enter_run(run, pc, pos)? {
                        (pc, pos) = (op.next as usize, end + run.skip);
                        continue;
                    }
                }
                Inst::At(position) => {
                    if self.is_at(*position, pos) {
                        pc = op.next as usize;
                        continue;
                    }
                }
                Inst::Match | Inst::LookEnd | Inst::AtomicEnd => return Ok(Some(pos)),
                Inst::Fail => {}
                _ => {
                    if let Some(next) = self.seldom(pc, pos)? {
                        (pc, pos) = next;
                        continue;
                    }
                }
            }
            match self.back(base)? {
                Some(next) => (pc, pos) = next,
                None => return Ok(None),
            }
        }
    }

    /// The instructions that are most often of numbers: where to go on.
    #[inline(never)]
    fn numbers(&mut self, pc: usize, pos: usize) -> Option<(usize, usize)> {
        let program = self.program;
        let Op { inst, next } = &program.ops[pc];
        let next = *next as usize;
        match inst {
            Inst::Few(index) => Some((next, self.few(&program.runs[*index as usize], pos)?)),
            Inst::Fields(index) => Some((next, self.fields(&program.fields[*index as usize], pos)?)),
            Inst::Quad { start, end } => {
                self.save(*start, pos);
                let Some((after, address)) = quad(self.text, pos) else { return Some((pc + 1, pos)) };
                self.scratch.quad = address.map(|bits| (pos as u32, after as u32, bits));
                self.save(*end, after);
                Some((next, after))
            }
            _ => None,
        }
    }

    /// The instructions that failregexes seldom have: where to go on.
    #[inline(never)]
    fn seldom(&mut self, pc: usize, pos: usize) -> Result<Option<(usize, usize)>, StepLimit> {
        let Op { inst, next } = &self.program.ops[pc];
        let next = *next as usize;
        Ok(match inst {
            Inst::LoopStart(index) => {
                self.start_loop(*index)?;
                Some((next, pos))
            }
            Inst::LoopNext(index) => Some((self.turn(*index, pc, pos)? as usize, pos)),
            Inst::Atomic { end } => self.atomic(next, pos)?.map(|pos| (*end as usize, pos)),
            Inst::Look(index) => {
                let look = &self.program.looks[*index as usize];
                self.look(look, next, pos)?.then_some((look.end as usize, pos))
            }
            Inst::Backref { group, fold } => self.backref(*group as usize, *fold, pos).map(|pos| (next, pos)),
            Inst::Conditional(index) => {
                let this = &self.program.conditionals[*index as usize];
                let way = if self.group(this.group as usize).is_some() { this.yes } else { this.no };
                Some((way as usize, pos))
            }
            _ => None,
        })
    }

    /// The first of the ways, after noting the others.
    #[inline(always)]
    fn choose(&mut self, ways: Ways, pos: usize) -> Result<Option<usize>, StepLimit> {
        let Some((way, others)) = self.program.choices.take(ways) else { return Ok(None) };
        if !others.is_empty() {
            self.push(Frame::Choice { ways: others, pos: pos as u32 })?;
        }
        Ok(Some(way as usize))
    }

    #[inline(always)]
    fn push(&mut self, frame: Frame) -> Result<(), StepLimit> {
        self.scratch.stack.push(frame);
        self.spend(1)
    }

    /// Counts steps; by that, the stack's length is limited, too.
    #[inline(always)]
    fn spend(&mut self, steps: usize) -> Result<(), StepLimit> {
        self.steps = self.steps.checked_sub(steps as u32).ok_or(StepLimit)?;
        Ok(())
    }

    /// Counts the steps of going over so many bytes in a quick way.
    #[inline(always)]
    fn spend_bytes(&mut self, bytes: usize) -> Result<(), StepLimit> {
        self.spend(bytes / 8)
    }

    #[inline(always)]
    fn save(&mut self, slot: u32, pos: usize) {
        let old = std::mem::replace(&mut self.scratch.slots[slot as usize], pos as u32);
        match self.scratch.stack.is_empty() {
            true => self.scratch.dirty = true,
            false => self.scratch.stack.push(Frame::Slot { slot, old }),
        }
    }

    /// Takes the last choice differently: where to go on, or `None` if no choice above `base` of
    /// the stack is left.
    fn back(&mut self, base: usize) -> Result<Option<(usize, usize)>, StepLimit> {
        while self.scratch.stack.len() > base {
            let Some(frame) = self.scratch.stack.pop() else { break };
            let next = match frame {
                Frame::Slot { .. } | Frame::Loop { .. } => {
                    self.undo(frame);
                    None
                }
                Frame::Resume { pc, pos } => Some((pc as usize, pos as usize)),
                Frame::Choice { ways, pos } => {
                    self.choose(ways, pos as usize)?.map(|way| (way, pos as usize))
                }
                Frame::Shorten { pc, pos, low } => self.shorten_again(pc, pos as usize, low as usize)?,
                Frame::Lengthen { pc, pos, left } => self.lengthen_again(pc, pos as usize, left)?,
                Frame::Turn { pc, pos } => {
                    self.lazy_turn(pc as usize, pos as usize)?.map(|body| (body, pos as usize))
                }
            };
            if next.is_some() {
                return Ok(next);
            }
        }
        Ok(None)
    }

    /// Puts back an old value.
    fn undo(&mut self, frame: Frame) {
        match frame {
            Frame::Slot { slot, old } => self.scratch.slots[slot as usize] = old,
            Frame::Loop { index, old } => self.scratch.counters[index as usize] = old,
            _ => {}
        }
    }
}

/// One character fewer, unless there is no limit.
fn one_less(left: u32) -> u32 {
    if left == NO_LIMIT { left } else { left - 1 }
}
