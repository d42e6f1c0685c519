//! What filters and actions have in common: `[Definition]` and `[Init]` options combined with the
//! parameters given in the jail (COMPAT §2.4, §2.8).

use super::interpolate::Variables;
use super::library::Shared;
use super::message::{Error, Reporter};
use super::options::{Given, Mode, OptionMap, Spec, convert_options, read_options};
use super::raw::{Config, conditional};
use super::setting::Setting;
use super::tags::{Texts, resolve};
use super::tags_once::{Odd, Resolved};
use ecow::EcoString;
use std::collections::HashMap;
use std::rc::Rc;

/// Prefix of the names that keep an `[Init]` value from before the jail's override.
pub const KNOWN: &str = "known/";

/// An option of `[Init]`.
#[derive(Debug)]
pub struct Init {
    pub name: EcoString,
    /// The name for its value before the jail's override, and that value; `None` if it is such a name itself.
    pub known: Option<(EcoString, Setting)>,
}

impl Config {
    /// The options of `[Init]`, read once.
    fn init(&self) -> Result<Rc<[Init]>, Error> {
        if let Some(init) = self.init.get() {
            return Ok(init.clone());
        }
        let option = |name: &EcoString| {
            let mut known = None;
            if !name.starts_with(KNOWN) {
                let value = self.get("Init", name, &Variables::default())?;
                known = Some((EcoString::from(format!("{KNOWN}{name}")), value));
            }
            Ok::<_, Error>(Init { name: name.clone(), known })
        };
        let names = self.sections.get("Init").into_iter().flat_map(|section| section.keys());
        let init = names.filter(|name| &***name != "__name__").map(option).collect::<Result<Rc<[_]>, _>>()?;
        Ok(self.init.get_or_init(|| init).clone())
    }
}

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
    looked_up: HashMap<EcoString, Option<EcoString>, foldhash::fast::RandomState>,
}

impl Definition {
    pub fn new(config: Shared, specs: &'static [Spec], parameters: OptionMap) -> Self {
        Definition {
            config,
            specs,
            init: parameters,
            options: OptionMap::default(),
            variables: Variables::default(),
            looked_up: HashMap::default(),
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
        // What this loop adds does not count as a parameter of conditional options.
        let parameters = self.init.len();
        let init = config.init()?;
        self.init.reserve(2 * init.len());
        for Init { name, known } in &*init {
            if let Some((known, value)) = known {
                self.init.insert(known.clone(), value.clone());
            }
            if self.init.contains_key(name) {
                continue;
            }
            // A parameter without condition overrides the conditional option too.
            let given = conditional(name).and_then(|(name, _)| match self.init.get_full(name) {
                Some((index, _, value)) if index < parameters => Some(value),
                _ => jail.get(name),
            });
            let value = match given
                .filter(|value| **value != Setting::None)
                .or(known.as_ref().map(|(_, value)| value))
            {
                Some(value) if *value != Setting::None => value.clone(),
                _ => config.get("Init", name, &Variables::default())?,
            };
            self.init.insert(name.clone(), value);
        }
        Ok(())
    }

    fn read_others(&mut self) -> Result<(), Error> {
        let config = self.config.borrow();
        let Some(section) = config.sections.get("Definition") else { return Ok(()) };
        for name in section.keys().filter(|name| &***name != "__name__") {
            if !self.options.contains_key(name) {
                let value = config.get("Definition", name, &Variables::default())?;
                self.options.insert(name.clone(), value);
            }
        }
        Ok(())
    }

    /// All options with their tags resolved. Options in `ignore` and those that have a conditional variant
    /// keep their tags: the server resolves them.
    pub fn combined(&mut self, ignore: &[&str], reporter: &mut Reporter) -> Result<OptionMap, Error> {
        let mut options = self.options.clone();
        options.reserve(self.init.len());
        options.extend(self.init.iter().map(|(name, value)| (name.clone(), value.clone())));
        let conditional_names = options.keys().filter_map(|name| conditional(name)).map(|(name, _)| name);
        let ignore: Vec<&str> = ignore.iter().copied().chain(conditional_names).collect();
        let Definition { config, variables, looked_up, .. } = self;
        let config = config.borrow();
        let mut lookup = |tag: &str| match looked_up.get(tag) {
            Some(known) => Ok(known.clone()),
            None => {
                let value = look_up(&config, variables, tag)?;
                looked_up.insert(tag.into(), value.clone());
                Ok(value)
            }
        };
        let mut resolved = config.resolved.borrow_mut();
        let changed = match resolved.resolve::<Error>(&options, &ignore, &mut lookup) {
            Ok(changed) => changed,
            Err(Odd) => {
                *resolved = Resolved::default();
                let texts: Texts = options.iter().map(|(name, value)| (&**name, value.text())).collect();
                resolve(texts, "", &ignore, &mut lookup)?
            }
        };
        for (index, text) in changed {
            options[index] = Setting::Text(text);
        }
        convert_options(&mut options, self.specs, reporter);
        Ok(options)
    }
}

/// The text for a tag that is no option: from `[Definition]`, or from the section it names.
fn look_up(config: &Config, variables: &Variables, tag: &str) -> Result<Option<EcoString>, Error> {
    let found = config.find_anywhere("Definition", tag, variables)?;
    Ok(found.as_ref().and_then(Setting::text))
}
