//! The instructions a pattern is compiled to.

use super::ast::Fold;
use super::charset::{Class, First};
use super::choices::Choices;
use super::literal::Literal;

/// Index of an instruction.
pub(super) type Pc = u32;

/// No limit, as a maximum of repetitions.
pub(super) const NO_LIMIT: u32 = u32::MAX;

/// An instruction, and the one that follows unless it says otherwise. The size, 16 bytes, matters: the matcher spends
/// much of its time on finding the next one.
#[derive(Debug)]
pub(super) struct Op {
    pub inst: Inst,
    pub next: Pc,
}

#[derive(Clone, Debug)]
pub(super) enum Inst {
    /// The pattern has matched.
    Match,
    /// No way on.
    Fail,
    /// This byte.
    Byte(u8),
    /// Text `.0` of the literals.
    Text(u32),
    /// One character of class `.0`.
    Class(u32),
    /// A condition on the position.
    At(Position),
    /// Remembers the position in a slot.
    Save(u32),
    /// Only in drafts.
    Jump(Pc),
    /// The ways of choice `.0`, in order. Only in drafts.
    Choice(u32),
    /// The same, by where its ways and its masks begin. Not in drafts.
    Select { ways: u32, masks: u32 },
    /// A repeated single character: entry `.0` of the runs.
    Run(u32),
    /// All characters of the class that there are: `some` of them at least.
    Whole { class: u32, some: bool },
    /// The character of the class that there is, if there is one.
    Maybe { class: u32 },
    /// Run `.0`, which is of all characters of the class that there are, within its bounds.
    Few(u32),
    /// Entry `.0` of the fields.
    Fields(u32),
    /// An IPv4 address, its ends remembered in these slots. Where the text is not quite that, the next instructions say
    /// the same one after the other: this one is `Save(start)`. Not in drafts.
    Quad { start: u32, end: u32 },
    /// Run `.0`, which is greedy, without limit, of none or one at least.
    Greedy(u32),
    /// Run `.0`, which is `.*?` up to a text.
    Gap(u32),
    /// Enters counted loop `.0`.
    LoopStart(u32),
    /// Decides whether loop `.0` goes on.
    LoopNext(u32),
    /// The instructions up to `AtomicEnd`, without going back into them; continues at `end`.
    Atomic { end: Pc },
    /// A condition on the text around: entry `.0` of the looks.
    Look(u32),
    /// End of a look-around's instructions.
    LookEnd,
    /// End of an atomic group's instructions.
    AtomicEnd,
    /// The text of a group again.
    Backref { group: u32, fold: Fold },
    /// Entry `.0` of the conditionals.
    Conditional(u32),
}

/// Conditions on the position, flags resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    TextStart,
    LineStart,
    TextEnd,
    /// At the end, or before a line feed that ends the text.
    LastLineEnd,
    LineEnd,
    Boundary {
        ascii: bool,
    },
    NotBoundary {
        ascii: bool,
    },
}

/// A single character, repeated.
#[derive(Debug)]
pub(super) struct Run {
    pub class: u32,
    pub min: u32,
    /// Or [`NO_LIMIT`].
    pub max: u32,
    pub lazy: bool,
    pub kind: RunKind,
    /// A character at which this text stands does not belong to the run: `(?:(?!text).)*`.
    pub unless: Option<Literal>,
    pub follow: Follow,
    /// The length of the text that follows if that is all of the next instruction, which need not be done
    /// again; else 0.
    pub skip: usize,
}

/// Runs, so many, each with the same character after it that cannot be inside the run, such as
/// `(?:\d{1,3}\.){3}`: there is only one way to match that.
#[derive(Debug)]
pub(super) struct Fields {
    pub class: u32,
    /// Characters of each run, at least and at most.
    pub min: u32,
    pub max: u32,
    pub separator: u8,
    pub count: u32,
}

/// How the end of a run without limit is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunKind {
    /// `.`: at the end of the line.
    Line,
    /// Everything: at the end of the text.
    Text,
    /// At one of one, two or three bytes.
    Until1(u8),
    Until2(u8, u8),
    Until3(u8, u8, u8),
    /// By the class's table.
    Table,
}

/// What must stand after a run.
#[derive(Debug)]
pub(super) enum Follow {
    /// Anything.
    Any,
    /// One of these, at the run's end.
    First(First),
    /// One of these, and after it, if it is an ASCII character, one of those.
    Pair(First, First),
    /// Something that cannot be inside the run, or nothing that goes back into it: only the
    /// longest run will do.
    Longest,
    /// This text.
    Literal(Literal),
}

impl Follow {
    /// Whether what stands at `pos` may follow.
    #[inline(always)]
    pub fn allows(&self, text: &[u8], pos: usize) -> bool {
        match self {
            Follow::Any | Follow::Longest => true,
            Follow::First(first) => first.has(text.get(pos).copied()),
            Follow::Pair(first, second) => {
                let next = text.get(pos).copied();
                first.has(next)
                    && (next.is_none_or(|byte| byte >= 0x80) || second.has(text.get(pos + 1).copied()))
            }
            Follow::Literal(literal) => literal.is_at(text, pos),
        }
    }
}

/// A repeated construct with a counter.
#[derive(Debug)]
pub(super) struct Loop {
    pub min: u32,
    pub max: u32,
    pub lazy: bool,
    pub exit: Pc,
}

/// `(?(group)yes|no)`
#[derive(Debug)]
pub(super) struct Conditional {
    pub group: u32,
    pub yes: Pc,
    pub no: Pc,
}

#[derive(Debug)]
pub(super) struct Look {
    pub negated: bool,
    /// Characters to go back first.
    pub behind: Option<u32>,
    /// What the text looked at can begin with.
    pub first: First,
    /// Index after the instruction's `LookEnd`.
    pub end: Pc,
}

/// Where a search can begin.
#[derive(Debug)]
pub(super) enum Start {
    /// Only at the start of the text.
    Text,
    /// Only at starts of lines.
    Lines,
    /// Where this text stands; `skip`: it is all of the first instruction.
    Literal {
        literal: Literal,
        skip: bool,
    },
    /// Where one of these stands.
    Byte1(u8),
    Byte2(u8, u8),
    Byte3(u8, u8, u8),
    First(First),
    /// A failure at one place of a line is a failure at all later places of that line (`.*…`).
    OncePerLine,
    /// Likewise, of the text.
    Once,
    Anywhere,
}

/// A pattern while it is compiled: each instruction is followed by the one behind it.
#[derive(Debug)]
pub(super) struct Draft {
    pub insts: Vec<Inst>,
    /// The ways of each choice, the preferred ones first.
    pub choices: Vec<Vec<Pc>>,
    /// The other parts.
    pub program: Program,
}

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Program {
    pub ops: Vec<Op>,
    /// Where a search begins that begins at the start of the text.
    pub entry: Pc,
    pub literals: Vec<Literal>,
    pub classes: Vec<Class>,
    pub runs: Vec<Run>,
    pub fields: Vec<Fields>,
    pub loops: Vec<Loop>,
    pub looks: Vec<Look>,
    pub conditionals: Vec<Conditional>,
    pub choices: Choices,
    pub start: Start,
    /// What a match can begin with.
    pub first: First,
    /// Twice the number of groups, the whole match included.
    pub slots: usize,
    /// No match is shorter, in bytes.
    pub min_len: usize,
}

impl Start {
    /// Whether many places of a text may have to be tried.
    pub fn is_costly(&self) -> bool {
        matches!(self, Start::First(_) | Start::OncePerLine | Start::Once | Start::Anywhere | Start::Lines)
    }
}

const _: () = assert!(size_of::<Op>() == 16);
