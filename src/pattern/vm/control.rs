//! Counted loops, atomic groups, look-around.

use super::super::StepLimit;
use super::super::chars::previous_char;
use super::super::program::{Inst, Look, NO_LIMIT, Op, Pc};
use super::{Counter, Frame, UNSET, Vm};

impl Vm<'_> {
    pub(super) fn start_loop(&mut self, index: u32) -> Result<(), StepLimit> {
        self.set_counter(index, Counter { count: UNSET, last: UNSET })
    }

    fn set_counter(&mut self, index: u32, counter: Counter) -> Result<(), StepLimit> {
        let old = std::mem::replace(&mut self.scratch.counters[index as usize], counter);
        match self.scratch.stack.is_empty() {
            true => self.spend(1),
            false => self.push(Frame::Loop { index, old }),
        }
    }

    /// At the head of loop `index`, instruction `pc`: where to go on. A turn that is not required
    /// and would begin where the last one did is not made.
    pub(super) fn turn(&mut self, index: u32, pc: usize, pos: usize) -> Result<Pc, StepLimit> {
        let this = &self.program.loops[index as usize];
        let Counter { count, last } = self.scratch.counters[index as usize];
        let made = count.wrapping_add(1);
        let body = self.program.ops[pc].next;
        if made < this.min {
            self.set_counter(index, Counter { count: made, last })?;
            return Ok(body);
        }
        if this.lazy {
            self.push(Frame::Turn { pc: pc as Pc, pos: pos as u32 })?;
            return Ok(this.exit);
        }
        if (this.max == NO_LIMIT || made < this.max) && last != pos as u32 {
            self.push(Frame::Resume { pc: this.exit, pos: pos as u32 })?;
            self.set_counter(index, Counter { count: made, last: pos as u32 })?;
            return Ok(body);
        }
        Ok(this.exit)
    }

    /// What follows the lazy loop at `pc` did not match: the loop's body, if another turn is
    /// allowed.
    pub(super) fn lazy_turn(&mut self, pc: usize, pos: usize) -> Result<Option<usize>, StepLimit> {
        let Op { inst: Inst::LoopNext(index), next } = self.program.ops[pc] else { return Ok(None) };
        let this = &self.program.loops[index as usize];
        let Counter { count, last } = self.scratch.counters[index as usize];
        let made = count.wrapping_add(1);
        if (this.max != NO_LIMIT && made >= this.max) || last == pos as u32 {
            return Ok(None);
        }
        self.set_counter(index, Counter { count: made, last: pos as u32 })?;
        Ok(Some(next as usize))
    }

    /// Matches the atomic group whose instructions begin at `pc`; its choices are forgotten.
    pub(super) fn atomic(&mut self, pc: usize, pos: usize) -> Result<Option<usize>, StepLimit> {
        let base = self.scratch.stack.len();
        let end = self.run(pc, pos)?;
        self.forget_choices(base);
        Ok(end)
    }

    /// Whether the look-around's condition holds at `pos`; its instructions begin at `pc`.
    pub(super) fn look(&mut self, look: &Look, pc: usize, pos: usize) -> Result<bool, StepLimit> {
        let mut from = pos;
        for _ in 0..look.behind.unwrap_or(0) {
            if from == 0 {
                return Ok(look.negated);
            }
            from = previous_char(self.text, from);
        }
        if !look.first.has(self.text.get(from).copied()) {
            return Ok(look.negated);
        }
        self.spend(1)?;
        let base = self.scratch.stack.len();
        if look.negated {
            // an empty stack would mean that old values need not be kept
            self.push(Frame::Slot { slot: 0, old: self.scratch.slots[0] })?;
        }
        let found = self.run(pc, from)?.is_some();
        match look.negated {
            true => self.undo_all(base),
            false => self.forget_choices(base),
        }
        Ok(found != look.negated)
    }

    /// Keeps of the stack above `base` only the old values.
    fn forget_choices(&mut self, base: usize) {
        let mut kept = base;
        for i in base..self.scratch.stack.len() {
            let frame = self.scratch.stack[i];
            if matches!(frame, Frame::Slot { .. } | Frame::Loop { .. }) {
                self.scratch.stack[kept] = frame;
                kept += 1;
            }
        }
        self.scratch.stack.truncate(kept);
    }

    fn undo_all(&mut self, base: usize) {
        while self.scratch.stack.len() > base {
            match self.scratch.stack.pop() {
                Some(frame) => self.undo(frame),
                None => break,
            }
        }
    }
}
