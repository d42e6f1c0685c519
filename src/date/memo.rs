//! The same bytes where the date was found in the line before give the same date; other digits there, a date at
//! the same place.

use super::compute::Field;
use super::detector::Found;
use super::place::Text;
use super::template::{Reading, Stamp, TimeError};
use super::zone::LocalZone;
use crate::clock::whole_seconds;
use crate::word::equal;

/// The date of the last line, and the bytes it depends on. It is valid only if the last winner won at the place of
/// the line before, so that a line with the same bytes there has the same winner and moves nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Memo {
    valid: bool,
    /// Where in the line they begin.
    from: usize,
    bytes: Vec<u8>,
    /// The line ends with them.
    ends_line: bool,
    /// Which bytes may be other digits; none if only the same bytes will do.
    free: Vec<bool>,
    /// The numbers and where they stand among the bytes.
    numbers: Vec<(Field, usize, usize)>,
    reading: Option<Result<Reading, TimeError>>,
    pub found: Option<Found>,
    /// Second for which the time found holds; none if it is to be computed for each line.
    computed: Option<i64>,
}

/// How a line was matched, for the memo.
pub(super) struct Way {
    /// The last byte on which the match depends.
    pub reach: usize,
    /// Searched at the place of the last match only, which depends on the byte before, too; otherwise from the
    /// start of the line.
    pub in_place: bool,
}

/// Bytes worth comparing.
const LONGEST: usize = 200;

impl Memo {
    pub(super) fn forget(&mut self) {
        self.valid = false;
    }

    /// Remembers the date of a line, unless there is too much to compare or its characters are not bytes.
    pub(super) fn keep(
        &mut self,
        text: &Text<'_>,
        found: &Found,
        reading: Result<Reading, TimeError>,
        way: Way,
    ) {
        let from = if way.in_place { found.whole.start.saturating_sub(1) } else { 0 };
        let end = way.reach.max(found.whole.end) + 1;
        let bytes = &text.bytes[from..end.min(text.bytes.len())];
        self.valid = text.ascii && bytes.len() <= LONGEST;
        if !self.valid {
            return;
        }
        self.from = from;
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self.ends_line = end > text.bytes.len();
        self.reading = Some(reading);
        self.found = Some(found.clone());
        self.computed = None;
        self.free.clear();
    }

    /// Learns which of the bytes are numbers. Only for templates whose numbers can be exchanged, searched from the start
    /// of the line.
    pub(super) fn learn(&mut self, fields: impl Iterator<Item = (Field, (usize, usize))>) {
        self.numbers.clear();
        self.free.resize(self.bytes.len(), false);
        for (field, (start, end)) in fields.filter(|_| self.valid) {
            let fixed = match (field, end - start) {
                (Field::Fraction, _) => 0,
                // the regex knows the decades
                (Field::Year, 4) => 3,
                (Field::Month | Field::Day | Field::Hour | Field::Minute | Field::Second, 2) => 0,
                _ => continue,
            };
            if !self.bytes[start..end].iter().all(u8::is_ascii_digit) {
                continue;
            }
            self.free[start + fixed..end].fill(true);
            if field != Field::Fraction {
                self.numbers.push((field, start, end));
            }
        }
    }

    /// Whether this line has a date in the same digits' places; takes it over.
    pub(super) fn follow(&mut self, line: &[u8]) -> bool {
        let length = self.bytes.len();
        if !self.valid
            || self.free.is_empty()
            || line.len() < length
            || (line.len() == length) != self.ends_line
        {
            return false;
        }
        let (Some(Ok(Reading::Parts(parts))), bytes) = (&mut self.reading, &line[..length]) else {
            return false;
        };
        let fits = |((new, old), free): ((&u8, &u8), &bool)| new == old || (*free && new.is_ascii_digit());
        if !bytes.iter().zip(&self.bytes).zip(&self.free).all(fits) {
            return false;
        }
        for (field, start, end) in &self.numbers {
            let number = bytes[*start..*end].iter().fold(0, |number, b| number * 10 + i64::from(b - b'0'));
            if !parts.replace(*field, number) {
                // the parts are of no line now
                self.valid = false;
                return false;
            }
        }
        self.bytes.copy_from_slice(bytes);
        self.computed = None;
        true
    }

    /// Whether this line has the same date.
    #[inline]
    pub(super) fn fits(&self, line: &[u8]) -> bool {
        let end = self.from + self.bytes.len();
        if !self.valid || line.len() < end || (line.len() == end) != self.ends_line {
            return false;
        }
        // positions count characters
        equal(&line[self.from..end], &self.bytes) && (self.from == 0 || line[..self.from].is_ascii())
    }

    /// Computes the time anew unless `now` is still the same second. A local time near a change of the clock depends
    /// on the times converted before, and is always computed.
    #[inline]
    pub(super) fn refresh(&mut self, now: f64, local: &mut LocalZone, default_zone: Option<i32>) {
        if self.computed != Some(whole_seconds(now)) {
            self.compute(now, local, default_zone);
        }
    }

    #[cold]
    fn compute(&mut self, now: f64, local: &mut LocalZone, default_zone: Option<i32>) {
        let (Some(Ok(reading)), Some(found)) = (&self.reading, &mut self.found) else { return };
        found.time = reading.resolve(now, local, default_zone);
        let settled = match found.time {
            Ok(Stamp::Float(unix)) => local.is_settled(unix as i64),
            Ok(Stamp::Int(_)) | Err(_) => true,
        };
        self.computed = settled.then_some(whole_seconds(now));
    }
}
