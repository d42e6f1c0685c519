//! Typed options of a section: which there are, of what kind, and what they default to.

use super::interpolate::Variables;
use super::message::{Error, ParserError, Reporter, level};
use super::raw::Config;
use super::setting::Setting;
use crate::text::strip;
use crate::value::Value;
use ecow::EcoString;
use std::borrow::Cow;

/// Options of one jail, filter or action: name → value, in insertion order (the order is visible in
/// the command stream).
pub type OptionMap = indexmap::IndexMap<EcoString, Setting, foldhash::fast::RandomState>;

/// The option's text; empty if there is no such option.
pub fn text_of<'a>(options: &'a OptionMap, name: &str) -> Cow<'a, str> {
    options.get(name).map_or(Cow::Borrowed(""), Setting::to_text)
}

/// The options as Python's dictionary.
pub fn dict(options: &OptionMap) -> Value {
    Value::Dict(options.iter().map(|(name, value)| (Value::str(&**name), value.into())).collect())
}

/// Names and texts of the options.
pub fn texts(options: &OptionMap) -> impl Iterator<Item = (String, String)> {
    options.iter().map(|(name, value)| (name.to_string(), value.to_text().into_owned()))
}

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
    fn value(self) -> Setting {
        match self {
            Default::None => Setting::None,
            Default::Bool(flag) => Setting::Bool(flag),
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
    fn convert(self, value: Setting) -> Option<Setting> {
        match (self, value) {
            (Kind::Int, Setting::Text(text)) => parse_int(&text).map(Setting::Int),
            (Kind::Bool, Setting::Text(text)) => Some(Setting::Bool(is_true(&text))),
            (Kind::Bool, Setting::Int(number)) => Some(Setting::Bool(number != 0)),
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
    /// Whether there is a value by that name (which is in lower case).
    pub fn contains(&self, name: &str) -> bool {
        // Nearly all names are not given at all; the variables have all of them.
        self.variables.has(name) && (self.parameters.contains_key(name) || self.jail.contains_key(name))
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
    let no_section = || ParserError::NoSection(section.to_owned());
    let place = config.place(section);
    let exists = place.is_some();
    if mode.must_exist && !exists {
        return Err(no_section().into());
    }
    let nothing = Variables::default();
    let variables = mode.given.map_or(&nothing, |given| given.variables);
    let mut values = OptionMap::default();
    values.reserve(specs.len() / 2);
    for spec in specs.iter().filter(|spec| !mode.given.is_some_and(|given| given.contains(spec.name))) {
        let found = place.as_ref().map_or(Ok(None), |place| place.find_lower(spec.name, variables))?;
        let value = match found {
            Some(value) if !mode.convert || value == Setting::None => value,
            Some(value) => spec.kind.convert(value).unwrap_or_else(|| {
                reporter.report(level::WARNING, LOGGER, || wrong_value(spec, section));
                spec.default.value()
            }),
            None if !exists => {
                reporter.report(level::ERROR, LOGGER, || no_section().to_string());
                spec.default.value()
            }
            None if matches!(spec.default, Default::None) => continue,
            None => {
                reporter.report(level::DEBUG, LOGGER, || {
                    let default = spec.default.value();
                    format!("'{}' not defined in '{section}'. Using default one: {default}", spec.name)
                });
                spec.default.value()
            }
        };
        values.insert(spec.name.into(), value);
    }
    Ok(values)
}

fn wrong_value(spec: &Spec, section: &str) -> String {
    format!("Wrong value for '{}' in '{section}'. Using default one: '{}'", spec.name, spec.default.value())
}

/// Converts options that were kept as text until all tags in them were resolved.
pub fn convert_options(options: &mut OptionMap, specs: &[Spec], reporter: &mut Reporter) {
    for spec in specs.iter().filter(|spec| spec.kind != Kind::Text) {
        let Some(value) = options.get_mut(spec.name).filter(|value| **value != Setting::None) else {
            continue;
        };
        *value = spec.kind.convert(value.clone()).unwrap_or_else(|| {
            reporter.report(level::WARNING, LOGGER, || {
                let (kind, name, default) =
                    (spec.kind.name(), Setting::from(spec.name), spec.default.value());
                format!("Wrong {kind} value {value} for {name}. Using default one: {default}")
            });
            spec.default.value()
        });
    }
}
