//! The same pattern as an automaton of linear time, for texts on which backtracking explodes.

use regex_automata::meta;
use regex_automata::util::captures::Captures;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::{Capture, Class as HirClass, Hir, Look as HirLook, Repetition};

use super::ast::{At, Greed, Look, MAX_REPEAT, Node, Repeat, Scope, Set};
use super::charset::{Class, First};
use super::compile::min_len;

/// Largest automaton built, in bytes.
const SIZE_LIMIT: usize = 4 << 20;

/// An automaton that finds the same groups as the backtracking matcher.
#[derive(Debug)]
pub(super) struct Linear {
    regex: meta::Regex,
    needs: Needs,
}

/// What a text must be like for the automaton to mean the same.
#[derive(Clone, Copy, Debug, Default)]
struct Needs {
    /// `$` is taken as "before any line feed": the only one must be the last character.
    one_line: bool,
    /// In an empty text there are neither word boundaries nor places that are none.
    filled: bool,
    /// Word boundaries are those of ASCII.
    ascii: bool,
}

impl Linear {
    /// `None` if the pattern has constructs that no automaton knows, or would be too large.
    pub fn new(root: &Node) -> Option<Linear> {
        let mut translation = Translation { needs: Needs::default() };
        let hir = translation.node(root, None)?;
        let config =
            meta::Config::new().nfa_size_limit(Some(SIZE_LIMIT)).onepass_size_limit(Some(SIZE_LIMIT / 4));
        let regex = meta::Builder::new().configure(config).build_from_hir(&hir).ok()?;
        Some(Linear { regex, needs: translation.needs })
    }

    /// Whether the pattern has an automaton at all.
    pub fn is_possible(root: &Node) -> bool {
        Translation { needs: Needs::default() }.node(root, None).is_some()
    }

    /// Whether the automaton decides rightly on this text.
    pub fn suits(&self, text: &[u8]) -> bool {
        let body = text.strip_suffix(b"\n").unwrap_or(text);
        (!self.needs.one_line || memchr::memchr(b'\n', body).is_none())
            && !(text.is_empty() && self.needs.filled)
            && (!self.needs.ascii || text.is_ascii())
    }

    /// The leftmost match at or after `start` (or just there): its groups' places.
    pub fn search(&self, text: &[u8], start: usize, anchored: bool) -> Option<Captures> {
        let anchored = if anchored { Anchored::Yes } else { Anchored::No };
        let input = Input::new(text).range(start..).anchored(anchored);
        let mut caps = self.regex.create_captures();
        self.regex.search_captures(&input, &mut caps);
        caps.is_match().then_some(caps)
    }
}

struct Translation {
    needs: Needs,
}

impl Translation {
    /// `before`: what the character before is, if that is known.
    fn node(&mut self, node: &Node, before: Option<First>) -> Option<Hir> {
        Some(match node {
            Node::Concat(nodes) => {
                let mut before = before;
                let mut parts = Vec::with_capacity(nodes.len());
                for node in nodes {
                    parts.push(self.node(node, before)?);
                    before = last(node, before);
                }
                Hir::concat(parts)
            }
            Node::Alternate(nodes) => {
                let parts: Option<Vec<Hir>> = nodes.iter().map(|n| self.node(n, before)).collect();
                Hir::alternation(parts?)
            }
            Node::Class(set) => class(set),
            Node::Any(scope) => class(&Class::any_set(scope.dot_all)),
            Node::At(at, scope) => Hir::look(self.position(*at, *scope)),
            Node::Capture(index, inner) => {
                let sub = Box::new(self.node(inner, before)?);
                Hir::capture(Capture { index: *index as u32, name: None, sub })
            }
            Node::Repeat(repeat) => self.repeat(repeat)?,
            Node::Look(look) if is_vacuous(look, before) => Hir::empty(),
            Node::Look(_) | Node::Atomic(_) | Node::Backref(..) | Node::Conditional(..) => return None,
        })
    }

    fn repeat(&mut self, repeat: &Repeat) -> Option<Hir> {
        // Python ends a repetition at an empty turn, automata do not: so none may be possible
        if repeat.greed == Greed::Possessive || (repeat.max > 1 && min_len(&repeat.inner) == 0) {
            return None;
        }
        let max = (repeat.max != MAX_REPEAT).then(|| u32::try_from(repeat.max).ok());
        Some(Hir::repetition(Repetition {
            min: u32::try_from(repeat.min).ok()?,
            max: match max {
                Some(max) => Some(max?),
                None => None,
            },
            greedy: repeat.greed == Greed::Greedy,
            sub: Box::new(self.node(&repeat.inner, None)?),
        }))
    }

    fn position(&mut self, at: At, scope: Scope) -> HirLook {
        match (at, scope.multiline) {
            (At::Beginning, true) => HirLook::StartLF,
            (At::Beginning, false) | (At::StringStart, _) => HirLook::Start,
            (At::End, multiline) => {
                self.needs.one_line |= !multiline;
                HirLook::EndLF
            }
            (At::StringEnd, _) => HirLook::End,
            (At::Boundary, _) => {
                self.needs.filled = true;
                self.needs.ascii |= !scope.ascii;
                HirLook::WordAscii
            }
            (At::NotBoundary, _) => {
                self.needs.filled = true;
                self.needs.ascii |= !scope.ascii;
                HirLook::WordAsciiNegate
            }
        }
    }
}

fn class(set: &Set) -> Hir {
    match Class::single(set) {
        Some(char) => Hir::literal(char.to_string().into_bytes()),
        None => Hir::class(HirClass::Unicode(Class::new(set).members())),
    }
}

/// Whether a look-behind for one character always holds, as that of the IPv6 address expression.
fn is_vacuous(look: &Look, before: Option<First>) -> bool {
    let (Some(before), Node::Class(set)) = (before, &look.inner) else { return false };
    look.behind == Some(1) && !look.negated && before.is_ascii_subset_of(Class::new(set).first())
}

/// What the character before the end of `node` can be; `None` if that is not known.
fn last(node: &Node, before: Option<First>) -> Option<First> {
    let either = |a: Option<First>, b: Option<First>| Some(a?.or(b?));
    match node {
        Node::Concat(nodes) => nodes.iter().fold(before, |before, node| last(node, before)),
        Node::Alternate(nodes) => nodes.iter().map(|n| last(n, before)).reduce(either).flatten(),
        Node::Class(set) => Some(Class::new(set).first()),
        Node::Any(scope) => Some(Class::new(&Class::any_set(scope.dot_all)).first()),
        Node::At(..) | Node::Look(_) => before,
        Node::Capture(_, inner) | Node::Atomic(inner) => last(inner, before),
        Node::Repeat(repeat) => {
            let turn = last(&repeat.inner, None);
            if repeat.min > 0 { turn } else { either(turn, before) }
        }
        Node::Backref(..) | Node::Conditional(..) => None,
    }
}
