//! The log line that is written most: a failure was found.

use super::logging::{Batch, Frame};
use crate::address::Address;
use crate::clock::{local_text, whole_seconds};
use crate::level;

/// Logs `[JAIL] Found ID - TIME` with those parts kept that many lines of one batch have in common.
pub(super) struct FoundLines<'j> {
    jail: &'j str,
    last: Option<Kept>,
}

struct Kept {
    word: &'static str,
    /// The second of the time that the frame ends with.
    second: i64,
    frame: Frame,
}

impl<'j> FoundLines<'j> {
    /// For lines of this jail, in one batch.
    pub(super) fn new(jail: &'j str) -> Self {
        FoundLines { jail, last: None }
    }

    /// Logs one line; `word` is "Found" or "Attempt".
    #[inline]
    pub(super) fn write(&mut self, log: &mut Batch, word: &'static str, id: &Address, time: f64) {
        let second = whole_seconds(time);
        let kept = match &mut self.last {
            Some(kept) if kept.second == second && kept.word == word => kept,
            last => {
                let (head, tail) = (format!("[{}] {word} ", self.jail), format!(" - {}", local_text(time)));
                let frame = log.frame(level::INFO, "fail2ban.filter", head, tail);
                last.insert(Kept { word, second, frame })
            }
        };
        log.write_in(&kept.frame, |line| id.push_to(line));
    }
}
