//! What each instruction's way to a match can begin with.

use super::charset::First;
use super::program::{Draft, Inst, Position};

/// Computes it for every instruction, and stores it in the look-aheads, which ask for it.
pub(super) fn compute(draft: &mut Draft) -> Vec<First> {
    let mut firsts = vec![First::default(); draft.insts.len() + 1];
    loop {
        let mut changed = false;
        for pc in (0..draft.insts.len()).rev() {
            let first = firsts[pc].or(of(draft, pc, &firsts));
            changed |= first != firsts[pc];
            firsts[pc] = first;
        }
        if !changed {
            break;
        }
    }
    for (pc, inst) in draft.insts.iter().enumerate() {
        if let Inst::Look(index) = inst {
            let look = &mut draft.program.looks[*index as usize];
            if look.behind.is_none() {
                look.first = firsts[pc + 1];
            }
        }
    }
    firsts
}

fn of(draft: &Draft, pc: usize, firsts: &[First]) -> First {
    let program = &draft.program;
    let next = firsts[pc + 1];
    match &draft.insts[pc] {
        // what follows an atomic group must not influence what it matches
        Inst::Match | Inst::LookEnd | Inst::AtomicEnd | Inst::Backref { .. } => First::ALL,
        // not in drafts
        Inst::Select { .. } => First::ALL,
        Inst::Fail => First::default(),
        Inst::Byte(byte) => First::of_char(char::from(*byte)),
        Inst::Text(index) => {
            let text = std::str::from_utf8(program.literals[*index as usize].bytes()).unwrap_or_default();
            text.chars().next().map_or(First::ALL, First::of_char)
        }
        Inst::Class(class) => program.classes[*class as usize].first(),
        Inst::At(position) => match position {
            Position::TextEnd => next.and(First::END),
            Position::LastLineEnd | Position::LineEnd => next.and(First::LINE_END),
            _ => next,
        },
        Inst::Save(_) | Inst::Quad { .. } | Inst::LoopStart(_) | Inst::Atomic { .. } => next,
        Inst::Jump(to) => firsts[*to as usize],
        Inst::Choice(index) => {
            let ways = &draft.choices[*index as usize];
            ways.iter().fold(First::default(), |first, way| first.or(firsts[*way as usize]))
        }
        Inst::Run(index) | Inst::Gap(index) | Inst::Few(index) | Inst::Greedy(index) => {
            let run = &program.runs[*index as usize];
            let class = program.classes[run.class as usize].first();
            if run.min == 0 { class.or(next) } else { class }
        }
        Inst::Whole { class, some: true } => program.classes[*class as usize].first(),
        Inst::Maybe { class } | Inst::Whole { class, some: false } => {
            program.classes[*class as usize].first().or(next)
        }
        Inst::Fields(index) => {
            let fields = &program.fields[*index as usize];
            let class = program.classes[fields.class as usize].first();
            if fields.min == 0 { class.or(First::of_char(fields.separator.into())) } else { class }
        }
        Inst::LoopNext(index) => next.or(firsts[program.loops[*index as usize].exit as usize]),
        Inst::Look(index) => {
            let look = &program.looks[*index as usize];
            let after = firsts[look.end as usize];
            if look.negated || look.behind.is_some() { after } else { after.and(next) }
        }
        Inst::Conditional(index) => {
            let this = &program.conditionals[*index as usize];
            firsts[this.yes as usize].or(firsts[this.no as usize])
        }
    }
}
