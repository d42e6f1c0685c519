//! The failures of a line, as they are found. Nearly all are of known addresses, have nothing to wait for, are ignored
//! by no list, and lead to no ban yet: these are counted at once. What is left goes the long way (`pending`).

use super::Effect;
use crate::address::Address;
use crate::failures::{Failures, Found};
use crate::filter::ignore::{Ignore, Known, Verdict};
use crate::filter::{Failure, Id, Note, Sink};
use crate::level;

/// A jail while it searches a line.
pub(super) struct Taking<'j> {
    /// Whether failures may be counted as they come.
    pub at_once: bool,
    /// Whether somebody may ask for the groups of a failure that is not the first of its host.
    pub asks: bool,
    pub failures: &'j mut Failures,
    pub ignore: &'j mut Ignore,
    pub line: &'j str,
    pub now: f64,
    pub known: &'j mut dyn Known,
    pub out: &'j mut Vec<Effect>,
    /// How much was in there before this line.
    pub before: usize,
    /// Who is told of failures while nothing else of this line is in `out`, unless it declines.
    pub tell: &'j mut dyn FnMut(&Address, f64) -> bool,
    /// It has failed often enough.
    pub due: Option<Address>,
    /// The failures that were not counted.
    pub rest: &'j mut Vec<Failure>,
}

impl Sink for Taking<'_> {
    #[inline]
    fn wants_groups(&self, id: &Address) -> bool {
        self.asks || !self.failures.has(id)
    }

    #[inline]
    fn take(&mut self, failure: Failure, notes: &[Note]) {
        match failure.id {
            // what was noted is told before; one ban is enough for a line
            Id::Known(ref id)
                if self.at_once
                    && notes.is_empty()
                    && self.due.is_none()
                    && self.rest.is_empty()
                    && self.verdict(id) == Verdict::No =>
            {
                self.count(failure);
            }
            _ => self.rest.push(failure),
        }
    }
}

impl Taking<'_> {
    #[inline]
    fn verdict(&mut self, id: &Address) -> Verdict {
        let out = &mut *self.out;
        let mut warn = |text| out.push(Effect::Log { level: level::WARNING, logger: "fail2ban.ipdns", text });
        self.ignore.check(id, self.now, self.known, &mut warn)
    }

    #[inline]
    fn count(&mut self, mut failure: Failure) {
        let time = failure.seconds(self.now);
        failure.data.retain_values();
        let Id::Known(id) = &failure.id else { return };
        let found = Found { matches: &failure.matches, line: self.line, data: &failure.data };
        let retry = self.failures.add(id, time, 1, found);
        if self.failures.is_enough(retry) {
            self.due = Some(id.clone());
        }
        if self.out.len() > self.before || !(self.tell)(id, time) {
            self.out.push(Effect::Found { word: "Found", id: id.clone(), time });
        }
    }
}
