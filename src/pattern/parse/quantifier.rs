//! `*`, `+`, `?`, `{m,n}` and their lazy and possessive forms.

use super::{ParseError, Parser};
use crate::pattern::ast::{Greed, MAX_REPEAT, Node, Repeat, Scope};

impl Parser {
    /// Applies the quantifier that begins with `char` at `start` to the last item; a `{` that
    /// begins none is an item itself.
    pub(super) fn quantifier(
        &mut self,
        char: char,
        start: usize,
        scope: Scope,
        items: &mut Vec<Node>,
    ) -> Result<(), ParseError> {
        let bounds = match char {
            '?' => Some((0, 1)),
            '*' => Some((0, MAX_REPEAT)),
            '+' => Some((1, MAX_REPEAT)),
            _ => self.braces(start)?,
        };
        let Some((min, max)) = bounds else {
            items.push(Node::literal(char.into(), scope));
            return Ok(());
        };
        let inner = match items.pop() {
            None | Some(Node::At(..)) => return Err(ParseError::at("nothing to repeat", start)),
            Some(Node::Repeat(_)) => return Err(ParseError::at("multiple repeat", start)),
            Some(node) => node,
        };
        let greed = match () {
            _ if self.lexer.accept('?')? => Greed::Lazy,
            _ if self.lexer.accept('+')? => Greed::Possessive,
            _ => Greed::Greedy,
        };
        items.push(Node::Repeat(Box::new(Repeat { min, max, greed, inner })));
        Ok(())
    }

    /// What follows `{`: bounds, or `None` (and nothing read) if it is just a brace.
    fn braces(&mut self, start: usize) -> Result<Option<(u64, u64)>, ParseError> {
        if self.lexer.sees('}') {
            return Ok(None);
        }
        let low = self.lexer.get_while(usize::MAX, |c| c.is_ascii_digit())?;
        let high = match self.lexer.accept(',')? {
            true => self.lexer.get_while(usize::MAX, |c| c.is_ascii_digit())?,
            false => low.clone(),
        };
        if !self.lexer.accept('}')? {
            self.lexer.seek(start + 1)?;
            return Ok(None);
        }
        let min = count(&low)?.unwrap_or(0);
        let max = count(&high)?.unwrap_or(MAX_REPEAT);
        if max < min {
            return Err(ParseError::at("min repeat greater than max repeat", start + 1));
        }
        Ok(Some((min, max)))
    }
}

fn count(digits: &str) -> Result<Option<u64>, ParseError> {
    if digits.is_empty() {
        return Ok(None);
    }
    match digits.parse() {
        Ok(n) if n < MAX_REPEAT => Ok(Some(n)),
        _ => Err(ParseError::general("the repetition number is too large")),
    }
}
