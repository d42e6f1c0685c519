//! Ticket data as text: JSON exactly as Python's `json.dumps(data, ensure_ascii=False)` writes it (COMPAT §10).

use crate::value::{Value, float_repr};

/// The JSON text of ticket data. As upstream writes them, a set becomes the *text* of a list, and keys without a value
/// are left out.
pub(super) fn dump(data: &Value) -> String {
    let mut out = String::new();
    match data {
        Value::Dict(pairs) => write_pairs(&mut out, pairs.iter().filter(|(_, value)| *value != Value::None)),
        other => write(&mut out, other),
    }
    out
}

fn write(out: &mut String, value: &Value) {
    match value {
        Value::None => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Float(number) => out.push_str(&float_text(*number)),
        Value::Str(text) => write_text(out, text),
        Value::Bytes(bytes) => write_text(out, &String::from_utf8_lossy(bytes)),
        Value::List(items) | Value::Tuple(items) => write_items(out, items),
        Value::Set(items) => write_text(out, &Value::List(items.clone()).to_string()),
        Value::Dict(pairs) => write_pairs(out, pairs.iter()),
        Value::Exception(exception) => write_text(out, &exception.message()),
    }
}

fn write_items(out: &mut String, items: &[Value]) {
    out.push('[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        write(out, item);
    }
    out.push(']');
}

fn write_pairs<'a>(out: &mut String, pairs: impl Iterator<Item = &'a (Value, Value)>) {
    out.push('{');
    for (i, (key, value)) in pairs.enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        write_text(out, &key_text(key));
        out.push_str(": ");
        write(out, value);
    }
    out.push('}');
}

/// Keys that are no strings become what their JSON value reads like.
fn key_text(key: &Value) -> String {
    match key {
        Value::Str(text) => text.to_string(),
        Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
            let mut text = String::new();
            write(&mut text, key);
            text
        }
        other => other.to_string(),
    }
}

fn float_text(number: f64) -> String {
    match number {
        n if n.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        n => float_repr(n),
    }
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Reads stored ticket data. Keys without a value are left out.
///
/// # Errors
/// The reason, when the bytes are not a JSON object.
pub(super) fn load(bytes: &[u8]) -> Result<Value, String> {
    let text = String::from_utf8_lossy(bytes);
    let parsed: serde_json::Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let serde_json::Value::Object(pairs) = parsed else {
        return Err("not an object".into());
    };
    let pairs = pairs.into_iter().filter(|(_, value)| !value.is_null());
    Ok(Value::Dict(pairs.map(|(key, value)| (Value::str(key), from_json(value))).collect()))
}

fn from_json(value: serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::None,
        serde_json::Value::Bool(flag) => Value::Bool(flag),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(integer) => Value::Int(integer),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::str(text),
        serde_json::Value::Array(items) => Value::List(items.into_iter().map(from_json).collect()),
        serde_json::Value::Object(pairs) => {
            Value::Dict(pairs.into_iter().map(|(key, value)| (Value::str(key), from_json(value))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dict(pairs: &[(&str, Value)]) -> Value {
        Value::Dict(pairs.iter().map(|(key, value)| (Value::str(*key), value.clone())).collect())
    }

    #[test]
    fn dump_is_pythons() {
        // Right sides: what Python 3.11 writes for these values with upstream's adapter.
        let lines =
            Value::List(vec![Value::strings(["a", "b", "c"]), Value::str("é\u{7f}\u{1}\"\\\n\t\u{8}/")]);
        let set = Value::Set(vec![Value::str("root"), Value::str("it's")]);
        let cases = [
            (dict(&[]), "{}"),
            (
                dict(&[("matches", lines), ("failures", Value::Int(3))]),
                "{\"matches\": [[\"a\", \"b\", \"c\"], \"é\u{7f}\\u0001\\\"\\\\\\n\\t\\b/\"], \"failures\": 3}",
            ),
            (dict(&[("users", set)]), r#"{"users": "['root', \"it's\"]"}"#),
            (dict(&[("a", Value::None), ("b", Value::Bool(true))]), r#"{"b": true}"#),
            (
                dict(&[("t", Value::Float(1e16)), ("i", Value::Float(f64::INFINITY))]),
                r#"{"t": 1e+16, "i": Infinity}"#,
            ),
            (Value::Dict(vec![(Value::Int(1), Value::Tuple(vec![]))]), r#"{"1": []}"#),
        ];
        for (data, text) in cases {
            assert_eq!(dump(&data), text);
        }
    }

    #[test]
    fn load_reads_what_was_written() {
        let data = dict(&[
            ("matches", Value::List(vec![Value::strings(["a ", "b", " ü\n"]), Value::str("x")])),
            ("failures", Value::Int(2)),
            ("time", Value::Float(1.5)),
        ]);
        assert_eq!(load(dump(&data).as_bytes()), Ok(data));
        assert_eq!(
            load(br#"{"user": null, "ip4": "192.0.2.1"}"#),
            Ok(dict(&[("ip4", Value::str("192.0.2.1"))]))
        );
        assert!(load(b"[1]").is_err());
        assert!(load(b"{\"a\": \"b").is_err());
    }
}
