//! The reader as programs use it: the client, the server at start, and fail2ban-regex.

use super::message::{Error, Origin, Reporter};
use super::options::OptionMap;
use crate::value::Value;
use std::path::PathBuf;

/// Reads one configuration directory. Files are parsed once and shared between all who include them;
/// `fail2ban.conf` and `jail.conf` are read once in the lifetime of a `Configurator` (as upstream: make a
/// new one for a reload).
pub struct Configurator {}

/// The five options needed before anything else: they say where the server is and where it logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Early {
    pub socket: String,
    pub pidfile: String,
    pub loglevel: String,
    pub logtarget: String,
    pub syslogsocket: String,
}

/// Values of `[Definition]` in fail2ban.conf that the command line (or [`Early`]) overrides in the stream.
/// Upstream always overrides with the early values, whose defaults differ from the stream's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    pub loglevel: Option<String>,
    pub logtarget: Option<String>,
    pub syslogsocket: Option<String>,
}

/// What to read.
#[derive(Clone, Debug, Default)]
pub struct Request<'a> {
    /// Only this jail (`reload JAIL`), else all.
    pub jail: Option<&'a str>,
    pub overrides: Overrides,
    /// `-t`: a single wrong jail makes the whole configuration invalid.
    pub strict_jails: bool,
    /// `-d`: missing log files are no error.
    pub allow_no_files: bool,
}

/// The outcome of reading: errors were reported on the way.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Whether the configuration is good enough to start.
    pub valid: bool,
    /// The stream, if one could be built at all (it may also exist for an invalid configuration).
    pub stream: Option<Stream>,
}

/// The command stream: what `fail2ban-client -d` prints and the server executes.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// Commands, each a [`Value::List`].
    pub commands: Vec<Value>,
    /// For every command where its option was written, as far as it comes from a file; for a
    /// `multi-set` of regexes one origin per regex.
    pub origins: Vec<Vec<Origin>>,
}

/// Where fail2ban-regex looks for a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterPlace {
    /// `filter.d/NAME` of the configuration directory, with `.local` and drop-ins.
    Tree,
    /// Exactly the file named, with what it includes.
    Foreign,
}

/// One filter or jail as fail2ban-regex needs it.
#[derive(Clone, Debug)]
pub struct Single {
    /// The commands that would configure the server.
    pub stream: Stream,
    /// The options `logtype`, `datepattern` and those asked for, as resolved ("Real filter options").
    pub real: OptionMap,
}

impl Configurator {
    /// `conf_dir` is the directory of fail2ban.conf; a file missing there is taken from `vendor_dir`, if
    /// one is given and has it (only `*.conf` files: `.local` files and drop-in directories are the admin's).
    pub fn new(_conf_dir: &str, _vendor_dir: Option<PathBuf>) -> Self {
        todo!()
    }

    /// The vendor directory: `FERROBAN_VENDOR_DIR`, else `/usr/share/ferroban`.
    pub fn default_vendor_dir() -> Option<PathBuf> {
        todo!()
    }

    /// Reads fail2ban.conf for the early options. The error's text is what follows `ERROR: `.
    pub fn early(&mut self, _reporter: &mut Reporter) -> Result<Early, Error> {
        todo!()
    }

    /// Reads everything (or one jail) into a command stream. Failures are reported as
    /// `Failed during configuration: …` at level ERROR by logger `fail2ban`.
    pub fn read(&mut self, _request: &Request, _reporter: &mut Reporter) -> Reading {
        todo!()
    }

    /// Whether jail.conf defines this jail (fail2ban-regex asks before it takes a name for a filter's).
    pub fn has_jail(&mut self, _name: &str, _reporter: &mut Reporter) -> Result<bool, Error> {
        todo!()
    }

    /// One jail, enabled or not, with filter options added; `None` if its definition is wrong (reported).
    pub fn jail(
        &mut self,
        _name: &str,
        _add: &OptionMap,
        _reporter: &mut Reporter,
    ) -> Result<Option<Single>, Error> {
        todo!()
    }

    /// One filter with options from `name[options]`, for a jail named `fail2ban-regex-jail`; `None` if it
    /// cannot be read (reported).
    pub fn filter(
        &mut self,
        _name: &str,
        _options: &OptionMap,
        _place: FilterPlace,
        _backend: &str,
        _reporter: &mut Reporter,
    ) -> Result<Option<Single>, Error> {
        todo!()
    }
}
