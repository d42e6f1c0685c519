//! Which of the buffered lines a multi-line match used, and which stay for later (COMPAT §5).

use super::MatchLine;
use crate::pattern::{Captures, FailRegex};

/// The text that regexes search: all lines without their dates, each with its line end.
pub(super) fn join(lines: &[MatchLine]) -> String {
    let mut text = String::new();
    for (i, line) in lines.iter().enumerate() {
        if i > 0 {
            text.push('\n');
        }
        let (before, _, after) = line.parts();
        text.push_str(before);
        text.push_str(after);
    }
    text.push('\n');
    text
}

/// Lines that a match covers, without those it skipped, and all other lines in the order in which
/// upstream keeps them.
pub(super) fn partition(
    lines: &[MatchLine],
    regex: &FailRegex,
    text: &str,
    captures: &Captures,
) -> (Vec<MatchLine>, Vec<MatchLine>) {
    if lines.len() <= 1 {
        return (lines.to_vec(), Vec::new());
    }
    let (start, end) = captures.get(0).unwrap_or((0, 0));
    let count = |upto: usize| text.as_bytes()[..upto].iter().filter(|&&b| b == b'\n').count();
    let first_byte = text.as_bytes()[..(start + 1).min(text.len())]
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |at| at + 1);
    let from_end = end.saturating_sub(1).min(text.len());
    let last_byte = text.as_bytes()[from_end..]
        .iter()
        .position(|&b| b == b'\n')
        .map_or(text.len(), |at| from_end + at + 1);
    let first = count(first_byte).min(lines.len());
    let last = count(last_byte).clamp(first, lines.len());
    let mut matched = lines[first..last].to_vec();
    let mut rest = lines[..first].to_vec();
    take_skipped(&mut matched, &mut rest, &regex.skipped_lines(text, captures));
    rest.extend_from_slice(&lines[last..]);
    (matched, rest)
}

fn take_skipped(matched: &mut Vec<MatchLine>, rest: &mut Vec<MatchLine>, skipped: &[&str]) {
    let mut from = 0;
    for skipped in skipped {
        let found = matched.iter().skip(from).position(|line| line.undated() == *skipped);
        if let Some(offset) = found {
            rest.push(matched.remove(from + offset));
            from += offset;
        }
    }
}
