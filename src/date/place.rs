//! Where the last date stood in its line, in Python's positions.

/// Where the last match stood, and what stood around it. Positions count characters, as in Python.
#[derive(Clone, Debug)]
pub(super) struct Last {
    pub template: usize,
    pub start: usize,
    pub end: usize,
    /// The characters before and at the start.
    around_start: [Option<char>; 2],
    /// The characters before and at the end.
    around_end: [Option<char>; 2],
}

impl Last {
    /// A match of a template; `None` if there is no character at its start or before its end.
    pub(super) fn new(text: &Text<'_>, template: usize, start: usize, end: usize) -> Option<Last> {
        // before the start of the line Python's index -1 finds the last character
        let before_end = if end == 0 { text.chars().checked_sub(1)? } else { end - 1 };
        Some(Last {
            template,
            start,
            end,
            around_start: [text.before(start), Some(text.at(start)?)],
            around_end: [Some(text.at(before_end)?), text.at(end)],
        })
    }

    /// Outside of the old place stand the same characters; inside they need only be the same if they are
    /// letters or digits.
    pub(super) fn neighbours_fit(&self, text: &Text<'_>) -> bool {
        let same_sign =
            |now: Option<char>, then: Option<char>| now == then && !then.is_some_and(char::is_alphanumeric);
        let [before, at] = self.around_start;
        let [inside, after] = self.around_end;
        (text.before(self.start) == before || same_sign(text.at(self.start), at))
            && (text.at(self.end) == after || same_sign(text.before(self.end), inside))
    }
}

/// A line with Python's positions, which count characters.
pub(super) struct Text<'l> {
    pub bytes: &'l [u8],
    /// Characters are bytes.
    pub ascii: bool,
}

impl<'l> Text<'l> {
    pub(super) fn new(bytes: &'l [u8]) -> Self {
        Text { bytes, ascii: bytes.is_ascii() }
    }

    /// Length in characters.
    pub(super) fn chars(&self) -> usize {
        self.index_of(self.bytes.len())
    }

    /// The byte at which a character starts; the end for those beyond.
    pub(super) fn byte_of(&self, index: usize) -> usize {
        match self.ascii {
            true => index.min(self.bytes.len()),
            false => self.starts().nth(index).unwrap_or(self.bytes.len()),
        }
    }

    /// The number of characters before a byte.
    pub(super) fn index_of(&self, byte: usize) -> usize {
        if self.ascii { byte } else { self.starts().take_while(|start| *start < byte).count() }
    }

    /// Where characters start.
    fn starts(&self) -> impl Iterator<Item = usize> + '_ {
        self.bytes.iter().enumerate().filter(|(_, b)| (**b & 0xc0) != 0x80).map(|(i, _)| i)
    }

    fn at(&self, index: usize) -> Option<char> {
        let start = self.byte_of(index);
        let end = self.byte_of(index + 1);
        let bytes = self.bytes.get(start..end)?;
        std::str::from_utf8(bytes).ok()?.chars().next()
    }

    /// The character before a position; none before the first.
    fn before(&self, index: usize) -> Option<char> {
        self.at(index.checked_sub(1)?)
    }
}
