//! `(?flags)` and `(?flags-flags: … )`

use super::lexer::Token;
use super::{Context, ParseError, Parser};

/// Flags named in one place.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Letters {
    ignore_case: bool,
    multiline: bool,
    dot_all: bool,
    verbose: bool,
    template: bool,
    pub ascii: bool,
    pub unicode: bool,
}

/// What `(?…` turned out to be.
pub(super) enum Inline {
    /// `(?flags)`
    Global(Letters),
    /// `(?flags-flags:`
    Scoped(Letters, Letters),
}

pub(super) fn is_flag(char: char) -> bool {
    "iLmsxatu".contains(char)
}

impl Letters {
    fn add(&mut self, char: char) {
        match char {
            'i' => self.ignore_case = true,
            'm' => self.multiline = true,
            's' => self.dot_all = true,
            'x' => self.verbose = true,
            'a' => self.ascii = true,
            'u' => self.unicode = true,
            _ => self.template = true,
        }
    }

    fn overlaps(self, other: Letters) -> bool {
        (self.ignore_case && other.ignore_case)
            || (self.multiline && other.multiline)
            || (self.dot_all && other.dot_all)
            || (self.verbose && other.verbose)
    }
}

impl Context {
    /// The context inside a group with these flags.
    pub(super) fn with(mut self, on: Letters, off: Letters) -> Context {
        let scope = &mut self.scope;
        scope.ignore_case = (scope.ignore_case || on.ignore_case) && !off.ignore_case;
        scope.multiline = (scope.multiline || on.multiline) && !off.multiline;
        scope.dot_all = (scope.dot_all || on.dot_all) && !off.dot_all;
        scope.ascii = (scope.ascii && !on.unicode) || on.ascii;
        self.verbose = (self.verbose || on.verbose) && !off.verbose;
        self
    }
}

impl Parser {
    /// Flags after `(?`, of which `first` was read.
    pub(super) fn inline_flags(&mut self, first: Token) -> Result<Inline, ParseError> {
        let mut on = Letters::default();
        let mut token = first;
        if token.plain() != Some('-') {
            loop {
                self.type_flag(token.char, on)?;
                on.add(token.char);
                token = self.next_flag("missing -, : or )", &[')', '-', ':'])?;
                if matches!(token.plain(), Some(')' | '-' | ':')) {
                    break;
                }
            }
        }
        if token.plain() == Some(')') {
            return Ok(Inline::Global(on));
        }
        if on.template {
            return Err(self.lexer.error("bad inline flags: cannot turn on global flag", 1));
        }
        let mut off = Letters::default();
        if token.plain() == Some('-') {
            off = self.flags_turned_off()?;
        }
        if off.template {
            return Err(self.lexer.error("bad inline flags: cannot turn off global flag", 1));
        }
        if on.overlaps(off) {
            return Err(self.lexer.error("bad inline flags: flag turned on and off", 1));
        }
        Ok(Inline::Scoped(on, off))
    }

    fn flags_turned_off(&mut self) -> Result<Letters, ParseError> {
        let mut off = Letters::default();
        let mut token = self.next_flag("missing flag", &[])?;
        loop {
            if matches!(token.char, 'a' | 'u' | 'L') {
                let message = "bad inline flags: cannot turn off flags 'a', 'u' and 'L'";
                return Err(self.lexer.error(message, 0));
            }
            off.add(token.char);
            token = self.next_flag("missing :", &[':'])?;
            if token.plain() == Some(':') {
                return Ok(off);
            }
        }
    }

    /// The next token, which must be a flag or one of `ends`.
    fn next_flag(&mut self, missing: &str, ends: &[char]) -> Result<Token, ParseError> {
        let Some(token) = self.lexer.get()? else { return Err(self.lexer.error(missing, 0)) };
        match token.plain() {
            Some(c) if is_flag(c) || ends.contains(&c) => Ok(token),
            Some(c) if c.is_alphabetic() => Err(self.lexer.error("unknown flag", 1)),
            _ => Err(self.lexer.error(missing, token.len())),
        }
    }

    /// `a`, `u` and `L` exclude each other, and `L` is for bytes.
    fn type_flag(&self, char: char, on: Letters) -> Result<(), ParseError> {
        let conflict = match char {
            'L' => {
                let message = "bad inline flags: cannot use 'L' flag with a str pattern";
                return Err(self.lexer.error(message, 0));
            }
            'a' => on.unicode,
            'u' => on.ascii,
            _ => false,
        };
        match conflict {
            true => Err(self.lexer.error("bad inline flags: flags 'a', 'u' and 'L' are incompatible", 0)),
            false => Ok(()),
        }
    }
}
