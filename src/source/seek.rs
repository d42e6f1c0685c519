//! Finding the place in a big file from which its lines are young enough (COMPAT §4.6).

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use super::file::MAX_LINE;

/// Undated lines that are read on at one probe.
const UNDATED: u32 = 5;
/// Probes without progress before giving up.
const ACCURACY: u32 = 3;

/// Date of a raw line without its end, in Unix seconds.
pub type DateOf<'a> = &'a mut dyn FnMut(&[u8]) -> Option<f64>;

/// Offset in `file`, at or after `start`, at which reading lines dated from `from` on has to begin,
/// by halving intervals. Gives the same offset as upstream (`seekToTime`), which may lie a little early.
pub fn seek_to_time(file: &File, start: u64, from: f64, date_of: DateOf<'_>) -> io::Result<u64> {
    let size = file.metadata()?.len();
    let mut probe = Probe { reader: BufReader::with_capacity(4096, file), line: Vec::new(), date_of };
    let (mut low, mut high) = (start, size);
    let mut next_try = Some(low);
    let mut last = None;
    let mut patience = ACCURACY;
    while high > low {
        let middle = next_try.take().unwrap_or(low + (high - low) / 2);
        let found = probe.at(middle, high)?;
        let mut pos = found.pos;
        match found.date {
            Some(date) if date >= from => {
                if pos == high {
                    pos = found.line_start;
                }
                high = high.min(pos);
            }
            Some(_) => {
                pos = found.after;
                low = low.max(pos);
            }
            None => {}
        }
        if last == Some(pos) {
            patience -= 1;
            if patience == 0 || last == Some(low) {
                break;
            }
            // A large area without dates, or the end: the low end may be the end of a line before.
            next_try = Some(low);
            last = Some(low);
            continue;
        }
        last = Some(pos);
    }
    Ok(low)
}

struct Probe<'a, 'd> {
    reader: BufReader<&'a File>,
    line: Vec<u8>,
    date_of: DateOf<'d>,
}

struct Found {
    date: Option<f64>,
    /// Start of the first line looked at.
    line_start: u64,
    /// Start of the dated line; without one, where the probe ended.
    pos: u64,
    /// End of the undated lines before the dated one, else of that line.
    after: u64,
}

impl Probe<'_, '_> {
    /// Looks for a date in the lines that follow offset `middle`.
    fn at(&mut self, middle: u64, high: u64) -> io::Result<Found> {
        // Two bytes back, so that a line that starts right there is not skipped.
        let mut line_start = middle.saturating_sub(2);
        self.reader.seek(SeekFrom::Start(line_start))?;
        if line_start > 0 {
            line_start += self.read_line()?;
        }
        let mut found = Found { date: None, line_start, pos: line_start, after: line_start };
        let mut at = line_start;
        let mut undated = None;
        for _ in 0..=UNDATED {
            let length = self.read_line()?;
            if length == 0 {
                break;
            }
            at += length;
            found.date = (self.date_of)(trimmed(&self.line));
            if found.date.is_some() {
                break;
            }
            undated = Some(at);
            if at > high {
                found.pos = line_start;
                break;
            }
            found.pos = at;
        }
        found.after = undated.unwrap_or(at);
        Ok(found)
    }

    /// Reads one line, of which at most [`MAX_LINE`] bytes are kept; returns its length.
    fn read_line(&mut self) -> io::Result<u64> {
        self.line.clear();
        let mut length = (&mut self.reader).take(MAX_LINE as u64).read_until(b'\n', &mut self.line)? as u64;
        while !self.line.ends_with(b"\n") {
            let mut more = Vec::new();
            match (&mut self.reader).take(MAX_LINE as u64).read_until(b'\n', &mut more)? as u64 {
                0 => break,
                n => length += n,
            }
            if more.ends_with(b"\n") {
                break;
            }
        }
        Ok(length)
    }
}

fn trimmed(mut line: &[u8]) -> &[u8] {
    while let [rest @ .., b'\r' | b'\n'] = line {
        line = rest;
    }
    line
}
