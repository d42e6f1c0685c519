//! A filter of a jail, and the commands that configure it (COMPAT §2.5, §2.9).

use super::definition::Definition;
use super::library::Library;
use super::message::{Error, Reporter};
use super::options::{OptionMap, Spec, int, text};
use super::paths::{absolute, join};
use super::setting::Setting;
use super::split::shell_split;
use crate::value::Value;

/// The options that reach the server; all others only serve interpolation.
pub const OPTIONS: [Spec; 7] = [
    text("usedns"),
    text("prefregex"),
    text("ignoreregex"),
    text("failregex"),
    int("maxlines"),
    text("datepattern"),
    text("journalmatch"),
];

/// A filter with the parameters of one jail.
pub struct Filter {
    pub definition: Definition,
}

impl Filter {
    /// Opens `filter.d/NAME`; `None` if it cannot be read.
    pub fn open(
        library: &mut Library,
        name: &str,
        parameters: OptionMap,
        reporter: &mut Reporter,
    ) -> Result<Option<Self>, Error> {
        let config = library.open(&join("filter.d", &absolute(name)), reporter)?;
        Ok(config.map(|config| Filter { definition: Definition::new(config, &OPTIONS, parameters) }))
    }

    /// Opens exactly the file named.
    pub fn open_file(
        library: &mut Library,
        file: &str,
        parameters: OptionMap,
        reporter: &mut Reporter,
    ) -> Result<Option<Self>, Error> {
        let config = library.open_file(file, reporter)?;
        Ok(config.map(|config| Filter { definition: Definition::new(config, &OPTIONS, parameters) }))
    }

    /// Sets the parameter `logtype` by the jail's backend, unless jail or filter say what it is.
    pub fn set_log_type(&mut self, backend: &str) {
        let given = self.definition.init.get("logtype").is_some_and(|value| !value.to_text().is_empty());
        if !given && !self.definition.config.borrow().has_own("Definition", "logtype") {
            let kind = if backend.starts_with("systemd") { "journal" } else { "file" };
            self.definition.init.insert("logtype".into(), kind.into());
        }
    }

    pub fn combined(&mut self, reporter: &mut Reporter) -> Result<OptionMap, Error> {
        self.definition.combined(&[], reporter)
    }
}

/// Appends the commands for the filter options among `options` to those of a jail.
pub fn add_commands(commands: &mut Vec<Value>, options: &OptionMap, jail: &str) -> Result<(), Error> {
    // `usedns` must precede every regex, and the options that say how regexes apply come next.
    let mut first = 0;
    for (name, value) in options.iter().filter(|(_, value)| **value != Setting::None) {
        let name = &**name;
        match name {
            "failregex" | "ignoreregex" => {
                let text = value.to_text();
                let regexes: Vec<&str> = text.split('\n').filter(|regex| !regex.is_empty()).collect();
                let name = format!("add{name}");
                match regexes[..] {
                    [] => {}
                    [regex] => commands.push(Value::strings(["set", jail, &name, regex])),
                    _ => {
                        let [multi, jail, name] = ["multi-set", jail, &name].map(Value::from);
                        commands.push(Value::List(vec![multi, jail, name, Value::strings(regexes)]));
                    }
                }
            }
            "usedns" | "maxlines" | "prefregex" => {
                let at = if name == "usedns" { 0 } else { first };
                commands.insert(at, set(jail, name, value));
                first += 1;
            }
            "datepattern" => commands.push(set(jail, name, value)),
            "journalmatch" => {
                for line in value.to_text().split('\n').filter(|line| !line.is_empty()) {
                    let words = shell_split(line)?;
                    let head = ["set", jail, "addjournalmatch"].map(str::to_owned);
                    commands.push(Value::strings(head.into_iter().chain(words)));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// `['set', JAIL, NAME, VALUE]`.
pub fn set(jail: &str, name: &str, value: &Setting) -> Value {
    Value::List(vec!["set".into(), jail.into(), name.into(), value.into()])
}
