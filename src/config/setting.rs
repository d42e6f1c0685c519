//! The value of an option: text is shared by all who have it, so that options are copied at no cost.

use crate::text::shared;
use crate::value::Value;
use ecow::EcoString;
use std::borrow::Cow;
use std::fmt;

/// What an option is set to: text, unless it was converted to the option's kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// Present, but without a valid value.
    None,
    Bool(bool),
    Int(i64),
    Text(EcoString),
}

impl Setting {
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Setting::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text, if there is a valid value.
    pub fn text(&self) -> Option<EcoString> {
        match self {
            Setting::None => None,
            Setting::Text(text) => Some(text.clone()),
            other => Some(EcoString::from(other.to_text())),
        }
    }

    /// Python's `str(value)`.
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            Setting::Text(text) => Cow::Borrowed(text),
            other => Cow::Owned(other.to_string()),
        }
    }
}

/// Python's `repr`.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Value::from(self).fmt(f)
    }
}

impl From<&str> for Setting {
    fn from(text: &str) -> Self {
        Setting::Text(shared(text))
    }
}

impl From<EcoString> for Setting {
    fn from(text: EcoString) -> Self {
        Setting::Text(text)
    }
}

impl From<String> for Setting {
    fn from(text: String) -> Self {
        Setting::Text(shared(&text))
    }
}

impl From<&Setting> for Value {
    fn from(setting: &Setting) -> Self {
        match setting {
            Setting::None => Value::None,
            Setting::Bool(flag) => Value::Bool(*flag),
            Setting::Int(number) => Value::Int(*number),
            Setting::Text(text) => Value::Str(text.clone()),
        }
    }
}
