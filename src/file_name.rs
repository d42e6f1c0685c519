//! Names of files as text. Bytes that are not UTF-8 become stand-ins, as Python has lone surrogates for them
//! (`os.fsdecode`): such a name can be read, shown, sent and opened like any other.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// Stands for the byte 0x80; the others follow. The last characters of Unicode are for private use.
const FIRST: u32 = 0x10ff80;

/// Python's surrogate for the byte 0x80.
const FIRST_SURROGATE: u32 = 0xdc80;

fn stand_in(byte: u8) -> char {
    char::from_u32(FIRST + u32::from(byte & 0x7f)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The byte that a character stands for.
fn byte_of(c: char) -> Option<u8> {
    let at = u32::from(c).checked_sub(FIRST)?;
    u8::try_from(at).ok().map(|at| at | 0x80)
}

/// Python's surrogate that a character stands for, e.g. 0xdcff.
pub fn surrogate(c: char) -> Option<u32> {
    byte_of(c).map(|byte| FIRST_SURROGATE + u32::from(byte & 0x7f))
}

/// The character for one of Python's surrogates.
pub fn of_surrogate(code: u32) -> Option<char> {
    (FIRST_SURROGATE..FIRST_SURROGATE + 0x80).contains(&code).then(|| stand_in((code & 0xff) as u8))
}

/// Python's `os.fsdecode`.
pub fn decode(name: &OsStr) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            match byte_of(c) {
                // A name may really contain the character: its bytes are kept one by one.
                Some(_) => text.extend(c.encode_utf8(&mut [0; 4]).bytes().map(stand_in)),
                None => text.push(c),
            }
        }
        text.extend(chunk.invalid().iter().map(|&byte| stand_in(byte)));
    }
    text
}

/// Python's `os.fsencode`.
pub fn encode(text: &str) -> PathBuf {
    if text.is_ascii() {
        return PathBuf::from(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match byte_of(c) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    OsString::from_vec(bytes).into()
}

/// The text as Python writes it to the console: `\udcff` for a byte.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| byte_of(c).is_some()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    for c in text.chars() {
        match surrogate(c) {
            Some(code) => out.push_str(&format!("\\u{code:04x}")),
            None => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_comes_back() {
        let names: [&[u8]; 4] = [b"plain", "ä".as_bytes(), b"a\xff\x80\xc3", "\u{10ffff}x".as_bytes()];
        for name in names {
            let text = decode(OsStr::from_bytes(name));
            assert_eq!(encode(&text).as_os_str().as_bytes(), name, "{text:?}");
        }
    }

    #[test]
    fn bytes_are_shown_as_surrogates() {
        assert_eq!(shown(&decode(OsStr::from_bytes(b"a\xff.log"))), "a\\udcff.log");
        assert_eq!(of_surrogate(0xdcff), Some('\u{10ffff}'));
        assert_eq!(of_surrogate(0xd800), None);
    }
}
