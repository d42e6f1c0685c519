//! Where a line ends, and taking a block of bytes apart.

use memchr::memchr;

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

    /// Number of lines of a block of complete lines.
    pub fn count(self, block: &[u8]) -> usize {
        match self {
            LineEnd::Byte => memchr::memchr_iter(b'\n', block).count(),
            _ => split(block, self).count(),
        }
    }
}

/// The lines of a block of complete lines, each without its end (line feed, and carriage returns
/// before it) and without leading NULs (the hole that a writer leaves which goes on at its old
/// offset after its file was truncated). An encoding other than ASCII's kind keeps both.
pub fn split(block: &[u8], line_end: LineEnd) -> Lines<'_> {
    Lines { rest: block, line_end }
}

/// Iterator of [`split`].
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    rest: &'a [u8],
    line_end: LineEnd,
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let length = self.line_end.first(self.rest).unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(if self.line_end == LineEnd::Byte { trim(line) } else { line })
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
