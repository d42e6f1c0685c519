//! A jail: its options, filter and actions, and the commands that configure it (COMPAT §2.5, §2.9).

use super::action::Action;
use super::filter::{self, Filter};
use super::glob::{glob, has_magic};
use super::ini::Entry;
use super::library::{Library, Shared};
use super::message::{Error, Reporter, level};
use super::options::{Mode, OptionMap, Spec, flag, int, read_options, text, text_of};
use super::paths::{join, without_extension};
use super::setting::Setting;
use super::split::{extract_options, split_with_options, split_words};
use crate::file_name;
use crate::text::strip;
use crate::value::Value;
use std::rc::Rc;

const LOGGER: &str = "fail2ban.jailreader";

/// Read first: whether the jail is enabled, and which filter's options are available as `known/…`.
const FIRST: [Spec; 3] =
    [flag("enabled").or(false), text("backend").or_text("auto"), text("filter").or_text("")];

/// All options of a jail, in the order of their commands.
const OPTIONS: [Spec; 31] = {
    let [usedns, prefregex, ignoreregex, failregex, maxlines, datepattern, journalmatch] = filter::OPTIONS;
    [
        flag("enabled").or(false),
        text("backend").or_text("auto"),
        int("maxretry"),
        int("maxmatches"),
        text("findtime"),
        text("bantime"),
        flag("bantime.increment"),
        text("bantime.factor"),
        text("bantime.formula"),
        text("bantime.multipliers"),
        text("bantime.maxtime"),
        text("bantime.rndtime"),
        flag("bantime.overalljails"),
        text("ignorecommand"),
        flag("ignoreself"),
        text("ignoreip"),
        text("ignorecache"),
        text("filter").or_text(""),
        text("logtimezone"),
        text("logencoding"),
        text("logpath"),
        flag("skip_if_nologs").or(false),
        flag("systemd_if_nologs").or(true),
        text("action").or_text(""),
        usedns,
        prefregex,
        ignoreregex,
        failregex,
        maxlines,
        datepattern,
        journalmatch,
    ]
};

/// Options that are no command of their own.
const WITHOUT_COMMAND: [&str; 6] =
    ["action", "filter", "enabled", "backend", "skip_if_nologs", "systemd_if_nologs"];

/// An action of the jail.
enum Step {
    /// Its commands, or what is wrong with its tags: that counts only when all jails have been read.
    Shell(Result<Vec<Value>, Error>),
    /// A Python action: the finished command.
    Python(Value),
}

/// A jail as read.
pub struct Jail {
    pub name: String,
    force_enable: bool,
    pub options: Rc<OptionMap>,
    pub filter: Option<Filter>,
    steps: Vec<Step>,
    /// Why the jail's definition is wrong.
    config_error: Option<String>,
    /// Whether the jail cannot start for a reason outside its definition (no log files).
    skipped: bool,
}

/// Why reading a jail stops: its definition is wrong, or the whole configuration is.
enum Stop {
    Definition(String),
    Fatal(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Fatal(error)
    }
}

impl Jail {
    pub fn new(name: &str, force_enable: bool) -> Self {
        Jail {
            name: name.to_owned(),
            force_enable,
            options: Rc::default(),
            filter: None,
            steps: Vec::new(),
            config_error: None,
            skipped: false,
        }
    }

    /// The options that jails have.
    pub fn option_names() -> impl Iterator<Item = &'static str> + Clone {
        OPTIONS.iter().map(|spec| spec.name)
    }

    /// What the filter's files say about an option.
    pub fn filter_entry(&self, option: &str) -> Option<Entry> {
        let config = self.filter.as_ref()?.definition.config.borrow();
        config.entry("Definition", option).cloned()
    }

    pub fn is_enabled(&self) -> bool {
        self.force_enable || self.options.get("enabled") == Some(&Setting::Bool(true))
    }

    /// Whether the jail can be started with the commands it gave.
    pub fn is_startable(&self) -> bool {
        self.config_error.is_none() && !self.skipped
    }

    /// Reads the jail from jail.conf (`config`); `add` are options from elsewhere (fail2ban-regex). False if
    /// its definition is wrong, which was reported.
    pub fn read(
        &mut self,
        config: &Shared,
        library: &mut Library,
        add: &OptionMap,
        reporter: &mut Reporter,
    ) -> Result<bool, Error> {
        match self.read_all(config, library, add, reporter) {
            Ok(()) => Ok(true),
            Err(Stop::Fatal(error)) => Err(error),
            Err(Stop::Definition(text)) => {
                reporter.report(level::ERROR, LOGGER, || text.clone());
                self.config_error = Some(text);
                Ok(false)
            }
        }
    }

    fn read_all(
        &mut self,
        config: &Shared,
        library: &mut Library,
        add: &OptionMap,
        reporter: &mut Reporter,
    ) -> Result<(), Stop> {
        let mode = Mode { given: None, must_exist: true, convert: true };
        let mut first = read_options(&config.borrow(), &self.name, &FIRST, mode, reporter)?;
        first.extend(add.iter().map(|(name, value)| (name.clone(), value.clone())));
        self.options = Rc::new(first);
        if !self.is_enabled() {
            return Ok(());
        }
        self.read_filter(config, library, add, reporter)?;
        let mode = Mode { must_exist: false, ..mode };
        self.options = Rc::new(read_options(&config.borrow(), &self.name, &OPTIONS, mode, reporter)?);
        if let Some(filter) = &mut self.filter {
            filter.definition.read(&self.options, false, reporter)?;
        }
        self.read_actions(library, reporter)
    }

    /// Reads the filter and makes its options available in the jail's section as `known/…`.
    fn read_filter(
        &mut self,
        config: &Shared,
        library: &mut Library,
        add: &OptionMap,
        reporter: &mut Reporter,
    ) -> Result<(), Stop> {
        let definition = text_of(&self.options, "filter").into_owned();
        if definition.is_empty() {
            reporter.report(level::WARNING, LOGGER, || format!("No filter set for jail {}", self.name));
            return Ok(());
        }
        let (name, mut parameters) = extract_options(&definition).map_err(|error| {
            Stop::Definition(format!("Invalid filter definition {}: {error}", Value::str(&definition)))
        })?;
        parameters.extend(add.iter().map(|(name, value)| (name.clone(), value.clone())));
        let filter = Filter::open(library, &name, parameters, reporter)?;
        let Some(mut filter) = filter else {
            return Err(Stop::Definition(format!("Unable to read the filter {}", Value::str(name))));
        };
        filter.set_log_type(&text_of(&self.options, "backend"));
        filter.definition.read(&self.options, true, reporter)?;
        let known = filter.combined(reporter)?;
        config.borrow_mut().add_options(&self.name, &known, "known/");
        self.filter = Some(filter);
        Ok(())
    }

    fn read_actions(&mut self, library: &mut Library, reporter: &mut Reporter) -> Result<(), Stop> {
        let list = text_of(&self.options, "action").into_owned();
        for definition in split_with_options(&list) {
            let definition = strip(&definition);
            if definition.is_empty() {
                continue;
            }
            let (name, parameters) = extract_options(definition).map_err(|error| {
                Stop::Definition(format!("Invalid action definition {}: {error}", Value::str(definition)))
            })?;
            let step = self.read_action(&name, parameters, library, reporter).map_err(|stop| match stop {
                Stop::Fatal(error) => Stop::Fatal(Error::value(format!(
                    "Error in action definition {}: {}",
                    Value::str(definition),
                    error.repr()
                ))),
                stop => stop,
            })?;
            self.steps.push(step);
        }
        if self.steps.is_empty() {
            reporter.report(level::WARNING, LOGGER, || format!("No actions were defined for {}", self.name));
        }
        Ok(())
    }

    fn read_action(
        &self,
        name: &str,
        mut parameters: OptionMap,
        library: &mut Library,
        reporter: &mut Reporter,
    ) -> Result<Step, Stop> {
        if name.ends_with(".py") {
            let given = parameters.shift_remove("actname");
            let action = given.unwrap_or_else(|| without_extension(name).into());
            let path = library.locate(&join(&join(library.base(), "action.d"), name));
            let path = file_name::decode(path.as_os_str());
            return Ok(Step::Python(Value::List(vec![
                "set".into(),
                self.name.as_str().into(),
                "addaction".into(),
                (&action).into(),
                path.into(),
                super::dump::json(&parameters).into(),
            ])));
        }
        let action = Action::open(library, name, &self.name, parameters, reporter)?;
        let Some(mut action) = action else {
            return Err(Stop::Definition(format!("Unable to read action {}", Value::str(name))));
        };
        action.read(&self.options, reporter)?;
        // Made now: all jails have actions, and what commands are made of is much larger than they are.
        Ok(Step::Shell(action.commands(reporter)))
    }

    /// The options of the jail and, where it has none, of the filter.
    pub fn combined(&mut self, reporter: &mut Reporter) -> Result<OptionMap, Error> {
        let mut options = (*self.options).clone();
        if let Some(filter) = &mut self.filter {
            options.extend(filter.combined(reporter)?);
        }
        Ok(options)
    }

    /// The commands that configure the jail. Without log files it is an error, or skips the jail, or makes it
    /// read the journal, as its options say.
    pub fn commands(&mut self, allow_no_files: bool, reporter: &mut Reporter) -> Result<Vec<Value>, Error> {
        self.skipped = false;
        if let Some(error) = &self.config_error {
            let text = format!("Jail '{}' skipped, because of wrong configuration: {error}", self.name);
            return Ok(vec![Value::strings(["config-error", &text])]);
        }
        let mut commands = Vec::new();
        if let Some(filter) = &mut self.filter {
            let options = filter.combined(reporter)?;
            filter::add_commands(&mut commands, &options, &self.name)?;
        }
        filter::add_commands(&mut commands, &self.options, &self.name)?;
        let mut backend = text_of(&self.options, "backend");
        let mut logs = Vec::new();
        for (name, value) in &*self.options {
            match &**name {
                "logpath" if backend.starts_with("systemd") => {}
                "logpath" => {
                    logs = self.log_commands(&value.to_text(), reporter);
                    if logs.is_empty() {
                        match self.without_logs(&backend, allow_no_files, reporter)? {
                            NoLogs::Go => {}
                            NoLogs::Journal => backend = "systemd".into(),
                            NoLogs::Skip(command) => {
                                self.skipped = true;
                                return Ok(vec![command]);
                            }
                        }
                    }
                }
                "ignoreip" => {
                    let head = ["set", &self.name, "addignoreip"].map(str::to_owned);
                    let words = split_words(&value.to_text());
                    commands.push(Value::strings(head.into_iter().chain(words)));
                }
                name if !has_command(name) => {}
                name => commands.push(filter::set(&self.name, name, value)),
            }
        }
        commands.append(&mut logs);
        for step in std::mem::take(&mut self.steps) {
            match step {
                Step::Shell(made) => commands.extend(made?),
                Step::Python(command) => commands.push(command),
            }
        }
        commands.insert(0, Value::strings(["add", &self.name, &backend]));
        Ok(commands)
    }

    /// The commands for the log files that the patterns in `logpath` match now.
    fn log_commands(&self, paths: &str, reporter: &mut Reporter) -> Vec<Value> {
        let mut commands = Vec::new();
        for line in paths.split('\n') {
            let (pattern, tail) = log_pattern(line);
            let files = log_files(pattern, reporter);
            let command = |file: &String| Value::strings(["set", &self.name, "addlogpath", file, tail]);
            commands.extend(files.iter().map(command));
        }
        commands
    }

    /// The lines of `logpath` whose pattern matches no file, if the jail reads files.
    pub fn patterns_without_log(&self) -> Vec<(usize, String)> {
        if text_of(&self.options, "backend").starts_with("systemd") {
            return Vec::new();
        }
        let paths = text_of(&self.options, "logpath");
        let patterns = paths.split('\n').map(|line| log_pattern(line).0).enumerate();
        let without = patterns.filter(|(_, pattern)| !pattern.is_empty() && glob(pattern).is_empty());
        without.map(|(line, pattern)| (line, pattern.to_owned())).collect()
    }

    fn without_logs(&self, backend: &str, allow: bool, reporter: &mut Reporter) -> Result<NoLogs, Error> {
        let flag = |name: &str| self.options.get(name) == Some(&Setting::Bool(true));
        let has_match = self.options.get("journalmatch").is_some_and(|value| *value != Setting::None);
        let text = format!("Have not found any log file for '{}' jail.", self.name);
        if backend.starts_with("auto") && flag("systemd_if_nologs") && has_match {
            reporter.report(level::WARNING, LOGGER, || format!("{text} Jail will monitor systemd journal."));
            return Ok(NoLogs::Journal);
        }
        let skip = flag("skip_if_nologs");
        if !allow && !skip {
            return Err(Error::value(text));
        }
        reporter.report(level::WARNING, LOGGER, || text);
        if !skip {
            return Ok(NoLogs::Go);
        }
        let text = format!("Jail '{}' skipped, because of missing log files.", self.name);
        let command = Value::strings(["config-error", &text]);
        reporter.report(level::WARNING, LOGGER, || text);
        Ok(NoLogs::Skip(command))
    }
}

/// The files that a pattern matches, without links that lead nowhere.
fn log_files(pattern: &str, reporter: &mut Reporter) -> Vec<String> {
    let exists = |file: &str| file_name::encode(file).exists();
    // Most are just the name of a file.
    if !has_magic(pattern) && exists(pattern) {
        return vec![pattern.to_owned()];
    }
    let mut files = glob(pattern);
    files.retain(|file| {
        let exists = exists(file);
        if !exists {
            reporter.report(level::WARNING, LOGGER, || {
                format!("File {file} is a dangling link, thus cannot be monitored")
            });
        }
        exists
    });
    if files.is_empty() {
        reporter.report(level::NOTICE, LOGGER, || format!("No file(s) found for glob {pattern}"));
    }
    files
}

/// A line of `logpath`: the pattern, and where reading starts.
fn log_pattern(line: &str) -> (&str, &str) {
    line.rsplit_once(' ').unwrap_or((line, "head"))
}

/// What becomes of a jail without log files.
enum NoLogs {
    /// Configured all the same: files may come later.
    Go,
    Journal,
    Skip(Value),
}

/// Whether a jail option is sent as a command of its own name.
fn has_command(name: &str) -> bool {
    !WITHOUT_COMMAND.contains(&name) && !filter::OPTIONS.iter().any(|spec| spec.name == name)
}
