//! The few operations of Python that the original applies to a reply without knowing its type. Where Python would
//! raise an exception there is [`Raised`].

use crate::value::Value;

/// Python would have raised an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised;

/// The items over which Python would iterate: of a text its characters, of a dictionary its keys.
pub fn iterate(value: &Value) -> Result<Vec<Value>, Raised> {
    match value {
        Value::List(items) | Value::Tuple(items) | Value::Set(items) => Ok(items.clone()),
        Value::Str(text) => Ok(text.chars().map(String::from).map(Value::str).collect()),
        Value::Dict(pairs) => Ok(pairs.iter().map(|(key, _)| key.clone()).collect()),
        _ => Err(Raised),
    }
}

/// The items of something that can be indexed and sliced.
pub fn sequence(value: &Value) -> Result<Vec<Value>, Raised> {
    match value {
        Value::List(_) | Value::Tuple(_) | Value::Str(_) => iterate(value),
        _ => Err(Raised),
    }
}

/// `value[index]`
pub fn index(value: &Value, index: usize) -> Result<Value, Raised> {
    sequence(value)?.into_iter().nth(index).ok_or(Raised)
}

/// `value` where only text will do.
pub fn text(value: &Value) -> Result<&str, Raised> {
    value.as_str().ok_or(Raised)
}

/// `separator.join(value)`
pub fn join(separator: &str, value: &Value) -> Result<String, Raised> {
    let items = iterate(value)?;
    let texts: Result<Vec<&str>, Raised> = items.iter().map(text).collect();
    Ok(texts?.join(separator))
}

/// `" ".join(map(str, value))` of a list, `str(value)` of anything else.
pub fn joined_or_text(value: &Value) -> String {
    match value {
        Value::List(items) => items.iter().map(Value::to_text).collect::<Vec<_>>().join(" "),
        other => other.to_text(),
    }
}
