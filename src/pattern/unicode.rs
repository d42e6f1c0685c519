//! Characters as Python's `re` sees them.

use std::cmp::Ordering;

use super::ast::Category;
use super::unicode_tables::{DIGIT, SAME_UPPER, SPACE, WORD};

fn contains(table: &[(u32, u32)], code: u32) -> bool {
    table
        .binary_search_by(|&(lo, hi)| match () {
            _ if hi < code => Ordering::Less,
            _ if lo > code => Ordering::Greater,
            _ => Ordering::Equal,
        })
        .is_ok()
}

/// Whether the character belongs to the category; in ASCII mode no other character does.
pub(super) fn in_category(category: Category, code: u32, ascii: bool) -> bool {
    if code >= 0x80 {
        let table: &[(u32, u32)] = match category {
            Category::Digit => &DIGIT,
            Category::Space => &SPACE,
            Category::Word => &WORD,
        };
        return !ascii && contains(table, code);
    }
    let byte = code as u8;
    match category {
        Category::Digit => byte.is_ascii_digit(),
        Category::Space => {
            byte == b' ' || (9..=13).contains(&byte) || (!ascii && (0x1c..=0x1f).contains(&byte))
        }
        Category::Word => byte.is_ascii_alphanumeric() || byte == b'_',
    }
}

/// Whether the character is a word character (`\w`).
pub(super) fn is_word(code: u32, ascii: bool) -> bool {
    in_category(Category::Word, code, ascii)
}

/// Ranges of the category outside ASCII.
pub(super) fn ranges(category: Category) -> &'static [(u32, u32)] {
    match category {
        Category::Digit => &DIGIT,
        Category::Space => &SPACE,
        Category::Word => &WORD,
    }
}

/// Lower case of one character, as one character, as of Unicode 14.
pub(super) fn to_lower(code: u32) -> u32 {
    if code < 0x80 {
        return (code as u8).to_ascii_lowercase().into();
    }
    if is_cased_later(code) {
        return code;
    }
    char::from_u32(code).and_then(|c| c.to_lowercase().next()).map_or(code, u32::from)
}

/// Letters that got a lower case after Unicode 14.
fn is_cased_later(code: u32) -> bool {
    matches!(
        code,
        0x1c89
            | 0xa7cb
            | 0xa7cc
            | 0xa7ce
            | 0xa7d2
            | 0xa7d4
            | 0xa7da
            | 0xa7dc
            | 0x10d50..=0x10d65
            | 0x16ea0..=0x16eb8
    )
}

/// Other lower-case letters with the same upper case.
pub(super) fn same_upper(lower: u32) -> &'static [u32] {
    match SAME_UPPER.binary_search_by_key(&lower, |&(code, _)| code) {
        Ok(i) => SAME_UPPER[i].1,
        Err(_) => &[],
    }
}
