//! Conditionals decided in advance.
//!
//! In `(a)?b(?(1)c|d)` it is known, as soon as `(a)?` has chosen its way, how the conditional will
//! choose. So it is the same as `(a)bc|bd`, which needs no conditional, and where after `b` only
//! what can follow there is tried.

use super::ast::{Greed, Node};
use super::compile::size;

/// An expression does not become larger than that, in instructions.
const LARGEST: u64 = 600;

/// The same pattern with fewer conditionals.
pub(super) fn specialise(root: Node) -> Node {
    let mut conditions = Vec::new();
    collect(&root, &mut conditions);
    conditions.into_iter().fold(root, specialise_one)
}

/// Groups that conditionals ask for.
fn collect(node: &Node, conditions: &mut Vec<usize>) {
    if let Node::Conditional(group, ..) = node {
        if !conditions.contains(group) {
            conditions.push(*group);
        }
    }
    for child in children(node) {
        collect(child, conditions);
    }
}

fn children(node: &Node) -> Vec<&Node> {
    match node {
        Node::Concat(nodes) | Node::Alternate(nodes) => nodes.iter().collect(),
        Node::Capture(_, inner) | Node::Atomic(inner) => vec![inner],
        Node::Repeat(repeat) => vec![&repeat.inner],
        Node::Look(look) => vec![&look.inner],
        Node::Conditional(_, yes, no) => vec![yes, no],
        Node::Class(_) | Node::Any(_) | Node::At(..) | Node::Backref(..) => vec![],
    }
}

/// Decides the conditionals on `group`, where the sequence it is in is not repeated.
fn specialise_one(node: Node, group: usize) -> Node {
    match node {
        Node::Concat(nodes) => sequence(flatten(nodes), group),
        Node::Alternate(nodes) => {
            Node::Alternate(nodes.into_iter().map(|node| specialise_one(node, group)).collect())
        }
        other => other,
    }
}

fn flatten(nodes: Vec<Node>) -> Vec<Node> {
    let flat = |node| match node {
        Node::Concat(inner) => flatten(inner),
        other => vec![other],
    };
    nodes.into_iter().flat_map(flat).collect()
}

fn sequence(nodes: Vec<Node>, group: usize) -> Node {
    let Some(at) = nodes.iter().position(|node| sets(node, group) != Sets::Never) else {
        return Node::Concat(nodes);
    };
    let rest = &nodes[at + 1..];
    let mut asked = Vec::new();
    rest.iter().for_each(|node| collect(node, &mut asked));
    let Some(ways) = ways(&nodes[at]).filter(|_| asked.contains(&group)) else {
        return match nodes.len() {
            // the sequence may be inside its last element
            len if len == at + 1 => {
                let mut nodes = nodes;
                let last = nodes.pop().map(|last| specialise_one(last, group));
                nodes.extend(last);
                Node::Concat(nodes)
            }
            _ => Node::Concat(nodes),
        };
    };
    let decided = ways.iter().all(|way| sets(way, group) != Sets::Perhaps);
    let grown: u64 = ways.len() as u64 * rest.iter().map(size).sum::<u64>();
    if !decided || grown > LARGEST {
        return Node::Concat(nodes);
    }
    let continued = ways.into_iter().map(|way| {
        let set = sets(&way, group) == Sets::Always;
        let rest = rest.iter().map(|node| decide(node.clone(), group, set));
        Node::Concat(flatten(std::iter::once(way).chain(rest).collect()))
    });
    let continued = Node::Alternate(continued.collect());
    let mut nodes: Vec<Node> = nodes[..at].to_vec();
    nodes.push(continued);
    Node::Concat(nodes)
}

/// The ways a choice can take, in order, if that is what the node is.
fn ways(node: &Node) -> Option<Vec<Node>> {
    let nothing = || Node::Concat(Vec::new());
    match node {
        Node::Alternate(nodes) => Some(nodes.clone()),
        Node::Capture(group, inner) => {
            let inner = ways(inner)?.into_iter();
            Some(inner.map(|way| Node::Capture(*group, Box::new(way))).collect())
        }
        Node::Concat(nodes) if nodes.len() == 1 => ways(&nodes[0]),
        Node::Repeat(repeat) if (repeat.min, repeat.max) == (0, 1) => match repeat.greed {
            Greed::Greedy => Some(vec![repeat.inner.clone(), nothing()]),
            Greed::Lazy => Some(vec![nothing(), repeat.inner.clone()]),
            Greed::Possessive => None,
        },
        _ => None,
    }
}

/// The node with the conditionals on `group` decided.
fn decide(node: Node, group: usize, set: bool) -> Node {
    let boxed = |node: Node| Box::new(decide(node, group, set));
    let all = |nodes: Vec<Node>| nodes.into_iter().map(|node| decide(node, group, set)).collect();
    match node {
        Node::Conditional(asked, yes, no) => match (asked == group, set) {
            (true, true) => decide(*yes, group, set),
            (true, false) => decide(*no, group, set),
            (false, _) => Node::Conditional(asked, boxed(*yes), boxed(*no)),
        },
        Node::Concat(nodes) => Node::Concat(all(nodes)),
        Node::Alternate(nodes) => Node::Alternate(all(nodes)),
        Node::Capture(index, inner) => Node::Capture(index, boxed(*inner)),
        Node::Atomic(inner) => Node::Atomic(boxed(*inner)),
        Node::Repeat(mut repeat) => {
            repeat.inner = decide(repeat.inner, group, set);
            Node::Repeat(repeat)
        }
        Node::Look(mut look) => {
            look.inner = decide(look.inner, group, set);
            Node::Look(look)
        }
        other => other,
    }
}

/// Whether matching a node makes a group take part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sets {
    Never,
    Perhaps,
    Always,
}

fn sets(node: &Node, group: usize) -> Sets {
    let of = |node: &Node| sets(node, group);
    let same = |a: Sets, b: Sets| if a == b { a } else { Sets::Perhaps };
    let unless_never = |sets: Sets| if sets == Sets::Never { sets } else { Sets::Perhaps };
    match node {
        Node::Capture(index, _) if *index == group => Sets::Always,
        Node::Capture(_, inner) | Node::Atomic(inner) => of(inner),
        Node::Concat(nodes) => nodes.iter().map(of).fold(Sets::Never, |a, b| match (a, b) {
            (Sets::Always, _) | (_, Sets::Always) => Sets::Always,
            (a, b) => same(a, b),
        }),
        Node::Alternate(nodes) => nodes.iter().map(of).reduce(same).unwrap_or(Sets::Never),
        Node::Conditional(_, yes, no) => same(of(yes), of(no)),
        Node::Repeat(repeat) if repeat.max == 0 => Sets::Never,
        Node::Repeat(repeat) if repeat.min > 0 => of(&repeat.inner),
        Node::Repeat(repeat) => unless_never(of(&repeat.inner)),
        Node::Look(look) => unless_never(of(&look.inner)),
        Node::Class(_) | Node::Any(_) | Node::At(..) | Node::Backref(..) => Sets::Never,
    }
}
