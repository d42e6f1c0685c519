//! Text to tree, with Python's grammar of operators.

use super::functions::Function;
use super::tokens::{Token, tokens};
use super::tree::{Binary, Node, Variable};
use super::{Error, Number};

/// Longest expression, in bytes.
const LENGTH: usize = 4096;
/// Deepest nesting of parentheses, calls and conditions, and longest chain of operators.
const DEPTH: usize = 60;

/// Operators by binding, loosest first; each level is a left-associative chain.
const LEVELS: [&[(&str, Binary)]; 3] = [
    &[("<<", Binary::ShiftLeft), (">>", Binary::ShiftRight)],
    &[("+", Binary::Add), ("-", Binary::Sub)],
    &[("*", Binary::Mul), ("/", Binary::Div), ("//", Binary::FloorDiv), ("%", Binary::Modulo)],
];

const COMPARISONS: [(&str, Binary); 6] = [
    ("<", Binary::Less),
    ("<=", Binary::LessEqual),
    (">", Binary::Greater),
    (">=", Binary::GreaterEqual),
    ("==", Binary::Equal),
    ("!=", Binary::Unequal),
];

pub(super) fn parse(text: &str) -> Result<Node, Error> {
    if text.len() > LENGTH {
        return Err(Error::new(format!("expression is longer than {LENGTH} characters")));
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0 };
    let node = parser.condition()?;
    match parser.tokens.get(parser.next) {
        None => Ok(node),
        Some(token) => Err(unexpected(Some(token))),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

type Parsed = Result<Node, Error>;

impl Parser {
    /// `value if test else other`
    fn condition(&mut self) -> Parsed {
        self.deeper()?;
        let value = self.or()?;
        let node = if self.take_name("if") {
            let test = self.or()?;
            if !self.take_name("else") {
                return Err(Error::new("expected 'else' after 'if' expression"));
            }
            Node::If(Box::new([value, test, self.condition()?]))
        } else {
            value
        };
        self.depth -= 1;
        Ok(node)
    }

    fn or(&mut self) -> Parsed {
        let mut items = vec![self.and()?];
        while self.take_name("or") {
            items.push(self.and()?);
        }
        Ok(if items.len() == 1 { items.remove(0) } else { Node::Or(items) })
    }

    fn and(&mut self) -> Parsed {
        let mut items = vec![self.not()?];
        while self.take_name("and") {
            items.push(self.not()?);
        }
        Ok(if items.len() == 1 { items.remove(0) } else { Node::And(items) })
    }

    fn not(&mut self) -> Parsed {
        if !self.take_name("not") {
            return self.comparison();
        }
        self.deeper()?;
        let node = Node::Not(Box::new(self.not()?));
        self.depth -= 1;
        Ok(node)
    }

    /// `a < b <= c`: true when every pair is.
    fn comparison(&mut self) -> Parsed {
        let first = self.chain(0)?;
        let mut links = Vec::new();
        while let Some(operator) = self.take_operator(&COMPARISONS) {
            links.push((operator, self.chain(0)?));
        }
        Ok(if links.is_empty() { first } else { Node::Compare(Box::new(first), links) })
    }

    fn chain(&mut self, level: usize) -> Parsed {
        let Some(operators) = LEVELS.get(level) else { return self.signed() };
        let first = self.chain(level + 1)?;
        let mut links = Vec::new();
        while let Some(operator) = self.take_operator(operators) {
            links.push((operator, self.chain(level + 1)?));
        }
        Ok(if links.is_empty() { first } else { Node::Chain(Box::new(first), links) })
    }

    fn signed(&mut self) -> Parsed {
        let minus = self.take_sign("-");
        if !minus && !self.take_sign("+") {
            return self.power();
        }
        self.deeper()?;
        let node = self.signed()?;
        self.depth -= 1;
        Ok(if minus { Node::Negative(Box::new(node)) } else { node })
    }

    /// `**` binds more tightly than a sign before it, less than one after it.
    fn power(&mut self) -> Parsed {
        let base = self.atom()?;
        if !self.take_sign("**") {
            return Ok(base);
        }
        self.deeper()?;
        let exponent = self.signed()?;
        self.depth -= 1;
        Ok(Node::Chain(Box::new(base), vec![(Binary::Power, exponent)]))
    }

    fn atom(&mut self) -> Parsed {
        let token = self.tokens.get(self.next).cloned();
        self.next += 1;
        match token {
            Some(Token::Number(number)) => Ok(Node::Constant(number)),
            Some(Token::Sign("(")) => {
                let node = self.condition()?;
                if self.take_sign(")") { Ok(node) } else { Err(self.unexpected()) }
            }
            Some(Token::Name(name)) if is_keyword(&name) => Err(unexpected(Some(&Token::Name(name)))),
            Some(Token::Name(name)) if self.take_sign("(") => self.call(&name),
            Some(Token::Name(name)) => variable(&name),
            other => Err(unexpected(other.as_ref())),
        }
    }

    fn call(&mut self, name: &str) -> Parsed {
        let function = Function::named(name)
            .ok_or_else(|| Error::new(format!("function '{name}' is not supported in this expression")))?;
        let mut arguments = Vec::new();
        while !self.take_sign(")") {
            arguments.push(self.condition()?);
            if !self.take_sign(",") {
                if self.take_sign(")") {
                    break;
                }
                return Err(self.unexpected());
            }
        }
        if !function.takes(arguments.len()) {
            return Err(Error::new(format!("wrong number of arguments for '{name}'")));
        }
        Ok(Node::Call(function, arguments))
    }

    fn deeper(&mut self) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > DEPTH { Err(Error::new("expression is nested too deeply")) } else { Ok(()) }
    }

    fn take_name(&mut self, name: &str) -> bool {
        let found = matches!(self.tokens.get(self.next), Some(Token::Name(word)) if word == name);
        self.next += usize::from(found);
        found
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.tokens.get(self.next), Some(Token::Sign(word)) if *word == sign);
        self.next += usize::from(found);
        found
    }

    fn take_operator(&mut self, operators: &[(&str, Binary)]) -> Option<Binary> {
        let (_, operator) = *operators.iter().find(|(sign, _)| self.take_sign(sign))?;
        Some(operator)
    }

    fn unexpected(&self) -> Error {
        unexpected(self.tokens.get(self.next))
    }
}

fn is_keyword(name: &str) -> bool {
    matches!(name, "if" | "else" | "and" | "or" | "not" | "in" | "is" | "lambda" | "for" | "await" | "None")
}

fn variable(name: &str) -> Parsed {
    Ok(match name {
        "ban.Time" => Node::Variable(Variable::Time),
        "ban.Count" => Node::Variable(Variable::Count),
        "banFactor" => Node::Variable(Variable::Factor),
        "True" => Node::Constant(Number::Int(1)),
        "False" => Node::Constant(Number::Int(0)),
        "math.pi" => Node::Constant(Number::Float(std::f64::consts::PI)),
        "math.e" => Node::Constant(Number::Float(std::f64::consts::E)),
        "math.tau" => Node::Constant(Number::Float(std::f64::consts::TAU)),
        "math.inf" => Node::Constant(Number::Float(f64::INFINITY)),
        _ => return Err(Error::new(format!("name '{name}' is not supported in this expression"))),
    })
}

fn unexpected(token: Option<&Token>) -> Error {
    Error::new(match token {
        None => "invalid syntax: the expression ends too early".into(),
        Some(Token::Number(number)) => format!("invalid syntax at '{number}'"),
        Some(Token::Name(name)) => format!("invalid syntax at '{name}'"),
        Some(Token::Sign(sign)) => format!("invalid syntax at '{sign}'"),
    })
}
