//! What follows a backslash.

use super::lexer::Token;
use super::{ParseError, Parser};
use crate::pattern::ast::{At, Category, Item, Node, Scope};

/// An escape inside a class.
pub(super) enum ClassEscape {
    Char(u32),
    Category(Category, bool),
}

fn category(char: char) -> Option<(Category, bool)> {
    Some(match char {
        'd' => (Category::Digit, false),
        'D' => (Category::Digit, true),
        's' => (Category::Space, false),
        'S' => (Category::Space, true),
        'w' => (Category::Word, false),
        'W' => (Category::Word, true),
        _ => return None,
    })
}

fn control(char: char) -> Option<u32> {
    Some(match char {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => 10,
        'r' => 13,
        't' => 9,
        'v' => 11,
        '\\' => 0x5c,
        _ => return None,
    })
}

fn is_octal(char: char) -> bool {
    ('0'..='7').contains(&char)
}

fn octal(digits: &str) -> u32 {
    digits.bytes().fold(0, |n, b| n * 8 + u32::from(b - b'0'))
}

impl Parser {
    pub(super) fn class_escape(&mut self, token: Token) -> Result<ClassEscape, ParseError> {
        let c = token.char;
        if let Some(code) = control(c) {
            return Ok(ClassEscape::Char(code));
        }
        if let Some((category, negated)) = category(c) {
            return Ok(ClassEscape::Category(category, negated));
        }
        if is_octal(c) {
            let digits = format!("{c}{}", self.lexer.get_while(2, is_octal)?);
            return self.small_octal(&digits).map(ClassEscape::Char);
        }
        self.plain_escape(c).map(ClassEscape::Char)
    }

    pub(super) fn escape(&mut self, token: Token, scope: Scope) -> Result<Node, ParseError> {
        let c = token.char;
        let at = |at| Ok(Node::At(at, scope));
        match c {
            'A' => return at(At::StringStart),
            'b' => return at(At::Boundary),
            'B' => return at(At::NotBoundary),
            'Z' => return at(At::StringEnd),
            '0' => {
                let digits = self.lexer.get_while(2, is_octal)?;
                return Ok(Node::literal(octal(&digits), scope));
            }
            '1'..='9' => return self.number_escape(c, scope),
            _ => {}
        }
        if let Some((category, negated)) = category(c) {
            return Ok(Node::set(vec![Item::Category(category, negated)], false, scope));
        }
        let code = match control(c) {
            Some(code) => code,
            None => self.plain_escape(c)?,
        };
        Ok(Node::literal(code, scope))
    }

    /// A group's number, or three octal digits.
    fn number_escape(&mut self, first: char, scope: Scope) -> Result<Node, ParseError> {
        let mut digits = String::from(first);
        digits += &self.lexer.get_while(1, |c| c.is_ascii_digit())?;
        if digits.len() == 2 && digits.chars().all(is_octal) {
            digits += &self.lexer.get_while(1, is_octal)?;
            if digits.len() == 3 {
                return Ok(Node::literal(self.small_octal(&digits)?, scope));
            }
        }
        let group: usize = digits.parse().unwrap_or(usize::MAX);
        if group >= self.groups.len() {
            return Err(self.lexer.error(format!("invalid group reference {digits}"), digits.len()));
        }
        if !self.is_closed(group) {
            return Err(self.lexer.error("cannot refer to an open group", digits.len() + 1));
        }
        self.check_look_behind_group(group)?;
        Ok(Node::Backref(group, scope))
    }

    fn small_octal(&self, digits: &str) -> Result<u32, ParseError> {
        match octal(digits) {
            code @ 0..=0o377 => Ok(code),
            _ => {
                let message = format!("octal escape value \\{digits} outside of range 0-0o377");
                Err(self.lexer.error(message, digits.len() + 1))
            }
        }
    }

    /// `\x`, `\u`, `\U`, `\N`, and characters that stand for themselves.
    fn plain_escape(&mut self, c: char) -> Result<u32, ParseError> {
        match c {
            'x' => self.hex_escape(c, 2),
            'u' => self.hex_escape(c, 4),
            'U' => self.hex_escape(c, 8),
            'N' => self.name_escape(),
            _ if c.is_ascii_alphanumeric() => Err(self.lexer.error(format!("bad escape \\{c}"), 2)),
            _ => Ok(c.into()),
        }
    }

    fn hex_escape(&mut self, kind: char, len: usize) -> Result<u32, ParseError> {
        let digits = self.lexer.get_while(len, |c| c.is_ascii_hexdigit())?;
        let back = digits.len() + 2;
        if digits.len() != len {
            return Err(self.lexer.error(format!("incomplete escape \\{kind}{digits}"), back));
        }
        match u32::from_str_radix(&digits, 16) {
            Ok(code) if code <= 0x10ffff => Ok(code),
            _ => Err(self.lexer.error(format!("bad escape \\{kind}{digits}"), back)),
        }
    }

    /// `\N{NAME}`: this program has no table of character names, so no name is known.
    fn name_escape(&mut self) -> Result<u32, ParseError> {
        if !self.lexer.accept('{')? {
            return Err(self.lexer.error("missing {", 0));
        }
        let name = self.lexer.get_until('}', "character name")?;
        let back = name.chars().count() + r"\N{}".len();
        Err(self.lexer.error(format!("undefined character name {}", super::repr(&name)), back))
    }
}
