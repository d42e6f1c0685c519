//! The Python expressions of `bantime.formula` and `bantime.factor`, and the growing ban times made of them
//! (COMPAT §7).
//!
//! An expression is parsed once, into a tree of bounded depth, and knows nothing but numbers, `ban.Time`,
//! `ban.Count`, `banFactor`, a few functions and `math`: whatever else Python would understand is refused.
//!
//! * `number` – Python's integers and floats, and their arithmetic
//! * `tokens`, `parse` – text to tree
//! * `tree` – the tree and its value
//! * `functions` – what can be called
//! * `increment` – the `bantime.*` options

mod functions;
mod increment;
mod number;
mod parse;
#[cfg(test)]
mod tests;
mod tokens;
mod tree;

use std::fmt;

pub use increment::BanTimeIncrement;
pub use number::Number;
pub use tree::{Formula, Variables};

/// Why an expression was refused, or has no value. Display is the sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    fn new(text: impl Into<String>) -> Self {
        Error(text.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
