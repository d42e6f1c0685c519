//! The matcher: backtracking with Python's priorities, within a limit of steps.
//!
//! - here: the instructions, and going back; `runs`: repeated characters; `control`: loops,
//!   atomic groups, look-around; `tests`: conditions that read no characters on.

mod conditions;
mod control;
mod runs;

use super::StepLimit;
use super::program::{Inst, NO_LIMIT, Pc, Program};

/// A position that is none: of groups that did not take part, of loops that did not turn.
pub(super) const UNSET: u32 = u32::MAX;

/// Choices kept at most (16 bytes each); with more, the search is given up.
const MAX_STACK: usize = 1 << 20;

/// What to do when the way taken turns out to be wrong; last in, first out.
#[derive(Clone, Copy, Debug)]
enum Frame {
    /// Go on there.
    Resume { pc: Pc, pos: u32 },
    /// Try the branch's ways from number `next` on.
    Branch { index: u32, next: u32, pos: u32 },
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
}

impl Scratch {
    /// Makes ready for a search with `program`.
    pub fn prepare(&mut self, program: &Program) {
        self.slots.clear();
        self.slots.resize(program.slots, UNSET);
        self.dirty = false;
        if self.stack.capacity() > MAX_STACK / 16 {
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
    steps: u64,
    /// A stretch of text without line feed, up to the next one or the end.
    line: (usize, usize),
}

impl<'a> Vm<'a> {
    /// A search of `text`, shorter than 4 GiB, that may take so many steps.
    pub fn new(program: &'a Program, text: &'a [u8], scratch: &'a mut Scratch, steps: u64) -> Vm<'a> {
        Vm { program, text, scratch, steps, line: (1, 0) }
    }

    /// Tries to match from instruction `pc` at `pos`; the match is said to begin at `start`.
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
    fn run(&mut self, mut pc: usize, mut pos: usize) -> Result<Option<usize>, StepLimit> {
        let base = self.scratch.stack.len();
        loop {
            let next = match self.step(pc, pos)? {
                Flow::Next(pos) => Some((pc + 1, pos)),
                Flow::To(pc) => Some((pc as usize, pos)),
                Flow::Jump(pc, pos) => Some((pc as usize, pos)),
                Flow::Done => return Ok(Some(pos)),
                Flow::Fail => self.back(base)?,
            };
            match next {
                Some(next) => (pc, pos) = next,
                None => return Ok(None),
            }
        }
    }

    /// One instruction.
    #[inline(always)]
    fn step(&mut self, pc: usize, pos: usize) -> Result<Flow, StepLimit> {
        let program = self.program;
        Ok(match &program.insts[pc] {
            Inst::Byte(byte) => Flow::next_if(self.text.get(pos) == Some(byte), pos + 1),
            Inst::Bytes(bytes) => {
                let end = pos + bytes.len();
                Flow::next_if(self.text.get(pos..end) == Some(bytes), end)
            }
            Inst::Class(class) => Flow::next(program.classes[*class as usize].step(self.text, pos)),
            Inst::Run(index) => Flow::next(self.enter_run(&program.runs[*index as usize], pc, pos)?),
            Inst::Save(slot) => {
                self.save(*slot, pos);
                Flow::Next(pos)
            }
            Inst::Jump(to) => Flow::To(*to),
            Inst::Split(index) => self.split(*index, pos)?,
            Inst::Branch(index) => match self.branch(*index, 0, pos)? {
                Some(way) => Flow::To(way),
                None => Flow::Fail,
            },
            Inst::At(position) => Flow::next_if(self.is_at(*position, pos), pos),
            Inst::LoopStart(index) => {
                self.start_loop(*index)?;
                Flow::Next(pos)
            }
            Inst::LoopNext(index) => Flow::To(self.turn(*index, pc, pos)?),
            Inst::Atomic { end } => match self.atomic(pc + 1, pos)? {
                Some(pos) => Flow::Jump(*end, pos),
                None => Flow::Fail,
            },
            Inst::Look(index) => {
                let look = &program.looks[*index as usize];
                match self.look(look, pc + 1, pos)? {
                    true => Flow::To(look.end),
                    false => Flow::Fail,
                }
            }
            Inst::Backref { group, fold } => Flow::next(self.backref(*group as usize, *fold, pos)),
            Inst::Conditional { group, yes, no } => {
                Flow::To(if self.group(*group as usize).is_some() { *yes } else { *no })
            }
            Inst::Fail => Flow::Fail,
            Inst::Match | Inst::LookEnd | Inst::AtomicEnd => Flow::Done,
        })
    }

    #[inline(always)]
    fn split(&mut self, index: u32, pos: usize) -> Result<Flow, StepLimit> {
        let split = &self.program.splits[index as usize];
        let [first, second] = split.ways;
        let next = self.text.get(pos).copied();
        let allowed = |i: usize| split.firsts[i].has(next);
        Ok(match (allowed(0), allowed(1)) {
            (true, true) => {
                self.push(Frame::Resume { pc: second, pos: pos as u32 })?;
                Flow::To(first)
            }
            (true, false) => Flow::To(first),
            (false, true) => Flow::To(second),
            (false, false) => Flow::Fail,
        })
    }

    /// The first way, from number `from` on, that can go on here.
    #[inline(always)]
    fn branch(&mut self, index: u32, from: usize, pos: usize) -> Result<Option<Pc>, StepLimit> {
        let ways = &self.program.branches[index as usize].ways;
        let next = self.text.get(pos).copied();
        let allowed = |from: usize| (from..ways.len()).find(|i| ways[*i].1.has(next));
        let Some(this) = allowed(from) else { return Ok(None) };
        if let Some(other) = allowed(this + 1) {
            self.push(Frame::Branch { index, next: other as u32, pos: pos as u32 })?;
        }
        Ok(Some(ways[this].0))
    }

    #[inline(always)]
    fn push(&mut self, frame: Frame) -> Result<(), StepLimit> {
        if self.scratch.stack.len() >= MAX_STACK {
            return Err(StepLimit);
        }
        self.scratch.stack.push(frame);
        self.spend(1)
    }

    /// Counts steps.
    #[inline(always)]
    fn spend(&mut self, steps: usize) -> Result<(), StepLimit> {
        self.steps = self.steps.checked_sub(steps as u64).ok_or(StepLimit)?;
        Ok(())
    }

    /// Counts the steps of going over so many bytes in a quick way.
    #[inline(always)]
    fn spend_bytes(&mut self, bytes: usize) -> Result<(), StepLimit> {
        self.spend(bytes / 16)
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
                Frame::Branch { index, next, pos } => {
                    let way = self.branch(index, next as usize, pos as usize)?;
                    way.map(|way| (way as usize, pos as usize))
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

/// How it goes on after an instruction.
enum Flow {
    /// At the next instruction, from this position.
    Next(usize),
    /// At that instruction, from the same position.
    To(Pc),
    Jump(Pc, usize),
    /// This way is wrong.
    Fail,
    /// The end of the (sub-)pattern.
    Done,
}

impl Flow {
    #[inline(always)]
    fn next(pos: Option<usize>) -> Flow {
        pos.map_or(Flow::Fail, Flow::Next)
    }

    #[inline(always)]
    fn next_if(ok: bool, pos: usize) -> Flow {
        if ok { Flow::Next(pos) } else { Flow::Fail }
    }
}

/// One character fewer, unless there is no limit.
fn one_less(left: u32) -> u32 {
    if left == NO_LIMIT { left } else { left - 1 }
}
