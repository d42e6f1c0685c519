//! The time of log lines as text: `YYYY-MM-DD HH:MM:SS,mmm`.

use crate::clock;

/// A time as log lines begin with it.
pub(super) struct Stamp {
    second: i64,
    text: String,
}

impl Stamp {
    /// None yet.
    pub const fn none() -> Stamp {
        Stamp { second: i64::MIN, text: String::new() }
    }

    /// Makes it the present time.
    pub fn refresh(&mut self) {
        let (second, millis) = clock::now_parts();
        if second == self.second {
            self.text.truncate(self.text.len() - ",000".len());
        } else {
            self.second = second;
            self.text = clock::local_text(second as f64);
        }
        let digit = |number: u32| char::from(b'0' + (number % 10) as u8);
        self.text.extend([',', digit(millis / 100), digit(millis / 10), digit(millis)]);
    }

    pub fn text(&self) -> &str {
        &self.text
    }
}
