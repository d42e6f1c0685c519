//! The encodings of `single_byte.txt`.

use std::sync::OnceLock;

/// An encoding of one byte per character, the lower half ASCII.
#[derive(Debug, PartialEq, Eq)]
pub struct SingleByte {
    names: Vec<&'static str>,
    /// The characters of the bytes from 80; `None` where there is none.
    upper: Vec<Option<char>>,
}

impl SingleByte {
    /// The encoding of a normalised name.
    pub fn find(name: &str) -> Option<&'static SingleByte> {
        static ALL: OnceLock<Vec<SingleByte>> = OnceLock::new();
        ALL.get_or_init(|| read(include_str!("single_byte.txt"))).iter().find(|it| it.names.contains(&name))
    }

    pub fn char(&self, byte: u8) -> Option<char> {
        match byte.checked_sub(0x80) {
            None => Some(byte.into()),
            Some(at) => self.upper[usize::from(at)],
        }
    }

    /// The byte of a character.
    pub fn byte(&self, c: char) -> Option<u8> {
        (0..=u8::MAX).find(|&byte| self.char(byte) == Some(c))
    }
}

/// The file: a line of names, then indented lines of characters.
fn read(text: &'static str) -> Vec<SingleByte> {
    let mut all: Vec<SingleByte> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match (line.strip_prefix('\t'), all.last_mut()) {
            (Some(chars), Some(last)) => last.upper.extend(chars.split(' ').flat_map(run)),
            _ => all.push(SingleByte { names: line.split(' ').collect(), upper: Vec::with_capacity(128) }),
        }
    }
    all
}

/// `HEX`, `HEX*N`, `-` or `-*N`.
fn run(text: &str) -> impl Iterator<Item = Option<char>> {
    let (first, count) = text.split_once('*').unwrap_or((text, "1"));
    let first = u32::from_str_radix(first, 16).ok();
    (0..count.parse().unwrap_or(1)).map(move |n| char::from_u32(first? + n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_of_the_file_is_whole() {
        for encoding in read(include_str!("single_byte.txt")) {
            assert_eq!(encoding.upper.len(), 128, "{:?}", encoding.names);
        }
        let cyrillic = SingleByte::find("windows_1251").expect("it is in the file");
        assert_eq!(
            (cyrillic.char(b'a'), cyrillic.char(0xc0), cyrillic.char(0x98)),
            (Some('a'), Some('А'), None)
        );
        assert_eq!((cyrillic.byte('Я'), cyrillic.byte('é')), (Some(0xdf), None));
    }
}
