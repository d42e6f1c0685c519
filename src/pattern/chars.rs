//! Characters of UTF-8 text by position.

/// The character at `pos` and the position after it.
pub(super) fn char_at(text: &[u8], pos: usize) -> Option<(u32, usize)> {
    let first = *text.get(pos)?;
    if first < 0x80 {
        return Some((first.into(), pos + 1));
    }
    let next = next_char(text, pos);
    let mut code = u32::from(first) & (0x7f >> (next - pos));
    for &byte in &text[pos + 1..next] {
        code = code << 6 | u32::from(byte & 0x3f);
    }
    Some((code, next))
}

/// Position of the character after the one at `pos`, which must be inside the text.
#[inline(always)]
pub(super) fn next_char(text: &[u8], pos: usize) -> usize {
    let len = match text[pos] {
        0..=0xbf => 1,
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    };
    (pos + len).min(text.len())
}

/// Position of the character before `pos`, which must not be 0.
#[inline(always)]
pub(super) fn previous_char(text: &[u8], mut pos: usize) -> usize {
    pos -= 1;
    while pos > 0 && text[pos] & 0xc0 == 0x80 {
        pos -= 1;
    }
    pos
}
