//! An action of a jail, and the commands that configure it (COMPAT §2.5, §2.9).

use super::definition::Definition;
use super::library::Library;
use super::message::{Error, Reporter};
use super::options::{OptionMap, Spec, flag, text};
use super::paths::{absolute, join};
use super::setting::Setting;
use crate::value::Value;
use ecow::EcoString;
use std::rc::Rc;

/// The options every action may define.
const OPTIONS: [Spec; 13] = [
    text("actionstart"),
    flag("actionstart_on_demand"),
    text("actionstop"),
    text("actionflush"),
    text("actionreload"),
    text("actioncheck"),
    text("actionrepair"),
    flag("actionrepair_on_unban"),
    text("actionban"),
    text("actionprolong"),
    text("actionreban"),
    text("actionunban"),
    flag("norestored"),
];

/// Tags whose values are known only when a ban happens, though options may have these names.
const SERVER_TAGS: [&str; 5] = ["matches", "ipmatches", "ipjailmatches", "timeout", "bantime"];

/// An action with the parameters of one jail.
pub struct Action {
    jail: EcoString,
    name: EcoString,
    definition: Definition,
}

impl Action {
    /// Opens `action.d/FILE`; `None` if it cannot be read.
    pub fn open(
        library: &mut Library,
        file: &str,
        jail: &str,
        mut parameters: OptionMap,
        reporter: &mut Reporter,
    ) -> Result<Option<Self>, Error> {
        let name = unique_name(file, jail, &mut parameters);
        let config = library.open(&join("action.d", &absolute(file)), reporter)?;
        let definition = config.map(|config| Definition::new(config, &OPTIONS, parameters));
        Ok(definition.map(|definition| Action { jail: jail.into(), name: name.into(), definition }))
    }

    pub fn read(&mut self, jail: &Rc<OptionMap>, reporter: &mut Reporter) -> Result<(), Error> {
        self.definition.read(jail, false, reporter)
    }

    pub fn commands(mut self, reporter: &mut Reporter) -> Result<Vec<Value>, Error> {
        let options = self.definition.combined(&SERVER_TAGS, reporter)?;
        let defined = |name: &str| OPTIONS.iter().any(|spec| spec.name == name);
        let resolved = options.iter().filter(|(name, _)| defined(name));
        let parameters =
            self.definition.init.iter().filter(|(name, _)| !defined(name) && !name.starts_with("known/"));
        let pair =
            |(name, value): (&EcoString, &Setting)| Value::List(vec![Value::Str(name.clone()), value.into()]);
        let pairs: Vec<Value> = resolved.chain(parameters).map(pair).collect();
        let head = |first: &'static str, second: &'static str| {
            let (jail, name) = (Value::Str(self.jail.clone()), Value::Str(self.name.clone()));
            [first.into(), jail, second.into(), name].into_iter()
        };
        let mut commands = vec![Value::List(head("set", "addaction").collect())];
        match pairs.len() {
            0 => {}
            1 => {
                let pair = pairs[0].items().unwrap_or_default().iter().cloned();
                commands.push(Value::List(head("set", "action").chain(pair).collect()));
            }
            _ => {
                commands.push(Value::List(head("multi-set", "action").chain([Value::List(pairs)]).collect()))
            }
        }
        Ok(commands)
    }
}

/// The action's name within its jail: the parameter `actname`, else the file name, told apart from others
/// by the parameter `name`. Both parameters are always there afterwards.
fn unique_name(file: &str, jail: &str, parameters: &mut OptionMap) -> String {
    let name = parameters.entry("name".into()).or_insert_with(|| jail.into()).to_text().into_owned();
    let default = || match name.strip_prefix(jail) {
        Some(suffix) => format!("{file}{suffix}"),
        None => format!("{file}-{name}"),
    };
    parameters.entry("actname".into()).or_insert_with(|| default().into()).to_text().into_owned()
}
