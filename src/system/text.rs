//! Bytes that are text for certain.
#![allow(unsafe_code)]

use crate::word::{GROUP, HIGH, LOW, WORD, find, first_zero, word, zeros};

/// Calls `each` with every place of an ASCII character, in order; the bytes as text if all are ASCII, which takes a
/// fraction of the time that a check of UTF-8 takes.
pub fn ascii(bytes: &[u8], wanted: u8, mut each: impl FnMut(usize)) -> Option<&str> {
    debug_assert!(wanted.is_ascii());
    let is_ascii = match cfg!(target_pointer_width = "32") {
        true => places(bytes, wanted, each),
        // these look at many bytes at once
        false => {
            let mut from = 0;
            while let Some(at) = find(wanted, &bytes[from..]) {
                each(from + at);
                from += at + 1;
            }
            bytes.is_ascii()
        }
    };
    // SAFETY: ASCII is UTF-8.
    is_ascii.then(|| unsafe { std::str::from_utf8_unchecked(bytes) })
}

/// Calls `each` with every place of an ASCII character, in order; whether all bytes are ASCII. One pass over the bytes,
/// a few words at a time.
fn places(bytes: &[u8], wanted: u8, mut each: impl FnMut(usize)) -> bool {
    let wanted_word = LOW * usize::from(wanted);
    let (mut all, mut start) = (0, 0);
    loop {
        start += skip(&bytes[start..], wanted_word, &mut all);
        let Some(group) = bytes.get(start..start + GROUP * WORD) else { break };
        for bytes in group.chunks_exact(WORD) {
            let mut found = zeros(word(bytes) ^ wanted_word);
            while found != 0 {
                each(start + first_zero(found));
                found &= found - 1;
            }
            start += WORD;
        }
    }
    let rest = &bytes[start..];
    rest.iter().enumerate().filter(|(_, byte)| **byte == wanted).for_each(|(at, _)| each(start + at));
    all & HIGH == 0 && rest.is_ascii()
}

/// The length of the groups before one that may have a wanted byte; if there is none, of all whole groups. The bits of
/// all bytes up to there, and of that group, are added to `all`.
#[inline(never)]
fn skip(bytes: &[u8], wanted_word: usize, all: &mut usize) -> usize {
    let mut length = 0;
    for group in bytes.chunks_exact(GROUP * WORD) {
        let mut hint = 0;
        for bytes in group.chunks_exact(WORD) {
            let word = word(bytes);
            *all |= word;
            // a high bit where a byte is the wanted one (it becomes zero, and borrows), or is not ASCII
            hint |= (word ^ wanted_word).wrapping_sub(LOW);
        }
        if hint & HIGH != 0 {
            break;
        }
        length += group.len();
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_a_simple_search() {
        let text = b"\n\x0b\t\nab\r\n0123456789abcdef\n0123456\xff\n\n".repeat(5);
        for start in 0..text.len() {
            for end in start..text.len() {
                let bytes = &text[start..end];
                let mut found = Vec::new();
                let ascii = places(bytes, b'\n', |at| found.push(at));
                let expected: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == b'\n').collect();
                assert_eq!((found, ascii), (expected, bytes.is_ascii()), "{start} {end}");
            }
        }
    }
}
