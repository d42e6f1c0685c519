//! `[…]`

use super::escape::ClassEscape;
use super::lexer::Token;
use super::{ParseError, Parser};
use crate::pattern::ast::{Item, Node, Scope};

impl Parser {
    /// A set, after its `[`, which is at `start`.
    pub(super) fn class(&mut self, start: usize, scope: Scope) -> Result<Node, ParseError> {
        let negated = self.lexer.accept('^')?;
        let mut items: Vec<Item> = Vec::new();
        loop {
            let this = self.class_token(start)?;
            if this.plain() == Some(']') && !items.is_empty() {
                break;
            }
            let low = self.class_member(this)?;
            if !self.lexer.accept('-')? {
                items.push(item(low));
                continue;
            }
            let that = self.class_token(start)?;
            if that.plain() == Some(']') {
                items.push(item(low));
                items.push(Item::Range('-'.into(), '-'.into()));
                break;
            }
            match (low, self.class_member(that)?) {
                (ClassEscape::Char(low), ClassEscape::Char(high)) if low <= high => {
                    items.push(Item::Range(low, high));
                }
                _ => {
                    let message = format!("bad character range {this}-{that}");
                    return Err(self.lexer.error(message, this.len() + 1 + that.len()));
                }
            }
        }
        Ok(Node::set(items, negated, scope))
    }

    fn class_token(&mut self, start: usize) -> Result<Token, ParseError> {
        let token = self.lexer.get()?;
        token.ok_or_else(|| ParseError::at("unterminated character set", start))
    }

    fn class_member(&mut self, token: Token) -> Result<ClassEscape, ParseError> {
        match token.escaped {
            true => self.class_escape(token),
            false => Ok(ClassEscape::Char(token.char.into())),
        }
    }
}

fn item(member: ClassEscape) -> Item {
    match member {
        ClassEscape::Char(code) => Item::Range(code, code),
        ClassEscape::Category(category, negated) => Item::Category(category, negated),
    }
}
