//! Time expressions: `1d 12h`, `1h+5`, `2*3600` (COMPAT §1.1).

use crate::value::{Exception, Value, float_repr};
use std::fmt;

/// A Python number: `1h` is an int, `1mo` a float, and both show (in replies, in `--str2sec`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    pub fn as_f64(self) -> f64 {
        match self {
            Number::Int(number) => number as f64,
            Number::Float(number) => number,
        }
    }
}

/// Python's `str(number)`.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Int(number) => number.fmt(f),
            Number::Float(number) => f.write_str(&float_repr(*number)),
        }
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        match number {
            Number::Int(number) => Value::Int(number),
            Number::Float(number) => Value::Float(number),
        }
    }
}

/// Seconds of a time expression. The exception is Python's, e.g. `NameError: name 'foo' is not defined`.
pub fn str2seconds(_text: &str) -> Result<Number, Exception> {
    todo!()
}

/// Upstream's short text for a number of seconds: at most three groups, rounded the more the longer
/// (`1y 3w 4d`, `59m 50s`).
pub fn seconds2str(_seconds: f64) -> String {
    todo!()
}
