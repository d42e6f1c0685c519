//! The reader as programs use it: the client, the server at start, and fail2ban-regex.

use super::filter::{self, Filter};
use super::general;
use super::ini::Entry;
use super::interpolate::Variables;
use super::jail::Jail;
use super::library::{Library, Shared};
use super::message::{Error, Message, Origin, Reporter, level};
use super::options::OptionMap;
use super::setting::Setting;
use super::{origins, strict};
use crate::value::{Exception, Value};
use ecow::EcoString;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Reads one configuration directory. Files are parsed once and shared between all who include them;
/// `fail2ban.conf` and `jail.conf` are read once in the lifetime of a `Configurator` (as upstream: make a
/// new one for a reload).
pub struct Configurator {
    library: Library,
}

/// The version of fail2ban whose configuration language this is (`%(fail2ban_version)s`).
const UPSTREAM_VERSION: &str = "1.1.1";

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
    /// Nothing is read afterwards, and the program soon ends: what was read of the files is not freed piece by piece.
    pub last: bool,
    /// `--strict`: also find out where everything was written ([`Stream::origins`]) and what in the files is
    /// probably a mistake ([`Reading::complaints`]).
    pub check: bool,
}

/// The outcome of reading: errors were reported on the way.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Whether the configuration is good enough to start.
    pub valid: bool,
    /// The stream, if one could be built at all (it may also exist for an invalid configuration).
    pub stream: Option<Stream>,
    /// If asked for, what upstream silently accepts, each with `file:line` in front.
    pub complaints: Vec<String>,
}

/// The command stream: what `fail2ban-client -d` prints and the server executes.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// Commands, each a [`Value::List`].
    pub commands: Vec<Value>,
    /// If asked for, for every command where its option was written, as far as it comes from a file; for a
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
    pub fn new(conf_dir: &str, vendor_dir: Option<PathBuf>) -> Self {
        Configurator { library: Library::new(conf_dir, vendor_dir) }
    }

    /// The vendor directory: `FERROBAN_VENDOR_DIR`, else `share/ferroban` beside the program's `bin`
    /// (`/usr/local/share/ferroban` for `/usr/local/bin/ferroban`), else `/usr/share/ferroban`.
    pub fn default_vendor_dir() -> Option<PathBuf> {
        if let Some(named) = std::env::var_os("FERROBAN_VENDOR_DIR") {
            return Some(PathBuf::from(named)).filter(|dir| dir.is_dir());
        }
        let program = std::env::current_exe().ok();
        let prefix = program.as_deref().and_then(Path::parent).and_then(Path::parent);
        let beside = prefix.map(|prefix| prefix.join("share/ferroban"));
        beside.into_iter().chain([PathBuf::from("/usr/share/ferroban")]).find(|dir| dir.is_dir())
    }

    /// Reads fail2ban.conf for the early options. The error's text is what follows `ERROR: `.
    pub fn early(&mut self, reporter: &mut Reporter) -> Result<Early, Error> {
        let config = self.open_general(reporter)?;
        general::early(&config.borrow(), reporter)
    }

    /// Reads everything (or one jail) into a command stream. Failures are reported as
    /// `Failed during configuration: …` at level ERROR by logger `fail2ban`.
    pub fn read(&mut self, request: &Request, reporter: &mut Reporter) -> Reading {
        self.library.clear();
        self.read_all(request, reporter).unwrap_or_else(|error| {
            reporter.report(level::ERROR, "fail2ban", || format!("Failed during configuration: {error}"));
            Reading { valid: false, stream: None, complaints: Vec::new() }
        })
    }

    fn read_all(&mut self, request: &Request, reporter: &mut Reporter) -> Result<Reading, Error> {
        let general = self.open_general(reporter)?;
        let jails = self.library.open("jail", reporter)?;
        let jails = jails.ok_or_else(|| lookup_error("Read jails configuration failed."))?;
        let mut commands = general::commands(&general.borrow(), &request.overrides, reporter)?;
        let config = jails;
        let (mut jails, valid) = self.read_jails(&config, request, reporter)?;
        let mut starts = Vec::new();
        for jail in &mut jails {
            commands.extend(jail.commands(request.allow_no_files, reporter)?);
            if jail.is_startable() {
                starts.push(Value::strings(["start", &jail.name]));
            }
        }
        commands.append(&mut starts);
        let (mut origins, mut complaints) = (Vec::new(), Vec::new());
        if request.check {
            origins = origins::origins(&commands, &general.borrow(), &config.borrow(), &jails);
            complaints = strict::complaints(&general.borrow(), &config.borrow(), &jails);
        }
        if request.last {
            std::mem::forget(jails);
        }
        Ok(Reading { valid, stream: Some(Stream { commands, origins }), complaints })
    }

    fn open_general(&mut self, reporter: &mut Reporter) -> Result<Shared, Error> {
        let config = self.library.open("fail2ban", reporter)?;
        config.ok_or_else(|| lookup_error("Read fail2ban configuration failed."))
    }

    /// The enabled jails and the wrong ones; whether enough of them are right.
    fn read_jails(
        &mut self,
        config: &Shared,
        request: &Request,
        reporter: &mut Reporter,
    ) -> Result<(Vec<Jail>, bool), Error> {
        let names: Vec<EcoString> = match request.jail {
            Some(name) => vec![EcoString::from(name)],
            None => config.borrow().section_names().cloned().collect(),
        };
        let mut jails = Vec::new();
        let (mut any_right, mut any_wrong) = (false, false);
        for name in names.iter().filter(|name| &***name != "INCLUDES") {
            let mut jail = Jail::new(name, false);
            if !self.read_jail(&mut jail, config, &OptionMap::default(), reporter)? {
                reporter.report(level::ERROR, "fail2ban.jailsreader", || {
                    let skipping = if request.strict_jails { "" } else { " Skipping..." };
                    format!("Errors in jail {}.{skipping}", Value::str(&**name))
                });
                any_wrong = true;
                jails.push(jail);
            } else if jail.is_enabled() {
                any_right = true;
                jails.push(jail);
            }
        }
        Ok((jails, !any_wrong || (any_right && !request.strict_jails)))
    }

    fn read_jail(
        &mut self,
        jail: &mut Jail,
        config: &Shared,
        add: &OptionMap,
        reporter: &mut Reporter,
    ) -> Result<bool, Error> {
        let always = [("fail2ban_version", UPSTREAM_VERSION), ("fail2ban_confpath", self.library.base())];
        for (name, value) in always {
            let defaults = &mut config.borrow_mut().defaults;
            Rc::make_mut(defaults).insert(EcoString::from(name), Entry::computed(value.into()));
        }
        jail.read(config, &mut self.library, add, reporter)
    }

    /// Whether jail.conf defines this jail (fail2ban-regex asks before it takes a name for a filter's).
    pub fn has_jail(&mut self, name: &str, reporter: &mut Reporter) -> Result<bool, Error> {
        let config = self.library.open("jail", reporter)?;
        Ok(config.is_some_and(|config| config.borrow().section_names().any(|section| &**section == name)))
    }

    /// One jail, enabled or not, with filter options added; `None` if its definition is wrong (reported).
    pub fn jail(
        &mut self,
        name: &str,
        add: &OptionMap,
        reporter: &mut Reporter,
    ) -> Result<Option<Single>, Error> {
        let Some(config) = self.library.open("jail", reporter)? else { return Ok(None) };
        let mut jail = Jail::new(name, true);
        if !self.read_jail(&mut jail, &config, add, reporter)? {
            return Ok(None);
        }
        let combined = jail.combined(&mut muted(&mut |_| {})).unwrap_or_default();
        let definition = jail.filter.as_ref().map(|filter| filter.definition.config.clone());
        let real = real_options(&combined, definition.as_ref(), add);
        let commands = jail.commands(true, reporter)?;
        Ok(Some(Single { stream: Stream { commands, origins: Vec::new() }, real }))
    }

    /// One filter with options from `name[options]`, for a jail named `fail2ban-regex-jail`; `None` if it
    /// cannot be read (reported).
    pub fn filter(
        &mut self,
        name: &str,
        options: &OptionMap,
        place: FilterPlace,
        backend: &str,
        reporter: &mut Reporter,
    ) -> Result<Option<Single>, FilterError> {
        let open = match place {
            FilterPlace::Tree => Filter::open,
            FilterPlace::Foreign => Filter::open_file,
        };
        let opened = open(&mut self.library, name, options.clone(), reporter).map_err(FilterError::File)?;
        let Some(mut filter) = opened else {
            return Ok(None);
        };
        filter.set_log_type(backend);
        single(&mut filter, options, reporter).map(Some).map_err(FilterError::Options)
    }
}

/// The stream of an open filter.
fn single(filter: &mut Filter, options: &OptionMap, reporter: &mut Reporter) -> Result<Single, Error> {
    filter.definition.read(&Rc::default(), false, reporter)?;
    let combined = filter.combined(&mut muted(&mut |_| {}))?;
    let real = real_options(&combined, Some(&filter.definition.config), options);
    let mut commands = Vec::new();
    filter::add_commands(&mut commands, &filter.combined(reporter)?, "fail2ban-regex-jail")?;
    Ok(Single { stream: Stream { commands, origins: Vec::new() }, real })
}

/// Why a filter of its own cannot be read: fail2ban-regex tells the two apart.
#[derive(Debug)]
pub enum FilterError {
    /// A file cannot be read or parsed.
    File(Error),
    /// The options do not make commands: a value refers to what there is not.
    Options(Error),
}

/// A reporter that nobody listens to, for what is computed on the side.
fn muted(sink: &mut dyn FnMut(Message)) -> Reporter<'_> {
    Reporter { level: u8::MAX, sink }
}

/// The options that fail2ban-regex shows as real: those given, and two of general interest.
fn real_options(combined: &OptionMap, definition: Option<&Shared>, given: &OptionMap) -> OptionMap {
    let names = ["logtype", "datepattern"].into_iter().chain(given.keys().map(|name| &**name));
    let mut real = OptionMap::default();
    for name in names {
        let written = || match definition {
            Some(config) => config.borrow().get("Definition", name, &Variables::default()).ok(),
            None => Some(Setting::None),
        };
        if let Some(value) = combined.get(name).cloned().or_else(written) {
            real.insert(name.into(), value);
        }
    }
    real
}

fn lookup_error(text: &str) -> Error {
    Exception::builtin("LookupError", text).into()
}
