//! What is asked about the text without reading on, and back-references.

use super::super::ast::Fold;
use super::super::chars::{char_at, previous_char};
use super::super::charset::folded;
use super::super::program::Position;
use super::super::unicode::is_word;
use super::{UNSET, Vm};

impl Vm<'_> {
    #[inline(always)]
    pub(super) fn is_at(&self, position: Position, pos: usize) -> bool {
        let text = self.text;
        match position {
            Position::TextStart => pos == 0,
            Position::LineStart => pos == 0 || text[pos - 1] == b'\n',
            Position::TextEnd => pos >= text.len(),
            Position::LineEnd => text.get(pos).is_none_or(|b| *b == b'\n'),
            Position::LastLineEnd => match text.get(pos) {
                None => true,
                Some(byte) => *byte == b'\n' && pos + 1 == text.len(),
            },
            Position::Boundary { ascii } => !text.is_empty() && self.is_boundary(pos, ascii),
            Position::NotBoundary { ascii } => !text.is_empty() && !self.is_boundary(pos, ascii),
        }
    }

    fn is_boundary(&self, pos: usize, ascii: bool) -> bool {
        let word_at = |at| char_at(self.text, at).is_some_and(|(code, _)| is_word(code, ascii));
        let before = pos > 0 && word_at(previous_char(self.text, pos));
        before != word_at(pos)
    }

    /// Start and end of a group that took part.
    pub(super) fn group(&self, group: usize) -> Option<(usize, usize)> {
        let start = *self.scratch.slots.get(2 * group)?;
        let end = *self.scratch.slots.get(2 * group + 1)?;
        (start != UNSET && end != UNSET && start <= end).then_some((start as usize, end as usize))
    }

    /// Position after the group's text, if it stands at `pos` again.
    pub(super) fn backref(&self, group: usize, fold: Fold, pos: usize) -> Option<usize> {
        let (start, end) = self.group(group)?;
        if fold == Fold::None {
            let there = pos + (end - start);
            return (self.text.get(pos..there)? == &self.text[start..end]).then_some(there);
        }
        let (mut from, mut there) = (start, pos);
        while from < end {
            let (wanted, next) = char_at(self.text, from)?;
            let (found, after) = char_at(self.text, there)?;
            if folded(wanted, fold) != folded(found, fold) {
                return None;
            }
            (from, there) = (next, after);
        }
        Some(there)
    }
}
