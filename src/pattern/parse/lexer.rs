//! Characters of a pattern, an escape counting as one token.

use super::ParseError;

/// A character, or a backslash with the character after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub char: char,
    pub escaped: bool,
}

impl Token {
    /// Length in characters.
    pub fn len(self) -> usize {
        1 + usize::from(self.escaped)
    }

    /// The character, unless it is escaped.
    pub fn plain(self) -> Option<char> {
        (!self.escaped).then_some(self.char)
    }
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", if self.escaped { "\\" } else { "" }, self.char)
    }
}

/// Reads tokens with one token of look-ahead; positions count characters.
pub(super) struct Lexer {
    chars: Vec<char>,
    index: usize,
    next: Option<Token>,
}

impl Lexer {
    pub fn new(pattern: &str) -> Result<Lexer, ParseError> {
        let mut lexer = Lexer { chars: pattern.chars().collect(), index: 0, next: None };
        lexer.advance()?;
        Ok(lexer)
    }

    fn advance(&mut self) -> Result<(), ParseError> {
        self.next = match self.chars.get(self.index) {
            None => None,
            Some('\\') => match self.chars.get(self.index + 1) {
                Some(&char) => Some(Token { char, escaped: true }),
                None => {
                    return Err(ParseError::at("bad escape (end of pattern)", self.chars.len() - 1));
                }
            },
            Some(&char) => Some(Token { char, escaped: false }),
        };
        self.index += self.next.map_or(0, Token::len);
        Ok(())
    }

    pub fn peek(&self) -> Option<Token> {
        self.next
    }

    /// Whether the next token is this unescaped character.
    pub fn sees(&self, char: char) -> bool {
        self.next.and_then(Token::plain) == Some(char)
    }

    pub fn get(&mut self) -> Result<Option<Token>, ParseError> {
        let this = self.next;
        self.advance()?;
        Ok(this)
    }

    /// Steps over the unescaped character if it is next.
    pub fn accept(&mut self, char: char) -> Result<bool, ParseError> {
        let found = self.sees(char);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    /// At most `limit` unescaped characters that satisfy `wanted`.
    pub fn get_while(&mut self, limit: usize, wanted: fn(char) -> bool) -> Result<String, ParseError> {
        let mut text = String::new();
        while let Some(char) = self.next.and_then(Token::plain).filter(|c| wanted(*c)) {
            if text.len() == limit {
                break;
            }
            text.push(char);
            self.advance()?;
        }
        Ok(text)
    }

    /// The text before `terminator`, which is stepped over; `what` names it in errors.
    pub fn get_until(&mut self, terminator: char, what: &str) -> Result<String, ParseError> {
        let mut text = String::new();
        loop {
            let token = self.get()?;
            let len = text.chars().count();
            match token {
                None if text.is_empty() => return Err(self.error(format!("missing {what}"), 0)),
                None => return Err(self.error(format!("missing {terminator}, unterminated name"), len)),
                Some(token) if token.plain() == Some(terminator) => match len {
                    0 => return Err(self.error(format!("missing {what}"), 1)),
                    _ => return Ok(text),
                },
                Some(token) => text += &token.to_string(),
            }
        }
    }

    /// Position of the next token.
    pub fn tell(&self) -> usize {
        self.index - self.next.map_or(0, Token::len)
    }

    pub fn seek(&mut self, index: usize) -> Result<(), ParseError> {
        self.index = index;
        self.advance()
    }

    /// An error `back` characters before the next token.
    pub fn error(&self, message: impl Into<String>, back: usize) -> ParseError {
        ParseError::at(message, self.tell() - back)
    }
}
