//! Values as Python knows them: what the control protocol carries and what the command stream consists of.
//!
//! Admins, scripts and monitoring read Python's `repr` of these values (COMPAT §2.9, trap 25), so
//! `Display` writes exactly that.

use crate::file_name;
use crate::text::shared;
use ecow::EcoString;
use std::{fmt, io};

/// One Python object of the few kinds that the control protocol and the command stream use.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Text is shared: an option's value gets into the command stream without being copied.
    Str(EcoString),
    /// `bytes`; read from requests, never produced.
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Tuple(Vec<Value>),
    Set(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    /// Boxed: exceptions are rare, and a command stream consists of thousands of values.
    Exception(Box<Exception>),
}

/// A Python exception as a reply carries it: class and arguments (COMPAT §9).
#[derive(Clone, Debug, PartialEq)]
pub struct Exception {
    /// Module that defines the class, e.g. `builtins` or `fail2ban.exceptions`.
    pub module: &'static str,
    pub class: &'static str,
    pub args: Vec<Value>,
}

impl Exception {
    /// An exception of Python's own with one text argument.
    pub fn builtin(class: &'static str, text: impl Into<EcoString>) -> Self {
        Exception { module: "builtins", class, args: vec![Value::Str(text.into())] }
    }

    /// Python's `exc.args`: an `OSError` keeps the file name apart from them.
    pub fn args(&self) -> &[Value] {
        match self.args.as_slice() {
            [Value::Int(_), Value::Str(_), _] => &self.args[..2],
            args => args,
        }
    }

    /// The exception that Python raises when a system call about a file fails.
    pub fn os(error: &io::Error, path: &str) -> Self {
        let number = error.raw_os_error().unwrap_or(0);
        let class = match number {
            libc::ENOENT => "FileNotFoundError",
            libc::EACCES | libc::EPERM => "PermissionError",
            libc::EISDIR => "IsADirectoryError",
            _ => "OSError",
        };
        let args = vec![Value::Int(number.into()), os_text(error).into(), path.into()];
        Exception { module: "builtins", class, args }
    }

    /// The text that Python's `str(exc)` gives.
    pub fn message(&self) -> String {
        match self.args.as_slice() {
            [] => String::new(),
            // SyntaxError(text, (file, line, …))
            [Value::Str(text), Value::Tuple(place)] if self.class == "SyntaxError" && place.len() > 1 => {
                let file = place[0].to_text();
                format!("{text} ({}, line {})", file.rsplit('/').next().unwrap_or_default(), place[1])
            }
            // OSError(errno, text[, file]) has a form of its own.
            [Value::Int(n), Value::Str(text)] => format!("[Errno {n}] {text}"),
            [Value::Int(n), Value::Str(text), file] => format!("[Errno {n}] {text}: {file}"),
            [Value::Str(text)] if self.class != "KeyError" => text.to_string(),
            [one] => one.to_string(),
            many => Value::Tuple(many.to_vec()).to_string(),
        }
    }
}

/// The C library's words for an error, without the number that Rust adds.
pub fn os_text(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

impl Value {
    /// Python's name of the value's type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::None => "NoneType",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::Str(_) => "str",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "list",
            Value::Tuple(_) => "tuple",
            Value::Set(_) => "set",
            Value::Dict(_) => "dict",
            Value::Exception(_) => "Exception",
        }
    }

    /// Python's `bool(value)`.
    pub fn is_true(&self) -> bool {
        match self {
            Value::None => false,
            Value::Bool(flag) => *flag,
            Value::Int(number) => *number != 0,
            Value::Float(number) => *number != 0.0,
            Value::Str(text) => !text.is_empty(),
            Value::Bytes(bytes) => !bytes.is_empty(),
            Value::List(items) | Value::Tuple(items) | Value::Set(items) => !items.is_empty(),
            Value::Dict(pairs) => !pairs.is_empty(),
            Value::Exception(_) => true,
        }
    }

    pub fn str(text: impl Into<EcoString>) -> Self {
        Value::Str(text.into())
    }

    /// A list of strings.
    pub fn strings<S: Into<EcoString>>(items: impl IntoIterator<Item = S>) -> Self {
        Value::List(items.into_iter().map(Value::str).collect())
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list, tuple or set.
    pub fn items(&self) -> Option<&[Value]> {
        match self {
            Value::List(items) | Value::Tuple(items) | Value::Set(items) => Some(items),
            _ => None,
        }
    }

    /// Python's `str(value)`: as `repr`, but strings and exceptions bare.
    pub fn to_text(&self) -> String {
        match self {
            Value::Str(text) => text.to_string(),
            Value::Exception(exception) => exception.message(),
            other => other.to_string(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Str(shared(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Str(shared(&text))
    }
}

impl From<EcoString> for Value {
    fn from(text: EcoString) -> Self {
        Value::Str(text)
    }
}

impl From<Exception> for Value {
    fn from(exception: Exception) -> Self {
        Value::Exception(Box::new(exception))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Value::Bool(flag)
    }
}

/// Python's `repr`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_repr(f)
    }
}

impl Value {
    /// Writes Python's `repr`.
    pub fn write_repr<W: fmt::Write>(&self, out: &mut W) -> fmt::Result {
        match self {
            Value::None => out.write_str("None"),
            Value::Bool(true) => out.write_str("True"),
            Value::Bool(false) => out.write_str("False"),
            Value::Int(number) => write!(out, "{number}"),
            Value::Float(number) => out.write_str(&float_repr(*number)),
            Value::Str(text) => write_str_repr(out, text),
            Value::Bytes(bytes) => write_bytes_repr(out, bytes),
            Value::List(items) => write_items(out, "[", items, "]"),
            Value::Tuple(items) if items.len() == 1 => write_items(out, "(", items, ",)"),
            Value::Tuple(items) => write_items(out, "(", items, ")"),
            Value::Set(items) if items.is_empty() => out.write_str("set()"),
            Value::Set(items) => write_items(out, "{", items, "}"),
            Value::Dict(pairs) => {
                out.write_str("{")?;
                for (i, (key, value)) in pairs.iter().enumerate() {
                    out.write_str(if i > 0 { ", " } else { "" })?;
                    key.write_repr(out)?;
                    out.write_str(": ")?;
                    value.write_repr(out)?;
                }
                out.write_str("}")
            }
            Value::Exception(exception) => {
                out.write_str(exception.class)?;
                write_items(out, "(", exception.args(), ")")
            }
        }
    }
}

fn write_items<W: fmt::Write>(out: &mut W, open: &str, items: &[Value], close: &str) -> fmt::Result {
    out.write_str(open)?;
    for (i, item) in items.iter().enumerate() {
        out.write_str(if i > 0 { ", " } else { "" })?;
        item.write_repr(out)?;
    }
    out.write_str(close)
}

/// Python's `repr(float)`: shortest digits that read back, exponent form outside 1e-4 … 1e16.
pub fn float_repr(number: f64) -> String {
    if number.is_nan() {
        return "nan".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf".into() } else { "-inf".into() };
    }
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(rest) => ('-', rest),
            None => ('+', exponent),
        };
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    format!("{number:?}")
}

/// The bytes that stand for themselves in a `repr` unless they are its quotes.
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        plain[byte as usize] = byte != b'\\';
        byte += 1;
    }
    plain
};

/// How many bytes at the start stand for themselves in a `repr` between these quotes.
fn plain_len(bytes: &[u8], quote: u8) -> usize {
    let is_special = |&byte: &u8| !PLAIN[usize::from(byte)] || byte == quote;
    bytes.iter().position(is_special).unwrap_or(bytes.len())
}

fn write_str_repr<W: fmt::Write>(out: &mut W, text: &str) -> fmt::Result {
    let has = |byte| memchr::memchr(byte, text.as_bytes()).is_some();
    let quote = if has(b'\'') && !has(b'"') { '"' } else { '\'' };
    out.write_char(quote)?;
    // Nearly everything is plain: what lies between `start` and `at` is written in one piece.
    let (mut start, mut at) = (0, 0);
    loop {
        at += plain_len(&text.as_bytes()[at..], quote as u8);
        let Some(c) = text[at..].chars().next() else { break };
        let next = at + c.len_utf8();
        if c.is_ascii() || !is_printable(c) {
            out.write_str(&text[start..at])?;
            start = next;
        }
        match c {
            '\n' => out.write_str("\\n")?,
            '\t' => out.write_str("\\t")?,
            '\r' => out.write_str("\\r")?,
            c if c == '\\' || c == quote => {
                out.write_char('\\')?;
                start = at;
            }
            _ if start < next => {}
            c => match file_name::surrogate(c).unwrap_or(c as u32) {
                code @ 0..=0xff => write!(out, "\\x{code:02x}")?,
                code @ 0x100..=0xffff => write!(out, "\\u{code:04x}")?,
                code => write!(out, "\\U{code:08x}")?,
            },
        }
        at = next;
    }
    out.write_str(&text[start..])?;
    out.write_char(quote)
}

fn write_bytes_repr<W: fmt::Write>(out: &mut W, bytes: &[u8]) -> fmt::Result {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    write!(out, "b{quote}")?;
    for &byte in bytes {
        match byte {
            b'\\' => out.write_str("\\\\")?,
            b'\n' => out.write_str("\\n")?,
            b'\t' => out.write_str("\\t")?,
            b'\r' => out.write_str("\\r")?,
            b if b as char == quote => write!(out, "\\{quote}")?,
            b' '..=b'~' => out.write_char(byte as char)?,
            b => write!(out, "\\x{b:02x}")?,
        }
    }
    out.write_char(quote)
}

/// Python's `str.isprintable` for non-ASCII characters: not a separator, control, format, surrogate,
/// private-use or unassigned character.
fn is_printable(c: char) -> bool {
    use std::sync::OnceLock;
    // Nearly always it is a letter, which the standard library knows.
    if c.is_alphanumeric() {
        return true;
    }
    static UNPRINTABLE: OnceLock<regex_automata::meta::Regex> = OnceLock::new();
    let class = UNPRINTABLE
        .get_or_init(|| regex_automata::meta::Regex::new(r"\A[\p{Z}\p{C}]").expect("a constant pattern"));
    !class.is_match(c.encode_utf8(&mut [0; 4]).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing_file() -> Exception {
        let args = vec![Value::Int(2), "No such file".into(), "/x".into()];
        Exception { module: "builtins", class: "FileNotFoundError", args }
    }

    #[test]
    fn messages_are_pythons() {
        let place = Value::Tuple(vec!["/a/<string>".into(), Value::Int(3), Value::None]);
        let syntax = Exception { module: "builtins", class: "SyntaxError", args: vec!["bad".into(), place] };
        let key = Exception::builtin("KeyError", "k");
        for (exception, text) in [
            (missing_file(), "[Errno 2] No such file: '/x'"),
            (syntax, "bad (<string>, line 3)"),
            (key, "'k'"),
        ] {
            assert_eq!(exception.message(), text);
        }
    }

    #[test]
    fn repr_is_pythons() {
        let cases: &[(Value, &str)] = &[
            (Value::str("it's"), "\"it's\""),
            (Value::str("both ' and \""), "'both \\' and \"'"),
            (Value::str("a\\b\n\t\x01é\u{200b}"), "'a\\\\b\\n\\t\\x01é\\u200b'"),
            (Value::Float(1795341931.0), "1795341931.0"),
            (Value::Float(1e16), "1e+16"),
            (Value::Float(0.00001), "1e-05"),
            (Value::Tuple(vec![Value::Int(1)]), "(1,)"),
            (Value::Dict(vec![(Value::str("a"), Value::None)]), "{'a': None}"),
            (Value::Bytes(b"a'\xff".to_vec()), "b\"a'\\xff\""),
            (Exception::builtin("ValueError", "x").into(), "ValueError('x')"),
            (missing_file().into(), "FileNotFoundError(2, 'No such file')"),
        ];
        for (value, text) in cases {
            assert_eq!(&value.to_string(), text);
        }
    }
}
