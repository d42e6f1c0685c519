//! Typed options of a section: which there are, of what kind, and what they default to.

use super::interpolate::Variables;
use super::message::{Error, ParserError, Reporter, level};
use super::raw::Config;
use crate::text::strip;
use crate::value::Value;

/// Options of one jail, filter or action: name → value, in insertion order (the order is visible in
/// the command stream). `Value::None` is an option that is present but has no valid value.
pub type OptionMap = indexmap::IndexMap<String, Value, foldhash::fast::RandomState>;

/// What an option's text becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Int,
    Bool,
}

/// A default value.
#[derive(Clone, Copy, Debug)]
pub enum Default {
    None,
    Bool(bool),
    Text(&'static str),
}

impl Default {
    fn value(self) -> Value {
        match self {
            Default::None => Value::None,
            Default::Bool(flag) => Value::Bool(flag),
            Default::Text(text) => text.into(),
        }
    }
}

/// One option that is read from a section.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    pub name: &'static str,
    pub kind: Kind,
    pub default: Default,
}

/// A text option without default.
pub const fn text(name: &'static str) -> Spec {
    Spec { name, kind: Kind::Text, default: Default::None }
}

/// An integer option without default.
pub const fn int(name: &'static str) -> Spec {
    Spec { name, kind: Kind::Int, default: Default::None }
}

/// A yes-or-no option without default.
pub const fn flag(name: &'static str) -> Spec {
    Spec { name, kind: Kind::Bool, default: Default::None }
}

impl Spec {
    pub const fn or_text(mut self, text: &'static str) -> Self {
        self.default = Default::Text(text);
        self
    }

    pub const fn or(mut self, flag: bool) -> Self {
        self.default = Default::Bool(flag);
        self
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Text => "string",
            Kind::Int => "int",
            Kind::Bool => "bool",
        }
    }

    /// The converted value; `None` if the text is no integer.
    fn convert(self, value: Value) -> Option<Value> {
        match (self, value) {
            (Kind::Int, Value::Str(text)) => parse_int(&text).map(Value::Int),
            (Kind::Bool, Value::Str(text)) => Some(Value::Bool(is_true(&text))),
            (Kind::Bool, Value::Int(number)) => Some(Value::Bool(number != 0)),
            (_, value) => Some(value),
        }
    }
}

/// Upstream's idea of yes: `1 on true yes` in any case; everything else is no.
pub fn is_true(text: &str) -> bool {
    ["1", "on", "true", "yes"].contains(&text.to_lowercase().as_str())
}

/// Python's `int(text)`: surrounding white space, a sign, and single underscores between digits.
fn parse_int(text: &str) -> Option<i64> {
    let text = strip(text);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let grouped =
        digits.split('_').all(|group| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit()));
    if !grouped {
        return None;
    }
    text.replace('_', "").parse().ok()
}

const LOGGER: &str = "fail2ban.configreader";

/// Options of a jail and parameters that precede what a filter or an action says.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    pub jail: &'a OptionMap,
    pub parameters: &'a OptionMap,
    pub variables: &'a Variables,
}

impl Given<'_> {
    pub fn contains(&self, name: &str) -> bool {
        self.parameters.contains_key(name) || self.jail.contains_key(name)
    }
}

/// How [`read_options`] treats what it finds.
#[derive(Clone, Copy)]
pub struct Mode<'a> {
    /// Options not to read: they are already given, and precede others in interpolation.
    pub given: Option<Given<'a>>,
    /// A missing section is an error instead of a complaint per option.
    pub must_exist: bool,
    /// Convert to the option's kind (otherwise everything stays text).
    pub convert: bool,
}

/// Reads the options of a section.
pub fn read_options(
    config: &Config,
    section: &str,
    specs: &[Spec],
    mode: Mode,
    reporter: &mut Reporter,
) -> Result<OptionMap, Error> {
    let mut values = OptionMap::default();
    let nothing = Variables::default();
    for spec in specs {
        if mode.given.is_some_and(|given| given.contains(spec.name)) {
            continue;
        }
        let variables = mode.given.map_or(&nothing, |given| given.variables);
        match config.get(section, spec.name, variables) {
            Ok(Value::None) => {
                values.insert(spec.name.into(), Value::None);
            }
            Ok(value) if !mode.convert => {
                values.insert(spec.name.into(), value);
            }
            Ok(value) => {
                let value = spec.kind.convert(value).unwrap_or_else(|| {
                    reporter.report(level::WARNING, LOGGER, || wrong_value(spec, section));
                    spec.default.value()
                });
                values.insert(spec.name.into(), value);
            }
            Err(Error::Parser(error @ ParserError::NoSection(_))) if !mode.must_exist => {
                reporter.report(level::ERROR, LOGGER, || error.to_string());
                values.insert(spec.name.into(), spec.default.value());
            }
            Err(Error::Parser(ParserError::NoOption { .. })) => {
                if !matches!(spec.default, Default::None) {
                    reporter.report(level::DEBUG, LOGGER, || {
                        let default = spec.default.value();
                        format!("'{}' not defined in '{section}'. Using default one: {default}", spec.name)
                    });
                    values.insert(spec.name.into(), spec.default.value());
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(values)
}

fn wrong_value(spec: &Spec, section: &str) -> String {
    format!("Wrong value for '{}' in '{section}'. Using default one: '{}'", spec.name, spec.default.value())
}

/// Converts options that were kept as text until all tags in them were resolved.
pub fn convert_options(options: &mut OptionMap, specs: &[Spec], reporter: &mut Reporter) {
    for spec in specs.iter().filter(|spec| spec.kind != Kind::Text) {
        let Some(value) = options.get_mut(spec.name).filter(|value| **value != Value::None) else { continue };
        *value = spec.kind.convert(value.clone()).unwrap_or_else(|| {
            reporter.report(level::WARNING, LOGGER, || {
                let (kind, name, default) = (spec.kind.name(), Value::str(spec.name), spec.default.value());
                format!("Wrong {kind} value {value} for {name}. Using default one: {default}")
            });
            spec.default.value()
        });
    }
}
