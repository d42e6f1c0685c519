//! The log line that is written most: a failure was found.

use crate::address::Address;
use crate::clock::{local_text, whole_seconds};

/// Puts together `[JAIL] Found ID - TIME`, with those parts kept that many lines of one jail have in common.
#[derive(Default)]
pub(super) struct FoundText {
    word: &'static str,
    /// `[JAIL] Found `
    head: String,
    second: Option<i64>,
    /// That second as text.
    time: String,
}

impl FoundText {
    /// Appends the text; `jail` is always the same, `word` is "Found" or "Attempt".
    pub(super) fn push(&mut self, out: &mut String, jail: &str, word: &'static str, id: &Address, time: f64) {
        if self.word != word {
            self.word = word;
            self.head = format!("[{jail}] {word} ");
        }
        let second = Some(whole_seconds(time));
        if self.second != second {
            self.second = second;
            self.time = local_text(time);
        }
        out.push_str(&self.head);
        id.push_to(out);
        out.push_str(" - ");
        out.push_str(&self.time);
    }
}
