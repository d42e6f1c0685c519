//! Configuration merged from its files, as typed: includes, overrides, `known` values (COMPAT §2.1–2.2).

use super::definition::Init;
use super::ini::{DEFAULT, Entry, File, Section, Sections};
use super::options::OptionMap;
use super::tags_once::Resolved;
use ecow::EcoString;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

/// Prefix of the hidden sections that keep the last overridden values of a section.
pub const KNOWN: &str = "KNOWN/";

/// One configuration (`jail`, `filter.d/sshd`, …): everything its files say, uninterpreted.
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub defaults: Rc<Section>,
    pub sections: Sections,
    /// What [`Config::init`] has found: filters and actions do not change, and many jails use the same.
    pub init: OnceCell<Rc<[Init]>>,
    /// What tags became in the jail before.
    pub resolved: RefCell<Resolved>,
}

impl Config {
    /// Lays a file over what was read before.
    pub fn merge(&mut self, file: &File) {
        if self.defaults.is_empty() {
            self.defaults = file.defaults.clone();
        } else if !file.defaults.is_empty() {
            merge_options(Rc::make_mut(&mut self.defaults), &file.defaults);
        }
        for (name, options) in &file.sections {
            match conditional(name) {
                // `[Init?family=inet6]` adds to `[Init]` the options `name?family=inet6`.
                Some((name, condition)) => {
                    let options = options.iter().filter(|(option, _)| &***option != "__name__");
                    let options: Section = options
                        .map(|(option, entry)| {
                            (EcoString::from(format!("{option}{condition}")), entry.clone())
                        })
                        .collect();
                    self.merge_section(&EcoString::from(name), &Rc::new(options));
                }
                None => self.merge_section(name, options),
            }
        }
    }

    fn merge_section(&mut self, name: &EcoString, options: &Rc<Section>) {
        let Some(section) = self.sections.get_mut(name) else {
            self.sections.insert(name.clone(), options.clone());
            return;
        };
        let section = Rc::make_mut(section);
        let overridden: Vec<(EcoString, Entry)> = section
            .iter()
            .filter(|(option, _)| options.contains_key(*option))
            .map(|(option, entry)| (option.clone(), entry.clone()))
            .collect();
        merge_options(section, options);
        let known = self.sections.entry(EcoString::from(format!("{KNOWN}{name}"))).or_default();
        Rc::make_mut(known).extend(overridden);
    }

    /// Adds computed options to a section, their names prefixed (unless they are already).
    pub fn add_options(&mut self, section: &str, options: &OptionMap, prefix: &str) {
        let section = Rc::make_mut(self.sections.entry(EcoString::from(section)).or_default());
        section.reserve(options.len());
        for (name, value) in
            options.iter().filter(|(name, _)| !name.starts_with(prefix) && &***name != "__name__")
        {
            section.insert(EcoString::from(prefix) + name.as_str(), Entry::computed(value.clone()));
        }
    }

    /// The options of a section; those that all sections inherit are a section, too.
    pub fn options_of(&self, section: &str) -> Option<&Section> {
        if section == DEFAULT { Some(&self.defaults) } else { self.sections.get(section).map(Rc::as_ref) }
    }

    /// An option of the section, or else of those that all inherit.
    pub fn entry(&self, section: &str, option: &str) -> Option<&Entry> {
        let own = self.sections.get(section).and_then(|options| options.get(option));
        own.or_else(|| self.defaults.get(option))
    }

    /// Names of the sections, without the hidden ones.
    pub fn section_names(&self) -> impl Iterator<Item = &EcoString> {
        self.sections.keys().filter(|name| !name.starts_with(KNOWN))
    }

    /// Whether the section itself, not the defaults, has the option.
    pub fn has_own(&self, section: &str, option: &str) -> bool {
        self.sections.get(section).is_some_and(|options| options.contains_key(option))
    }
}

fn merge_options(into: &mut Section, options: &Section) {
    for (name, entry) in options {
        into.insert(name.clone(), entry.clone());
    }
}

/// `name?condition` split before the question mark.
pub fn conditional(name: &str) -> Option<(&str, &str)> {
    let at = name.find('?').filter(|&at| at > 0 && at + 1 < name.len())?;
    let (name, condition) = name.split_at(at);
    name.chars().all(|c| c.is_alphanumeric() || c == '_').then_some((name, condition))
}
