//! The log line that is written most: a failure was found.

use super::logging::{self, Batch};
use crate::address::Address;
use crate::clock::{local_text, whole_seconds};
use crate::level;

/// Log lines `[JAIL] Found ID - TIME`, put together from what many of them have in common, and kept until they are
/// written out together.
pub(super) struct FoundLines {
    jail: String,
    /// The second of the last line, of this block.
    second: Option<i64>,
    /// What log lines have before and after the identifier then; `None` if the log takes each line by itself.
    around: Option<(Vec<u8>, Vec<u8>)>,
    lines: Vec<u8>,
}

/// More bytes of lines than these are written out in the middle of a block.
const LIMIT: usize = 64 * 1024;

impl FoundLines {
    /// For lines of this jail.
    pub(super) fn new(jail: &str) -> Self {
        FoundLines { jail: jail.to_owned(), second: None, around: None, lines: Vec::new() }
    }

    /// Adds the line of a failure; false if the log takes each line by itself, so that it has to be written by itself.
    #[inline]
    pub(super) fn add(&mut self, id: &Address, time: f64) -> bool {
        if !logging::log().enabled(level::INFO) {
            return true;
        }
        let second = whole_seconds(time);
        if self.second != Some(second) {
            self.begin(second);
        }
        let Some((before, after)) = &self.around else { return false };
        self.lines.extend_from_slice(before);
        id.push_to(&mut self.lines);
        self.lines.extend_from_slice(after);
        if self.lines.len() > LIMIT {
            logging::batch().append(&self.lines);
            self.lines.clear();
        }
        true
    }

    /// Makes what the lines of a second have in common.
    #[inline(never)]
    fn begin(&mut self, second: i64) {
        let (head, tail) = around(&self.jail, "Found", second as f64);
        self.around = logging::batch().around(level::INFO, LOGGER, &head, &tail);
        self.second = Some(second);
    }

    /// Writes out what was added. The lines that come next are of another time.
    pub(super) fn flush(&mut self) {
        if !self.lines.is_empty() {
            logging::batch().append(&self.lines);
            self.lines.clear();
        }
        self.second = None;
    }
}

const LOGGER: &str = "fail2ban.filter";

/// What such a line says before and after the identifier; `word` is "Found" or "Attempt".
fn around(jail: &str, word: &str, time: f64) -> (String, String) {
    (format!("[{jail}] {word} "), format!(" - {}", local_text(time)))
}

/// Logs such a line by itself.
pub(super) fn write_alone(log: &mut Batch, jail: &str, word: &str, id: &Address, time: f64) {
    let (head, tail) = around(jail, word, time);
    log.write(level::INFO, LOGGER, &format!("{head}{id}{tail}"));
}
