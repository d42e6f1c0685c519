//! Cheap over-approximation: which of a jail's expressions can match a text at all.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::Regex;

/// With fewer expressions that can begin anywhere, each one's own check is cheaper.
const ENOUGH: usize = 4;

/// All expressions of a jail (or any list) in one prefilter. It may only say "certainly not".
///
/// Expressions that must match at the start of the text are chosen by its first byte; the others
/// by texts of which every match contains one, all looked for in one pass.
#[derive(Debug)]
pub struct PatternSet {
    len: usize,
    /// By first byte (256: empty text): the row of `rows` that holds the candidates.
    row_of: Box<[u16]>,
    /// Sets of indexes, a bit each.
    rows: Vec<Box<[u64]>>,
    words: Option<Words>,
}

/// The required texts of the expressions that can begin anywhere.
#[derive(Debug)]
struct Words {
    automaton: AhoCorasick,
    /// The expression that word `i` belongs to.
    owners: Vec<usize>,
    /// Bits of the expressions that have words.
    having: Box<[u64]>,
}

impl PatternSet {
    /// Builds the prefilter; indexes below are those of `patterns`.
    pub fn new(patterns: &[Regex]) -> PatternSet {
        let mut rows: Vec<Box<[u64]>> = Vec::new();
        let mut row_of = vec![0; 257].into_boxed_slice();
        for (next, row) in row_of.iter_mut().enumerate() {
            let next = u8::try_from(next).ok();
            let bits = bits(patterns.len(), |i| patterns[i].may_begin_with(next));
            let known = rows.iter().position(|known| *known == bits);
            *row = known.unwrap_or(rows.len()) as u16;
            if known.is_none() {
                rows.push(bits);
            }
        }
        PatternSet { len: patterns.len(), row_of, rows, words: Words::new(patterns) }
    }

    /// Puts the indexes, ascending, of the patterns that may match somewhere in `text` into
    /// `out`, which is cleared first. A pattern not listed certainly does not match.
    pub fn candidates(&self, text: &[u8], out: &mut Vec<usize>) {
        out.clear();
        let row = self.row_of[text.first().map_or(256, |byte| usize::from(*byte))];
        let row = &self.rows[usize::from(row)];
        match &self.words {
            None => push_bits(row.iter().copied(), out),
            Some(words) => {
                let found = words.found(text, self.len);
                let having = words.having.iter();
                let kept = row
                    .iter()
                    .zip(having)
                    .zip(found.iter())
                    .map(|((row, having), found)| row & (!having | found));
                push_bits(kept, out);
            }
        }
    }
}

impl Words {
    fn new(patterns: &[Regex]) -> Option<Words> {
        let needed = |i: usize| !patterns[i].is_anchored() && patterns[i].required().len() > 0;
        let having = bits(patterns.len(), needed);
        if having.iter().map(|word| word.count_ones() as usize).sum::<usize>() < ENOUGH {
            return None;
        }
        let (mut words, mut owners) = (Vec::new(), Vec::new());
        for i in (0..patterns.len()).filter(|i| needed(*i)) {
            for word in patterns[i].required() {
                words.push(word);
                owners.push(i);
            }
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(words)
            .ok()?;
        Some(Words { automaton, owners, having })
    }

    fn found(&self, text: &[u8], len: usize) -> Box<[u64]> {
        let mut found = vec![0_u64; len.div_ceil(64)].into_boxed_slice();
        for word in self.automaton.find_overlapping_iter(text) {
            let owner = self.owners[word.pattern().as_usize()];
            found[owner / 64] |= 1 << (owner % 64);
        }
        found
    }
}

fn bits(len: usize, wanted: impl Fn(usize) -> bool) -> Box<[u64]> {
    let mut bits = vec![0_u64; len.div_ceil(64)].into_boxed_slice();
    for i in (0..len).filter(|i| wanted(*i)) {
        bits[i / 64] |= 1 << (i % 64);
    }
    bits
}

fn push_bits(words: impl Iterator<Item = u64>, out: &mut Vec<usize>) {
    for (i, mut word) in words.enumerate() {
        while word != 0 {
            out.push(i * 64 + word.trailing_zeros() as usize);
            word &= word - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Captures, FailRegex, Flags, Origin, UseDns};
    use super::*;

    const PATTERNS: &[&str] = &[
        "^Failed (?:password|publickey) for",
        "^[aA]uthentication failure",
        r"^\s*refused",
        "error: .*? from <HOST>$",
        "(?i)denied <HOST>",
        "(?:login|logon) failed",
        "x|y",
        "bad [Rr]equest",
        "(?=z)z{2,}",
        "",
        "^$",
    ];
    const TEXTS: &[&str] = &[
        "Failed password for root\n",
        "authentication failure x\n",
        "Authentication failure\n",
        "  refused",
        "some error: a from 1.2.3.4\n",
        "DENIED host\n",
        "logon failed",
        "login  failed",
        "y",
        "a bad Request\n",
        "azz",
        "",
        "\n",
    ];

    #[test]
    fn no_match_is_left_out() {
        let patterns: Vec<Regex> = PATTERNS
            .iter()
            .map(|p| match p.is_empty() {
                true => Regex::new("", Flags::default()).unwrap(),
                false => FailRegex::new(p, UseDns::Yes, false, Origin::default()).unwrap().regex().clone(),
            })
            .collect();
        let set = PatternSet::new(&patterns);
        let (mut caps, mut candidates, mut sorted_out) = (Captures::new(), Vec::new(), 0);
        for text in TEXTS {
            set.candidates(text.as_bytes(), &mut candidates);
            assert!(candidates.is_sorted());
            for (i, pattern) in patterns.iter().enumerate() {
                let candidate = candidates.contains(&i);
                sorted_out += usize::from(!candidate);
                let matches = pattern.search(text.as_bytes(), 0, &mut caps).unwrap();
                assert!(candidate || !matches, "{:?} on {text:?}", pattern.as_str());
                assert!(pattern.may_match(text.as_bytes()) || !matches, "{:?} on {text:?}", pattern.as_str());
            }
        }
        assert!(sorted_out > TEXTS.len() * PATTERNS.len() / 2, "only {sorted_out} sorted out");
    }
}
