//! One run of fail2ban-client or fail2ban-server: the command line, what it alone asks for (help, versions, dump,
//! test), and the configuration.

use super::cli::{self, Id, Program};
use super::console::{self, Console};
use super::settings::{Dump, Settings};
use super::{strict, wait};
use signal_hook::iterator::Handle;

use crate::config::duration::str2seconds;
use crate::config::{self, Configurator, Reading, Reporter, Request, Stream};
use crate::level;
use crate::value::{Exception, Value};
use crate::version;

/// Settings, console and configuration of one run.
pub struct Session {
    pub program: Program,
    name: String,
    args: Vec<String>,
    words: Vec<String>,
    pub settings: Settings,
    pub console: Console,
    /// The reader that has read the early options, until the rest is read.
    configurator: Option<Configurator>,
    /// Set while signals end the program.
    pub signals: Option<Handle>,
}

/// The command line asked for something that is done now: whether it succeeded.
type Done = Option<bool>;

impl Session {
    pub fn new(program: Program, name: &str, args: &[String]) -> Self {
        Session {
            program,
            name: name.to_owned(),
            args: args.to_vec(),
            words: Vec::new(),
            settings: Settings::default(),
            console: Console::default(),
            configurator: None,
            signals: None,
        }
    }

    /// Does all that the command line asks for; whether it succeeded.
    pub fn run(mut self) -> bool {
        let result = match self.init() {
            Ok(None) => self.command(),
            Ok(Some(false)) if self.program == Program::Client && !self.only_tests() => {
                Err("Init of command line failed".into())
            }
            Ok(Some(success)) => Ok(success),
            Err(text) => Err(text),
        };
        result.unwrap_or_else(|text: String| {
            self.console.error(&text);
            false
        })
    }

    fn only_tests(&self) -> bool {
        self.settings.test && self.words.is_empty()
    }

    fn command(&mut self) -> Result<bool, String> {
        let words = std::mem::take(&mut self.words);
        let is_start = words.is_empty() || words == ["start"];
        if self.program == Program::Server && is_start && !self.settings.interactive {
            return self.serve();
        }
        self.signals = wait::exit_on_signals(&self.console);
        if self.settings.interactive {
            return self.interact(words);
        }
        if words.is_empty() {
            self.print_usage();
            return Ok(false);
        }
        self.process(words)
    }

    /// Reads the command line and what is needed of the configuration. An error is a failed test before a
    /// command.
    pub fn init(&mut self) -> Result<Done, String> {
        let Ok(parsed) = cli::parse(&self.args) else {
            self.print_usage();
            return Ok(Some(false));
        };
        self.words = parsed.words;
        match self.apply(&parsed.options) {
            Ok(None) => {}
            Ok(done) => return Ok(done),
            Err(exception) => return Ok(Some(complain(&exception.message()))),
        }
        self.console.set_verbosity(self.settings.verbose);
        if let Err(text) = self.read_early() {
            return Ok(Some(complain(&text)));
        }
        self.dump_and_test()
    }

    /// Forgets all settings and reads the command line again, for a restart at the prompt.
    pub fn reset(&mut self) -> Result<Done, String> {
        self.settings = Settings::default();
        self.configurator = None;
        self.init()
    }

    fn apply(&mut self, options: &[(Id, String)]) -> Result<Done, Exception> {
        for (option, value) in options {
            match option {
                Id::Str2sec => console::print(&str2seconds(value)?.to_string()),
                Id::Help => self.print_usage(),
                Id::VersionShort => console::print(&version::normalised()),
                Id::Version => console::print(&format!("Fail2Ban v{}", version::reported())),
                _ => {
                    self.settings.apply(*option, value)?;
                    continue;
                }
            }
            return Ok(Some(true));
        }
        Ok(None)
    }

    pub fn print_usage(&self) {
        console::print(&cli::usage(self.program, &self.name));
    }

    fn read_early(&mut self) -> Result<(), String> {
        if self.settings.needs_early() {
            let mut configurator = self.new_configurator();
            let early = self.reporting(|reporter| configurator.early(reporter));
            self.settings.complete(early.map_err(|e| e.to_string())?);
            self.configurator = Some(configurator);
        }
        let settings = &self.settings;
        let shown = |setting: &Option<String>| setting.clone().unwrap_or_default();
        self.info(&format!("Using socket file {}", settings.socket()));
        let name = shown(&settings.loglevel);
        let level = level::parse(&name).ok_or(format!("Invalid log level {}", Value::str(name)))?;
        self.info(&format!(
            "Using pid file {}, [{}] logging to {}",
            shown(&settings.pidfile),
            level::name(level),
            shown(&settings.logtarget)
        ));
        Ok(())
    }

    fn info(&self, text: &str) {
        self.console.log(level::INFO, "fail2ban", text);
    }

    fn dump_and_test(&mut self) -> Result<Done, String> {
        if self.settings.dump.is_none() && !self.settings.test {
            return Ok(None);
        }
        let mut reading = self.read_config(None);
        if self.settings.test && self.settings.strict {
            reading.valid &= is_flawless(&reading);
        }
        if let Some(form) = self.settings.dump {
            print_dump(reading.stream.take(), form);
        }
        if !self.settings.test {
            return Ok(Some(reading.valid));
        }
        if !self.words.is_empty() {
            return if reading.valid { Ok(None) } else { Err("ERROR: test configuration failed".into()) };
        }
        console::print(match reading.valid {
            true => "OK: configuration test is successful",
            false => "ERROR: test configuration failed",
        });
        Ok(Some(reading.valid))
    }

    /// Reads the whole configuration, or one jail.
    pub fn read_config(&mut self, jail: Option<&str>) -> Reading {
        let mut configurator = self.configurator.take().unwrap_or_else(|| self.new_configurator());
        let request = Request {
            jail,
            overrides: self.settings.overrides(),
            strict_jails: self.settings.test,
            allow_no_files: self.settings.dump.is_some(),
            last: self.settings.dump.is_some(),
            check: self.settings.test && self.settings.strict,
        };
        let reading = self.reporting(|reporter| configurator.read(&request, reporter));
        if request.last {
            std::mem::forget(configurator);
        }
        reading
    }

    fn new_configurator(&self) -> Configurator {
        Configurator::new(&self.settings.conf, Configurator::default_vendor_dir())
    }

    /// Runs a reader whose messages go to the console.
    fn reporting<T>(&self, read: impl FnOnce(&mut Reporter) -> T) -> T {
        let console = &self.console;
        let mut sink = |message: config::Message| console.log(message.level, message.logger, &message.text);
        read(&mut Reporter { level: console.level(), sink: &mut sink })
    }
}

/// Prints an error of the command line or of fail2ban.conf; always false.
fn complain(text: &str) -> bool {
    console::print(&format!("ERROR: {text}"));
    false
}

/// Prints what `--strict` has to say; whether that is nothing.
fn is_flawless(reading: &Reading) -> bool {
    let mut complaints = reading.complaints.clone();
    complaints.extend(reading.stream.as_ref().map(strict::complaints).unwrap_or_default());
    complaints.iter().for_each(|complaint| console::print(complaint));
    complaints.is_empty()
}

fn print_dump(stream: Option<Stream>, form: Dump) {
    match (&stream, form) {
        (None, _) => {
            console::print("ERROR: The configuration stream failed because of the invalid syntax.");
        }
        (Some(stream), Dump::Plain) => console::write_pieces(|out| config::dump(stream, out)),
        (Some(stream), Dump::Pretty) => console::write_pieces(|out| config::dump_pretty(stream, out)),
    }
    // As all that was read, it goes with the program.
    std::mem::forget(stream);
}
