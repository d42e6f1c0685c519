//! Log encodings: bytes become text (COMPAT §5, `logencoding`).
//!
//! UTF-8 and ASCII are checked, not converted. Of the others, those that Python programs on servers
//! meet are known: Latin-1 and its Windows sibling, UTF-16 and UTF-32.

use std::borrow::Cow;

/// An encoding that `logencoding` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Ascii,
    Latin1,
    Latin9,
    Windows1252,
    Utf16 { big: bool },
    Utf32 { big: bool },
}

/// What 0x80 … 0x9f are in Windows-1252; 0 where nothing is.
const WINDOWS: [u32; 32] = [
    0x20ac, 0, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0, 0x17d,
    0, 0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0,
    0x17e, 0x178,
];

impl Encoding {
    /// The encoding of a Python name in any spelling; `None` if it is not known here.
    pub fn parse(name: &str) -> Option<Encoding> {
        let name: String =
            name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        Some(match name.as_str() {
            "utf8" | "utf" | "u8" | "utf8sig" | "cp65001" => Encoding::Utf8,
            "ascii" | "usascii" | "646" | "ansix341968" => Encoding::Ascii,
            "latin1" | "iso88591" | "l1" | "latin" | "88591" | "cp819" => Encoding::Latin1,
            "latin9" | "iso885915" | "l9" => Encoding::Latin9,
            "cp1252" | "windows1252" | "1252" => Encoding::Windows1252,
            "utf16" | "u16" | "utf16le" => Encoding::Utf16 { big: false },
            "utf16be" => Encoding::Utf16 { big: true },
            "utf32" | "u32" | "utf32le" => Encoding::Utf32 { big: false },
            "utf32be" => Encoding::Utf32 { big: true },
            _ => return None,
        })
    }

    /// The text of a line; `false` beside it if something had to be replaced.
    pub fn decode(self, bytes: &[u8]) -> (Cow<'_, str>, bool) {
        match self {
            Encoding::Utf8 => match std::str::from_utf8(bytes) {
                Ok(text) => (Cow::Borrowed(text), true),
                Err(_) => (String::from_utf8_lossy(bytes), false),
            },
            Encoding::Ascii => match std::str::from_utf8(bytes) {
                Ok(text) if text.is_ascii() => (Cow::Borrowed(text), true),
                _ => (chars(bytes.iter().map(|&b| if b < 128 { b.into() } else { '\u{fffd}' })), false),
            },
            Encoding::Latin1 => (chars(bytes.iter().map(|&b| char::from(b))), true),
            Encoding::Latin9 => (chars(bytes.iter().map(|&b| latin9(b))), true),
            Encoding::Windows1252 => wide(bytes.iter().map(|&b| match b {
                0x80..=0x9f => char::from_u32(WINDOWS[usize::from(b) - 0x80]).filter(|&c| c != '\0'),
                _ => Some(b.into()),
            })),
            Encoding::Utf16 { big } => {
                let unit = |pair: &[u8]| {
                    let pair = [pair[0], pair[1]];
                    if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
                };
                wide(char::decode_utf16(bytes.chunks_exact(2).map(unit)).map(Result::ok))
            }
            Encoding::Utf32 { big } => wide(bytes.chunks_exact(4).map(|four| {
                let four = [four[0], four[1], four[2], four[3]];
                char::from_u32(if big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
            })),
        }
    }
}

fn latin9(byte: u8) -> char {
    match byte {
        0xa4 => '€',
        0xa6 => 'Š',
        0xa8 => 'š',
        0xb4 => 'Ž',
        0xb8 => 'ž',
        0xbc => 'Œ',
        0xbd => 'œ',
        0xbe => 'Ÿ',
        other => other.into(),
    }
}

fn chars(chars: impl Iterator<Item = char>) -> Cow<'static, str> {
    Cow::Owned(chars.collect())
}

/// Text of characters some of which could not be decoded; a byte order mark is dropped.
fn wide(chars: impl Iterator<Item = Option<char>>) -> (Cow<'static, str>, bool) {
    let mut clean = true;
    let text: String = chars
        .map(|c| {
            clean &= c.is_some();
            c.unwrap_or('\u{fffd}')
        })
        .collect();
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    (Cow::Owned(text), clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_text() {
        for (name, bytes, text, clean) in [
            ("UTF-8", "é".as_bytes(), "é", true),
            ("utf_8", b"a\xffb", "a\u{fffd}b", false),
            ("ISO-8859-1", b"\xe9", "é", true),
            ("latin9", b"\xa4", "€", true),
            ("cp1252", b"\x80\x81", "€\u{fffd}", false),
            ("UTF-16LE", b"a\0\xac\x20", "a€", true),
            ("ascii", b"a\x80", "a\u{fffd}", false),
        ] {
            let encoding = Encoding::parse(name).unwrap();
            assert_eq!(encoding.decode(bytes), (Cow::Borrowed(text), clean), "{name}");
        }
        assert_eq!(Encoding::parse("klingon"), None);
    }
}
