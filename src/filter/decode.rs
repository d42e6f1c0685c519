//! Log encodings: bytes become text (COMPAT §5, `logencoding`).
//!
//! UTF-8 and ASCII are checked, not converted. Of the others, all of Python's that have one byte per character with
//! ASCII as the lower half are known, and UTF-16 and UTF-32.

mod single_byte;

use std::borrow::Cow;

use crate::value::Value;
use single_byte::SingleByte;

/// An encoding that `logencoding` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    /// With a byte order mark in front, which is dropped.
    Utf8Marked,
    Ascii,
    Latin1,
    SingleByte(&'static SingleByte),
    /// `marked`: a byte order mark in front is dropped.
    Utf16 {
        big: bool,
        marked: bool,
    },
    Utf32 {
        big: bool,
        marked: bool,
    },
}

const MARK: char = '\u{feff}';

impl Encoding {
    /// The encoding of a Python name in any spelling; `None` if it is not known here.
    pub fn parse(name: &str) -> Option<Encoding> {
        let name = normal(name);
        Some(match name.as_str() {
            "utf_8" | "utf8" | "utf" | "u8" | "utf8_ucs2" | "utf8_ucs4" | "cp65001" => Encoding::Utf8,
            "utf_8_sig" => Encoding::Utf8Marked,
            "ascii" | "646" | "us_ascii" | "us" | "ansi_x3.4_1968" | "ansi_x3_4_1968" | "ansi_x3.4_1986"
            | "cp367" | "csascii" | "ibm367" | "iso646_us" | "iso_646.irv_1991" | "iso_ir_6" => {
                Encoding::Ascii
            }
            "latin_1" | "latin1" | "latin" | "l1" | "8859" | "iso8859" | "iso8859_1" | "iso_8859_1"
            | "iso_8859_1_1987" | "iso_ir_100" | "cp819" | "ibm819" | "csisolatin1" => Encoding::Latin1,
            "utf_16" | "utf16" | "u16" => Encoding::Utf16 { big: false, marked: true },
            "utf_16_le" | "utf_16le" | "unicodelittleunmarked" => {
                Encoding::Utf16 { big: false, marked: false }
            }
            "utf_16_be" | "utf_16be" | "unicodebigunmarked" => Encoding::Utf16 { big: true, marked: false },
            "utf_32" | "utf32" | "u32" => Encoding::Utf32 { big: false, marked: true },
            "utf_32_le" | "utf_32le" => Encoding::Utf32 { big: false, marked: false },
            "utf_32_be" | "utf_32be" => Encoding::Utf32 { big: true, marked: false },
            name => Encoding::SingleByte(SingleByte::find(name)?),
        })
    }

    /// Whether bytes that are valid UTF-8 are their own text: of all ASCII, or in any case.
    pub fn is_utf8(self, is_ascii: bool) -> bool {
        match self {
            Encoding::Utf8 => true,
            Encoding::Ascii => is_ascii,
            _ => false,
        }
    }

    /// The text of a line; `false` beside it if something had to be replaced.
    pub fn decode(self, bytes: &[u8]) -> (Cow<'_, str>, bool) {
        match self {
            Encoding::Utf8 => match std::str::from_utf8(bytes) {
                Ok(text) => (Cow::Borrowed(text), true),
                Err(_) => (String::from_utf8_lossy(bytes), false),
            },
            Encoding::Utf8Marked => {
                Encoding::Utf8.decode(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
            }
            Encoding::Ascii => match std::str::from_utf8(bytes) {
                Ok(text) if text.is_ascii() => (Cow::Borrowed(text), true),
                _ => collect(bytes.iter().map(|&byte| byte.is_ascii().then_some(byte.into()))),
            },
            Encoding::Latin1 => collect(bytes.iter().map(|&byte| Some(byte.into()))),
            Encoding::SingleByte(encoding) => collect(bytes.iter().map(|&byte| encoding.char(byte))),
            Encoding::Utf16 { big, marked } => {
                let unit = |pair: &[u8]| {
                    let pair = [pair[0], pair[1]];
                    if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
                };
                let chars = char::decode_utf16(bytes.chunks_exact(2).map(unit)).map(Result::ok);
                unmarked(marked, collect(chars.chain((bytes.len() % 2 > 0).then_some(None))))
            }
            Encoding::Utf32 { big, marked } => {
                let chars = bytes.chunks_exact(4).map(|four| {
                    let four = [four[0], four[1], four[2], four[3]];
                    char::from_u32(if big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
                });
                unmarked(marked, collect(chars.chain((bytes.len() % 4 > 0).then_some(None))))
            }
        }
    }

    /// The bytes of a text, without the characters that the encoding does not have.
    pub fn encode(self, text: &str) -> Vec<u8> {
        let mark = matches!(self, Encoding::Utf8Marked)
            || matches!(self, Encoding::Utf16 { marked, .. } | Encoding::Utf32 { marked, .. } if marked);
        mark.then_some(MARK).into_iter().chain(text.chars()).flat_map(|c| self.bytes_of(c)).collect()
    }

    fn bytes_of(self, c: char) -> Vec<u8> {
        let order = |big: bool, mut unit: Vec<u8>| {
            if !big {
                unit.reverse();
            }
            unit
        };
        match self {
            Encoding::Utf8 | Encoding::Utf8Marked => c.to_string().into_bytes(),
            Encoding::Ascii => u8::try_from(c).ok().filter(u8::is_ascii).into_iter().collect(),
            Encoding::Latin1 => u8::try_from(c).into_iter().collect(),
            Encoding::SingleByte(encoding) => encoding.byte(c).into_iter().collect(),
            Encoding::Utf16 { big, .. } => {
                let units = c.encode_utf16(&mut [0; 2]).to_vec();
                units.into_iter().flat_map(|unit| order(big, unit.to_be_bytes().to_vec())).collect()
            }
            Encoding::Utf32 { big, .. } => order(big, u32::from(c).to_be_bytes().to_vec()),
        }
    }
}

/// A name as Python looks it up: lower case, with one underscore for what stands between words.
fn normal(name: &str) -> String {
    let words = name.split(|c: char| !(c.is_alphanumeric() || c == '.')).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_lowercase()
}

/// What the log says when a line of the file `path` cannot be decoded.
pub fn warnings(path: &str, encoding: &str, line: &[u8]) -> [String; 2] {
    [
        format!("Error decoding line from '{path}' with '{encoding}'."),
        format!(
            "Consider setting logencoding to appropriate encoding for this jail. Continuing to process line \
             ignoring invalid characters: {}",
            Value::Bytes(line.to_owned())
        ),
    ]
}

/// Text of characters, some of which perhaps could not be decoded.
fn collect(chars: impl Iterator<Item = Option<char>>) -> (Cow<'static, str>, bool) {
    let mut clean = true;
    let text = chars.map(|c| {
        clean &= c.is_some();
        c.unwrap_or(char::REPLACEMENT_CHARACTER)
    });
    (Cow::Owned(text.collect()), clean)
}

fn unmarked(marked: bool, (text, clean): (Cow<'static, str>, bool)) -> (Cow<'static, str>, bool) {
    match text.strip_prefix(MARK).filter(|_| marked) {
        Some(rest) => (Cow::Owned(rest.to_owned()), clean),
        None => (text, clean),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_text() {
        for (name, bytes, text, clean) in [
            ("UTF-8", "é".as_bytes(), "é", true),
            ("utf_8", b"a\xffb", "a\u{fffd}b", false),
            ("utf-8-sig", b"\xef\xbb\xbfa", "a", true),
            ("ISO-8859-1", b"\xe9", "é", true),
            ("latin9", b"\xa4", "€", true),
            ("cp1252", b"\x80\x81", "€\u{fffd}", false),
            ("Windows-1251", b"\xcf\xf0", "Пр", true),
            ("UTF-16LE", b"a\0\xac\x20", "a€", true),
            ("UTF-16", b"\xff\xfea\0", "a", true),
            ("UTF-16LE", b"\xff\xfea\0b", "\u{feff}a\u{fffd}", false),
            ("UTF-32BE", b"\0\0\0a", "a", true),
            ("ascii", b"a\x80", "a\u{fffd}", false),
        ] {
            let encoding = Encoding::parse(name).unwrap();
            assert_eq!(encoding.decode(bytes), (Cow::Borrowed(text), clean), "{name}");
        }
        assert_eq!(Encoding::parse("klingon"), None);
        assert_eq!(Encoding::parse("koi8r"), None, "Python does not know it either");
    }

    #[test]
    fn text_becomes_bytes() {
        for (name, bytes) in [
            ("utf-8", "aé€".as_bytes()),
            ("ascii", b"a"),
            ("latin1", b"a\xe9"),
            ("cp1252", b"a\xe9\x80"),
            ("utf-16", b"\xff\xfea\0\xe9\0\xac\x20"),
            ("utf-32be", b"\0\0\0a\0\0\0\xe9\0\0\x20\xac"),
        ] {
            assert_eq!(Encoding::parse(name).unwrap().encode("aé€"), bytes, "{name}");
        }
    }

    #[test]
    fn warnings_quote_as_they_are() {
        let [first, second] = warnings("/a'b", "UTF-8", b"\xff'\n");
        assert_eq!(first, "Error decoding line from '/a'b' with 'UTF-8'.");
        assert!(second.ends_with("invalid characters: b\"\\xff'\\n\""), "{second}");
    }
}
