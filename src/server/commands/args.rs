//! The words of a command, read with Python's errors.

use crate::value::{Exception, Value};

/// The words after those that chose the command.
#[derive(Clone, Copy)]
pub(super) struct Args<'a>(pub &'a [Value]);

impl<'a> Args<'a> {
    pub(super) fn at(self, index: usize) -> Result<&'a Value, Exception> {
        self.0.get(index).ok_or_else(|| Exception::builtin("IndexError", "list index out of range"))
    }

    /// A word as text.
    pub(super) fn text(self, index: usize) -> Result<String, Exception> {
        Ok(self.at(index)?.to_text())
    }

    pub(super) fn from(self, index: usize) -> Args<'a> {
        Args(self.0.get(index..).unwrap_or_default())
    }

    pub(super) fn texts(self) -> Vec<String> {
        self.0.iter().map(Value::to_text).collect()
    }

    pub(super) fn len(self) -> usize {
        self.0.len()
    }
}

/// Python's `int(value)`.
pub(super) fn int_of(value: &Value) -> Result<i64, Exception> {
    match value {
        Value::Int(number) => Ok(*number),
        Value::Bool(flag) => Ok((*flag).into()),
        Value::Float(number) => Ok(*number as i64),
        Value::Str(text) => {
            let digits = text.trim().replace('_', "");
            digits.parse().map_err(|_| {
                let text = format!("invalid literal for int() with base 10: {value}");
                Exception::builtin("ValueError", text)
            })
        }
        other => Err(Exception::builtin(
            "TypeError",
            format!(
                "int() argument must be a string, a bytes-like object or a real number, not '{}'",
                other.type_name()
            ),
        )),
    }
}

/// Python's truth of an option: words for yes, or any true value that is no text.
pub(super) fn bool_of(value: &Value) -> bool {
    match value {
        Value::Str(text) => matches!(text.to_lowercase().as_str(), "1" | "on" | "true" | "yes"),
        other => other.is_true(),
    }
}
