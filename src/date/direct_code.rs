//! The quick matcher's instructions, made of the parsed regex.

use super::direct_parse::Node;

/// One instruction.
#[derive(Clone, Copy, Debug)]
pub(super) enum Inst {
    /// One byte of the set (bit n is byte n).
    Set(u128),
    /// As many as possible, at least and at most so many bytes of the set; gives them back one by one.
    Run {
        set: u128,
        min: u32,
        max: u32,
    },
    /// Tries one instruction first, the other later; neither where its first byte cannot match.
    Fork {
        first: Branch,
        later: Branch,
    },
    Jump(u32),
    /// Remembers the position.
    Save(u32),
    /// The text of a group once more.
    Again(u32),
    TextStart,
    TextEnd,
    WordBoundary,
    /// `(?=^|\b|\W)`
    LeftBound,
    /// `(?=\b|\W|$)`
    RightBound,
    Match,
}

/// Where a fork leads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Branch {
    pub pc: u32,
    /// Bytes that it can begin with; all, if it can be empty.
    pub starts: u128,
    /// It can match where the text ends.
    pub at_end: bool,
}

/// Translates; `None` if that gets too long.
pub(super) fn emit(node: &Node, code: &mut Vec<Inst>) -> Option<()> {
    const LONGEST: usize = 2000;
    if code.len() > LONGEST {
        return None;
    }
    match node {
        Node::Set(set) => code.push(Inst::Set(*set)),
        Node::Run { set, min, max } => code.push(Inst::Run { set: *set, min: *min, max: *max }),
        Node::Again(group) => code.push(Inst::Again(*group as u32)),
        Node::TextStart => code.push(Inst::TextStart),
        Node::TextEnd => code.push(Inst::TextEnd),
        Node::WordBoundary => code.push(Inst::WordBoundary),
        Node::LeftBound => code.push(Inst::LeftBound),
        Node::RightBound => code.push(Inst::RightBound),
        Node::Sequence(nodes) => nodes.iter().try_for_each(|node| emit(node, code))?,
        Node::Group(group, node) => {
            code.push(Inst::Save(2 * *group as u32));
            emit(node, code)?;
            code.push(Inst::Save(2 * *group as u32 + 1));
        }
        Node::Optional { node, lazy } => {
            let fork = code.len();
            code.push(Inst::Match);
            emit(node, code)?;
            let end = code.len() as u32;
            let inside = fork as u32 + 1;
            code[fork] = if *lazy { fork_to(end, inside) } else { fork_to(inside, end) };
        }
        Node::Either(nodes) => {
            let mut jumps = Vec::new();
            for (i, node) in nodes.iter().enumerate() {
                let fork = code.len();
                let last = i + 1 == nodes.len();
                if !last {
                    code.push(Inst::Match);
                }
                emit(node, code)?;
                if !last {
                    jumps.push(code.len());
                    code.push(Inst::Match);
                    code[fork] = fork_to(fork as u32 + 1, code.len() as u32);
                }
            }
            let end = code.len() as u32;
            jumps.into_iter().for_each(|jump| code[jump] = Inst::Jump(end));
        }
    }
    Some(())
}

/// A fork whose branches' first bytes are not known yet.
fn fork_to(first: u32, later: u32) -> Inst {
    let branch = |pc| Branch { pc, starts: u128::MAX, at_end: true };
    Inst::Fork { first: branch(first), later: branch(later) }
}

/// Tells all forks with which bytes their branches can begin.
pub(super) fn know_starts(code: &mut [Inst]) {
    for at in 0..code.len() {
        if let Inst::Fork { first, later } = code[at] {
            let known = |branch: Branch| match first_bytes(code, branch.pc) {
                Some(starts) => Branch { starts, at_end: false, ..branch },
                None => branch,
            };
            code[at] = Inst::Fork { first: known(first), later: known(later) };
        }
    }
}

/// The bytes with which a match of the code from `start` can begin; `None` if it can be empty.
pub(super) fn first_bytes(code: &[Inst], start: u32) -> Option<u128> {
    let mut set = 0;
    let mut todo = vec![start];
    let mut seen = vec![false; code.len()];
    while let Some(pc) = todo.pop() {
        if std::mem::replace(&mut seen[pc as usize], true) {
            continue;
        }
        match code[pc as usize] {
            Inst::Set(bytes) => set |= bytes,
            Inst::Run { set: bytes, min, .. } => {
                set |= bytes;
                if min == 0 {
                    todo.push(pc + 1);
                }
            }
            Inst::Fork { first, later } => todo.extend([first.pc, later.pc]),
            Inst::Jump(to) => todo.push(to),
            Inst::Match | Inst::Again(_) => return None,
            _ => todo.push(pc + 1),
        }
    }
    Some(set)
}
