//! A first look at a line: whether any of a jail's expressions can match it at all.

use regex_automata::util::prefilter::Prefilter;
use regex_automata::{MatchKind, Span};

use super::Regex;
use super::literal::Literal;
use super::literals::better;

/// So many texts are looked for one after the other. More, up to another number, are looked for in one go, if
/// the processor has instructions for that; else a match would take no longer.
const FEW: usize = 3;
const MOST: usize = 16;

/// Shorter texts are in most lines.
const SHORTEST: usize = 3;

/// Texts of which every line has one that a jail's expressions match.
///
/// Most lines of a log that several jails watch concern but one of them. The expressions that begin at the start
/// of a line often read half of it before they find that out.
#[derive(Debug)]
pub struct Gate(Finder);

#[derive(Debug)]
enum Finder {
    Few(Box<[Literal]>),
    Many(Prefilter),
}

impl Gate {
    /// `None` if no such texts are known, or if the expressions look for them themselves.
    ///
    /// Where there is a `prefregex`, it has to match first, and the others are searched in a part of the line, with a
    /// line feed behind it.
    pub fn new(prefregex: Option<&Regex>, failregex: &[Regex]) -> Option<Gate> {
        if !prefregex.into_iter().chain(failregex).any(Regex::is_anchored) {
            return None;
        }
        let first = prefregex.and_then(|regex| any_of([regex]));
        let texts = better(first, any_of(failregex))?;
        if texts.len() <= FEW {
            return Some(Gate(Finder::Few(texts.iter().map(|text| Literal::new(text)).collect())));
        }
        let finder = Prefilter::new(MatchKind::All, &texts).filter(Prefilter::is_fast)?;
        Some(Gate(Finder::Many(finder)))
    }

    /// `false` only if none of the expressions matches a line with this text.
    pub fn lets_through(&self, text: &[u8]) -> bool {
        match &self.0 {
            Finder::Few(texts) => texts.iter().any(|literal| literal.find(text, 0).is_some()),
            Finder::Many(finder) => finder.find(text, Span::from(0..text.len())).is_some(),
        }
    }
}

/// Texts of which one is in every match of any of the expressions.
fn any_of<'r>(regexes: impl IntoIterator<Item = &'r Regex>) -> Option<Vec<Vec<u8>>> {
    let mut texts: Vec<Vec<u8>> = Vec::new();
    for regex in regexes {
        if regex.required().len() == 0 {
            return None;
        }
        texts.extend(regex.required().map(<[u8]>::to_vec));
    }
    texts.sort();
    texts.dedup();
    let rare = |text: &Vec<u8>| text.len() >= SHORTEST && !text.contains(&b'\n');
    ((1..=MOST).contains(&texts.len()) && texts.iter().all(rare)).then_some(texts)
}

#[cfg(test)]
mod tests {
    use super::super::{Captures, Flags};
    use super::*;

    fn regex(pattern: &str) -> Regex {
        Regex::new(pattern, Flags::default()).unwrap()
    }

    #[test]
    fn what_it_stops_matches_nothing() {
        let pre = regex(r"^(?:\S+ )?(?:\w+\[\d+\]: )?(?P<content>(?:[Ll]ogin|Bad) .+)$");
        let all =
            [regex("^Login failed for .* from (?P<host>.*)$"), regex("^Bad (?:password|user) (?P<host>.*)$")];
        let gate = Gate::new(Some(&pre), &all).unwrap();
        let (mut captures, mut stopped) = (Captures::new(), 0);
        for line in [
            "host dropbear[1]: Login failed for x from 192.0.2.1",
            "host dropbear[1]: Bad password 192.0.2.1",
            "Bad password 192.0.2.1",
            "host dropbear[1]: Exit before auth",
            "host cron[1]: session opened",
            "",
        ] {
            let text = format!("{line}\n");
            let mut matches = pre.search(text.as_bytes(), 0, &mut captures).unwrap();
            if let Some((start, end)) = captures.get(1) {
                let content = format!("{}\n", &text[start..end]);
                matches &= all.iter().any(|one| one.search(content.as_bytes(), 0, &mut captures).unwrap());
            }
            assert_eq!(gate.lets_through(text.as_bytes()), matches, "{line}");
            stopped += usize::from(!matches);
        }
        assert_eq!(stopped, 3);
    }

    #[test]
    fn there_is_none_where_nothing_is_known() {
        assert!(Gate::new(None, &[regex("^(?P<host>.*)$")]).is_none());
        assert!(Gate::new(None, &[regex("^Failed (?P<host>.*)$"), regex(r"^\d+ (?P<host>.*)$")]).is_none());
        // looks for its text itself
        assert!(Gate::new(None, &[regex("Failed (?P<host>.*)$")]).is_none());
        // the line feed behind a content is not the line's
        assert!(Gate::new(Some(&regex("^.(?P<content>.*)$")), &[regex(r"^(?P<host>.*)\n")]).is_none());
    }
}
