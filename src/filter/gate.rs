//! When a first look at lines pays: where most of a log's lines concern other jails.

use super::Filter;
use super::dating::Split;
use crate::pattern::Gate;

/// Of so many lines, so many have to be stopped; else the next ones pass without a look.
const LINES: u32 = 64;
const ENOUGH: u32 = 16;
const WITHOUT: u32 = 1024;

/// What the first look came to of late.
#[derive(Debug, Default)]
pub(super) struct GateUse {
    lines: u32,
    stopped: u32,
    /// Lines that still pass without a look.
    passing: u32,
}

impl Filter {
    /// Whether no failregex can match this line, as far as a first look tells.
    #[inline]
    pub(super) fn is_stopped(&mut self, line: &Split) -> bool {
        // what the prefregex finds may be asked for, or change the lines that are kept
        let skips = self.mode.keep_prefix || self.rules.max_lines > 1;
        // regexes see what stands around the date as one text
        if skips || !line.before.is_empty() {
            return false;
        }
        self.rules.gate().is_some_and(|gate| self.gate.stops(gate, line.after))
    }
}

impl GateUse {
    fn stops(&mut self, gate: &Gate, text: &str) -> bool {
        if self.passing > 0 {
            self.passing -= 1;
            return false;
        }
        let stops = !gate.lets_through(text.as_bytes());
        self.lines += 1;
        self.stopped += u32::from(stops);
        if self.lines == LINES {
            let passing = if self.stopped < ENOUGH { WITHOUT } else { 0 };
            *self = GateUse { passing, ..GateUse::default() };
        }
        stops
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::{Flags, Regex};

    #[test]
    fn a_look_that_stops_nothing_is_spared() {
        let regex = Regex::new("^Failed (?P<host>.*)$", Flags::default()).unwrap();
        let gate = Gate::new(None, &[regex]).unwrap();
        let mut used = GateUse::default();
        assert!((0..1000).all(|_| used.stops(&gate, "x\n")));
        let mut used = GateUse::default();
        assert!(!(0..LINES).any(|_| used.stops(&gate, "Failed x\n")));
        assert!(!(0..WITHOUT).any(|_| used.stops(&gate, "x\n")));
        assert!(used.stops(&gate, "x\n"));
    }
}
