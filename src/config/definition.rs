//! What filters and actions have in common: `[Definition]` and `[Init]` options combined with the
//! parameters given in the jail (COMPAT §2.4, §2.8).

use super::interpolate::Variables;
use super::library::Shared;
use super::message::{Error, ParserError, Reporter};
use super::options::{Given, Mode, OptionMap, Spec, convert_options, read_options};
use super::raw::conditional;
use super::tags::substitute_recursive_tags;
use crate::value::Value;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Prefix of the names that keep an `[Init]` value from before the jail's override.
const KNOWN: &str = "known/";

/// A filter or action of one jail.
pub struct Definition {
    pub config: Shared,
    specs: &'static [Spec],
    /// Parameters given in the jail, then the `[Init]` options not given there.
    pub init: OptionMap,
    /// Options read from `[Definition]`.
    options: OptionMap,
    /// What precedes the sections in interpolation: options of the jail, and parameters.
    variables: Variables,
    /// Tags looked up in the sections; as upstream, kept when options are read again.
    looked_up: HashMap<String, Option<String>>,
}

impl Definition {
    pub fn new(config: Shared, specs: &'static [Spec], parameters: OptionMap) -> Self {
        Definition {
            config,
            specs,
            init: parameters,
            options: OptionMap::default(),
            variables: Variables::default(),
            looked_up: HashMap::new(),
        }
    }

    /// Reads the options; those among `jail` (the jail's options) or the parameters are not read but precede.
    /// With `all`, other options of `[Definition]` are read as well.
    pub fn read(&mut self, jail: &Rc<OptionMap>, all: bool, reporter: &mut Reporter) -> Result<(), Error> {
        self.variables = Variables::new(jail, &self.init);
        let given = Given { jail, parameters: &self.init, variables: &self.variables };
        let mode = Mode { given: Some(given), must_exist: false, convert: false };
        self.options = read_options(&self.config.borrow(), "Definition", self.specs, mode, reporter)?;
        self.read_init(jail)?;
        if all {
            self.read_others()?;
        }
        Ok(())
    }

    fn read_init(&mut self, jail: &OptionMap) -> Result<(), Error> {
        let config = self.config.borrow();
        let Some(section) = config.sections.get("Init") else { return Ok(()) };
        let nothing = Variables::default();
        // What this loop adds does not count as a parameter of conditional options.
        let parameters = self.init.len();
        for name in section.keys().filter(|name| &***name != "__name__") {
            let mut value = Value::None;
            if !name.starts_with(KNOWN) {
                value = config.get("Init", name, &nothing)?;
                self.init.insert(format!("{KNOWN}{name}"), value.clone());
            }
            if self.init.contains_key(&**name) {
                continue;
            }
            // A parameter without condition overrides the conditional option too.
            let parameter = conditional(name).and_then(|(name, _)| {
                let (index, _, value) = self.init.get_full(name)?;
                (index < parameters).then_some(value)
            });
            let given = parameter.or_else(|| conditional(name).and_then(|(name, _)| jail.get(name)));
            if let Some(given) = given {
                value = given.clone();
            }
            if value == Value::None {
                value = config.get("Init", name, &nothing)?;
            }
            self.init.insert(name.to_string(), value);
        }
        Ok(())
    }

    fn read_others(&mut self) -> Result<(), Error> {
        let config = self.config.borrow();
        let Some(section) = config.sections.get("Definition") else { return Ok(()) };
        for name in section.keys().filter(|name| &***name != "__name__") {
            if !self.options.contains_key(&**name) {
                let value = config.get("Definition", name, &Variables::default())?;
                self.options.insert(name.to_string(), value);
            }
        }
        Ok(())
    }

    /// All options with their tags resolved. Options in `ignore` and those that have a conditional variant
    /// keep their tags: the server resolves them.
    pub fn combined(&mut self, ignore: &[&str], reporter: &mut Reporter) -> Result<OptionMap, Error> {
        let mut options = self.options.clone();
        options.extend(self.init.iter().map(|(name, value)| (name.clone(), value.clone())));
        let names = options.keys().filter_map(|name| conditional(name)).map(|(name, _)| name);
        let ignore: HashSet<String> = ignore.iter().copied().chain(names).map(str::to_owned).collect();
        let Definition { config, variables, looked_up, .. } = self;
        let mut lookup = |tag: &str| match looked_up.get(tag) {
            Some(known) => Ok(known.clone()),
            None => {
                let value = look_up(config, variables, tag)?;
                looked_up.insert(tag.to_owned(), value.clone());
                Ok(value)
            }
        };
        let mut options = substitute_recursive_tags::<Error>(options, "", &ignore, &mut lookup)?;
        convert_options(&mut options, self.specs, reporter);
        Ok(options)
    }
}

/// The text for a tag that is no option: from `[Definition]`, or from the section it names.
fn look_up(config: &Shared, variables: &Variables, tag: &str) -> Result<Option<String>, Error> {
    match config.borrow().get_from_any("Definition", tag, variables) {
        Ok(Value::None) | Err(Error::Parser(ParserError::NoSection(_) | ParserError::NoOption { .. })) => {
            Ok(None)
        }
        Ok(value) => Ok(Some(value.to_text())),
        Err(error) => Err(error),
    }
}
