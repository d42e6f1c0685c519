//! Short cuts: what follows a run, and where a search can begin.

use super::charset::First;
use super::literal::Literal;
use super::program::{Draft, Follow, Inst, NO_LIMIT, Pc, Position, Run, RunKind, Start};

/// Fills in the runs' `follow` and the program's `start`.
pub(super) fn fill_in(draft: &mut Draft, firsts: &[First]) {
    for pc in 0..draft.insts.len() {
        if let Inst::Run(index) = draft.insts[pc] {
            let class = draft.program.runs[index as usize].class;
            let class = draft.program.classes[class as usize].first();
            let follow = follow(draft, pc + 1, class, firsts);
            let is_text = matches!(draft.insts[pc + 1], Inst::Byte(_) | Inst::Text(_));
            let run = &mut draft.program.runs[index as usize];
            if !matches!(run.follow, Follow::Longest) {
                run.follow = follow;
            }
            if let (Follow::Literal(literal), true) = (&run.follow, is_text) {
                run.skip = literal.len;
            }
            if let Some(special) = special_form(run, index) {
                draft.insts[pc] = special;
            }
        }
    }
    draft.program.start = start(draft, firsts);
}

/// Quicker instructions for the forms that nearly all runs have.
fn special_form(run: &Run, index: u32) -> Option<Inst> {
    if run.unless.is_some() {
        return None;
    }
    match (&run.follow, run.kind) {
        (Follow::Longest, RunKind::Table) if run.max == NO_LIMIT && run.min <= 1 => {
            Some(Inst::Whole { class: run.class, some: run.min == 1 })
        }
        (Follow::Longest, RunKind::Table) if (run.min, run.max) == (0, 1) => {
            Some(Inst::Maybe { class: run.class })
        }
        (Follow::Longest, RunKind::Table) if run.max != NO_LIMIT => Some(Inst::Few(index)),
        (_, RunKind::Table | RunKind::Line) if !run.lazy && run.max == NO_LIMIT && run.min <= 1 => {
            Some(Inst::Greedy(index))
        }
        (Follow::Literal(_), RunKind::Line) if run.lazy && run.max == NO_LIMIT && run.min == 0 => {
            Some(Inst::Gap(index))
        }
        _ => None,
    }
}

fn follow(draft: &Draft, next: usize, class: First, firsts: &[First]) -> Follow {
    let first = firsts[next];
    if class.is_disjoint(first) {
        return Follow::Longest;
    }
    match literal_at(draft, next) {
        Some(literal) => Follow::Literal(Literal::new(&literal)),
        None if first.is_all() => Follow::Any,
        None if matches!(draft.insts[next], Inst::Class(_)) => Follow::Pair(first, firsts[next + 1]),
        None => Follow::First(first),
    }
}

/// The text that must stand where instruction `pc` begins.
fn literal_at(draft: &Draft, pc: usize) -> Option<Vec<u8>> {
    match &draft.insts[pc] {
        Inst::Save(_) => literal_at(draft, pc + 1),
        Inst::Jump(to) if *to as usize > pc => literal_at(draft, *to as usize),
        Inst::Byte(byte) => Some(vec![*byte]),
        Inst::Text(index) => Some(draft.program.literals[*index as usize].bytes().to_vec()),
        _ => None,
    }
}

fn start(draft: &Draft, firsts: &[First]) -> Start {
    if let Some(start) = fixed_start(draft, 0) {
        return start;
    }
    if let Some(literal) = literal_at(draft, 0) {
        let skip = matches!(draft.insts[0], Inst::Byte(_) | Inst::Text(_));
        return Start::Literal { literal: Literal::new(&literal), skip };
    }
    if let Some(few) = firsts[0].few_bytes() {
        match *few.as_slice() {
            [a] => return Start::Byte1(a),
            [a, b] => return Start::Byte2(a, b),
            [a, b, c] => return Start::Byte3(a, b, c),
            _ => {}
        }
    }
    match firsts[0].is_all() {
        true => Start::Anywhere,
        false => Start::First(firsts[0]),
    }
}

/// Starts that do not depend on what the text contains.
fn fixed_start(draft: &Draft, pc: usize) -> Option<Start> {
    match &draft.insts[pc] {
        Inst::Save(_) => fixed_start(draft, pc + 1),
        Inst::At(Position::TextStart) => Some(Start::Text),
        Inst::At(Position::LineStart) => Some(Start::Lines),
        Inst::Choice(index) => {
            let anchored = |way: &Pc| fixed_start(draft, *way as usize);
            let mut ways = draft.choices[*index as usize].iter();
            ways.all(|way| matches!(anchored(way), Some(Start::Text))).then_some(Start::Text)
        }
        Inst::Run(index) | Inst::Gap(index) | Inst::Greedy(index) => {
            let run = &draft.program.runs[*index as usize];
            let remembers = |inst: &Inst| matches!(inst, Inst::Backref { .. } | Inst::Conditional(_));
            if run.max != NO_LIMIT || run.unless.is_some() || draft.insts.iter().any(remembers) {
                return None;
            }
            match run.kind {
                RunKind::Line => Some(Start::OncePerLine),
                RunKind::Text => Some(Start::Once),
                _ => None,
            }
        }
        _ => None,
    }
}
