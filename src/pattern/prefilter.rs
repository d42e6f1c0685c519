//! Cheap over-approximation: which of a jail's expressions can match a text at all.

use super::Regex;

/// All expressions of a jail (or any list) in one prefilter. It may only say "certainly not".
#[derive(Debug)]
pub struct PatternSet {
    len: usize,
}

impl PatternSet {
    /// Builds the prefilter; indexes below are those of `patterns`.
    pub fn new(patterns: &[Regex]) -> PatternSet {
        PatternSet { len: patterns.len() }
    }

    /// Puts the indexes, ascending, of the patterns that may match somewhere in `text` into
    /// `out`, which is cleared first. A pattern not listed certainly does not match.
    pub fn candidates(&self, text: &[u8], out: &mut Vec<usize>) {
        let _ = text;
        out.clear();
        out.extend(0..self.len);
    }
}
