//! What Python says about a file that is not UTF-8.

use std::str::Utf8Error;

/// Python decodes a text file in blocks of this size; positions in messages count from the block's start.
const BLOCK: usize = 8192;

/// The text decoded before the faulty block, and the message of Python's `UnicodeDecodeError`.
pub fn describe(content: &[u8], error: Utf8Error) -> (&str, String) {
    let start = error.valid_up_to();
    let bad = content[start];
    let (len, seen_at, reason) = match error.error_len() {
        None => (content.len() - start, None, "unexpected end of data"),
        Some(len) if !matches!(bad, 0xc2..=0xf4) => (len, Some(start), "invalid start byte"),
        Some(len) => (len, Some(start + len), "invalid continuation byte"),
    };
    let block = match seen_at {
        // At the end of the file only the incomplete character is left.
        None => start,
        Some(at) => {
            (0..=at - at % BLOCK).rev().find(|&at| at <= start && is_boundary(content[at])).unwrap_or(0)
        }
    };
    let position = start - block;
    let message = match len {
        1 => format!("'utf-8' codec can't decode byte 0x{bad:02x} in position {position}: {reason}"),
        _ => format!(
            "'utf-8' codec can't decode bytes in position {position}-{}: {reason}",
            position + len - 1
        ),
    };
    (std::str::from_utf8(&content[..block]).unwrap_or_default(), message)
}

/// Whether a character may start with this byte.
fn is_boundary(byte: u8) -> bool {
    !matches!(byte, 0x80..=0xbf)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(content: &[u8]) -> String {
        let error = std::str::from_utf8(content).expect_err("not UTF-8");
        describe(content, error).1
    }

    #[test]
    fn python_texts() {
        let cases: &[(&[u8], &str)] = &[
            (b"ab\xff", "'utf-8' codec can't decode byte 0xff in position 2: invalid start byte"),
            (b"ab\xc3x", "'utf-8' codec can't decode byte 0xc3 in position 2: invalid continuation byte"),
            (b"a\xe2\x82x", "'utf-8' codec can't decode bytes in position 1-2: invalid continuation byte"),
            (b"a\xe2\x82", "'utf-8' codec can't decode bytes in position 0-1: unexpected end of data"),
        ];
        for (content, text) in cases {
            assert_eq!(&message(content), text);
        }
        let late = [vec![b'a'; 9000], vec![0xff]].concat();
        assert!(message(&late).contains("in position 808:"));
    }
}
