//! Where each command of the stream was written, so that complaints can name file and line.

use super::definition::Definition;
use super::ini::Entry;
use super::jail::Jail;
use super::message::Origin;
use super::raw::Config;
use super::setting::Setting;
use crate::value::Value;
use ecow::EcoString;
use std::path::Path;

/// For every command the places of its options: one per regex of a `multi-set`, else at most one.
pub fn origins(commands: &[Value], general: &Config, config: &Config, jails: &[Jail]) -> Vec<Vec<Origin>> {
    let of = |command: &Value| {
        let words = command.items().unwrap_or_default();
        let text = |at: usize| words.get(at).and_then(Value::as_str).unwrap_or_default();
        let Some(jail) = jails.iter().find(|jail| jail.name == text(1)) else {
            return general.entry("Definition", text(1)).map(|entry| entry.origin(0)).into_iter().collect();
        };
        match text(0) {
            "add" => jail_origin(config, jail, "backend").into_iter().collect(),
            "set" | "multi-set" => setting(config, jail, text(2), &words[3..]),
            _ => Vec::new(),
        }
    };
    commands.iter().map(of).collect()
}

/// The places of a setting of a jail.
fn setting(config: &Config, jail: &Jail, command: &str, values: &[Value]) -> Vec<Origin> {
    let option = match command {
        "addaction" | "action" => "action",
        command => command.strip_prefix("add").unwrap_or(command),
    };
    let Some(entry) = entry(config, jail, option) else {
        return jail_origin(config, jail, "filter").into_iter().collect();
    };
    match (option, values) {
        ("failregex" | "ignoreregex", [Value::List(regexes)]) => {
            entry.origins_of_lines(&regexes.iter().map(|regex| regex.to_text().into()).collect::<Vec<_>>())
        }
        ("failregex" | "ignoreregex" | "logpath", [Value::Str(value), ..]) => {
            entry.origins_of_lines(std::slice::from_ref(value))
        }
        _ => vec![entry.origin(0)],
    }
}

fn jail_origin(config: &Config, jail: &Jail, option: &str) -> Option<Origin> {
    config.entry(&jail.name, option).map(|entry| entry.origin(0))
}

/// The entry that an option's value comes from: the jail's, else the filter's.
fn entry<'a>(config: &'a Config, jail: &'a Jail, option: &str) -> Option<Entry> {
    if jail.options.get(option).is_some_and(|value| *value != Setting::None) {
        return config.entry(&jail.name, option).cloned();
    }
    jail.filter.as_ref().and_then(|filter| definition_entry(&filter.definition, option))
}

/// The entry of a filter's option; `None` if it is a parameter given in the jail.
fn definition_entry(definition: &Definition, option: &str) -> Option<Entry> {
    let config = definition.config.borrow();
    if definition.init.contains_key(option) {
        return config.sections.get("Init").and_then(|init| init.get(option)).cloned();
    }
    config.entry("Definition", option).cloned()
}

impl Entry {
    /// The place of one line of the value.
    pub fn origin(&self, line: usize) -> Origin {
        let Some(source) = &self.source else { return Origin { file: Path::new("").into(), line: 0 } };
        let other = line.checked_sub(1).and_then(|line| source.others.get(line));
        Origin { file: source.file.clone(), line: *other.unwrap_or(&source.first) }
    }

    /// The places of lines into which the value was resolved. A reference may have become several lines, or
    /// none: lines without one are found again as they are, and lines between those belong to the line before.
    fn origins_of_lines(&self, resolved: &[EcoString]) -> Vec<Origin> {
        let text = self.value.to_text();
        let written: Vec<(usize, &str)> =
            text.split('\n').enumerate().filter(|(_, line)| !line.is_empty()).collect();
        let mut current = 0;
        let places = resolved.iter().enumerate().map(|(number, line)| {
            let same =
                written[current..].iter().position(|(_, text)| text == line).map(|ahead| current + ahead);
            if written.len() == resolved.len() {
                current = number;
            } else if let Some(same) = same {
                current = same;
            } else if number > 0 && written.len() - current > resolved.len() - number {
                current += 1;
            }
            self.origin(written.get(current).map_or(0, |(index, _)| *index))
        });
        places.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ini::parse;
    use super::{EcoString, Path};

    #[test]
    fn each_regex_has_its_line() {
        let text = "[s]\nfailregex = a\n    # comment\n  %(more)s\n\n  b\n";
        let file = parse(text.as_bytes(), "f", Path::new("f")).expect("it is well-formed");
        let entry = &file.sections["s"]["failregex"];
        let lines = |resolved: &[&str]| -> Vec<u32> {
            let resolved: Vec<EcoString> = resolved.iter().map(|line| EcoString::from(*line)).collect();
            entry.origins_of_lines(&resolved).iter().map(|origin| origin.line).collect()
        };
        assert_eq!(lines(&["a", "x", "b"]), [2, 4, 6]);
        assert_eq!(lines(&["a", "b"]), [2, 6]);
        assert_eq!(lines(&["b"]), [6]);
    }
}
