//! A text to look for, forwards or backwards.

use memchr::memmem::Finder;
use memchr::memrchr;

use crate::word::find;

/// After so many vain finds of the rare byte, a search for the whole text is quicker.
const TRIES: usize = 8;

/// Bytes as they are found in logs, about, from frequent to rare; others are rare, too.
const FREQUENT: &[u8] = b" e01ta2oi3.ns=5r4:hl/-6d7c89umfpgwybvkxETASRNDOILPCMUFHGBKWVYXQJ_,;\"'()[]<>jqzZ";

/// A text to look for.
#[derive(Debug)]
pub(super) struct Literal {
    finder: Box<Finder<'static>>,
    /// Its length.
    pub len: usize,
    edges: Edges,
    /// Its rarest byte, which is looked for first, and where in the text it is.
    rare: u8,
    rare_at: usize,
}

impl Literal {
    pub fn new(text: &[u8]) -> Literal {
        let rank = |byte: u8| FREQUENT.iter().position(|b| *b == byte).unwrap_or(FREQUENT.len());
        let rarest = text.iter().copied().enumerate().max_by_key(|(_, byte)| rank(*byte));
        let (rare_at, rare) = rarest.unwrap_or_default();
        Literal {
            edges: Edges::of(text),
            finder: Box::new(Finder::new(text).into_owned()),
            len: text.len(),
            rare,
            rare_at,
        }
    }

    pub fn bytes(&self) -> &[u8] {
        self.finder.needle()
    }

    /// Whether it stands at `at`.
    #[inline(always)]
    pub fn is_at(&self, text: &[u8], at: usize) -> bool {
        match text.get(at..at + self.len) {
            Some(there) => self.edges.are_of(there) && (self.len <= 8 || there == self.bytes()),
            None => false,
        }
    }

    /// First place at or after `from`.
    pub fn find(&self, text: &[u8], from: usize) -> Option<usize> {
        self.find_inline(text, from)
    }

    /// The same, for where it is done most.
    #[inline(always)]
    pub fn find_inline(&self, text: &[u8], from: usize) -> Option<usize> {
        let mut next = from + self.rare_at;
        for _ in 0..TRIES {
            let found = next + find(self.rare, text.get(next..)?)?;
            let place = found - self.rare_at;
            if self.is_at(text, place) {
                return Some(place);
            }
            next = found + 1;
        }
        self.find_common(text, next - self.rare_at)
    }

    #[cold]
    fn find_common(&self, text: &[u8], from: usize) -> Option<usize> {
        self.finder.find(text.get(from..)?).map(|at| from + at)
    }

    /// Last place in `from..=to`.
    pub fn rfind(&self, text: &[u8], from: usize, to: usize) -> Option<usize> {
        let mut end = (to + self.rare_at + 1).min(text.len());
        loop {
            let place = from + memrchr(self.rare, text.get(from + self.rare_at..end)?)?;
            if self.is_at(text, place) {
                return Some(place);
            }
            end = place + self.rare_at;
        }
    }
}

/// The first and last bytes of a text (four, if it has as many), as numbers: texts of up to eight
/// bytes are equal if these are, and comparing them takes fewer steps than a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Edges(u32, u32);

impl Edges {
    #[inline(always)]
    fn of(text: &[u8]) -> Edges {
        match (text.first_chunk::<4>(), text.last_chunk::<4>()) {
            (Some(head), Some(tail)) => Edges(u32::from_le_bytes(*head), u32::from_le_bytes(*tail)),
            _ => match *text {
                [a, b, c] => Edges(u32::from_le_bytes([a, b, c, 0]), 3),
                [a, b] => Edges(u32::from_le_bytes([a, b, 0, 0]), 2),
                [a] => Edges(a.into(), 1),
                _ => Edges(0, 0),
            },
        }
    }

    #[inline(always)]
    fn are_of(self, text: &[u8]) -> bool {
        Edges::of(text) == self
    }
}
