//! Texts of which every match contains at least one.

use super::ast::{Fold, Item, Node, Repeat, Set};
use super::charset::Class;

/// At most so many texts are kept as alternatives.
const MOST: usize = 16;

/// Texts worth looking for: every match contains one of them. Empty if none is known.
pub(super) fn required(root: &Node) -> Vec<Vec<u8>> {
    let found = of(root);
    found.any_of().unwrap_or_default()
}

/// What is known of the texts that a node matches.
#[derive(Clone, Default)]
struct Known {
    /// All of them, if they are few.
    exact: Option<Vec<Vec<u8>>>,
    /// Each contains one of these.
    contains: Option<Vec<Vec<u8>>>,
}

impl Known {
    fn exactly(texts: Vec<Vec<u8>>) -> Known {
        Known { exact: Some(texts), contains: None }
    }

    fn nothing_read() -> Known {
        Known::exactly(vec![Vec::new()])
    }

    /// The better of what is known, as alternatives of which each match contains one.
    fn any_of(self) -> Option<Vec<Vec<u8>>> {
        better(self.exact.filter(|texts| is_useful(texts)), self.contains)
    }
}

fn is_useful(texts: &[Vec<u8>]) -> bool {
    !texts.is_empty() && texts.iter().all(|text| !text.is_empty())
}

/// The rarer one.
pub(super) fn better(a: Option<Vec<Vec<u8>>>, b: Option<Vec<Vec<u8>>>) -> Option<Vec<Vec<u8>>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if score(&b) > score(&a) { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// How rare the alternatives are in logs, about: that of the most frequent one, less for many.
fn score(texts: &[Vec<u8>]) -> usize {
    let rarity = |byte: &u8| match byte {
        b' ' | b'0'..=b'9' => 1,
        b'a'..=b'z' | b'.' | b':' | b'-' => 2,
        _ => 4,
    };
    let of_text = |text: &Vec<u8>| text.iter().take(12).map(rarity).sum::<usize>();
    texts.iter().map(of_text).min().unwrap_or(0) * 4 / (3 + texts.len())
}

fn of(node: &Node) -> Known {
    match node {
        Node::Concat(nodes) => concat(nodes),
        Node::Alternate(nodes) => alternate(nodes.iter().map(of)),
        Node::Class(set) => Known { exact: few_members(set), contains: None },
        Node::Any(_) | Node::Backref(..) => Known::default(),
        Node::At(..) | Node::Look(_) => Known::nothing_read(),
        Node::Capture(_, inner) | Node::Atomic(inner) => of(inner),
        Node::Repeat(repeat) => repeated(repeat),
        Node::Conditional(_, yes, no) => alternate([of(yes), of(no)].into_iter()),
    }
}

fn concat(nodes: &[Node]) -> Known {
    let mut contains = None;
    let mut current = vec![Vec::new()];
    let mut whole = true;
    for node in nodes {
        let known = of(node);
        match known.exact {
            Some(texts) if texts.len() * current.len() <= MOST => current = joined(&current, &texts),
            exact => {
                whole = false;
                contains = better(contains, Some(current).filter(|texts| is_useful(texts)));
                contains = better(contains, known.contains);
                current = exact.unwrap_or_else(|| vec![Vec::new()]);
            }
        }
    }
    match whole {
        true => Known::exactly(current),
        false => {
            let last = Some(current).filter(|texts| is_useful(texts));
            Known { exact: None, contains: better(contains, last) }
        }
    }
}

fn joined(heads: &[Vec<u8>], tails: &[Vec<u8>]) -> Vec<Vec<u8>> {
    heads.iter().flat_map(|head| tails.iter().map(|tail| [head.as_slice(), tail].concat())).collect()
}

fn alternate(ways: impl Iterator<Item = Known>) -> Known {
    let ways: Vec<Known> = ways.collect();
    let exact: Option<Vec<_>> = ways.iter().map(|way| way.exact.clone()).collect();
    if let Some(texts) = exact.map(|texts| texts.concat()).filter(|texts| texts.len() <= MOST) {
        return Known::exactly(texts);
    }
    let contains: Option<Vec<_>> = ways.into_iter().map(Known::any_of).collect();
    let contains = contains.map(|texts| texts.concat()).filter(|texts| texts.len() <= MOST);
    Known { exact: None, contains }
}

fn repeated(repeat: &Repeat) -> Known {
    let inner = || of(&repeat.inner);
    match (repeat.min, repeat.max) {
        (_, 0) => Known::nothing_read(),
        (1, 1) => inner(),
        (0, 1) => match inner().exact {
            Some(texts) if texts.len() < MOST => Known::exactly([vec![Vec::new()], texts].concat()),
            _ => Known::default(),
        },
        (0, _) => Known::default(),
        _ => Known { exact: None, contains: inner().any_of() },
    }
}

/// The members of a set of at most four characters.
fn few_members(set: &Set) -> Option<Vec<Vec<u8>>> {
    if let Some(char) = Class::single(set) {
        return Some(vec![char.to_string().into_bytes()]);
    }
    let mut members = Vec::new();
    for item in &set.items {
        let Item::Range(low, high) = *item else { return None };
        if set.negated || high >= 0x80 || high - low > 3 {
            return None;
        }
        for code in low..=high {
            let byte = code as u8;
            // some letters have other cases outside ASCII
            if set.fold == Fold::Unicode && b"iks".contains(&byte.to_ascii_lowercase()) {
                return None;
            }
            members.push(vec![byte]);
            if set.fold != Fold::None && byte.is_ascii_alphabetic() {
                members.push(vec![byte ^ 0x20]);
            }
        }
    }
    (members.len() <= 4).then_some(members)
}
