//! `%(name)s` interpolation (COMPAT §2.3).

use super::ini::{DEFAULT, Section};
use super::message::{Error, ParserError};
use super::options::OptionMap;
use super::raw::{Config, KNOWN};
use super::setting::Setting;
use super::tags::MAX_VALUE;
use crate::value::{Exception, Value};
use ecow::EcoString;
use std::borrow::Cow;
use std::rc::Rc;

/// Values that precede those of the section: options of the jail, and before them the parameters of a filter
/// or an action.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    jail: Option<Rc<OptionMap>>,
    /// By lower-case name.
    parameters: OptionMap,
}

impl Variables {
    pub fn new(jail: &Rc<OptionMap>, parameters: &OptionMap) -> Self {
        if parameters.keys().all(|name| is_lower(name)) {
            return Variables { jail: Some(jail.clone()), parameters: parameters.clone() };
        }
        // Of names that differ only in case the last counts; those of jail options come first.
        let (first, others): (Vec<_>, Vec<_>) =
            parameters.iter().partition(|(name, _)| jail.contains_key(*name));
        let lower = |(name, value): (&EcoString, &Setting)| match lower_case(name) {
            Cow::Borrowed(_) => (name.clone(), value.clone()),
            Cow::Owned(lower) => (lower.into(), value.clone()),
        };
        Variables {
            jail: Some(jail.clone()),
            parameters: first.into_iter().chain(others).map(lower).collect(),
        }
    }

    /// Whether there is a value by that name.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn get(&self, name: &str) -> Option<&Setting> {
        self.parameters.get(name).or_else(|| self.jail.as_ref()?.get(name))
    }
}

/// A name's value, and whether it is text whatever its kind (variables are, values in sections are not).
#[derive(Clone, Copy)]
enum Found<'a> {
    Variable(&'a Setting),
    Option(&'a Setting),
}

impl<'a> Found<'a> {
    /// The value's text; `None` for an option that is set to nothing.
    fn text(self) -> Result<Option<Cow<'a, str>>, Error> {
        match self {
            Found::Variable(Setting::None) | Found::Option(Setting::None) => Ok(None),
            Found::Variable(setting) | Found::Option(setting @ Setting::Text(_)) => {
                Ok(Some(setting.to_text()))
            }
            Found::Option(other) => Err(not_text(other)),
        }
    }

    /// The value itself, as text.
    fn as_text(self) -> Setting {
        match self {
            Found::Variable(text @ Setting::Text(_)) | Found::Option(text) => text.clone(),
            Found::Variable(other) => other.to_text().into_owned().into(),
        }
    }
}

/// How deep interpolated values may contain further interpolations.
const MAX_DEPTH: u32 = 10;

impl Config {
    /// The value of an option, interpolated.
    pub fn get(&self, section: &str, option: &str, variables: &Variables) -> Result<Setting, Error> {
        let missing = || {
            let section = section.to_owned();
            match self.has_section(&section) {
                true => ParserError::NoOption { option: lower_case(option).into_owned(), section },
                false => ParserError::NoSection(section),
            }
        };
        Ok(self.find(section, option, variables)?.ok_or_else(missing)?)
    }

    /// As [`Config::get`]; `None` if there is no such option or section.
    pub fn find(&self, section: &str, option: &str, variables: &Variables) -> Result<Option<Setting>, Error> {
        self.place(section).map_or(Ok(None), |place| place.find(option, variables))
    }

    /// The section, to find several options there.
    pub fn place<'a>(&'a self, section: &'a str) -> Option<Place<'a>> {
        let own = self.sections.get(section).map(Rc::as_ref);
        (own.is_some() || section == DEFAULT).then_some(Place { config: self, section, own })
    }

    /// As [`Config::find`], but a name like `section/option` or `known/option` is looked for there first.
    pub fn find_anywhere(
        &self,
        section: &str,
        option: &str,
        variables: &Variables,
    ) -> Result<Option<Setting>, Error> {
        if let Some((foreign, name)) = split_reference(option) {
            let known = format!("{KNOWN}{section}");
            let places = match foreign.to_lowercase().as_str() {
                "known" => vec![known.as_str(), section],
                "default" => vec![DEFAULT],
                _ => vec![foreign],
            };
            for place in places {
                if let Some(found) = self.find(place, name, &Variables::default())? {
                    return Ok(Some(found));
                }
            }
        }
        self.find(section, option, variables)
    }

    /// Whether there is such a section; `DEFAULT` always is, and has nothing besides the defaults.
    pub fn has_section(&self, name: &str) -> bool {
        name == DEFAULT || self.sections.contains_key(name)
    }

    fn lookup<'a>(&'a self, own: Option<&'a Section>, option: &str) -> Option<&'a Setting> {
        let entry = own.and_then(|own| own.get(option)).or_else(|| self.defaults.get(option));
        entry.map(|entry| &entry.value)
    }
}

/// A section with the options that it inherits.
pub struct Place<'a> {
    config: &'a Config,
    section: &'a str,
    own: Option<&'a Section>,
}

impl Place<'_> {
    /// The value of an option, interpolated; `None` if there is no such option.
    pub fn find(&self, option: &str, variables: &Variables) -> Result<Option<Setting>, Error> {
        self.find_lower(&lower_case(option), variables)
    }

    /// As [`Place::find`], for a name in lower case.
    pub fn find_lower(&self, option: &str, variables: &Variables) -> Result<Option<Setting>, Error> {
        let Place { config, section, own } = *self;
        let variable = variables.get(option).map(Found::Variable);
        let Some(found) = variable.or_else(|| config.lookup(own, option).map(Found::Option)) else {
            return Ok(None);
        };
        let Some(text) = found.text()? else { return Ok(Some(Setting::None)) };
        if memchr::memchr(b'%', text.as_bytes()).is_none() {
            return Ok(Some(found.as_text()));
        }
        let scope = Scope { config, section, own, option, variables };
        let mut out = String::with_capacity(2 * text.len());
        scope.interpolate(&text, &Layer { names: Vec::new(), outer: None }, 1, &mut out)?;
        Ok(Some(out.into()))
    }
}

/// Option names are looked up in lower case; nearly all are.
pub fn lower_case(name: &str) -> Cow<'_, str> {
    if is_lower(name) { Cow::Borrowed(name) } else { Cow::Owned(name.to_lowercase()) }
}

/// Whether the name is certainly its own lower case.
fn is_lower(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
}

/// `section/option` as it may stand in a `<tag>`.
fn split_reference(name: &str) -> Option<(&str, &str)> {
    let (section, option) = name.split_once('/')?;
    let valid = !section.is_empty() && section.chars().all(is_section_char);
    (valid && !option.is_empty() && !option.contains(|c| c == '>' || crate::text::is_space(c)))
        .then_some((section, option))
}

fn is_section_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

/// Python stumbles over values that are not text.
fn not_text(value: &Setting) -> Error {
    let class = match value {
        Setting::Int(_) => "int",
        Setting::Bool(_) => "bool",
        _ => "NoneType",
    };
    Exception::builtin("TypeError", format!("argument of type '{class}' is not iterable")).into()
}

/// Where names of one option's value are looked up.
struct Scope<'a> {
    config: &'a Config,
    section: &'a str,
    own: Option<&'a Section>,
    option: &'a str,
    variables: &'a Variables,
}

/// References to other sections that were resolved on the way down to the present depth.
struct Layer<'a> {
    names: Vec<(&'a str, &'a Setting)>,
    outer: Option<&'a Layer<'a>>,
}

impl<'a> Layer<'a> {
    fn find(&self, name: &str) -> Option<&'a Setting> {
        let here = self.names.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        here.or_else(|| self.outer.and_then(|outer| outer.find(name)))
    }
}

impl<'a> Scope<'a> {
    fn interpolate(&self, text: &str, outer: &Layer, depth: u32, out: &mut String) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(self.error(&format!(
                "Recursion limit exceeded in value substitution: option {} in section {} contains an \
                 interpolation key which cannot be substituted in {MAX_DEPTH} steps. Raw value: {}",
                Value::str(self.option),
                Value::str(self.section),
                self.raw(text)
            )));
        }
        let layer = self.references(text, outer);
        let mut rest = text;
        while let Some(at) = memchr::memchr(b'%', rest.as_bytes()) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("%%") {
                out.push('%');
                rest = after;
                continue;
            }
            let (name, after) = self.reference(rest)?;
            rest = after;
            self.insert(&name, text, &layer, depth, out)?;
            if out.len() > MAX_VALUE {
                return Err(self.error(&format!(
                    "option '{}' in section '{}' grows beyond {MAX_VALUE} characters",
                    self.option, self.section
                )));
            }
        }
        out.push_str(rest);
        Ok(())
    }

    /// The name in `%(name)s` at the start of the text, and what follows.
    fn reference<'t>(&self, text: &'t str) -> Result<(Cow<'t, str>, &'t str), Error> {
        let Some(inner) = text.strip_prefix("%(") else {
            return Err(
                self.error(&format!("'%' must be followed by '%' or '(', found: {}", Value::str(text)))
            );
        };
        match inner.split_once(')') {
            Some((name, after)) if !name.is_empty() && after.starts_with('s') => {
                Ok((lower_case(name), &after[1..]))
            }
            _ => Err(self.error(&format!("bad interpolation variable reference {}", Value::str(text)))),
        }
    }

    fn insert(
        &self,
        name: &str,
        text: &str,
        layer: &Layer,
        depth: u32,
        out: &mut String,
    ) -> Result<(), Error> {
        if name == "__name__" {
            // The section's name is text like any other.
            return self.insert_text(self.section, layer, depth, out);
        }
        match self.find(name, layer) {
            Some(found) => match found.text()? {
                Some(text) => self.insert_text(&text, layer, depth, out),
                None => Err(not_text(&Setting::None)),
            },
            None => Err(self.error(&format!(
                "Bad value substitution: option {} in section {} contains an interpolation key {} \
                 which is not a valid option name. Raw value: {}",
                Value::str(self.option),
                Value::str(self.section),
                Value::str(name),
                self.raw(text)
            ))),
        }
    }

    fn insert_text(&self, value: &str, layer: &Layer, depth: u32, out: &mut String) -> Result<(), Error> {
        if memchr::memchr(b'%', value.as_bytes()).is_some() {
            return self.interpolate(value, layer, depth + 1, out);
        }
        out.push_str(value);
        Ok(())
    }

    fn find<'l>(&'l self, name: &str, layer: &Layer<'l>) -> Option<Found<'l>> {
        let variable = || self.variables.get(name).map(Found::Variable);
        let option = || self.config.lookup(self.own, name).map(Found::Option);
        layer.find(name).map(Found::Option).or_else(variable).or_else(option)
    }

    /// Resolves the references of a text to other sections (`%(section/option)s`); names that some option
    /// in scope already has are not resolved.
    fn references<'l>(&self, text: &'l str, outer: &'l Layer<'l>) -> Layer<'l>
    where
        'a: 'l,
    {
        let mut layer = Layer { names: Vec::new(), outer: Some(outer) };
        let mut rest = text;
        if memchr::memchr(b'/', text.as_bytes()).is_none() {
            return layer;
        }
        while let Some(at) = memchr::memmem::find(rest.as_bytes(), b"%(") {
            rest = &rest[at + 2..];
            let Some((name, section, option, len)) = foreign_reference(rest) else { continue };
            rest = &rest[len..];
            if self.find(name, &layer).is_none() {
                if let Some(value) = self.foreign(section, option) {
                    layer.names.push((name, value));
                }
            }
        }
        layer
    }

    /// The raw value of another section's option, else the default. An unknown section has nothing.
    fn foreign(&self, section: &str, option: &str) -> Option<&'a Setting> {
        let options = match section.to_lowercase().as_str() {
            "default" => None,
            "known" => self.config.sections.get(format!("{KNOWN}{}", self.section).as_str()).map(Rc::as_ref),
            _ => Some(self.config.sections.get(section)?.as_ref()),
        };
        self.config.lookup(options, option)
    }

    /// The option's value as written, for messages (`text` if the option is not written anywhere).
    fn raw(&self, text: &str) -> String {
        match self.config.lookup(self.own, self.option) {
            Some(value) => value.to_string(),
            None => Value::str(text).to_string(),
        }
    }

    fn error(&self, text: &str) -> Error {
        ParserError::Text(text.to_owned()).into()
    }
}

/// `section/option)s` at the start of the text: the whole name, its two parts, and the length taken.
fn foreign_reference(text: &str) -> Option<(&str, &str, &str, usize)> {
    let slash = text.find(|c| !is_section_char(c)).filter(|&at| at > 0 && text[at..].starts_with('/'))?;
    let end = text.find(')').filter(|&end| end > slash + 1)?;
    let name = &text[..end];
    text[end + 1..].starts_with('s').then(|| (name, &name[..slash], &name[slash + 1..], end + 2))
}
