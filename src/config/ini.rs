//! One configuration file: the grammar of Python's strict `configparser` (COMPAT §2.2).
//!
//! Every value keeps the lines it was written on, so that complaints about it can name them.

use super::encoding;
use super::interpolate::lower_case;
use super::message::ParserError;
use super::setting::Setting;
use crate::text::{is_space, strip, strip_end};
use crate::value::Value;
use ecow::EcoString;
use indexmap::IndexMap;
use indexmap::map::Entry as Slot;
use std::path::Path;
use std::rc::Rc;

/// An option as written, before any interpolation.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// A string, unless merged from a filter's converted options (`known/maxlines` is an int).
    pub value: Setting,
    /// `None` for a value that was not read from a file.
    pub source: Option<Rc<Source>>,
}

/// Where a value was written.
#[derive(Debug, PartialEq)]
pub struct Source {
    pub file: Rc<Path>,
    /// The file's line number for the first line of the value; most have no other.
    pub first: u32,
    /// Those for the lines after it.
    pub others: Box<[u32]>,
}

impl Entry {
    /// A value that was not read from a file.
    pub fn computed(value: Setting) -> Self {
        Entry { value, source: None }
    }
}

/// Options by (lower-case) name.
pub type Section = IndexMap<EcoString, Entry, foldhash::fast::RandomState>;

/// Sections by name; mostly a file is the only one that has the section, and it is shared with what is merged.
pub type Sections = IndexMap<EcoString, Rc<Section>, foldhash::fast::RandomState>;

/// A parsed file.
#[derive(Debug, Default)]
pub struct File {
    pub defaults: Rc<Section>,
    pub sections: Sections,
}

/// The section whose options all others inherit.
pub const DEFAULT: &str = "DEFAULT";

/// Parses a file's content. `name` is what messages call the file, `path` what was really opened.
pub fn parse(content: &[u8], name: &str, path: &Path) -> Result<File, Failure> {
    let mut parser = Parser::new(name, path);
    match std::str::from_utf8(content) {
        Ok(text) => {
            for (line, number) in Lines(text).zip(1..) {
                parser.line(line, number)?;
            }
            Ok(parser.finish()?)
        }
        Err(error) => {
            // Upstream reads lines until it comes to the undecodable block: their errors come first.
            let (text, message) = encoding::describe(content, error);
            for (line, number) in Lines(text).zip(1..).filter(|(line, _)| line.ended) {
                parser.line(line, number)?;
            }
            Err(Failure::Decode(message))
        }
    }
}

/// Why a file could not be parsed.
#[derive(Debug)]
pub enum Failure {
    /// The file is not UTF-8: Python's text of the `UnicodeDecodeError`.
    Decode(String),
    Syntax(ParserError),
}

impl From<ParserError> for Failure {
    fn from(error: ParserError) -> Self {
        Failure::Syntax(error)
    }
}

/// Lines under universal newlines (`\n`, `\r\n`, `\r`), without their ends; whether an end was there.
struct Lines<'a>(&'a str);

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        if self.0.is_empty() {
            return None;
        }
        let Some(end) = memchr::memchr2(b'\n', b'\r', self.0.as_bytes()) else {
            return Some(Line { text: std::mem::take(&mut self.0), ended: false });
        };
        let (text, rest) = self.0.split_at(end);
        self.0 = rest.strip_prefix("\r\n").unwrap_or(&rest[1..]);
        Some(Line { text, ended: true })
    }
}

#[derive(Clone, Copy)]
struct Line<'a> {
    text: &'a str,
    ended: bool,
}

impl Line<'_> {
    /// The line as Python shows it in messages, newline included.
    fn repr(self) -> String {
        Value::str(format!("{}{}", self.text, if self.ended { "\n" } else { "" })).to_string()
    }
}

/// The option that was read last.
#[derive(Default)]
struct Open {
    /// `None`: there is none, nothing continues it.
    name: Option<EcoString>,
    value: String,
    first: u32,
    others: Vec<u32>,
}

struct Parser<'a> {
    name: &'a str,
    path: Rc<Path>,
    file: File,
    /// Name of the current section; `None` before the first.
    section: Option<EcoString>,
    open: Open,
    indent: usize,
    /// Text of the lines that are neither header nor option; they fail the file at its end.
    errors: String,
}

impl<'a> Parser<'a> {
    fn new(name: &'a str, path: &Path) -> Self {
        Parser {
            name,
            path: Rc::from(path),
            file: File::default(),
            section: None,
            open: Open::default(),
            indent: 0,
            errors: String::new(),
        }
    }

    fn line(&mut self, line: Line, number: u32) -> Result<(), ParserError> {
        let Some(content) = without_comment(line.text) else { return Ok(()) };
        if content.is_empty() {
            if without_inline_comment(line.text).len() == line.text.len() {
                self.open.push("", number);
            }
            return Ok(());
        }
        let indent = line.text.chars().take_while(|&c| is_space(c)).count();
        if self.open.name.is_some() && indent > self.indent {
            self.open.push(content, number);
            return Ok(());
        }
        self.indent = indent;
        match section_header(content) {
            Some(header) => self.start_section(header, number),
            None if self.section.is_none() => Err(ParserError::Text(format!(
                "File contains no section headers.\nfile: {}, line: {number}\n{}",
                Value::str(self.name),
                line.repr()
            ))),
            None => self.option(content, line, number),
        }
    }

    fn start_section(&mut self, header: &str, number: u32) -> Result<(), ParserError> {
        self.close();
        let name: EcoString = EcoString::from(header);
        if header != DEFAULT {
            match self.file.sections.entry(name.clone()) {
                Slot::Occupied(_) => {
                    return Err(self.duplicate(number, &format!("section {}", Value::str(header))));
                }
                Slot::Vacant(slot) => slot.insert(Rc::default()),
            };
        }
        self.section = Some(name);
        Ok(())
    }

    fn option(&mut self, content: &str, line: Line, number: u32) -> Result<(), ParserError> {
        let Some(at) = memchr::memchr2(b'=', b':', content.as_bytes()) else {
            // The option before it stays open: lines indented deeper still belong to that.
            self.error(line, number);
            return Ok(());
        };
        self.close();
        let name = EcoString::from(&*lower_case(strip(&content[..at])));
        if name.is_empty() {
            self.error(line, number);
        }
        if self.current().contains_key(&name) {
            let section = self.section.as_deref().unwrap_or_default();
            let what = format!("option {} in section {}", Value::str(&*name), Value::str(section));
            return Err(self.duplicate(number, &what));
        }
        if name.is_empty() {
            // Nothing continues it, but a second one is a duplicate.
            self.current().insert(name, Entry::computed(Setting::None));
            return Ok(());
        }
        self.open.start(name, strip(&content[at + 1..]), number);
        Ok(())
    }

    fn error(&mut self, line: Line, number: u32) {
        self.errors.push_str(&format!("\n\t[line {number:2}]: {}", line.repr()));
    }

    /// The options of the current section.
    fn current(&mut self) -> &mut Section {
        let section = self.section.as_deref().and_then(|name| self.file.sections.get_mut(name));
        Rc::make_mut(section.unwrap_or(&mut self.file.defaults))
    }

    /// Stores the option that was being read.
    fn close(&mut self) {
        let Some(name) = self.open.name.take() else { return };
        let value = strip_end(&self.open.value);
        let others = memchr::memchr_iter(b'\n', value.as_bytes()).count();
        let Open { first, others: lines, .. } = &self.open;
        let source = Source { file: self.path.clone(), first: *first, others: lines[..others].into() };
        let entry = Entry { value: value.into(), source: Some(Rc::new(source)) };
        self.current().insert(name, entry);
    }

    fn duplicate(&self, number: u32, what: &str) -> ParserError {
        let name = Value::str(self.name);
        ParserError::Text(format!("While reading from {name} [line {number:2}]: {what} already exists"))
    }

    fn finish(mut self) -> Result<File, ParserError> {
        self.close();
        if self.errors.is_empty() {
            return Ok(self.file);
        }
        let name = Value::str(self.name);
        Err(ParserError::Text(format!("Source contains parsing errors: {name}{}", self.errors)))
    }
}

impl Open {
    fn start(&mut self, name: EcoString, value: &str, number: u32) {
        self.name = Some(name);
        self.value.clear();
        self.value.push_str(value);
        self.first = number;
        self.others.clear();
    }

    fn push(&mut self, line: &str, number: u32) {
        self.value.push('\n');
        self.value.push_str(line);
        self.others.push(number);
    }
}

/// The line trimmed and without inline comment; `None` if all of it is a comment.
fn without_comment(line: &str) -> Option<&str> {
    let line = line.trim_start_matches(is_space);
    if line.starts_with(['#', ';']) {
        return None;
    }
    Some(strip_end(without_inline_comment(line)))
}

/// An inline comment starts with `;` at the start or after white space (`#` does not start one).
fn without_inline_comment(line: &str) -> &str {
    let starts = |&at: &usize| line[..at].chars().next_back().is_none_or(is_space);
    let comment = memchr::memchr_iter(b';', line.as_bytes()).find(starts);
    &line[..comment.unwrap_or(line.len())]
}

/// `[header]`, up to the last closing bracket; what follows it is ignored.
fn section_header(content: &str) -> Option<&str> {
    let inner = content.strip_prefix('[')?;
    inner.rfind(']').filter(|&end| end > 0).map(|end| &inner[..end])
}
