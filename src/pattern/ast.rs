//! What a Python pattern means, as a tree.

/// Flags in force at one place of a pattern.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scope {
    pub ignore_case: bool,
    pub multiline: bool,
    pub dot_all: bool,
    pub ascii: bool,
}

/// Largest number of repetitions Python can express; as a maximum it means "no limit".
pub(super) const MAX_REPEAT: u64 = u32::MAX as u64;

/// One construct.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// One after the other; empty matches the empty text.
    Concat(Vec<Node>),
    /// The first that leads to a match.
    Alternate(Vec<Node>),
    /// One character of a set.
    Class(Set),
    /// `.`
    Any(Scope),
    /// A condition on the position.
    At(At, Scope),
    /// `( … )`, numbered from 1.
    Capture(usize, Box<Node>),
    Repeat(Box<Repeat>),
    /// `(?> … )`
    Atomic(Box<Node>),
    Look(Box<Look>),
    /// The text of a group again.
    Backref(usize, Scope),
    /// `(?(group)yes|no)`
    Conditional(usize, Box<Node>, Box<Node>),
}

/// Conditions on the position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// `^`
    Beginning,
    /// `$`
    End,
    /// `\A`
    StringStart,
    /// `\Z`
    StringEnd,
    /// `\b`
    Boundary,
    /// `\B`
    NotBoundary,
}

/// How a repetition chooses its count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greed {
    Greedy,
    Lazy,
    Possessive,
}

#[derive(Clone, Debug)]
pub(super) struct Repeat {
    pub min: u64,
    /// [`MAX_REPEAT`] = no limit.
    pub max: u64,
    pub greed: Greed,
    pub inner: Node,
}

#[derive(Clone, Debug)]
pub(super) struct Look {
    pub negated: bool,
    /// For look-behind: how many characters back the inner pattern begins.
    pub behind: Option<usize>,
    pub inner: Node,
}

/// A set of characters as written, with the flags that give it its meaning.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Set {
    pub items: Vec<Item>,
    pub negated: bool,
    pub fold: Fold,
    /// Categories are those of ASCII.
    pub ascii: bool,
}

/// A member of a set; code points are `u32` because Python allows surrogates here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Item {
    Range(u32, u32),
    /// A category, and whether it is negated (`\D`).
    Category(Category, bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Category {
    Digit,
    Space,
    Word,
}

/// How upper and lower case are made equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fold {
    None,
    Ascii,
    Unicode,
}

impl Scope {
    pub fn fold(self) -> Fold {
        match (self.ignore_case, self.ascii) {
            (false, _) => Fold::None,
            (true, true) => Fold::Ascii,
            (true, false) => Fold::Unicode,
        }
    }
}

impl Node {
    pub fn literal(code: u32, scope: Scope) -> Node {
        Node::set(vec![Item::Range(code, code)], false, scope)
    }

    pub fn set(items: Vec<Item>, negated: bool, scope: Scope) -> Node {
        Node::Class(Set { items, negated, fold: scope.fold(), ascii: scope.ascii })
    }
}
