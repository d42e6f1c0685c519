//! What the reader says while it reads, and how it fails.

use std::fmt;
use std::path::Path;
use std::rc::Rc;

pub use crate::level;

/// One log message of the reader, to be written by whoever owns the console or the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// One of [`level`].
    pub level: u8,
    /// Logger name, e.g. `fail2ban.configreader`.
    pub logger: &'static str,
    pub text: String,
}

/// Takes the messages. `level` is the least level wanted: messages below it are not even formatted.
pub struct Reporter<'a> {
    pub level: u8,
    pub sink: &'a mut dyn FnMut(Message),
}

impl Reporter<'_> {
    /// Reports `text()` if anybody listens at this level.
    pub fn report(&mut self, level: u8, logger: &'static str, text: impl FnOnce() -> String) {
        if level >= self.level {
            (self.sink)(Message { level, logger, text: text() });
        }
    }
}

/// Where something was written: file and line (from 1; 0 = the file as a whole).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub file: Rc<Path>,
    pub line: u32,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// A failure that ends reading. Display is Python's `str(exception)`, [`Error::repr`] its `repr`.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// An exception of `configparser`, whose `repr` equals its text.
    Parser(ParserError),
    /// Any other exception.
    Other(crate::value::Exception),
}

/// The exceptions of Python's `configparser`.
#[derive(Clone, Debug, PartialEq)]
pub enum ParserError {
    NoSection(String),
    NoOption {
        option: String,
        section: String,
    },
    /// Syntax, duplicates or interpolation: the whole text.
    Text(String),
}

impl Error {
    /// Python's `ValueError(text)`.
    pub fn value(text: impl Into<ecow::EcoString>) -> Self {
        Error::Other(crate::value::Exception::builtin("ValueError", text))
    }

    /// Python's `repr(exception)`.
    pub fn repr(&self) -> String {
        match self {
            Error::Parser(error) => error.to_string(),
            Error::Other(exception) => crate::value::Value::from(exception.clone()).to_string(),
        }
    }
}

impl fmt::Display for ParserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::value::Value;
        match self {
            ParserError::NoSection(section) => write!(f, "No section: {}", Value::str(section)),
            ParserError::NoOption { option, section } => {
                write!(f, "No option {} in section: {}", Value::str(option), Value::str(section))
            }
            ParserError::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Parser(error) => error.fmt(f),
            Error::Other(exception) => f.write_str(&exception.message()),
        }
    }
}

impl std::error::Error for Error {}

impl From<ParserError> for Error {
    fn from(error: ParserError) -> Self {
        Error::Parser(error)
    }
}

impl From<crate::value::Exception> for Error {
    fn from(exception: crate::value::Exception) -> Self {
        Error::Other(exception)
    }
}
