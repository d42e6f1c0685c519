//! Sets of characters, compiled for matching UTF-8 bytes.

use std::sync::OnceLock;

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use super::ast::{Category, Fold, Item, Set};
use super::chars::{char_at, next_char};
use super::unicode::{in_category, is_word, ranges, same_upper, to_lower};

/// Over-approximation of the characters that can come next: exact for ASCII, by kind for others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct First {
    ascii: [u64; 2],
    /// Kinds of characters outside ASCII: [`DIGIT`] and so on.
    kinds: u8,
    /// The end of the text will do.
    end: bool,
}

const DIGIT: u8 = 1;
const WORD: u8 = 2;
const SPACE: u8 = 4;
const OTHER: u8 = 8;
const ALL_KINDS: u8 = DIGIT | WORD | SPACE | OTHER;

impl First {
    pub const ALL: First = First { ascii: [u64::MAX; 2], kinds: ALL_KINDS, end: true };
    pub const END: First = First { ascii: [0; 2], kinds: 0, end: true };
    pub const LINE_END: First = First { ascii: [1 << b'\n', 0], kinds: 0, end: true };

    pub fn of_char(char: char) -> First {
        let mut first = First::default();
        match char.is_ascii() {
            true => first.ascii[char as usize >> 6] = 1 << (char as u32 & 63),
            false => first.kinds = kind_of(char.into()),
        }
        first
    }

    pub fn or(self, other: First) -> First {
        First {
            ascii: [self.ascii[0] | other.ascii[0], self.ascii[1] | other.ascii[1]],
            kinds: self.kinds | other.kinds,
            end: self.end || other.end,
        }
    }

    pub fn and(self, other: First) -> First {
        First {
            ascii: [self.ascii[0] & other.ascii[0], self.ascii[1] & other.ascii[1]],
            kinds: self.kinds & other.kinds,
            end: self.end && other.end,
        }
    }

    /// Whether no character is in both (the end of the text is none).
    pub fn is_disjoint(self, other: First) -> bool {
        let both = self.and(other);
        both.ascii == [0; 2] && both.kinds == 0
    }

    /// Whether a character beginning with this byte, or the end, may be first.
    #[inline(always)]
    pub fn has(&self, next: Option<u8>) -> bool {
        match next {
            Some(byte) if byte < 0x80 => self.ascii[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1,
            Some(_) => self.kinds != 0,
            None => self.end,
        }
    }

    /// Sets of what none of `firsts` tells apart; characters outside ASCII are all one.
    pub fn groups(firsts: &[First]) -> Vec<First> {
        let mut groups = vec![First::ALL];
        for first in firsts {
            let whole = if first.kinds == 0 { 0 } else { ALL_KINDS };
            let inside = First { kinds: whole, ..*first };
            let outside =
                First { ascii: inside.ascii.map(|bits| !bits), kinds: !whole & ALL_KINDS, end: !inside.end };
            let parts = groups.iter().flat_map(|group| [group.and(inside), group.and(outside)]);
            groups = parts.filter(|part| *part != First::default()).collect();
        }
        groups
    }

    /// Whether something is in both.
    pub fn overlaps(self, other: First) -> bool {
        !self.is_disjoint(other) || (self.end && other.end)
    }

    /// The ASCII characters, if there are at most three and no others.
    pub fn few_bytes(&self) -> Option<Vec<u8>> {
        let count = self.ascii[0].count_ones() + self.ascii[1].count_ones();
        let few = self.kinds == 0 && !self.end && count <= 3;
        few.then(|| (0..0x80).filter(|b| self.has(Some(*b))).collect())
    }

    /// Whether every character is allowed, so that asking is no use.
    pub fn is_all(&self) -> bool {
        *self == First::ALL
    }

    /// Whether all characters are ASCII and allowed by `other`, too.
    pub fn is_ascii_subset_of(self, other: First) -> bool {
        let common = self.and(other);
        self.kinds == 0 && common.ascii == self.ascii
    }
}

fn kind_of(code: u32) -> u8 {
    match () {
        _ if in_category(Category::Digit, code, false) => DIGIT,
        _ if is_word(code, false) => WORD,
        _ if in_category(Category::Space, code, false) => SPACE,
        _ => OTHER,
    }
}

/// What a byte at the start of a character says about membership. Those of members are odd.
const NO: u8 = 0;
const YES: u8 = 1;
const CHECK: u8 = 2;
/// A byte of a member that is not ASCII.
const PART: u8 = 3;

/// A set in the form it is matched with.
#[derive(Debug)]
pub(super) struct Class {
    /// By byte: [`NO`], [`YES`], [`PART`] (also the bytes inside the character), [`CHECK`] the character.
    table: [u8; 256],
    exact: Exact,
    kinds: u8,
    /// If all characters but these (at most three) are members.
    stops: Option<Vec<u8>>,
}

/// The set with its ranges in the form that folded characters are looked up in.
#[derive(Debug)]
struct Exact {
    ranges: Vec<(u32, u32)>,
    categories: Vec<(Category, bool)>,
    negated: bool,
    fold: Fold,
    ascii: bool,
}

impl Class {
    pub fn new(set: &Set) -> Class {
        let exact = Exact::new(set);
        let others = exact.others();
        let mut table = [others; 256];
        for code in 0..0x80_u8 {
            table[usize::from(code)] = u8::from(exact.has(code.into()));
        }
        let kinds = match others {
            NO => 0,
            PART => ALL_KINDS,
            _ => exact.kinds(),
        };
        let stops: Vec<u8> = (0..0x80).filter(|b| table[usize::from(*b)] == NO).collect();
        let stops = (others == PART && stops.len() <= 3).then_some(stops);
        Class { table, exact, kinds, stops }
    }

    /// `.`: everything, or everything but the line feed.
    pub fn any_set(dot_all: bool) -> Set {
        let feed: u32 = '\n'.into();
        let items = if dot_all { vec![] } else { vec![Item::Range(feed, feed)] };
        Set { items, negated: true, fold: Fold::None, ascii: true }
    }

    /// The only member, if that is all the set is.
    pub fn single(set: &Set) -> Option<char> {
        let &[Item::Range(low, high)] = set.items.as_slice() else { return None };
        let char = char::from_u32(low)?;
        let cased = match set.fold {
            Fold::None => false,
            Fold::Ascii => char.is_ascii_alphabetic(),
            Fold::Unicode => char.is_ascii_alphabetic() || !char.is_ascii(),
        };
        (low == high && !set.negated && !cased).then_some(char)
    }

    /// Every character is a member except these few bytes.
    pub fn stops(&self) -> Option<&[u8]> {
        self.stops.as_deref()
    }

    /// Whether the ASCII members are the digits.
    pub fn is_digits(&self) -> bool {
        (0..0x80).all(|byte: u8| (self.table[usize::from(byte)] == YES) == byte.is_ascii_digit())
    }

    pub fn first(&self) -> First {
        let mut first = First { kinds: self.kinds, ..First::default() };
        for byte in 0..0x80 {
            if self.table[byte] == YES {
                first.ascii[byte >> 6] |= 1 << (byte & 63);
            }
        }
        first
    }

    /// Position after the character at `pos`, if it is a member.
    #[inline(always)]
    pub fn step(&self, text: &[u8], pos: usize) -> Option<usize> {
        let byte = *text.get(pos)?;
        match self.table[usize::from(byte)] {
            NO => None,
            YES => Some(pos + 1),
            PART => Some(next_char(text, pos)),
            _ => self.step_checked(text, pos),
        }
    }

    /// How many ASCII members `text` begins with, up to `most`.
    #[inline(always)]
    pub fn ascii_run(&self, text: &[u8], most: usize) -> usize {
        let text = &text[..most.min(text.len())];
        text.iter().position(|byte| self.table[usize::from(*byte)] != YES).unwrap_or(text.len())
    }

    #[cold]
    #[inline(never)]
    fn step_checked(&self, text: &[u8], pos: usize) -> Option<usize> {
        let (code, next) = char_at(text, pos)?;
        self.exact.has(code).then_some(next)
    }

    /// Position after the longest run of members from `pos`.
    #[inline(always)]
    pub fn run(&self, text: &[u8], mut pos: usize) -> usize {
        loop {
            let rest = text.get(pos..).unwrap_or_default();
            let stop = rest.iter().position(|byte| self.table[usize::from(*byte)] & 1 == 0);
            let Some(stop) = stop else { return pos + rest.len() };
            pos += stop;
            if self.table[usize::from(rest[stop])] == NO {
                return pos;
            }
            match self.step_checked(text, pos) {
                Some(next) => pos = next,
                None => return pos,
            }
        }
    }

    /// The members, for the automaton.
    pub fn members(&self) -> ClassUnicode {
        self.exact.members()
    }
}

impl Exact {
    fn new(set: &Set) -> Exact {
        let (mut ranges, mut categories) = (Vec::new(), Vec::new());
        for item in &set.items {
            match *item {
                Item::Category(category, negated) => categories.push((category, negated)),
                Item::Range(low, high) => fold_range(low, high, set.fold, &mut ranges),
            }
        }
        ranges.sort_unstable();
        ranges.dedup_by(|next, kept| {
            let joins = next.0 <= kept.1.saturating_add(1);
            kept.1 = if joins { kept.1.max(next.1) } else { kept.1 };
            joins
        });
        Exact { ranges, categories, negated: set.negated, fold: set.fold, ascii: set.ascii }
    }

    fn has(&self, code: u32) -> bool {
        let code = folded(code, self.fold);
        let at = self.ranges.partition_point(|&(low, _)| low <= code);
        let in_range = at > 0 && self.ranges[at - 1].1 >= code;
        let member = in_range
            || self
                .categories
                .iter()
                .any(|&(category, negated)| in_category(category, code, self.ascii) != negated);
        member != self.negated
    }

    /// What can be said of all characters outside ASCII.
    fn others(&self) -> u8 {
        let reached = match self.fold {
            // the Kelvin sign and its like become ASCII letters
            Fold::Unicode => {
                |&(low, high): &(u32, u32)| high >= 0x80 || (low <= 'z'.into() && high >= 'a'.into())
            }
            _ => |&(_, high): &(u32, u32)| high >= 0x80,
        };
        let all = self.categories.iter().any(|&(_, negated)| self.ascii && negated);
        let some = self.ranges.iter().any(reached) || (!self.ascii && !self.categories.is_empty());
        match (all, some) {
            (true, _) => {
                if self.negated {
                    NO
                } else {
                    PART
                }
            }
            (false, false) => {
                if self.negated {
                    PART
                } else {
                    NO
                }
            }
            (false, true) => CHECK,
        }
    }

    /// Kinds of the members outside ASCII.
    fn kinds(&self) -> u8 {
        let mut kinds = 0;
        for &(category, negated) in &self.categories {
            let members = match category {
                Category::Digit => DIGIT,
                Category::Space => SPACE,
                Category::Word => DIGIT | WORD,
            };
            kinds |= if negated { !members & ALL_KINDS } else { members };
        }
        match self.negated {
            true => !kinds & ALL_KINDS,
            false => self.ranges.iter().fold(kinds, |kinds, range| kinds | self.range_kinds(*range)),
        }
    }

    fn range_kinds(&self, (low, high): (u32, u32)) -> u8 {
        match self.fold {
            Fold::Unicode => WORD | OTHER,
            _ if high < 0x80 => 0,
            _ if low == high => kind_of(low),
            _ => ALL_KINDS,
        }
    }

    fn members(&self) -> ClassUnicode {
        let all = self.ranges.iter().copied();
        let mut members = scalars(all);
        for &(category, negated) in &self.categories {
            let mut class = category_members(category, self.ascii);
            if negated {
                class.negate();
            }
            members.union(&class);
        }
        if self.fold != Fold::None {
            let positive = |code| self.has(code) != self.negated;
            let (gained, lost): (Vec<u32>, Vec<u32>) = cased(self.fold).partition(|code| positive(*code));
            members.difference(&scalars(lost.into_iter().map(|c| (c, c))));
            members.union(&scalars(gained.into_iter().map(|c| (c, c))));
        }
        if self.negated {
            members.negate();
        }
        members
    }
}

/// Characters that folding changes.
fn cased(fold: Fold) -> Box<dyn Iterator<Item = u32>> {
    static CASED: OnceLock<Vec<u32>> = OnceLock::new();
    match fold {
        Fold::None => Box::new(std::iter::empty()),
        Fold::Ascii => Box::new(u32::from(b'A')..=u32::from(b'Z')),
        Fold::Unicode => {
            let find = || (0..=0x10ffff).filter(|code| to_lower(*code) != *code).collect();
            Box::new(CASED.get_or_init(find).iter().copied())
        }
    }
}

fn category_members(category: Category, ascii: bool) -> ClassUnicode {
    let low = (0..0x80).filter(|code| in_category(category, *code, ascii)).map(|code| (code, code));
    let high = if ascii { &[] } else { ranges(category) };
    scalars(low.chain(high.iter().copied()))
}

/// A class of the ranges, without surrogates.
fn scalars(ranges: impl Iterator<Item = (u32, u32)>) -> ClassUnicode {
    let valid = ranges.filter_map(|(low, high)| {
        let low = if (0xd800..0xe000).contains(&low) { 0xe000 } else { low };
        let high = if (0xd800..0xe000).contains(&high) { 0xd7ff } else { high };
        let (low, high) = (char::from_u32(low)?, char::from_u32(high)?);
        (low <= high).then(|| ClassUnicodeRange::new(low, high))
    });
    ClassUnicode::new(valid)
}

/// The characters that a folded character is compared with, for a range as written.
fn fold_range(low: u32, high: u32, fold: Fold, out: &mut Vec<(u32, u32)>) {
    if fold == Fold::None {
        out.push((low, high));
        return;
    }
    for code in low..=high {
        let lower = folded(code, fold);
        out.push((lower, lower));
        if fold == Fold::Unicode {
            out.extend(same_upper(lower).iter().map(|&code| (code, code)));
        }
    }
}

/// A character in the case that comparisons use.
pub(super) fn folded(code: u32, fold: Fold) -> u32 {
    match fold {
        Fold::None => code,
        Fold::Ascii if code < 0x80 => (code as u8).to_ascii_lowercase().into(),
        Fold::Ascii => code,
        Fold::Unicode => to_lower(code),
    }
}
