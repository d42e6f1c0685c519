//! White space and lines as Python's `str` understands them.

use ecow::EcoString;

/// White space of `str.strip` and `\s`: Unicode's, and the four ASCII separators.
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// `str.strip`.
pub fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// `str.rstrip`.
pub fn strip_end(text: &str) -> &str {
    text.trim_end_matches(is_space)
}

/// The text to be shared, copied at once: `EcoString::from` copies byte by byte.
pub fn shared(text: &str) -> EcoString {
    let mut shared = EcoString::with_capacity(text.len());
    shared.push_str(text);
    shared
}

/// Whether a line may end with this character; CR and LF together are one end.
fn ends_line(c: char) -> bool {
    matches!(c, '\n'..='\r' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// `str.splitlines(True)`: lines with their ends.
pub fn lines_with_ends(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if ends_line(c) && !(c == '\r' && chars.peek().is_some_and(|&(_, next)| next == '\n')) {
            lines.push(&text[start..at + c.len_utf8()]);
            start = at + c.len_utf8();
        }
    }
    if start < text.len() {
        lines.push(&text[start..]);
    }
    lines
}

/// `str.splitlines()`: lines without their ends.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    lines_with_ends(text).into_iter().map(|line| {
        let bare = line.strip_suffix(ends_line).unwrap_or(line);
        if line.ends_with("\r\n") { &bare[..bare.len() - 1] } else { bare }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_many_characters() {
        let text = "a\r\nb\rc\x0bd\x1ce\u{85}f\u{2028}\n\ng";
        assert_eq!(lines(text).collect::<Vec<_>>(), ["a", "b", "c", "d", "e", "f", "", "", "g"]);
        assert_eq!(lines_with_ends("a\r\n\nb"), ["a\r\n", "\n", "b"]);
        assert_eq!(lines("a\n").collect::<Vec<_>>(), ["a"]);
        assert_eq!(lines("a\r\n\r").collect::<Vec<_>>(), ["a", ""]);
    }

    #[test]
    fn separators_are_space() {
        assert_eq!(strip("\x1c\u{85} a\u{2028}\u{200b}\x1f\t"), "a\u{2028}\u{200b}");
        assert_eq!(strip_end(" a\x1e\u{a0}"), " a");
    }
}
