//! From the tree to instructions.

use super::ast::{At, Greed, Look as LookNode, MAX_REPEAT, Node, Repeat, Scope, Set};
use super::charset::{Class, First};
use super::choices::Choices;
use super::link::link;
use super::literal::Literal;
use super::program::{
    Conditional, Draft, Fields, Follow, Inst, Look, Loop, NO_LIMIT, Pc, Position, Program, Run, RunKind,
    Start,
};
use super::{first, follow};

/// A repeated construct is written out if that takes at most so many instructions.
const UNROLL: u64 = 64;

/// Compiles a parsed pattern with `groups` groups, the whole match included.
pub(super) fn compile(root: &Node, groups: usize) -> Program {
    let mut compiler = Compiler::new(groups);
    compiler.node(root);
    compiler.push(Inst::Match);
    let mut draft = Draft { insts: compiler.insts, choices: compiler.choices, program: compiler.program };
    draft.program.min_len = min_len(root);
    let firsts = first::compute(&mut draft);
    follow::fill_in(&mut draft, &firsts);
    draft.program.first = firsts[0];
    link(draft, firsts)
}

struct Compiler {
    insts: Vec<Inst>,
    choices: Vec<Vec<Pc>>,
    program: Program,
    /// Sets already compiled: class `i` is that of `sets[i]`.
    sets: Vec<Set>,
}

impl Compiler {
    fn new(groups: usize) -> Compiler {
        let program = Program {
            ops: Vec::new(),
            entry: 0,
            literals: Vec::new(),
            classes: Vec::new(),
            runs: Vec::new(),
            fields: Vec::new(),
            loops: Vec::new(),
            looks: Vec::new(),
            conditionals: Vec::new(),
            choices: Choices::new(&[]),
            start: Start::Anywhere,
            first: First::ALL,
            slots: 2 * groups,
            min_len: 0,
        };
        Compiler { insts: Vec::new(), choices: Vec::new(), program, sets: Vec::new() }
    }

    fn push(&mut self, inst: Inst) -> usize {
        self.insts.push(inst);
        self.insts.len() - 1
    }

    fn here(&self) -> Pc {
        self.insts.len() as Pc
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Concat(nodes) => self.concat(nodes),
            Node::Alternate(nodes) => self.alternate(nodes),
            Node::Class(_) | Node::Any(_) => self.single(node),
            Node::At(at, scope) => {
                self.push(Inst::At(position(*at, *scope)));
            }
            Node::Capture(group, inner) => {
                self.push(Inst::Save(2 * *group as u32));
                self.node(inner);
                self.push(Inst::Save(2 * *group as u32 + 1));
            }
            Node::Repeat(repeat) => self.repeat(repeat),
            Node::Atomic(inner) => self.atomic(|c| c.node(inner)),
            Node::Look(look) => self.look(look),
            Node::Backref(group, scope) => {
                self.push(Inst::Backref { group: *group as u32, fold: scope.fold() });
            }
            Node::Conditional(group, yes, no) => self.conditional(*group, yes, no),
        }
    }

    fn concat(&mut self, nodes: &[Node]) {
        let mut nodes = nodes.iter().peekable();
        while let Some(node) = nodes.next() {
            let Some(char) = literal_char(node) else {
                self.node(node);
                continue;
            };
            let mut text = String::from(char);
            while let Some(char) = nodes.peek().and_then(|n| literal_char(n)) {
                text.push(char);
                nodes.next();
            }
            self.text(&text);
        }
    }

    fn text(&mut self, text: &str) {
        if let &[byte] = text.as_bytes() {
            self.push(Inst::Byte(byte));
            return;
        }
        self.program.literals.push(Literal::new(text.as_bytes()));
        self.push(Inst::Text(self.program.literals.len() as u32 - 1));
    }

    fn single(&mut self, node: &Node) {
        match literal_char(node) {
            Some(char) => self.text(&char.to_string()),
            None => {
                let class = self.class(node);
                self.push(Inst::Class(class));
            }
        }
    }

    /// The class of a node that is a single character.
    fn class(&mut self, node: &Node) -> u32 {
        let set = match node {
            Node::Class(set) => set.clone(),
            Node::Any(scope) => Class::any_set(scope.dot_all),
            _ => unreachable!("only called for single characters"),
        };
        if let Some(known) = self.sets.iter().position(|s| *s == set) {
            return known as u32;
        }
        self.program.classes.push(Class::new(&set));
        self.sets.push(set);
        self.sets.len() as u32 - 1
    }

    fn alternate(&mut self, nodes: &[Node]) {
        let choice = self.choice();
        let mut jumps = Vec::new();
        for node in nodes {
            let start = self.here();
            self.choices[choice].push(start);
            self.node(node);
            jumps.push(self.push(Inst::Jump(0)));
        }
        self.land(&jumps);
    }

    /// Makes the jumps end here.
    fn land(&mut self, jumps: &[usize]) {
        let here = self.here();
        for jump in jumps {
            self.insts[*jump] = Inst::Jump(here);
        }
    }

    fn atomic(&mut self, body: impl FnOnce(&mut Compiler)) {
        let at = self.push(Inst::Atomic { end: 0 });
        body(self);
        self.push(Inst::AtomicEnd);
        self.insts[at] = Inst::Atomic { end: self.here() };
    }

    fn look(&mut self, look: &LookNode) {
        let index = self.program.looks.len();
        let behind = look.behind.map(|n| n as u32);
        self.program.looks.push(Look { negated: look.negated, behind, first: First::ALL, end: 0 });
        self.push(Inst::Look(index as u32));
        self.node(&look.inner);
        self.push(Inst::LookEnd);
        self.program.looks[index].end = self.here();
    }

    fn conditional(&mut self, group: usize, yes: &Node, no: &Node) {
        let at = self.push(Inst::Fail);
        let yes_at = self.here();
        self.node(yes);
        let jump = self.push(Inst::Jump(0));
        let no_at = self.here();
        self.node(no);
        self.land(&[jump]);
        self.insts[at] = Inst::Conditional(self.program.conditionals.len() as u32);
        self.program.conditionals.push(Conditional { group: group as u32, yes: yes_at, no: no_at });
    }

    fn repeat(&mut self, repeat: &Repeat) {
        let (min, max) = (repeat.min, repeat.max);
        if max == 0 {
            return;
        }
        let lazy = repeat.greed == Greed::Lazy;
        if let Some((unless, single)) = tempered(&repeat.inner) {
            return self.run(unless, single, repeat);
        }
        if let Some(fields) = self.fields(repeat) {
            self.program.fields.push(fields);
            self.push(Inst::Fields(self.program.fields.len() as u32 - 1));
            return;
        }
        if repeat.greed == Greed::Possessive {
            return self.atomic(|c| {
                c.many(min, max, false, &Node::Atomic(Box::new(repeat.inner.clone())));
            });
        }
        self.many(min, max, lazy, &repeat.inner);
    }

    /// The repetition as fields, if it is that.
    fn fields(&mut self, repeat: &Repeat) -> Option<Fields> {
        let Node::Concat(nodes) = &repeat.inner else { return None };
        let [Node::Repeat(run), separator] = nodes.as_slice() else { return None };
        let separator = u8::try_from(literal_char(separator)?).ok().filter(u8::is_ascii)?;
        let single = single_inside(&run.inner)?;
        let (min, max) = (limit(run.min), limit(run.max));
        if repeat.min != repeat.max || repeat.max >= UNROLL || run.max == MAX_REPEAT {
            return None;
        }
        let class = self.class(single);
        let inside = self.program.classes[class as usize].step(&[separator], 0).is_some();
        (!inside).then_some(Fields { class, min, max, separator, count: limit(repeat.min) })
    }

    fn run(&mut self, unless: Option<String>, single: &Node, repeat: &Repeat) {
        let class = self.class(single);
        let kind = run_kind(&self.program.classes[class as usize]);
        let follow = match repeat.greed {
            Greed::Possessive => Follow::Longest,
            _ => Follow::Any,
        };
        let index = self.program.runs.len() as u32;
        self.program.runs.push(Run {
            class,
            min: limit(repeat.min),
            max: limit(repeat.max),
            lazy: repeat.greed == Greed::Lazy,
            kind,
            unless: unless.map(|text| Literal::new(text.as_bytes())),
            follow,
            skip: 0,
        });
        self.push(Inst::Run(index));
    }

    /// Repetition of what is not a single character.
    fn many(&mut self, min: u64, max: u64, lazy: bool, inner: &Node) {
        let copies = if max == MAX_REPEAT { min.max(1) } else { max };
        let written_out =
            size(inner).saturating_mul(copies) <= UNROLL || max == 1 || (min <= 1 && max == MAX_REPEAT);
        if !written_out || (max > 1 && min_len(inner) == 0) {
            return self.counted(min, max, lazy, inner);
        }
        let unlimited = max == MAX_REPEAT;
        for _ in u64::from(unlimited)..min {
            self.node(inner);
        }
        match (unlimited, min) {
            (true, 0) => self.star(lazy, inner),
            (true, _) => self.plus(lazy, inner),
            (false, _) => self.optional(max - min, lazy, inner),
        }
    }

    fn star(&mut self, lazy: bool, inner: &Node) {
        let choice = self.choice();
        let body = self.here();
        self.node(inner);
        self.push(Inst::Jump(body - 1));
        self.set_ways(choice, lazy, body, self.here());
    }

    fn plus(&mut self, lazy: bool, inner: &Node) {
        let body = self.here();
        self.node(inner);
        let choice = self.choice();
        self.set_ways(choice, lazy, body, self.here());
    }

    /// At most `count` times, one inside the other.
    fn optional(&mut self, count: u64, lazy: bool, inner: &Node) {
        let mut choices = Vec::new();
        for _ in 0..count {
            let choice = self.choice();
            choices.push((choice, self.here()));
            self.node(inner);
        }
        for (choice, body) in choices {
            self.set_ways(choice, lazy, body, self.here());
        }
    }

    fn choice(&mut self) -> usize {
        let index = self.choices.len();
        self.choices.push(Vec::new());
        self.push(Inst::Choice(index as u32));
        index
    }

    fn set_ways(&mut self, choice: usize, lazy: bool, body: Pc, exit: Pc) {
        self.choices[choice] = if lazy { vec![exit, body] } else { vec![body, exit] };
    }

    fn counted(&mut self, min: u64, max: u64, lazy: bool, inner: &Node) {
        let index = self.program.loops.len();
        self.program.loops.push(Loop { min: limit(min), max: limit(max), lazy, exit: 0 });
        self.push(Inst::LoopStart(index as u32));
        let next = self.push(Inst::LoopNext(index as u32));
        self.node(inner);
        self.push(Inst::Jump(next as Pc));
        self.program.loops[index].exit = self.here();
    }
}

fn limit(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(NO_LIMIT)
}

fn literal_char(node: &Node) -> Option<char> {
    match node {
        Node::Class(set) => Class::single(set),
        _ => None,
    }
}

/// The single character that `node` is, inside groups that do not capture.
fn single_inside(node: &Node) -> Option<&Node> {
    match node {
        Node::Class(_) | Node::Any(_) => Some(node),
        Node::Concat(nodes) if nodes.len() == 1 => single_inside(&nodes[0]),
        _ => None,
    }
}

/// A single character, also in the form `(?!text).`: the text, and the character.
fn tempered(node: &Node) -> Option<(Option<String>, &Node)> {
    if let Some(single) = single_inside(node) {
        return Some((None, single));
    }
    let Node::Concat(nodes) = node else { return None };
    match nodes.as_slice() {
        [node] => tempered(node),
        [Node::Look(look), single] if look.negated && look.behind.is_none() => {
            let text = match &look.inner {
                Node::Concat(nodes) => nodes.iter().map(literal_char).collect::<Option<String>>()?,
                node => literal_char(node)?.to_string(),
            };
            Some((Some(text).filter(|text| !text.is_empty()), single_inside(single)?))
        }
        _ => None,
    }
}

fn run_kind(class: &Class) -> RunKind {
    match class.stops() {
        Some([]) => RunKind::Text,
        Some([b'\n']) => RunKind::Line,
        Some(&[a]) => RunKind::Until1(a),
        Some(&[a, b]) => RunKind::Until2(a, b),
        Some(&[a, b, c]) => RunKind::Until3(a, b, c),
        _ => RunKind::Table,
    }
}

fn position(at: At, scope: Scope) -> Position {
    let ascii = scope.ascii;
    match (at, scope.multiline) {
        (At::Beginning, true) => Position::LineStart,
        (At::Beginning, false) | (At::StringStart, _) => Position::TextStart,
        (At::End, true) => Position::LineEnd,
        (At::End, false) => Position::LastLineEnd,
        (At::StringEnd, _) => Position::TextEnd,
        (At::Boundary, _) => Position::Boundary { ascii },
        (At::NotBoundary, _) => Position::NotBoundary { ascii },
    }
}

/// About how many instructions a node takes.
pub(super) fn size(node: &Node) -> u64 {
    match node {
        Node::Alternate(nodes) => nodes.iter().map(|n| size(n) + 1).sum(),
        Node::Concat(nodes) => {
            // characters one after the other are one instruction
            let is_text = |node: Option<&Node>| node.is_some_and(|node| literal_char(node).is_some());
            let begins = |(i, node): &(usize, &Node)| {
                !is_text(Some(node)) || !is_text(i.checked_sub(1).and_then(|before| nodes.get(before)))
            };
            nodes.iter().enumerate().filter(begins).map(|(_, node)| size(node) + 1).sum()
        }
        Node::Class(_) | Node::Any(_) | Node::At(..) | Node::Backref(..) => 1,
        Node::Capture(_, inner) | Node::Atomic(inner) => size(inner) + 2,
        Node::Look(look) => size(&look.inner) + 2,
        Node::Conditional(_, yes, no) => size(yes) + size(no) + 3,
        Node::Repeat(repeat) => {
            let copies = if repeat.max == MAX_REPEAT { repeat.min.max(1) } else { repeat.max };
            let inner = size(&repeat.inner) + 2;
            match tempered(&repeat.inner) {
                Some(_) => 1,
                None if inner.saturating_mul(copies) <= UNROLL => inner.saturating_mul(copies.max(1)),
                None => inner,
            }
        }
    }
}

/// No match of `node` is shorter, in bytes; 0 if it can be empty.
pub(super) fn min_len(node: &Node) -> usize {
    match node {
        Node::Concat(nodes) => nodes.iter().map(min_len).fold(0, usize::saturating_add),
        Node::Alternate(nodes) => nodes.iter().map(min_len).min().unwrap_or(0),
        Node::Class(set) => Class::single(set).map_or(1, char::len_utf8),
        Node::Any(_) => 1,
        Node::Capture(_, inner) | Node::Atomic(inner) => min_len(inner),
        Node::Repeat(repeat) => {
            min_len(&repeat.inner).saturating_mul(usize::try_from(repeat.min).unwrap_or(usize::MAX))
        }
        Node::At(..) | Node::Look(_) | Node::Backref(..) => 0,
        Node::Conditional(_, yes, no) => min_len(yes).min(min_len(no)),
    }
}
