//! Which regexes are tried: a literal one, those of a filter, or those of a jail.

use std::path::{Path, PathBuf};

use super::Exit;
use super::tester::{Regex, Tester};
use crate::config::options::dict;
use crate::config::split::extract_options;
use crate::config::{Configurator, Error, FilterError, FilterPlace, Message, OptionMap, Reporter, Single};
use crate::level;
use crate::pattern::{FailRegexError, Origin};
use crate::value::Value;

/// What a REGEX argument names.
enum Source {
    Jail(String),
    /// A filter by name, below this configuration directory.
    Tree {
        name: String,
        base: String,
    },
    /// Just a file.
    Foreign(String),
    /// The regex itself.
    Literal,
}

/// How a regex is added to the filter.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    Fail,
    Ignore,
}

impl Role {
    fn option(self) -> &'static str {
        match self {
            Role::Fail => "failregex",
            Role::Ignore => "ignoreregex",
        }
    }
}

impl Tester<'_> {
    /// Takes the REGEX argument.
    pub(super) fn read_failregex(&mut self, value: &str) -> Result<(), Exit> {
        let mut options = OptionMap::default();
        let source = if looks_like_name(value) {
            let found = extract_options(value).and_then(|(name, given)| {
                options = given;
                self.find_source(&name)
            });
            match found {
                Ok(source) => source,
                Err(error) => {
                    self.out.line(&format!("ERROR: Wrong filter name or options: {error}"));
                    self.out.line(&format!("       while parsing: {value}"));
                    return Err(Exit::failed());
                }
            }
        } else {
            Source::Literal
        };
        let single = match source {
            Source::Literal => return self.add_literal(Role::Fail, value),
            Source::Jail(name) => self.read_jail(&name, &mut options, value)?,
            Source::Tree { name, base } => {
                self.say(&format!("Use      filter file : {name}, basedir: {base}"));
                self.read_filter(&name, &base, options.clone(), FilterPlace::Tree, value)?
            }
            Source::Foreign(name) => {
                self.say(&format!("Use      filter file : {name}"));
                let path = std::path::absolute(&name).unwrap_or_else(|_| PathBuf::from(&name));
                let base = self.options.config.clone();
                let path = path.to_string_lossy().into_owned();
                self.read_filter(&path, &base, options.clone(), FilterPlace::Foreign, value)?
            }
        };
        if self.options.verbose > 1 || self.log_level <= level::DEBUG {
            self.say(&format!("Real  filter options : {}", dict(&single.real)));
        }
        self.take_commands(&single, value)
    }

    /// Takes the IGNOREREGEX argument, which replaces the filter's own.
    pub(super) fn read_ignoreregex(&mut self, value: &str) -> Result<(), Exit> {
        if !self.ignoreregex.is_empty() {
            while self.filter.remove_ignoreregex(0) {}
            self.ignoreregex.clear();
        }
        self.add_literal(Role::Ignore, value)
    }

    fn add_literal(&mut self, role: Role, value: &str) -> Result<(), Exit> {
        self.say(&format!("Use {:>11} line : {}", role.option(), short(value)));
        self.add(role, &[value.to_owned()])
    }

    /// A jail by this name, else a filter's file, else nothing of the kind.
    fn find_source(&mut self, name: &str) -> Result<Source, Error> {
        let is_path =
            name.contains('/') || name.lines().any(|l| l.ends_with(".conf") || l.ends_with(".local"));
        if !is_path && self.with_config(None, |config, reporter| config.has_jail(name, reporter))? {
            return Ok(Source::Jail(name.to_owned()));
        }
        let base = self.options.config.clone();
        let tail: String = name.chars().rev().take(6).collect();
        let endings: &[&str] = if tail.contains('.') { &[""] } else { &["", ".conf", ".local"] };
        let in_filter_d = Path::new(&base).file_name().is_some_and(|last| last == "filter.d");
        for ending in endings {
            let file = format!("{name}{ending}");
            let (path, base) = match file.rsplit_once('/') {
                Some(("filter.d", _)) => (format!("{base}/{file}"), base.clone()),
                None if in_filter_d => (format!("{base}/{file}"), base.clone()),
                None => (format!("{base}/filter.d/{file}"), base.clone()),
                Some((directory, _)) => (file.clone(), directory.to_owned()),
            };
            if self.is_file(&path) {
                return Ok(self.file_source(name, base, tail.contains('.')));
            }
        }
        Ok(Source::Literal)
    }

    /// Whether a file is read with its `.local` and its siblings, or by itself.
    fn file_source(&self, name: &str, base: String, dotted: bool) -> Source {
        let path = Path::new(&base);
        let in_filter_d = path.file_name().is_some_and(|last| last == "filter.d");
        if base != self.options.config && !in_filter_d && (dotted || name.contains('/')) {
            return Source::Foreign(name.to_owned());
        }
        let parent = path.parent().map(|parent| parent.to_string_lossy().into_owned());
        let base = if in_filter_d { parent.unwrap_or_default() } else { base };
        let stem = Path::new(name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        Source::Tree { name: stem.unwrap_or_default(), base }
    }

    /// A regular file, perhaps one that only the vendor directory has.
    fn is_file(&self, path: &str) -> bool {
        let vendor = path
            .strip_prefix(&format!("{}/", self.options.config))
            .and_then(|rest| Some(Configurator::default_vendor_dir()?.join(rest)));
        Path::new(path).is_file() || vendor.is_some_and(|path| path.is_file())
    }

    fn read_jail(&mut self, name: &str, options: &mut OptionMap, value: &str) -> Result<Single, Exit> {
        self.say(&format!("Use             jail : {name}"));
        if !options.is_empty() {
            self.say(&format!("Use jail/flt options : {}", dict(options)));
        }
        options.insert("backend".into(), self.backend.into());
        let read = self.with_config(None, |config, reporter| config.jail(name, options, reporter));
        match read {
            Ok(Some(single)) => Ok(single),
            Ok(None) => {
                self.out.line(&format!("ERROR: Failed to get jail for {}", Value::str(value)));
                Err(Exit::failed())
            }
            Err(error) => Err(Exit::raised(error.repr())),
        }
    }

    fn read_filter(
        &mut self,
        name: &str,
        base: &str,
        options: OptionMap,
        place: FilterPlace,
        value: &str,
    ) -> Result<Single, Exit> {
        if !options.is_empty() {
            self.say(&format!("Use   filter options : {}", dict(&options)));
        }
        let backend = self.backend;
        let read = self.with_config(Some(base), |config, reporter| {
            config.filter(name, &options, place, backend, reporter)
        });
        match read {
            Ok(Some(single)) => return Ok(single),
            Ok(None) => {}
            Err(FilterError::File(error)) => {
                self.out.line(&format!("Wrong config file: {error}"));
                if self.options.verbose > 0 {
                    return Err(Exit::raised(error.repr()));
                }
            }
            Err(FilterError::Options(error)) => return Err(Exit::raised(error.repr())),
        }
        self.out.line(&format!("ERROR: failed to load filter {value}"));
        Err(Exit::failed())
    }

    fn with_config<T>(
        &mut self,
        base: Option<&str>,
        work: impl FnOnce(&mut Configurator, &mut Reporter) -> T,
    ) -> T {
        let base = base.unwrap_or(&self.options.config);
        let vendor = Configurator::default_vendor_dir();
        // what has been read is not read again
        let common = base == self.options.config;
        let known = self.configurator.take().filter(|_| common);
        let mut config = known.unwrap_or_else(|| Configurator::new(base, vendor));
        let mut messages: Vec<Message> = Vec::new();
        let mut sink = |message| messages.push(message);
        let result = work(&mut config, &mut Reporter { level: self.log_level, sink: &mut sink });
        self.configurator = Some(config).filter(|_| common);
        for message in messages {
            self.log(message.level, message.logger, &message.text);
        }
        result
    }

    /// Takes what matters here from the commands that would configure a server.
    fn take_commands(&mut self, single: &Single, value: &str) -> Result<(), Exit> {
        let mut regexes: Vec<(Role, Vec<String>)> = Vec::new();
        for command in &single.stream.commands {
            let words = command.items().unwrap_or_default();
            let (Some(kind), Some(option)) = (words.first().and_then(Value::as_str), words.get(2)) else {
                continue;
            };
            let values = match kind {
                "multi-set" => words.get(3).and_then(Value::items).unwrap_or_default(),
                "set" => words.get(3..).unwrap_or_default(),
                _ => continue,
            };
            let option = option.to_text();
            let values: Vec<String> = values.iter().map(Value::to_text).collect();
            let role = match option.as_str() {
                "addfailregex" => Role::Fail,
                "addignoreregex" => Role::Ignore,
                _ => {
                    self.take_option(&option, &values, value)?;
                    continue;
                }
            };
            match regexes.iter_mut().find(|(known, _)| *known == role) {
                Some((_, list)) => list.extend(values),
                None => regexes.push((role, values)),
            }
        }
        regexes.into_iter().try_for_each(|(role, list)| self.add(role, &list))
    }

    fn take_option(&mut self, option: &str, values: &[String], source: &str) -> Result<(), Exit> {
        if option == "addjournalmatch" && self.options.journalmatch.is_none() {
            self.journalmatch = Some(values.to_vec());
        }
        for value in values {
            let result = match option {
                "prefregex" => {
                    let result = self.filter.set_prefregex(value, Origin("prefregex".into()));
                    result.map_err(|e| self.regex_error(&e))?;
                    Ok(())
                }
                "maxlines" => match value.parse() {
                    Ok(lines) => self.set_max_lines(lines),
                    Err(_) => {
                        Err(format!("invalid literal for int() with base 10: {}", Value::str(&**value)))
                    }
                },
                "datepattern" => self.set_date_pattern(value),
                _ => Ok(()),
            };
            if let Err(error) = result {
                let value = Value::str(&**value);
                self.out.line(&format!(
                    "ERROR: Invalid value for {option} ({value}) read from {source}: {error}"
                ));
                return Err(Exit::failed());
            }
        }
        Ok(())
    }

    fn add(&mut self, role: Role, texts: &[String]) -> Result<(), Exit> {
        for text in texts {
            let regex = Regex { text: text.clone(), hits: 0, matches: Vec::new() };
            let list = if role == Role::Fail { &mut self.failregex } else { &mut self.ignoreregex };
            let origin = Origin(format!("{} {}", role.option(), list.len() + 1).into());
            let result = match role {
                Role::Fail => self.filter.add_failregex(text, origin),
                Role::Ignore => self.filter.add_ignoreregex(text, origin),
            };
            list.push(regex);
            if let Err(error) = result {
                self.log(level::ERROR, "fail2ban.filter", &error.to_string());
                return Err(self.regex_error(&error));
            }
        }
        Ok(())
    }

    fn regex_error(&mut self, error: &FailRegexError) -> Exit {
        self.out.line(&format!("ERROR: {error}"));
        Exit::failed()
    }
}

/// A name or path, perhaps with options in brackets, on a line of its own.
fn looks_like_name(value: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || "_/.-".contains(c);
    value.match_indices('\n').map(|(at, _)| at + 1).chain([0]).any(|start| {
        let rest = value[start..].trim_start_matches(word);
        let named = rest.len() < value[start..].len();
        let bracketed = rest.starts_with('[') && (rest.contains("]\n") || rest.ends_with(']'));
        named && (rest.is_empty() || rest.starts_with('\n') || bracketed)
    })
}

/// At most 53 characters.
pub(super) fn short(text: &str) -> String {
    const LONGEST: usize = 53;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST - 3).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_regexes() {
        for name in ["sshd", "sshd[mode=aggressive]", "filter.d/sshd.conf", "///x", "a[b\nc]", "x y\nsshd"] {
            assert!(looks_like_name(name), "{name}");
        }
        for regex in ["^x <HOST>", "", "sshd[", "a b", "[x]", "sshd[a] b"] {
            assert!(!looks_like_name(regex), "{regex}");
        }
        assert_eq!(short(&"x".repeat(53)), "x".repeat(53));
        assert_eq!(short(&"x".repeat(54)), "x".repeat(50) + "...");
    }
}
