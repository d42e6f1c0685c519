//! The lines of many tickets, kept small: in a flood they differ in a few places only.
//!
//! A line is kept as its differences from a *model*. A line that is not like the model of the time becomes
//! the next one.

use ecow::EcoString;

use crate::filter::MatchLine;
use crate::word::{WORD, equal};

/// The models of one jail's lines.
#[derive(Debug, Default)]
pub(super) struct Models {
    models: Vec<Model>,
    free: Vec<u32>,
    /// The model that new lines are compared with.
    current: Option<u32>,
    /// How many lines have been compared with it, up to [`FIRST`], and the most bytes in which these differed.
    first: (u32, usize),
    /// So many first and last bytes the last line had in common with it, at least.
    usual: (usize, usize),
    /// Memory in which differences are put together.
    differences: Vec<u8>,
}

#[derive(Debug, Default)]
struct Model {
    text: Box<str>,
    /// Lines that refer to it.
    users: u32,
}

/// The lines that show how much lines differ from a new model.
const FIRST: u32 = 16;
/// Bytes more than these, and another model is better: in a flood, lines of another second differ from one that has the
/// old one in all from their date to the address.
const MUCH: usize = 32;

/// A line as it is kept.
struct Kept<'k> {
    model: u32,
    date: Option<(u32, u32)>,
    /// The [`Difference`]s, as bytes.
    differences: &'k [u8],
}

/// In place of `skip` bytes of the model, after `copy` equal ones, the line has `text`. After the last
/// difference both are equal to their ends.
struct Difference<'k> {
    copy: usize,
    skip: usize,
    text: &'k [u8],
}

impl Models {
    /// Appends a line to the bytes of a ticket. `small`, or with a date: as small as possible, which takes longer.
    #[inline]
    pub fn push(&mut self, bytes: &mut Vec<u8>, text: &str, date: Option<(u32, u32)>, small: bool) {
        let line = text.as_bytes();
        let (index, prefix, suffix) = self.compare(text);
        let model = &mut self.models[index as usize];
        model.users += 1;
        let old = &model.text.as_bytes()[prefix..model.text.len() - suffix];
        let new = &line[prefix..line.len() - suffix];
        let head = (index as usize) << 1;
        let differences = if small || date.is_some() {
            self.differences.clear();
            Difference::find(prefix, old, new, &mut self.differences);
            self.differences.as_slice()
        } else if prefix == line.len() && old.is_empty() {
            &[]
        } else {
            return append(bytes, [head, prefix, old.len(), new.len()], new);
        };
        match date {
            Some((start, end)) => append(bytes, [head | 1, start as usize, end as usize], differences),
            None => append(bytes, [head], differences),
        }
    }

    /// Takes the first of the lines in `bytes` out of account: the length of its entry.
    #[inline]
    pub fn forget_first(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        let length = read_number(&mut rest) as usize;
        let whole = bytes.len() - rest.len() + length;
        let index = (read_number(&mut rest) >> 1) as usize;
        self.models[index].users -= 1;
        if self.models[index].users == 0 && self.current != Some(index as u32) {
            self.free(index as u32);
        }
        whole
    }

    #[cold]
    fn free(&mut self, index: u32) {
        self.models[index as usize] = Model::default();
        self.free.push(index);
    }

    /// Takes all lines in `bytes` out of account.
    pub fn forget(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = &rest[self.forget_first(rest)..];
        }
    }

    /// The lines in `bytes`.
    pub fn lines(&self, bytes: &[u8]) -> Vec<MatchLine> {
        let mut lines = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            lines.push(self.line(&Kept::read(&mut rest)));
        }
        lines
    }

    fn line(&self, kept: &Kept) -> MatchLine {
        let mut model = self.models[kept.model as usize].text.as_bytes();
        let mut text = Vec::with_capacity(model.len());
        let mut rest = kept.differences;
        while let Some(difference) = Difference::read(&mut rest) {
            text.extend_from_slice(&model[..difference.copy]);
            text.extend_from_slice(difference.text);
            model = &model[difference.copy + difference.skip..];
        }
        text.extend_from_slice(model);
        // the pieces may end inside a character, but together they are the line that was valid
        MatchLine { text: EcoString::from(String::from_utf8_lossy(&text)), date: kept.date }
    }

    /// The model for a line, and how many first and last bytes they have in common: at least half of
    /// either, so that a model never takes much more room than the lines that need it.
    #[inline]
    fn compare(&mut self, text: &str) -> (u32, usize, usize) {
        let line = text.as_bytes();
        if let Some(current) = self.current {
            let model = self.models[current as usize].text.as_bytes();
            let prefix = common_prefix(model, line, &mut self.usual.0);
            let suffix = common_suffix(&model[prefix..], &line[prefix..], &mut self.usual.1);
            let alike = 2 * (prefix + suffix) >= model.len().max(line.len());
            if alike && !self.is_outgrown(line.len() - prefix - suffix) {
                return (current, prefix, suffix);
            }
        }
        (self.new_model(text), line.len(), 0)
    }

    /// Whether a line differs from the model in far more bytes than the first ones did.
    #[inline]
    fn is_outgrown(&mut self, difference: usize) -> bool {
        let (lines, largest) = &mut self.first;
        if *lines < FIRST {
            *lines += 1;
            *largest = difference.max(*largest);
            return false;
        }
        difference > *largest + MUCH
    }

    fn new_model(&mut self, text: &str) -> u32 {
        if let Some(old) = self.current.filter(|old| self.models[*old as usize].users == 0) {
            self.free(old);
        }
        let model = Model { text: text.into(), users: 0 };
        let index = match self.free.pop() {
            Some(index) => {
                self.models[index as usize] = model;
                index
            }
            None => {
                self.models.push(model);
                self.models.len() as u32 - 1
            }
        };
        self.current = Some(index);
        (self.first, self.usual) = ((0, 0), (0, 0));
        index
    }
}

impl<'k> Kept<'k> {
    /// The line that `bytes` begin with; they go on after its entry.
    fn read(bytes: &mut &'k [u8]) -> Kept<'k> {
        let length = read_number(bytes) as usize;
        let (mut entry, rest) = bytes.split_at(length);
        *bytes = rest;
        let head = read_number(&mut entry);
        let date = (head & 1 == 1).then(|| (read_number(&mut entry) as u32, read_number(&mut entry) as u32));
        Kept { model: (head >> 1) as u32, date, differences: entry }
    }
}

impl<'k> Difference<'k> {
    /// Writes what makes `new` out of `old`, which stands after `copy` equal bytes: word by word if it can be.
    fn find(mut copy: usize, old: &[u8], new: &[u8], out: &mut Vec<u8>) {
        let words = |text: &[u8]| memchr::memchr_iter(b' ', text).count();
        if words(old) != words(new) {
            return Difference { copy, skip: old.len(), text: new }.write(out);
        }
        for (old, new) in old.split(|byte| *byte == b' ').zip(new.split(|byte| *byte == b' ')) {
            if old != new {
                Difference { copy, skip: old.len(), text: new }.write(out);
                copy = 0;
            } else {
                copy += old.len();
            }
            // the space after it
            copy += 1;
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        for length in [self.copy, self.skip, self.text.len()] {
            write_number(out, length as u64);
        }
        out.extend_from_slice(self.text);
    }

    /// The next one, if there is one.
    fn read(bytes: &mut &'k [u8]) -> Option<Difference<'k>> {
        if bytes.is_empty() {
            return None;
        }
        let [copy, skip, length] = [(); 3].map(|()| read_number(bytes) as usize);
        let (text, rest) = bytes.split_at(length);
        *bytes = rest;
        Some(Difference { copy, skip, text })
    }
}

/// Appends an entry: its length, numbers, and what follows these.
#[inline]
fn append<const N: usize>(out: &mut Vec<u8>, numbers: [usize; N], rest: &[u8]) {
    let length = numbers.iter().map(|number| encoded_length(*number)).sum::<usize>() + rest.len();
    out.reserve(length + encoded_length(length));
    write_number(out, length as u64);
    numbers.iter().for_each(|number| write_number(out, *number as u64));
    out.extend_from_slice(rest);
}

/// Bytes that a number takes.
#[inline]
fn encoded_length(mut number: usize) -> usize {
    let mut length = 1;
    while number >= 0x80 {
        number >>= 7;
        length += 1;
    }
    length
}

/// Numbers in groups of seven bits, the lowest first; all but the last have the eighth bit set.
#[inline]
fn encode(mut number: u64, mut put: impl FnMut(u8)) {
    while number >= 0x80 {
        put(number as u8 | 0x80);
        number >>= 7;
    }
    put(number as u8);
}

#[inline]
pub(super) fn write_number(bytes: &mut Vec<u8>, number: u64) {
    encode(number, |byte| bytes.push(byte));
}

#[inline]
pub(super) fn read_number(bytes: &mut &[u8]) -> u64 {
    if let [byte @ ..0x80, rest @ ..] = *bytes {
        *bytes = rest;
        return u64::from(*byte);
    }
    let mut number = 0;
    let mut shift = 0;
    while let [byte, rest @ ..] = *bytes {
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 || shift > 63 {
            break;
        }
    }
    number
}

/// Lines have about as many bytes in common with their model as the line before; up to so many fewer.
const TOLERANCE: usize = 8;

/// How many bytes both begin with; `usual` is the number to try first.
#[inline]
fn common_prefix(a: &[u8], b: &[u8], usual: &mut usize) -> usize {
    let length = a.len().min(b.len());
    let (a, b) = (&a[..length], &b[..length]);
    let is_usual = *usual <= length && equal(&a[..*usual], &b[..*usual]);
    let mut same = if is_usual { *usual } else { 0 };
    let last = loop {
        let (Some(a), Some(b)) = (a[same..].first_chunk(), b[same..].first_chunk()) else {
            break a[same..].iter().zip(&b[same..]).take_while(|(a, b)| a == b).count();
        };
        let differing = usize::from_le_bytes(*a) ^ usize::from_le_bytes(*b);
        if differing != 0 {
            break differing.trailing_zeros() as usize / 8;
        }
        same += WORD;
    };
    same += last;
    *usual = same.saturating_sub(TOLERANCE);
    same
}

/// How many bytes both end with; `usual` is the number to try first.
#[inline]
fn common_suffix(a: &[u8], b: &[u8], usual: &mut usize) -> usize {
    let length = a.len().min(b.len());
    if length == 0 {
        return 0;
    }
    let (a, b) = (&a[a.len() - length..], &b[b.len() - length..]);
    let is_usual = *usual <= length && equal(&a[length - *usual..], &b[length - *usual..]);
    let mut rest = if is_usual { length - *usual } else { length };
    let last = loop {
        let (Some(a), Some(b)) = (a[..rest].last_chunk(), b[..rest].last_chunk()) else {
            let (a, b) = (a[..rest].iter().rev(), b[..rest].iter().rev());
            break a.zip(b).take_while(|(a, b)| a == b).count();
        };
        let differing = usize::from_le_bytes(*a) ^ usize::from_le_bytes(*b);
        if differing != 0 {
            break differing.leading_zeros() as usize / 8;
        }
        rest -= WORD;
    };
    let same = length - rest + last;
    *usual = same.saturating_sub(TOLERANCE);
    same
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_as_they_went() {
        let mut models = Models::default();
        let texts = [
            "kernel: SYN SRC=192.0.2.1 DST=192.168.1.20 LEN=60",
            "kernel: SYN SRC=192.0.2.17 DST=192.168.1.20 LEN=60",
            "kernel: SYN SRC=192.0.2.ü DST=192.168.1.20 LEN=60",
            "kernel: SYN SRC=192.0.2.û DST=192.168.1.20 LEN=60",
            "",
            "sshd: something else",
            "kernel: SYN SRC=192.0.2.1 DST=192.168.1.20 LEN=60 ID=17 X=Y  SPT=100",
            "kernel: SYN SRC=192.0.2.1 DST=192.168.1.20 LEN=62 ID=18 X=Y  SPT=200",
            "kernel: SYN SRC=192.0.2.1 DST=192.168.1.20 LEN=60",
        ];
        let mut bytes = Vec::new();
        let expected: Vec<MatchLine> = texts
            .iter()
            .enumerate()
            .map(|(i, text)| {
                let date = (i % 2 == 0).then_some((i as u32, 300));
                models.push(&mut bytes, text, date, i % 3 > 0);
                MatchLine { text: (*text).into(), date }
            })
            .collect();
        assert_eq!(models.lines(&bytes), expected);
        let first = models.forget_first(&bytes);
        assert_eq!(models.lines(&bytes[first..]), expected[1..]);
        models.forget(&bytes[first..]);
        assert_eq!(models.models.iter().filter(|model| !model.text.is_empty()).count(), 1);
    }

    #[test]
    fn a_flood_takes_little_room() {
        let mut models = Models::default();
        let mut bytes = Vec::new();
        for i in 0..100 {
            models.push(
                &mut bytes,
                &format!("{} SRC=192.0.2.{i} {}", "a".repeat(100), "b".repeat(100)),
                None,
                false,
            );
        }
        assert!(bytes.len() < 100 * 10 && models.models.len() == 1, "{}", bytes.len());
    }

    #[test]
    fn also_one_that_goes_on_for_some_seconds() {
        let (mut models, mut bytes) = (Models::default(), Vec::new());
        let line =
            |i: u32| format!("10:00:{:02} {} SRC=192.0.2.{i} {}", i / 100, "a".repeat(100), "b".repeat(100));
        (0..1000).for_each(|i| models.push(&mut bytes, &line(i), None, false));
        assert!(bytes.len() < 1000 * 11 && models.models.len() == 10, "{}", bytes.len());
        let texts: Vec<String> = models.lines(&bytes).iter().map(|line| line.text.to_string()).collect();
        assert_eq!(texts, (0..1000).map(line).collect::<Vec<_>>());
    }

    #[test]
    fn common_ends() {
        for (a, b, prefix, suffix) in [
            ("", "abc", 0, 0),
            ("abc", "abc", 3, 3),
            ("0123456789abcdefgh", "0123456789abcdeXgh", 15, 2),
            ("0123456789abcdefgh", "X123456789abcdefgh", 0, 17),
            ("23456789abcdefgh", "0123456789abcdefgh", 0, 16),
        ] {
            for usual in [0, 2, 16, usize::MAX] {
                assert_eq!(common_prefix(a.as_bytes(), b.as_bytes(), &mut { usual }), prefix, "{a} {b}");
                assert_eq!(common_suffix(a.as_bytes(), b.as_bytes(), &mut { usual }), suffix, "{a} {b}");
            }
        }
    }
}
