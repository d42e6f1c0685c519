//! Where a line ends, and taking a block of bytes apart.

use memchr::memchr;

use crate::system::text::ascii;

/// What ends a line in a log encoding. The byte 0x0A alone is not enough where a character has
/// several bytes, each of any value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineEnd {
    /// 0x0A: ASCII, UTF-8, all ISO-8859, all CJK encodings.
    #[default]
    Byte,
    /// 0x0A 0x00 at an even distance from the start of the line: UTF-16 little endian.
    Utf16Le,
    /// 0x00 0x0A at an even distance: UTF-16 big endian.
    Utf16Be,
    /// 0x0A 0x00 0x00 0x00 at a multiple of four.
    Utf32Le,
    /// 0x00 0x00 0x00 0x0A at a multiple of four.
    Utf32Be,
}

impl LineEnd {
    /// The line end of an encoding by its Python name, e.g. `UTF-8`, `utf_16le`, `utf-16` (read as little endian).
    pub fn of_encoding(name: &str) -> LineEnd {
        let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        match name.to_ascii_lowercase().as_str() {
            "utf16" | "u16" | "utf16le" | "unicodelittleunmarked" => LineEnd::Utf16Le,
            "utf16be" | "unicodebigunmarked" => LineEnd::Utf16Be,
            "utf32" | "u32" | "utf32le" => LineEnd::Utf32Le,
            "utf32be" => LineEnd::Utf32Be,
            _ => LineEnd::Byte,
        }
    }

    /// Bytes of the shortest character.
    fn unit(self) -> usize {
        match self {
            LineEnd::Byte => 1,
            LineEnd::Utf16Le | LineEnd::Utf16Be => 2,
            LineEnd::Utf32Le | LineEnd::Utf32Be => 4,
        }
    }

    /// A line feed in this encoding.
    fn feed(self) -> &'static [u8] {
        match self {
            LineEnd::Byte => b"\n",
            LineEnd::Utf16Le => b"\n\0",
            LineEnd::Utf16Be => b"\0\n",
            LineEnd::Utf32Le => b"\n\0\0\0",
            LineEnd::Utf32Be => b"\0\0\0\n",
        }
    }

    /// Length of the first line of `text` with its end; `None` if it has no end. `text` starts at the start of a line.
    pub fn first(self, text: &[u8]) -> Option<usize> {
        let (unit, feed) = (self.unit(), self.feed());
        if unit == 1 {
            return memchr(b'\n', text).map(|at| at + 1);
        }
        text.chunks_exact(unit).position(|c| c == feed).map(|n| (n + 1) * unit)
    }

    /// Length of all complete lines of `text`; 0 if there is none. `text` starts at the start of a line.
    pub fn last(self, text: &[u8]) -> usize {
        let (unit, feed) = (self.unit(), self.feed());
        if unit == 1 {
            return memchr::memrchr(b'\n', text).map_or(0, |at| at + 1);
        }
        text.chunks_exact(unit).rposition(|c| c == feed).map_or(0, |n| (n + 1) * unit)
    }

    /// Length of the lines that start before offset `at` of `block`, complete lines.
    pub fn from(self, block: &[u8], at: usize) -> usize {
        let unit = self.unit();
        let at = at.next_multiple_of(unit);
        if at >= block.len() {
            return block.len();
        }
        // The line that holds the unit before `at` is the last one.
        let before = at.saturating_sub(unit);
        before + self.first(&block[before..]).unwrap_or(block.len() - before)
    }

    /// Writes a line end over the last bytes of a line that was cut.
    pub fn terminate(self, line: &mut [u8]) {
        let whole = line.len() - line.len() % self.unit();
        let feed = self.feed();
        line[whole - feed.len()..whole].copy_from_slice(feed);
    }
}

/// Complete lines of a file, taken apart and checked once for all jails that read them.
#[derive(Clone, Copy, Debug)]
pub struct Block<'b> {
    bytes: &'b [u8],
    line_end: LineEnd,
    /// Where each of its lines ends, line end included.
    ends: &'b [u32],
    text: Option<&'b str>,
    is_ascii: bool,
}

impl<'b> Block<'b> {
    /// Takes `bytes`, less than 4 GiB, apart; `ends` is memory for that.
    pub fn new(bytes: &'b [u8], line_end: LineEnd, ends: &'b mut Vec<u32>) -> Block<'b> {
        ends.clear();
        let (text, is_ascii) = if line_end == LineEnd::Byte {
            let ascii = ascii(bytes, b'\n', |at| ends.push(at as u32 + 1));
            (ascii.or_else(|| std::str::from_utf8(bytes).ok()), ascii.is_some())
        } else {
            let mut end = 0;
            while let Some(length) = line_end.first(&bytes[end..]) {
                end += length;
                ends.push(end as u32);
            }
            (None, false)
        };
        if ends.last().map_or(0, |end| *end as usize) < bytes.len() {
            ends.push(bytes.len() as u32);
        }
        Block { bytes, line_end, ends, text, is_ascii }
    }

    /// Its size in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// How many lines it has.
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// Whether all of it is ASCII, with line feeds of one byte.
    pub fn is_ascii(&self) -> bool {
        self.is_ascii
    }

    /// The lines without their ends (line feed, and carriage returns before it) and without leading NULs (the hole that a
    /// writer leaves which goes on at its old offset after its file was truncated). An encoding other than ASCII's kind
    /// keeps both.
    pub fn lines(&self) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        let (bytes, line_end) = (self.bytes, self.line_end);
        self.spans().map(move |(start, end)| match line_end {
            LineEnd::Byte => trim(&bytes[start..end]),
            _ => &bytes[start..end],
        })
    }

    /// The lines as text, without leading NULs, but with their line feeds, which spares the filter a copy. `None` if it is
    /// no UTF-8.
    pub fn text_lines(&self) -> Option<impl Iterator<Item = &'b str> + use<'b>> {
        let text = self.text?;
        Some(self.spans().map(move |(start, end)| {
            let line = &text[start..end];
            if line.starts_with('\0') { line.trim_start_matches('\0') } else { line }
        }))
    }

    fn spans(&self) -> impl Iterator<Item = (usize, usize)> + use<'b> {
        let mut start = 0;
        self.ends.iter().map(move |end| (std::mem::replace(&mut start, *end as usize), *end as usize))
    }
}

fn trim(mut line: &[u8]) -> &[u8] {
    while let [rest @ .., b'\r' | b'\n'] = line {
        line = rest;
    }
    while let [0, rest @ ..] = line {
        line = rest;
    }
    line
}
