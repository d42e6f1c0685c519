//! Bytes and numbers in the words of the machine: where a processor of 32 bits, or its C library, needs many steps for
//! what looks like one.

/// Bytes of a word.
pub const WORD: usize = size_of::<usize>();
/// Words that are looked at together.
pub const GROUP: usize = 4;
/// The lowest, and the highest bit of each byte of a word.
pub const LOW: usize = usize::MAX / 0xff;
pub const HIGH: usize = LOW << 7;

/// The first bytes as a number, the first one the lowest.
#[inline]
pub fn word(bytes: &[u8]) -> usize {
    bytes.first_chunk().map_or(0, |bytes| usize::from_le_bytes(*bytes))
}

/// Whether bytes are equal. The C library finds out quickly, but not every one.
#[inline]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    match cfg!(target_env = "musl") {
        true => a.len() == b.len() && equal_by_words(a, b),
        false => a == b,
    }
}

/// The same for bytes of the same length; those that are compared are nearly always equal, so there is no way out before
/// their end.
#[inline(never)]
fn equal_by_words(a: &[u8], b: &[u8]) -> bool {
    let differences = |a: &[u8], b: &[u8]| {
        let words = a.chunks_exact(WORD).zip(b.chunks_exact(WORD));
        words.fold(0, |differences, (a, b)| differences | (word(a) ^ word(b)))
    };
    let (groups_a, groups_b) = (a.chunks_exact(GROUP * WORD), b.chunks_exact(GROUP * WORD));
    let mut all = differences(groups_a.remainder(), groups_b.remainder());
    for (a, b) in groups_a.zip(groups_b) {
        all |= differences(a, b);
    }
    match (a.last_chunk::<WORD>(), b.last_chunk::<WORD>()) {
        // may overlap the word before
        (Some(last_a), Some(last_b)) => all | (word(last_a) ^ word(last_b)) == 0,
        _ => a.iter().zip(b).all(|(a, b)| a == b),
    }
}

/// The first place of a byte, which is not far away.
#[inline]
pub fn find(byte: u8, bytes: &[u8]) -> Option<usize> {
    // what every such processor has, without asking for more: that takes longer than it spares
    #[cfg(target_arch = "x86_64")]
    if let Some(this) = memchr::arch::x86_64::sse2::memchr::One::new(byte) {
        return this.find(bytes);
    }
    match cfg!(target_pointer_width = "32") {
        true => find_by_words(byte, bytes),
        false => memchr::memchr(byte, bytes),
    }
}

#[inline(never)]
fn find_by_words(byte: u8, bytes: &[u8]) -> Option<usize> {
    let wanted = LOW * usize::from(byte);
    let mut start = 0;
    for group in bytes.chunks_exact(GROUP * WORD) {
        // a high bit where a byte becomes zero, and borrows (and in a higher one, perhaps)
        let hint = group.chunks_exact(WORD).fold(0, |hint, bytes| {
            let word = word(bytes) ^ wanted;
            hint | (word.wrapping_sub(LOW) & !word)
        });
        if hint & HIGH != 0 {
            break;
        }
        start += group.len();
    }
    let words = bytes[start..].chunks_exact(WORD);
    let rest = words.remainder();
    for bytes in words {
        let found = zeros(word(bytes) ^ wanted);
        if found != 0 {
            return Some(start + first_zero(found));
        }
        start += WORD;
    }
    Some(start + rest.iter().position(|other| *other == byte)?)
}

/// The high bits of those bytes of a word that are zero.
#[inline]
pub fn zeros(word: usize) -> usize {
    !(((word & !HIGH) + !HIGH) | word) & HIGH
}

/// Which byte of a word is the first one whose high bit is set here.
#[inline]
pub fn first_zero(zeros: usize) -> usize {
    zeros.trailing_zeros() as usize / 8
}

/// A number that nearly always fits into 32 bits, for which there is an instruction everywhere.
#[inline]
pub fn float(number: i64) -> f64 {
    match i32::try_from(number) {
        Ok(number) => f64::from(number),
        Err(_) => float_of_many_bits(number),
    }
}

/// A function of its own, because the compiler would rather do both and choose.
#[cold]
#[inline(never)]
fn float_of_many_bits(number: i64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_is_found() {
        let text: Vec<u8> = (0..=255).rev().cycle().take(600).collect();
        for start in 0..300 {
            for byte in 0..=255 {
                for text in [&text[start..], &text[start..start + 30], &text[start..start]] {
                    let expected = text.iter().position(|other| *other == byte);
                    assert_eq!((find(byte, text), find_by_words(byte, text)), (expected, expected));
                }
            }
        }
    }

    #[test]
    fn bytes_are_equal_if_all_are() {
        let text: Vec<u8> = (0..80).collect();
        for length in 0..text.len() {
            assert!(equal_by_words(&text[..length], &text[..length]));
            for at in 0..length {
                let mut other = text[..length].to_vec();
                other[at] ^= 1;
                assert!(!equal_by_words(&text[..length], &other), "{length} {at}");
            }
        }
        assert!(!equal(&text, &text[1..]));
    }

    #[test]
    fn numbers_are_the_same() {
        for number in [0, 1, -1, i64::from(i32::MAX), i64::from(i32::MAX) + 1, i64::MIN, i64::MAX] {
            assert_eq!(float(number), number as f64);
        }
    }
}
