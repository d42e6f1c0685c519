//! `-d` and `--dp`: the stream as text.

use super::configurator::Stream;
use super::options::OptionMap;
use crate::text::{is_space, lines_with_ends};
use crate::value::Value;
use std::io::{self, Write};

/// Writes one Python list per line, as `fail2ban-client -d` prints it.
pub fn dump(stream: &Stream, out: &mut dyn Write) -> io::Result<()> {
    lines(stream, out, |line, command| {
        // Writing to a string cannot fail.
        let _ = command.write_repr(line);
    })
}

/// Writes the same through Python's `pprint` with width 1000 and indent 2 (`--dp`).
pub fn dump_pretty(stream: &Stream, out: &mut dyn Write) -> io::Result<()> {
    lines(stream, out, |line, command| pretty(line, command, 0, 0))
}

fn lines(stream: &Stream, out: &mut dyn Write, form: impl Fn(&mut String, &Value)) -> io::Result<()> {
    let mut line = String::new();
    for command in &stream.commands {
        line.clear();
        form(&mut line, command);
        line.push('\n');
        out.write_all(line.as_bytes())?;
    }
    Ok(())
}

const WIDTH: usize = 1000;
const INDENT: usize = 2;

/// Writes a value at column `indent`, leaving room for `allowance` characters behind it.
fn pretty(out: &mut String, value: &Value, indent: usize, allowance: usize) {
    let whole = value.to_string();
    if fits(&whole, WIDTH.saturating_sub(indent + allowance)) {
        out.push_str(&whole);
        return;
    }
    match value {
        Value::List(items) => pretty_list(out, items, indent, allowance + 1),
        Value::Str(text) => pretty_text(out, text, indent, allowance),
        _ => out.push_str(&whole),
    }
}

fn fits(text: &str, width: usize) -> bool {
    text.len() <= width || text.chars().count() <= width
}

/// One item per line.
fn pretty_list(out: &mut String, items: &[Value], indent: usize, allowance: usize) {
    let indent = indent + INDENT;
    out.push('[');
    out.push_str(&" ".repeat(INDENT - 1));
    for (index, item) in items.iter().enumerate() {
        let last = index + 1 == items.len();
        pretty(out, item, indent, if last { allowance } else { 1 });
        if !last {
            out.push_str(",\n");
            out.push_str(&" ".repeat(indent));
        }
    }
    out.push(']');
}

/// A long text as adjacent literals: one per line, and long lines broken behind white space.
fn pretty_text(out: &mut String, text: &str, indent: usize, allowance: usize) {
    let width = WIDTH.saturating_sub(indent);
    let lines = lines_with_ends(text);
    let mut chunks = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let last_line = index + 1 == lines.len();
        let last_width = if last_line { width.saturating_sub(allowance) } else { width };
        let literal = Value::str(*line).to_string();
        if fits(&literal, last_width) {
            chunks.push(literal);
        } else {
            break_line(&mut chunks, line, width, last_width);
        }
    }
    out.push_str(&chunks.join(&format!("\n{}", " ".repeat(indent))));
}

/// Breaks one line into literals of at most `width`, the last part of at most `last_width`.
fn break_line(chunks: &mut Vec<String>, line: &str, width: usize, last_width: usize) {
    let parts = words_with_space(line);
    let mut current = String::new();
    for (index, part) in parts.iter().enumerate() {
        let width = if index + 1 == parts.len() { last_width } else { width };
        let candidate = format!("{current}{part}");
        if fits(&Value::str(&candidate).to_string(), width) {
            current = candidate;
        } else {
            if !current.is_empty() {
                chunks.push(Value::str(current).to_string());
            }
            current = (*part).to_owned();
        }
    }
    if !current.is_empty() {
        chunks.push(Value::str(current).to_string());
    }
}

/// Words, each with the white space behind it.
fn words_with_space(line: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let word = rest.find(is_space).unwrap_or(rest.len());
        let end = rest[word..].find(|c| !is_space(c)).map_or(rest.len(), |space| word + space);
        let (part, after) = rest.split_at(end);
        parts.push(part);
        rest = after;
    }
    parts
}

/// Python's `json.dumps` of options: ASCII only.
pub(super) fn json(options: &OptionMap) -> String {
    let pairs: Vec<String> = options
        .iter()
        .map(|(name, value)| format!("{}: {}", json_text(name), json_text(&value.to_text())))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}

fn json_text(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out.push('"');
    out
}
