//! A parsed expression and its value.

use std::cmp::Ordering;

use super::functions::Function;
use super::{Error, Number, parse};

/// What a formula may refer to.
#[derive(Clone, Copy, Debug)]
pub struct Variables {
    /// `ban.Time`: the jail's ban time in seconds.
    pub time: Number,
    /// `ban.Count`: how often this id was banned before.
    pub count: i64,
    /// `banFactor`: the value of `bantime.factor`.
    pub factor: Number,
}

/// A parsed expression.
#[derive(Clone, Debug)]
pub struct Formula(Node);

impl Formula {
    /// Parses a Python expression. Syntax that upstream would accept but that is not arithmetic is an error.
    pub fn parse(text: &str) -> Result<Formula, Error> {
        parse::parse(text).map(Formula)
    }

    /// The value; `random` gives the numbers of `random.random()`, in 0 … 1.
    pub fn eval(&self, variables: &Variables, random: &mut dyn FnMut() -> f64) -> Result<Number, Error> {
        self.0.value(&mut Scope { variables: Some(variables), random })
    }

    /// The value of an expression without variables: one that has some is an error.
    pub(super) fn constant(&self, random: &mut dyn FnMut() -> f64) -> Result<Number, Error> {
        self.0.value(&mut Scope { variables: None, random })
    }
}

/// What an evaluation has at hand.
pub(super) struct Scope<'a> {
    variables: Option<&'a Variables>,
    pub random: &'a mut dyn FnMut() -> f64,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Variable {
    Time,
    Count,
    Factor,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Modulo,
    Power,
    ShiftLeft,
    ShiftRight,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    Unequal,
}

/// Depth is bounded by the parser.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Constant(Number),
    Variable(Variable),
    Negative(Box<Node>),
    Not(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    /// Value, test, other value.
    If(Box<[Node; 3]>),
    /// Operators of equal binding, applied from the left.
    Chain(Box<Node>, Vec<(Binary, Node)>),
    Compare(Box<Node>, Vec<(Binary, Node)>),
    Call(Function, Vec<Node>),
}

impl Node {
    fn value(&self, scope: &mut Scope) -> Result<Number, Error> {
        match self {
            Node::Constant(number) => Ok(*number),
            Node::Variable(variable) => variable.value(scope),
            Node::Negative(node) => Ok(node.value(scope)?.neg()),
            Node::Not(node) => Ok(truth(!node.value(scope)?.is_true())),
            Node::And(nodes) => decide(nodes, scope, false),
            Node::Or(nodes) => decide(nodes, scope, true),
            Node::If(parts) => {
                let [value, test, other] = &**parts;
                if test.value(scope)?.is_true() { value.value(scope) } else { other.value(scope) }
            }
            Node::Chain(first, links) => {
                let mut value = first.value(scope)?;
                for (operator, node) in links {
                    value = operator.apply(value, node.value(scope)?)?;
                }
                Ok(value)
            }
            Node::Compare(first, links) => {
                let mut left = first.value(scope)?;
                for (operator, node) in links {
                    let right = node.value(scope)?;
                    if !operator.holds(left.compare(right)) {
                        return Ok(truth(false));
                    }
                    left = right;
                }
                Ok(truth(true))
            }
            Node::Call(function, nodes) => {
                let arguments: Result<Vec<Number>, Error> =
                    nodes.iter().map(|node| node.value(scope)).collect();
                function.call(&arguments?, scope)
            }
        }
    }
}

impl Variable {
    fn value(self, scope: &Scope) -> Result<Number, Error> {
        let variables = scope.variables.ok_or_else(|| Error::new("only constants are supported here"))?;
        Ok(match self {
            Variable::Time => variables.time,
            Variable::Count => Number::Int(variables.count.into()),
            Variable::Factor => variables.factor,
        })
    }
}

impl Binary {
    fn apply(self, left: Number, right: Number) -> Result<Number, Error> {
        match self {
            Binary::Add => Ok(left.add(right)),
            Binary::Sub => Ok(left.sub(right)),
            Binary::Mul => Ok(left.mul(right)),
            Binary::Div => left.div(right),
            Binary::FloorDiv => left.floor_div(right),
            Binary::Modulo => left.modulo(right),
            Binary::Power => left.pow(right),
            Binary::ShiftLeft => left.shift(right, true),
            Binary::ShiftRight => left.shift(right, false),
            comparison => Ok(truth(comparison.holds(left.compare(right)))),
        }
    }

    /// Whether a comparison holds for two numbers in this order (`None`: not comparable).
    fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Binary::Less => order.is_some_and(Ordering::is_lt),
            Binary::LessEqual => order.is_some_and(Ordering::is_le),
            Binary::Greater => order.is_some_and(Ordering::is_gt),
            Binary::GreaterEqual => order.is_some_and(Ordering::is_ge),
            Binary::Equal => order == Some(Ordering::Equal),
            _ => order != Some(Ordering::Equal),
        }
    }
}

fn truth(flag: bool) -> Number {
    Number::Int(flag.into())
}

/// The first value that decides `or` (a true one) or `and` (a false one), else the last.
fn decide(nodes: &[Node], scope: &mut Scope, deciding: bool) -> Result<Number, Error> {
    let mut value = truth(!deciding);
    for node in nodes {
        value = node.value(scope)?;
        if value.is_true() == deciding {
            break;
        }
    }
    Ok(value)
}
