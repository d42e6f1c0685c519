//! Repeated single characters.

use memchr::{memchr, memchr2, memchr3};

use super::super::StepLimit;
use super::super::chars::{next_char, previous_char};
use super::super::program::{Fields, Follow, Inst, NO_LIMIT, Op, Pc, Run, RunKind};
use super::{Frame, Vm, one_less};
use crate::word::find;

impl Vm<'_> {
    /// Enters the run of instruction `pc`: where it ends at first.
    #[inline(never)]
    pub(super) fn enter_run(&mut self, run: &Run, pc: usize, pos: usize) -> Result<Option<usize>, StepLimit> {
        let Some(low) = self.required(run, pos)? else { return Ok(None) };
        let left = if run.max == NO_LIMIT { NO_LIMIT } else { run.max - run.min };
        if let Follow::Longest = run.follow {
            return self.extent(run, low, left).map(Some);
        }
        if run.lazy {
            return self.lengthen(run, pc, low, left);
        }
        let high = self.extent(run, low, left)?;
        self.shorten(run, pc, low, high)
    }

    /// The end of the characters that the run must have.
    #[inline(always)]
    fn required(&mut self, run: &Run, pos: usize) -> Result<Option<usize>, StepLimit> {
        let mut low = pos;
        for _ in 0..run.min {
            match self.one_more(run, low) {
                Some(next) => low = next,
                None => return Ok(None),
            }
        }
        Ok(Some(low))
    }

    /// The end of all characters that there are, within the run's bounds.
    #[inline(always)]
    pub(super) fn few(&self, run: &Run, pos: usize) -> Option<usize> {
        let class = &self.program.classes[run.class as usize];
        let rest = self.text.get(pos..).unwrap_or_default();
        let count = class.ascii_run(rest, run.max as usize);
        match rest.get(count) {
            Some(0x80..) if count < run.max as usize => self.few_of_any(run, pos),
            _ => (count >= run.min as usize).then_some(pos + count),
        }
    }

    /// The same, where not all characters are ASCII.
    #[cold]
    fn few_of_any(&self, run: &Run, pos: usize) -> Option<usize> {
        let class = &self.program.classes[run.class as usize];
        let (mut end, mut count) = (pos, 0);
        while count < run.max {
            match class.step(self.text, end) {
                Some(next) => (end, count) = (next, count + 1),
                None => break,
            }
        }
        (count >= run.min).then_some(end)
    }

    /// The end of the runs and their separators.
    #[inline(always)]
    pub(super) fn fields(&self, fields: &Fields, pos: usize) -> Option<usize> {
        let class = &self.program.classes[fields.class as usize];
        let (min, max) = (fields.min as usize, fields.max as usize);
        let mut rest = self.text.get(pos..)?;
        for _ in 0..fields.count {
            let length = class.ascii_run(rest, max);
            match rest.get(length) {
                Some(byte) if *byte == fields.separator && length >= min => rest = &rest[length + 1..],
                Some(0x80..) => return self.fields_of_any(fields, pos),
                _ => return None,
            }
        }
        Some(self.text.len() - rest.len())
    }

    /// The same, where not all characters are ASCII.
    #[cold]
    fn fields_of_any(&self, fields: &Fields, pos: usize) -> Option<usize> {
        let class = &self.program.classes[fields.class as usize];
        let mut end = pos;
        for _ in 0..fields.count {
            let mut length = 0;
            while let Some(next) = class.step(self.text, end) {
                (end, length) = (next, length + 1);
                if length > fields.max {
                    return None;
                }
            }
            if length < fields.min || self.text.get(end) != Some(&fields.separator) {
                return None;
            }
            end += 1;
        }
        Some(end)
    }

    /// The last place where a greedy run without limit can end.
    #[inline(never)]
    pub(super) fn greedy(&mut self, run: &Run, pc: usize, pos: usize) -> Result<Option<usize>, StepLimit> {
        let class = &self.program.classes[run.class as usize];
        let high = match run.kind {
            RunKind::Line => self.line_end(pos),
            _ => class.run(self.text, pos),
        };
        let low = match run.min {
            0 => pos,
            _ if high > pos => next_char(self.text, pos),
            _ => return Ok(None),
        };
        self.spend_bytes(high - pos)?;
        if !run.follow.allows(self.text, high) {
            return self.shorten(run, pc, low, high);
        }
        if high > low && !matches!(run.follow, Follow::Longest) {
            self.push(Frame::Shorten { pc: pc as Pc, pos: high as u32, low: low as u32 })?;
        }
        Ok(Some(high))
    }

    /// The next place of the text that follows, in the same line.
    #[inline(never)]
    pub(super) fn gap(&mut self, run: &Run, pc: usize, low: usize) -> Result<Option<usize>, StepLimit> {
        let Follow::Literal(literal) = &run.follow else { return Ok(None) };
        match literal.find_inline(self.text, low) {
            Some(end) if end <= self.line_end(low) => {
                self.scratch.stack.push(Frame::Lengthen { pc: pc as Pc, pos: end as u32, left: NO_LIMIT });
                self.spend((end - low) / 8 + 1)?;
                Ok(Some(end))
            }
            end => {
                self.spend_bytes(end.unwrap_or(self.text.len()).saturating_sub(low))?;
                Ok(None)
            }
        }
    }

    /// Position after one more character of the run.
    #[inline(always)]
    fn one_more(&self, run: &Run, pos: usize) -> Option<usize> {
        match &run.unless {
            Some(literal) if literal.is_at(self.text, pos) => None,
            _ => self.program.classes[run.class as usize].step(self.text, pos),
        }
    }

    /// The end of at most `left` more characters.
    #[inline(always)]
    fn extent(&mut self, run: &Run, low: usize, left: u32) -> Result<usize, StepLimit> {
        let end = match left {
            NO_LIMIT => self.whole_extent(run, low),
            _ => {
                let mut end = low;
                for _ in 0..left {
                    match self.one_more(run, end) {
                        Some(next) => end = next,
                        None => break,
                    }
                }
                end
            }
        };
        self.spend_bytes(end - low)?;
        Ok(end)
    }

    #[inline(always)]
    fn whole_extent(&mut self, run: &Run, low: usize) -> usize {
        let end = self.extent_of_class(run, low);
        match &run.unless {
            None => end,
            Some(literal) => literal.find(self.text, low).map_or(end, |at| at.min(end)),
        }
    }

    #[inline(always)]
    fn extent_of_class(&mut self, run: &Run, low: usize) -> usize {
        let rest = self.text.get(low..).unwrap_or_default();
        let stop = match run.kind {
            RunKind::Line => return self.line_end(low),
            RunKind::Table => return self.program.classes[run.class as usize].run(self.text, low),
            RunKind::Text => None,
            RunKind::Until1(a) => find(a, rest),
            RunKind::Until2(a, b) => memchr2(a, b, rest),
            RunKind::Until3(a, b, c) => memchr3(a, b, c, rest),
        };
        stop.map_or(self.text.len(), |stop| low + stop)
    }

    /// Position of the next line feed, or the end of the text.
    #[inline(always)]
    fn line_end(&mut self, pos: usize) -> usize {
        let (start, end) = self.line;
        if !(start <= pos && pos <= end) {
            let rest = self.text.get(pos..).unwrap_or_default();
            self.line = (pos, memchr(b'\n', rest).map_or(self.text.len(), |at| pos + at));
        }
        self.line.1
    }

    /// The last end of the greedy run, from `high` down to `low`, after which it can go on.
    fn shorten(&mut self, run: &Run, pc: usize, low: usize, high: usize) -> Result<Option<usize>, StepLimit> {
        let end = match &run.follow {
            Follow::Literal(literal) => literal.rfind(self.text, low, high),
            follow => {
                let mut end = high;
                loop {
                    if follow.allows(self.text, end) {
                        break Some(end);
                    }
                    if end <= low {
                        break None;
                    }
                    end = previous_char(self.text, end);
                }
            }
        };
        self.spend_bytes(high - end.unwrap_or(low))?;
        match end {
            Some(end) if end > low => {
                self.push(Frame::Shorten { pc: pc as Pc, pos: end as u32, low: low as u32 })?;
            }
            _ => {}
        }
        Ok(end)
    }

    /// The run at `pc` ended at `pos` in vain: where to go on with a shorter one.
    pub(super) fn shorten_again(
        &mut self,
        pc: Pc,
        pos: usize,
        low: usize,
    ) -> Result<Option<(usize, usize)>, StepLimit> {
        let Some((run, next)) = self.run_of(pc) else { return Ok(None) };
        let high = previous_char(self.text, pos);
        let end = self.shorten(run, pc as usize, low, high)?;
        Ok(end.map(|end| (next, end + run.skip)))
    }

    /// The first end of the lazy run, from `low` on, after which it can go on.
    #[inline(always)]
    fn lengthen(&mut self, run: &Run, pc: usize, low: usize, left: u32) -> Result<Option<usize>, StepLimit> {
        let (end, left) = match &run.follow {
            Follow::Literal(literal) if left == NO_LIMIT => {
                let found = literal.find(self.text, low);
                let reach = match found {
                    Some(end) => self.covers(run, low, end),
                    None => false,
                };
                self.spend_bytes(found.unwrap_or(self.text.len()) - low.min(self.text.len()))?;
                (found.filter(|_| reach), left)
            }
            follow => self.lengthen_stepwise(run, follow, low, left)?,
        };
        match end {
            Some(end) if left > 0 => {
                self.push(Frame::Lengthen { pc: pc as Pc, pos: end as u32, left })?;
            }
            _ => {}
        }
        Ok(end)
    }

    /// Whether all characters from `low` to `end` belong to the run.
    #[inline(always)]
    fn covers(&mut self, run: &Run, low: usize, end: usize) -> bool {
        match run.kind {
            _ if run.unless.is_some() => self.whole_extent(run, low) >= end,
            RunKind::Line => self.line_end(low) >= end,
            RunKind::Text => true,
            _ => {
                let text = &self.text[..end];
                self.program.classes[run.class as usize].run(text, low) >= end
            }
        }
    }

    fn lengthen_stepwise(
        &mut self,
        run: &Run,
        follow: &Follow,
        low: usize,
        mut left: u32,
    ) -> Result<(Option<usize>, u32), StepLimit> {
        let mut end = low;
        loop {
            if follow.allows(self.text, end) {
                break;
            }
            match self.one_more(run, end) {
                Some(next) if left > 0 => (end, left) = (next, one_less(left)),
                _ => {
                    self.spend_bytes(end - low)?;
                    return Ok((None, left));
                }
            }
        }
        self.spend_bytes(end - low)?;
        Ok((Some(end), left))
    }

    /// The run at `pc` ended at `pos` in vain: where to go on with a longer one.
    pub(super) fn lengthen_again(
        &mut self,
        pc: Pc,
        pos: usize,
        left: u32,
    ) -> Result<Option<(usize, usize)>, StepLimit> {
        let Some((run, next)) = self.run_of(pc) else { return Ok(None) };
        let Some(low) = self.one_more(run, pos) else { return Ok(None) };
        let end = self.lengthen(run, pc as usize, low, one_less(left))?;
        Ok(end.map(|end| (next, end + run.skip)))
    }
}

impl<'a> Vm<'a> {
    /// The run of an instruction, and the instruction after it.
    fn run_of(&self, pc: Pc) -> Option<(&'a Run, usize)> {
        let Op { inst, next } = &self.program.ops[pc as usize];
        match inst {
            Inst::Run(index) | Inst::Gap(index) | Inst::Greedy(index) => {
                Some((&self.program.runs[*index as usize], *next as usize))
            }
            _ => None,
        }
    }
}

/// The end of four numbers of one to three digits with dots between, if that is all that a repetition of digits could
/// match there; and the IPv4 address that they are, unless one is above 255 or has a zero before it.
#[inline(always)]
pub(super) fn quad(text: &[u8], pos: usize) -> Option<(usize, Option<u32>)> {
    let rest = text.get(pos..)?;
    // four numbers, three dots, and what follows: no more than 16 bytes
    let window = rest.first_chunk().copied().unwrap_or_else(|| {
        let mut window = [0; 16];
        window[..rest.len()].copy_from_slice(rest);
        window
    });
    let byte = |at: usize| window[at % 16];
    let digit = |at: usize| u32::from(byte(at).wrapping_sub(b'0'));
    let (mut end, mut bits, mut is_address) = (0, 0, true);
    for number in 0..4 {
        let mut octet = digit(end);
        if octet > 9 {
            return None;
        }
        end += 1;
        let second = digit(end);
        if second <= 9 {
            is_address &= octet > 0;
            octet = 10 * octet + second;
            end += 1;
            let third = digit(end);
            if third <= 9 {
                octet = 10 * octet + third;
                is_address &= octet < 256;
                end += 1;
            }
        }
        bits = bits << 8 | octet;
        match byte(end) {
            b'.' if number < 3 => end += 1,
            // not a digit of another script
            ..0x80 if number == 3 => {}
            _ => return None,
        }
    }
    Some((pos + end, is_address.then_some(bits)))
}
