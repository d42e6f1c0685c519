//! Parser of Python's `re` syntax (str patterns, Python 3.11), with Python's complaints.
//!
//! - `lexer`: tokens; `escape`, `class`, `group`, `flags`, `quantifier`: the constructs.
//! - `width`: how many characters a construct can match, for look-behind.

mod class;
mod escape;
mod flags;
mod group;
mod lexer;
mod quantifier;
mod width;

use super::Flags;
use super::ast::{At, Node, Scope};
use crate::value::Value;
use flags::Letters;
use lexer::Lexer;
use width::Width;

/// Nesting that Python refuses too (it runs out of recursion at about this depth).
const MAX_DEPTH: usize = 200;

/// A parsed pattern.
#[derive(Debug)]
pub(super) struct Parsed {
    pub root: Node,
    /// Names of the groups; index 0 is the whole match.
    pub names: Vec<Option<String>>,
}

/// Why a pattern is rejected, and at which character.
#[derive(Debug)]
pub(super) struct ParseError {
    message: String,
    position: Option<usize>,
}

impl ParseError {
    fn at(message: impl Into<String>, position: usize) -> ParseError {
        ParseError { message: message.into(), position: Some(position) }
    }

    fn general(message: impl Into<String>) -> ParseError {
        ParseError { message: message.into(), position: None }
    }

    /// The text of Python's `re.error`.
    fn describe(&self, pattern: &str) -> String {
        let Some(position) = self.position else { return self.message.clone() };
        let mut text = format!("{} at position {position}", self.message);
        if pattern.contains('\n') {
            let before: Vec<char> = pattern.chars().take(position).collect();
            let line = 1 + before.iter().filter(|c| **c == '\n').count();
            let column = before.iter().rev().take_while(|c| **c != '\n').count() + 1;
            text += &format!(" (line {line}, column {column})");
        }
        text
    }
}

/// Parses a pattern; the error is the text of Python's `re.error`.
pub(super) fn parse(pattern: &str, flags: Flags) -> Result<Parsed, String> {
    Parser::new(pattern, flags).and_then(Parser::run).map_err(|e| e.describe(pattern))
}

/// A group of the pattern.
struct Group {
    name: Option<String>,
    /// Known once the group is closed.
    width: Option<Width>,
}

/// Flags of the place being parsed.
#[derive(Clone, Copy)]
struct Context {
    scope: Scope,
    verbose: bool,
    depth: usize,
}

struct Parser {
    lexer: Lexer,
    /// Flags for the whole pattern.
    global: Context,
    /// `(?flags)` seen.
    global_letters: Vec<Letters>,
    groups: Vec<Group>,
    /// Number of groups before the look-behind being parsed.
    look_behind_groups: Option<usize>,
    /// Groups referred to by number in conditionals, and where first.
    conditions: Vec<(usize, usize)>,
    variable_look_behind: bool,
}

impl Parser {
    fn new(pattern: &str, flags: Flags) -> Result<Parser, ParseError> {
        let scope = Scope {
            ignore_case: flags.ignore_case,
            multiline: flags.multiline,
            dot_all: flags.dot_all,
            ascii: flags.ascii,
        };
        Ok(Parser {
            lexer: Lexer::new(pattern)?,
            global: Context { scope, verbose: flags.verbose, depth: 0 },
            global_letters: Vec::new(),
            groups: vec![Group { name: None, width: None }],
            look_behind_groups: None,
            conditions: Vec::new(),
            variable_look_behind: false,
        })
    }

    fn run(mut self) -> Result<Parsed, ParseError> {
        let ascii = self.global.scope.ascii;
        let root = self.alternation(self.global)?;
        let said = |letter: fn(&Letters) -> bool| self.global_letters.iter().any(letter);
        if (ascii || said(|l| l.ascii)) && said(|l| l.unicode) {
            return Err(ParseError::general("ASCII and UNICODE flags are incompatible"));
        }
        if self.lexer.peek().is_some() {
            return Err(self.lexer.error("unbalanced parenthesis", 0));
        }
        for (group, position) in &self.conditions {
            if *group >= self.groups.len() {
                return Err(ParseError::at(format!("invalid group reference {group}"), *position));
            }
        }
        if self.variable_look_behind {
            return Err(ParseError::general("look-behind requires fixed-width pattern"));
        }
        Ok(Parsed { root, names: self.groups.into_iter().map(|g| g.name).collect() })
    }

    /// `a|b|c`
    fn alternation(&mut self, mut context: Context) -> Result<Node, ParseError> {
        let mut branches = Vec::new();
        loop {
            let first = context.depth == 0 && branches.is_empty();
            branches.push(self.sequence(context, first)?);
            if !self.lexer.accept('|')? {
                break;
            }
            if context.depth == 0 {
                context = self.global;
            }
        }
        match branches.len() {
            1 => Ok(branches.remove(0)),
            _ => Ok(Node::Alternate(branches)),
        }
    }

    /// Items up to `|`, `)` or the end. Flags for the whole pattern may stand at the start of the
    /// `first` sequence only.
    fn sequence(&mut self, mut context: Context, first: bool) -> Result<Node, ParseError> {
        let mut items: Vec<Node> = Vec::new();
        while let Some(token) = self.lexer.peek() {
            if matches!(token.plain(), Some('|' | ')')) {
                break;
            }
            let start = self.lexer.tell();
            self.lexer.get()?;
            let Some(char) = token.plain() else {
                items.push(self.escape(token, context.scope)?);
                continue;
            };
            if context.verbose && self.skips(char)? {
                continue;
            }
            match char {
                '(' => {
                    let whole = first && items.is_empty();
                    if let Some(node) = self.group(start, context, whole)? {
                        items.push(node);
                    } else if whole {
                        context = Context { depth: context.depth, ..self.global };
                    }
                }
                '*' | '+' | '?' | '{' => self.quantifier(char, start, context.scope, &mut items)?,
                _ => items.push(self.single(char, start, context.scope)?),
            }
        }
        match items.len() {
            1 => Ok(items.remove(0)),
            _ => Ok(Node::Concat(items)),
        }
    }

    fn single(&mut self, char: char, start: usize, scope: Scope) -> Result<Node, ParseError> {
        match char {
            '[' => self.class(start, scope),
            '.' => Ok(Node::Any(scope)),
            '^' => Ok(Node::At(At::Beginning, scope)),
            '$' => Ok(Node::At(At::End, scope)),
            _ => Ok(Node::literal(char.into(), scope)),
        }
    }

    /// VERBOSE: blanks and comments mean nothing. `char` was just read.
    fn skips(&mut self, char: char) -> Result<bool, ParseError> {
        if char == '#' {
            while let Some(token) = self.lexer.get()? {
                if token.plain() == Some('\n') {
                    break;
                }
            }
        }
        Ok(matches!(char, '#' | ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c'))
    }

    fn is_closed(&self, group: usize) -> bool {
        self.groups.get(group).is_some_and(|g| g.width.is_some())
    }

    fn check_look_behind_group(&self, group: usize) -> Result<(), ParseError> {
        match self.look_behind_groups {
            Some(_) if !self.is_closed(group) => Err(self.lexer.error("cannot refer to an open group", 0)),
            Some(before) if group >= before => {
                let message = "cannot refer to group defined in the same lookbehind subpattern";
                Err(self.lexer.error(message, 0))
            }
            _ => Ok(()),
        }
    }
}

/// Python's `repr` of a text.
fn repr(text: &str) -> String {
    Value::from(text).to_string()
}
