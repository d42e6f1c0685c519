//! One date template: a regex that finds a date, and the way its groups become a time.

use crate::value::Exception;
use std::fmt;

/// A Unix time as upstream computes it. The distinction is visible wherever upstream prints the time:
/// a date with a zone gives an `int`, one without a `float`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stamp {
    /// Whole seconds that Python holds as `int`.
    Int(i64),
    /// Seconds that Python holds as `float`.
    Float(f64),
}

impl Stamp {
    /// Seconds since 1970.
    pub fn seconds(self) -> f64 {
        match self {
            Stamp::Int(n) => n as f64,
            Stamp::Float(f) => f,
        }
    }
}

/// Why a matched date has no time.
#[derive(Clone, Debug, PartialEq)]
pub enum TimeError {
    /// The text is no valid date (`ValueError`): upstream logs `findFailure failed to parse timeText: TEXT` and
    /// takes the last known time.
    Invalid,
    /// An exception that upstream lets escape (unknown zone abbreviation, month without day); counts as an error
    /// of the jail: `Failed to process line: …, caught exception: …`.
    Raised(Exception),
}

/// Why a `datepattern` is not accepted; displays as upstream's exception text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// `TypeError`: a percent sign that is no directive, or the like.
    Format { pattern: String, reason: String },
    /// `ValueError`: the same template twice.
    Duplicate { name: String },
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PatternError::Format { pattern, reason } => write!(
                f,
                "Failed to set datepattern '{pattern}' (may be an invalid format or unescaped percent char): {reason}"
            ),
            PatternError::Duplicate { name } => write!(f, "There is already a template with name {name}"),
        }
    }
}

impl std::error::Error for PatternError {}

/// One date template.
#[derive(Debug)]
pub struct Template {
    /// As `fail2ban-regex` shows it, e.g. `{^LN-BEG}ExYear…`.
    pub name: String,
    /// The datepattern it was made of; epoch and TAI64N templates have none.
    pub pattern: Option<String>,
    /// The complete regex in Python's dialect.
    pub regex: String,
}
