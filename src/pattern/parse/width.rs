//! How many characters a construct can match.

use super::Group;
use crate::pattern::ast::{MAX_REPEAT, Node};

/// Bounds in characters, capped as Python caps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Width {
    pub min: u64,
    pub max: u64,
}

impl Width {
    fn new(min: u64, max: u64) -> Width {
        Width { min: min.min(MAX_REPEAT - 1), max: max.min(MAX_REPEAT) }
    }

    fn or(self, other: Width) -> Width {
        Width::new(self.min.min(other.min), self.max.max(other.max))
    }
}

/// The bounds of `node`; `groups` gives those of groups referred to.
pub(super) fn width(node: &Node, groups: &[Group]) -> Width {
    let of = |node| width(node, groups);
    match node {
        Node::Class(_) | Node::Any(_) => Width::new(1, 1),
        Node::At(..) | Node::Look(_) => Width::new(0, 0),
        Node::Capture(_, inner) | Node::Atomic(inner) => of(inner),
        Node::Concat(items) => items.iter().map(of).fold(Width::new(0, 0), |sum, w| {
            Width::new(sum.min.saturating_add(w.min), sum.max.saturating_add(w.max))
        }),
        Node::Alternate(branches) => branches.iter().map(of).reduce(Width::or).unwrap_or(Width::new(0, 0)),
        Node::Repeat(repeat) => {
            let one = of(&repeat.inner);
            Width::new(one.min.saturating_mul(repeat.min), one.max.saturating_mul(repeat.max))
        }
        Node::Backref(group, _) => {
            groups.get(*group).and_then(|g| g.width).unwrap_or(Width::new(0, MAX_REPEAT))
        }
        Node::Conditional(_, yes, no) => of(yes).or(of(no)),
    }
}
