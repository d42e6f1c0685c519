//! Which ways of a program's choices are possible, by the next byte.

use super::charset::First;
use super::program::Pc;

/// Ways of a choice, at most: as many as a mask has bits.
pub(super) const MOST_WAYS: usize = 8;

/// The next byte is this, or there is none.
const SYMBOLS: usize = 257;

/// Some of the ways of a choice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ways {
    /// Where the ways of the choice begin.
    first: u32,
    /// Those that are meant, a bit each.
    mask: u8,
}

impl Ways {
    #[inline(always)]
    pub fn is_empty(self) -> bool {
        self.mask == 0
    }
}

/// All choices of a program.
///
/// Bytes that no choice tells apart are of one *column*; each choice has a mask of possible ways for each column.
#[derive(Debug)]
pub(super) struct Choices {
    /// The column of each byte, then that of the end of the text.
    columns: Box<[u8; SYMBOLS]>,
    /// Of each choice: where its ways and where its masks begin.
    starts: Vec<(u32, u32)>,
    ways: Vec<Pc>,
    masks: Vec<u8>,
}

impl Choices {
    /// Choices by their ways in order, with what each can begin with.
    pub fn new(lists: &[Vec<(Pc, First)>]) -> Choices {
        let mut firsts: Vec<First> = Vec::new();
        for (_, first) in lists.iter().flatten() {
            if !firsts.contains(first) {
                firsts.push(*first);
            }
        }
        let groups = First::groups(&firsts);
        let mut columns = Box::new([0; SYMBOLS]);
        for (symbol, column) in columns.iter_mut().enumerate() {
            let next = u8::try_from(symbol).ok();
            let group = groups.iter().position(|group| group.has(next)).unwrap_or_default();
            // there are not more groups than symbols that are told apart: 130
            *column = group as u8;
        }
        let mut choices = Choices { columns, starts: Vec::new(), ways: Vec::new(), masks: Vec::new() };
        for list in lists {
            choices.starts.push((choices.ways.len() as u32, choices.masks.len() as u32));
            choices.ways.extend(list.iter().map(|(way, _)| *way));
            choices.masks.extend(groups.iter().map(|group| {
                let bit = |(i, (_, first)): (usize, &(Pc, First))| u8::from(first.overlaps(*group)) << i;
                list.iter().enumerate().map(bit).fold(0, |mask, bit| mask | bit)
            }));
        }
        choices
    }

    /// Where the ways and where the masks of choice `index` begin.
    pub fn start(&self, index: u32) -> (u32, u32) {
        self.starts[index as usize]
    }

    /// Of the choice whose ways and masks begin there, the ways that can go on with this byte.
    #[inline(always)]
    pub fn possible(&self, ways: u32, masks: u32, next: Option<u8>) -> Ways {
        let column = self.columns[next.map_or(SYMBOLS - 1, usize::from)];
        Ways { first: ways, mask: self.masks[masks as usize + usize::from(column)] }
    }

    /// The first of the ways, and the others.
    #[inline(always)]
    pub fn take(&self, ways: Ways) -> Option<(Pc, Ways)> {
        let Ways { first, mask } = ways;
        if mask == 0 {
            return None;
        }
        let way = self.ways[first as usize + mask.trailing_zeros() as usize];
        Some((way, Ways { first, mask: mask & (mask - 1) }))
    }
}
