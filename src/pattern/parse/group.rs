//! What begins with a parenthesis.

use super::flags::{Inline, Letters, is_flag};
use super::lexer::Token;
use super::width::width;
use super::{Context, Group, MAX_DEPTH, ParseError, Parser, repr};
use crate::pattern::ast::{Look, Node};

/// Largest group number Python knows.
const MAX_GROUPS: u64 = 1_073_741_823;

impl Parser {
    /// The construct whose `(` is at `start`; `None` for comments and flags for the whole pattern,
    /// which are allowed where `whole` says so.
    pub(super) fn group(
        &mut self,
        start: usize,
        context: Context,
        whole: bool,
    ) -> Result<Option<Node>, ParseError> {
        if context.depth >= MAX_DEPTH {
            return Err(ParseError::general("maximum recursion depth exceeded"));
        }
        let context = Context { depth: context.depth + 1, ..context };
        if !self.lexer.accept('?')? {
            return self.capture(start, None, context).map(Some);
        }
        let token = self.lexer.get()?;
        let token = token.ok_or_else(|| self.lexer.error("unexpected end of pattern", 0))?;
        match token.plain() {
            Some('P') => self.python_extension(start, context).map(Some),
            Some(':') => self.body(start, context).map(Some),
            Some('>') => Ok(Some(Node::Atomic(Box::new(self.body(start, context)?)))),
            Some('#') => self.comment(start).map(|()| None),
            Some('=') => self.look_ahead(start, false, context).map(Some),
            Some('!') => self.look_ahead(start, true, context).map(Some),
            Some('<') => self.look_behind(start, context).map(Some),
            Some('(') => self.conditional(start, context).map(Some),
            Some(c) if is_flag(c) || c == '-' => match self.inline_flags(token)? {
                Inline::Scoped(on, off) => self.body(start, context.with(on, off)).map(Some),
                Inline::Global(on) => self.global_flags(start, on, whole).map(|()| None),
            },
            _ => Err(self.lexer.error(format!("unknown extension ?{token}"), token.len() + 1)),
        }
    }

    fn global_flags(&mut self, start: usize, on: Letters, whole: bool) -> Result<(), ParseError> {
        if !whole {
            return Err(ParseError::at("global flags not at the start of the expression", start));
        }
        self.global_letters.push(on);
        self.global = self.global.with(on, Letters::default());
        Ok(())
    }

    /// Alternatives up to the closing parenthesis.
    fn body(&mut self, start: usize, context: Context) -> Result<Node, ParseError> {
        let node = self.alternation(context)?;
        self.close(start)?;
        // a quantifier after the group must not see a single repetition or position inside it
        Ok(match node {
            Node::Repeat(_) | Node::At(..) => Node::Concat(vec![node]),
            node => node,
        })
    }

    fn close(&mut self, start: usize) -> Result<(), ParseError> {
        match self.lexer.accept(')')? {
            true => Ok(()),
            false => Err(ParseError::at("missing ), unterminated subpattern", start)),
        }
    }

    fn capture(&mut self, start: usize, name: Option<String>, context: Context) -> Result<Node, ParseError> {
        let index = self.groups.len();
        if let Some(name) = &name {
            if let Some(old) = self.named(name) {
                let message =
                    format!("redefinition of group name {} as group {index}; was group {old}", repr(name));
                return Err(self.lexer.error(message, name.chars().count() + 1));
            }
        }
        self.groups.push(Group { name, width: None });
        let node = self.alternation(context)?;
        self.close(start)?;
        self.groups[index].width = Some(width(&node, &self.groups));
        Ok(Node::Capture(index, Box::new(node)))
    }

    fn named(&self, name: &str) -> Option<usize> {
        self.groups.iter().position(|g| g.name.as_deref() == Some(name))
    }

    /// `(?P<name>…)` and `(?P=name)`
    fn python_extension(&mut self, start: usize, context: Context) -> Result<Node, ParseError> {
        if self.lexer.accept('<')? {
            let name = self.group_name('>')?;
            return self.capture(start, Some(name), context);
        }
        if self.lexer.accept('=')? {
            let name = self.group_name(')')?;
            let group = self.known(&name)?;
            if !self.is_closed(group) {
                return Err(self.lexer.error("cannot refer to an open group", name.chars().count() + 1));
            }
            self.check_look_behind_group(group)?;
            return Ok(Node::Backref(group, context.scope));
        }
        let token = self.lexer.get()?;
        let token: Token = token.ok_or_else(|| self.lexer.error("unexpected end of pattern", 0))?;
        Err(self.lexer.error(format!("unknown extension ?P{token}"), token.len() + 2))
    }

    fn group_name(&mut self, terminator: char) -> Result<String, ParseError> {
        let name = self.lexer.get_until(terminator, "group name")?;
        match is_identifier(&name) {
            true => Ok(name),
            false => Err(self.bad_name(&name)),
        }
    }

    fn bad_name(&self, name: &str) -> ParseError {
        self.lexer.error(format!("bad character in group name {}", repr(name)), name.chars().count() + 1)
    }

    fn known(&self, name: &str) -> Result<usize, ParseError> {
        self.named(name).ok_or_else(|| {
            self.lexer.error(format!("unknown group name {}", repr(name)), name.chars().count() + 1)
        })
    }

    fn comment(&mut self, start: usize) -> Result<(), ParseError> {
        loop {
            match self.lexer.get()? {
                None => return Err(ParseError::at("missing ), unterminated comment", start)),
                Some(token) if token.plain() == Some(')') => return Ok(()),
                Some(_) => {}
            }
        }
    }

    fn look_ahead(&mut self, start: usize, negated: bool, context: Context) -> Result<Node, ParseError> {
        let inner = self.body(start, context)?;
        Ok(Node::Look(Box::new(Look { negated, behind: None, inner })))
    }

    fn look_behind(&mut self, start: usize, context: Context) -> Result<Node, ParseError> {
        let token = self.lexer.get()?;
        let token = token.ok_or_else(|| self.lexer.error("unexpected end of pattern", 0))?;
        let negated = match token.plain() {
            Some('=') => false,
            Some('!') => true,
            _ => return Err(self.lexer.error(format!("unknown extension ?<{token}"), token.len() + 2)),
        };
        let outer = self.look_behind_groups;
        self.look_behind_groups = outer.or(Some(self.groups.len()));
        let inner = self.alternation(context)?;
        self.look_behind_groups = outer;
        self.close(start)?;
        let width = width(&inner, &self.groups);
        self.variable_look_behind |= width.min != width.max;
        Ok(Node::Look(Box::new(Look { negated, behind: Some(width.min as usize), inner })))
    }

    /// `(?(group)yes|no)`
    fn conditional(&mut self, start: usize, context: Context) -> Result<Node, ParseError> {
        let name = self.lexer.get_until(')', "group name")?;
        let group = match is_identifier(&name) {
            true => self.known(&name)?,
            false => self.group_number(&name)?,
        };
        self.check_look_behind_group(group)?;
        let yes = self.sequence(context, false)?;
        let mut no = Node::Concat(Vec::new());
        if self.lexer.accept('|')? {
            no = self.sequence(context, false)?;
            if self.lexer.sees('|') {
                return Err(self.lexer.error("conditional backref with more than two branches", 0));
            }
        }
        self.close(start)?;
        Ok(Node::Conditional(group, Box::new(yes), Box::new(no)))
    }

    fn group_number(&mut self, name: &str) -> Result<usize, ParseError> {
        let back = name.chars().count() + 1;
        let number = python_int(name).ok_or_else(|| self.bad_name(name))?;
        if number == 0 {
            return Err(self.lexer.error("bad group number", back));
        }
        if number >= MAX_GROUPS {
            return Err(self.lexer.error(format!("invalid group reference {number}"), back));
        }
        let group = number as usize;
        if !self.conditions.iter().any(|(g, _)| *g == group) {
            self.conditions.push((group, self.lexer.tell() - back));
        }
        Ok(group)
    }
}

/// Python's `int(text)` for what is not negative.
fn python_int(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.strip_prefix('+').unwrap_or(text);
    let groups: Vec<&str> = digits.split('_').collect();
    let plain = groups.iter().all(|g| !g.is_empty() && g.bytes().all(|b| b.is_ascii_digit()));
    plain.then(|| groups.concat().parse().unwrap_or(u64::MAX))
}

/// Python's `str.isidentifier`.
fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c == '_' || c.is_alphabetic())
        && chars.all(|c| c == '_' || c.is_alphanumeric())
}
