//! The last step of compiling: each instruction learns which one comes next, past all jumps, and choices that
//! begin with choices become one.

use super::charset::First;
use super::choices::{Choices, MOST_WAYS};
use super::program::{Draft, Inst, Op, Pc, Position, Program, Start};

/// Choices inside choices are followed so deep.
const DEEPEST: usize = 16;

/// The program of a draft; `firsts`: what each of its instructions can begin with.
pub(super) fn link(mut draft: Draft, mut firsts: Vec<First>) -> Program {
    draft.choices = draft.choices.iter().map(|list| ways(&draft, list)).collect();
    divide(&mut draft, &mut firsts);
    let with_firsts = |list: &Vec<Pc>| list.iter().map(|way| (*way, firsts[*way as usize])).collect();
    let choices = Choices::new(&draft.choices.iter().map(with_firsts).collect::<Vec<_>>());
    let ops: Vec<Op> = (0..draft.insts.len()).map(|pc| op(&draft, &choices, pc)).collect();
    let ends: Vec<Pc> = draft.program.loops.iter().map(|this| target(&draft, this.exit)).collect();
    let look_ends: Vec<Pc> = draft.program.looks.iter().map(|look| target(&draft, look.end)).collect();
    let conditional_ways: Vec<(Pc, Pc)> = draft
        .program
        .conditionals
        .iter()
        .map(|this| (target(&draft, this.yes), target(&draft, this.no)))
        .collect();
    let mut program = draft.program;
    program.loops.iter_mut().zip(ends).for_each(|(this, exit)| this.exit = exit);
    program.looks.iter_mut().zip(look_ends).for_each(|(look, end)| look.end = end);
    program.conditionals.iter_mut().zip(conditional_ways).for_each(|(this, ways)| (this.yes, this.no) = ways);
    let at_start = matches!((&program.start, &draft.insts[0]), (Start::Text, Inst::At(Position::TextStart)));
    program.entry = if at_start { ops[0].next } else { 0 };
    program.ops = ops;
    program.choices = choices;
    program
}

/// Where a jump to `pc` ends.
fn target(draft: &Draft, mut pc: Pc) -> Pc {
    while let Some(Inst::Jump(to)) = draft.insts.get(pc as usize) {
        pc = *to;
    }
    pc
}

fn op(draft: &Draft, choices: &Choices, pc: usize) -> Op {
    if let Some(quad) = quad(draft, pc) {
        return Op { inst: quad, next: target(draft, pc as Pc + 4) };
    }
    let inst = match draft.insts[pc].clone() {
        Inst::Atomic { end } => Inst::Atomic { end: target(draft, end) },
        Inst::Choice(index) => {
            let (ways, masks) = choices.start(index);
            Inst::Select { ways, masks }
        }
        other => other,
    };
    // the text after a run has been compared when the run's end was found
    let skipped = match inst {
        Inst::Run(run) | Inst::Gap(run) | Inst::Greedy(run) => draft.program.runs[run as usize].skip > 0,
        _ => false,
    };
    Op { inst, next: target(draft, pc as Pc + if skipped { 2 } else { 1 }) }
}

/// `((?:\d{1,3}\.){3}\d{1,3})`, where a shorter last number would not do, in one instruction.
fn quad(draft: &Draft, pc: usize) -> Option<Inst> {
    let [Inst::Save(start), Inst::Fields(fields), Inst::Few(last), Inst::Save(end)] =
        *draft.insts.get(pc..pc + 4)?
    else {
        return None;
    };
    let (fields, last) = (&draft.program.fields[fields as usize], &draft.program.runs[last as usize]);
    let is_number =
        |min, max, class: u32| (min, max) == (1, 3) && draft.program.classes[class as usize].is_digits();
    (fields.count == 3
        && fields.separator == b'.'
        && is_number(fields.min, fields.max, fields.class)
        && is_number(last.min, last.max, last.class))
    .then_some(Inst::Quad { start, end })
}

/// The ways of a choice, with those of the choices that they begin with.
fn ways(draft: &Draft, list: &[Pc]) -> Vec<Pc> {
    let mut all = Vec::new();
    match flatten(draft, list, DEEPEST, &mut all) {
        Some(()) => all,
        None => list.iter().map(|way| target(draft, *way)).collect(),
    }
}

/// `None` if they are too many.
fn flatten(draft: &Draft, list: &[Pc], depth: usize, out: &mut Vec<Pc>) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    for way in list {
        let way = target(draft, *way);
        match draft.insts[way as usize] {
            Inst::Choice(index) => flatten(draft, &draft.choices.get(index as usize)?.clone(), depth, out)?,
            _ => out.push(way),
        }
        if out.len() > MOST_WAYS {
            return None;
        }
    }
    Some(())
}

/// Divides choices of many ways: the last way of the first part is the choice among the others.
fn divide(draft: &mut Draft, firsts: &mut Vec<First>) {
    let mut index = 0;
    while index < draft.choices.len() {
        if draft.choices[index].len() > MOST_WAYS {
            let rest = draft.choices[index].split_off(MOST_WAYS - 1);
            let first = rest.iter().fold(First::default(), |first, way| first.or(firsts[*way as usize]));
            let (pc, other) = (draft.insts.len(), draft.choices.len());
            draft.choices[index].push(pc as Pc);
            draft.insts.push(Inst::Choice(other as u32));
            firsts.insert(pc, first);
            draft.choices.push(rest);
        }
        index += 1;
    }
}
