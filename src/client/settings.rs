//! What the command line settles.

use super::cli::Id;
use crate::config::duration::str2seconds;
use crate::config::{Early, Overrides};
use crate::value::Exception;

/// How to print the command stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dump {
    Plain,
    Pretty,
}

/// Settings of one run, from the command line and, for the five that the configuration also knows, from
/// fail2ban.conf.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The configuration directory.
    pub conf: String,
    pub socket: Option<String>,
    pub pidfile: Option<String>,
    pub loglevel: Option<String>,
    pub logtarget: Option<String>,
    pub syslogsocket: Option<String>,
    pub pname: Option<String>,
    /// How long to wait for a server to start or stop, in seconds.
    pub timeout: f64,
    /// 1, plus the number of `-v`, minus the number of `-q`.
    pub verbose: i32,
    pub force: bool,
    pub background: bool,
    /// Start a server that gets its configuration through the socket.
    pub is_async: bool,
    pub interactive: bool,
    pub test: bool,
    pub strict: bool,
    pub dump: Option<Dump>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            conf: "/etc/fail2ban".into(),
            socket: None,
            pidfile: None,
            loglevel: None,
            logtarget: None,
            syslogsocket: None,
            pname: None,
            timeout: 30.0,
            verbose: 1,
            force: false,
            background: true,
            is_async: false,
            interactive: false,
            test: false,
            strict: false,
            dump: None,
        }
    }
}

impl Settings {
    /// Applies one option. Options that print something and end the program are not settings: they are ignored.
    pub fn apply(&mut self, option: Id, value: &str) -> Result<(), Exception> {
        let text = || Some(value.to_owned());
        match option {
            Id::Conf => self.conf = value.to_owned(),
            Id::Socket => self.socket = text(),
            Id::Pidfile => self.pidfile = text(),
            Id::Pname => self.pname = text(),
            Id::Loglevel => self.loglevel = text(),
            Id::Logtarget => self.logtarget = text(),
            Id::Syslogsocket => self.syslogsocket = text(),
            Id::Dump => self.dump = Some(Dump::Plain),
            Id::DumpPretty => self.dump = Some(Dump::Pretty),
            Id::Test => self.test = true,
            Id::Strict => self.strict = true,
            Id::Interactive => self.interactive = true,
            Id::Verbose => self.verbose += 1,
            Id::Quiet => self.verbose -= 1,
            Id::Force => self.force = true,
            Id::Background => self.background = true,
            Id::Foreground => self.background = false,
            Id::Async => self.is_async = true,
            Id::Timeout => self.timeout = str2seconds(value)?.as_f64(),
            Id::Str2sec | Id::Help | Id::Version | Id::VersionShort => {}
        }
        Ok(())
    }

    /// Whether fail2ban.conf must be asked for one of the five.
    pub fn needs_early(&self) -> bool {
        let five = [&self.socket, &self.pidfile, &self.loglevel, &self.logtarget, &self.syslogsocket];
        five.iter().any(|setting| setting.is_none())
    }

    /// Takes from fail2ban.conf what the command line left open.
    pub fn complete(&mut self, early: Early) {
        self.socket.get_or_insert(early.socket);
        self.pidfile.get_or_insert(early.pidfile);
        self.loglevel.get_or_insert(early.loglevel);
        self.logtarget.get_or_insert(early.logtarget);
        self.syslogsocket.get_or_insert(early.syslogsocket);
    }

    /// The path of the socket. Empty only before [`Settings::complete`].
    pub fn socket(&self) -> &str {
        self.socket.as_deref().unwrap_or_default()
    }

    /// What the command stream is to say in place of fail2ban.conf.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            loglevel: self.loglevel.clone(),
            logtarget: self.logtarget.clone(),
            syslogsocket: self.syslogsocket.clone(),
        }
    }
}
