//! The server's log in upstream's exact format (COMPAT §11).
//!
//! Lines are formatted into one buffer. The engine writes it out once per round, before it sleeps or
//! answers a client; workers write out at once. Lines of both stand in the order in which they came.
//!
//! - `format` – the parts of a line
//! - `stamp` – its time
//! - `target` – where lines go

mod format;
mod stamp;
mod target;

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::level::{self, Level};
use crate::value::Value;

use format::{Layout, Line};
use stamp::Stamp;
use target::Target;
pub use target::TargetError;

/// More than this is written out even in the middle of a round, in bytes.
const BUFFER_LIMIT: usize = 64 * 1024;

/// The process's log.
pub struct Log {
    level: AtomicU8,
    state: Mutex<State>,
}

struct State {
    level_text: String,
    target_text: Option<String>,
    syslog_socket: String,
    target: Target,
    layout: Layout,
    buffer: Vec<u8>,
    stamp: Stamp,
    pid: u32,
    verbosity: u32,
}

static LOG: Log = Log { level: AtomicU8::new(level::INFO), state: Mutex::new(State::new()) };

/// The process's log.
pub fn log() -> &'static Log {
    &LOG
}

/// Logs one line; `logger` is upstream's name, e.g. `fail2ban.filter`.
pub fn write(level: Level, logger: &str, text: &str) {
    if LOG.enabled(level) {
        batch().write(level, logger, text);
    }
}

/// Several lines at once, all of the same time; meanwhile nobody else can log.
pub struct Batch {
    state: MutexGuard<'static, State>,
}

/// Begins a batch of lines.
pub fn batch() -> Batch {
    let mut state = LOG.state();
    state.stamp.refresh();
    Batch { state }
}

impl Batch {
    /// Logs one line.
    pub fn write(&mut self, level: Level, logger: &str, text: &str) {
        if LOG.enabled(level) {
            self.state.append(level, logger, text);
        }
    }

    /// What lines of this batch have before and after something, whose text is `head`, that, `tail`; `None` if the layout or
    /// the target takes each line by itself.
    pub fn around(
        &mut self,
        level: Level,
        logger: &str,
        head: &str,
        tail: &str,
    ) -> Option<(Vec<u8>, Vec<u8>)> {
        self.state.around(level, logger, head, tail)
    }

    /// Adds lines that were put together from what [`around`](Batch::around) has said.
    pub fn append(&mut self, lines: &[u8]) {
        self.state.buffer.extend_from_slice(lines);
        if self.state.buffer.len() > BUFFER_LIMIT {
            self.state.flush();
        }
    }
}

/// Logs one line and writes it out at once: for threads that do not know the engine's rounds.
pub fn write_now(level: Level, logger: &str, text: &str) {
    if LOG.enabled(level) {
        let mut batch = batch();
        batch.write(level, logger, text);
        batch.state.flush();
    }
}

impl State {
    const fn new() -> Self {
        State {
            level_text: String::new(),
            target_text: None,
            syslog_socket: String::new(),
            target: Target::Nowhere,
            layout: Layout::plain(),
            buffer: Vec::new(),
            stamp: Stamp::none(),
            pid: 0,
            verbosity: 0,
        }
    }

    /// Adds a line of the time when the stamp was refreshed last.
    fn append(&mut self, level: Level, logger: &str, text: &str) {
        let start = self.buffer.len();
        let pid = self.pid();
        let line = Line { level, logger, text, pid, stamp: self.stamp.text() };
        self.layout.line(&mut self.buffer, &line);
        if self.target.takes_lines() {
            self.buffer.push(b'\n');
            if self.buffer.len() > BUFFER_LIMIT {
                self.flush();
            }
            return;
        }
        // Datagram targets take one message a line.
        let line = self.buffer.split_off(start);
        self.target.send(level, logger, text, &line);
    }

    /// What [`append`](Self::append) makes of lines whose text is `head`, something, `tail`: before and after that.
    fn around(&mut self, level: Level, logger: &str, head: &str, tail: &str) -> Option<(Vec<u8>, Vec<u8>)> {
        let pid = self.pid();
        let line = Line { level, logger, text: "", pid, stamp: self.stamp.text() };
        let around = self.layout.around_message(&line).filter(|_| self.target.takes_lines());
        around.map(|(before, after)| {
            ([&before, head.as_bytes()].concat(), [tail.as_bytes(), &after, b"\n"].concat())
        })
    }

    fn pid(&mut self) -> u32 {
        if self.pid == 0 {
            self.pid = std::process::id();
        }
        self.pid
    }

    fn flush(&mut self) {
        if !self.buffer.is_empty() {
            self.target.write(&self.buffer);
            self.buffer.clear();
        }
    }
}

impl Log {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether lines of this level are logged now.
    pub fn enabled(&self, level: Level) -> bool {
        level >= self.level.load(Ordering::Relaxed)
    }

    pub fn threshold(&self) -> Level {
        self.level.load(Ordering::Relaxed)
    }

    /// Writes out what is buffered.
    pub fn flush(&self) {
        self.state().flush();
    }

    /// The number of `-v` on the command line: from 3 on, lines take the more verbose layouts.
    pub fn set_verbosity(&self, count: u32) {
        self.state().verbosity = count;
    }

    /// After a fork: the new process has another id.
    pub fn forget_pid(&self) {
        self.state().pid = 0;
    }

    /// `set loglevel`: a name in any case or a number.
    pub fn set_level(&self, text: &str) -> Result<(), String> {
        let text = text.to_uppercase();
        let level = level::parse(&text).ok_or_else(|| format!("Invalid log level {}", Value::str(&*text)))?;
        self.level.store(level, Ordering::Relaxed);
        self.state().level_text = text;
        Ok(())
    }

    pub fn level_text(&self) -> String {
        self.state().level_text.clone()
    }

    pub fn target_text(&self) -> Option<String> {
        self.state().target_text.clone()
    }

    pub fn syslog_socket(&self) -> String {
        self.state().syslog_socket.clone()
    }

    /// `set syslogsocket`; re-opens the target if it is syslog. False if that fails.
    pub fn set_syslog_socket(&self, socket: &str) -> bool {
        let reopen = {
            let mut state = self.state();
            if state.syslog_socket == socket {
                return true;
            }
            state.syslog_socket = socket.to_owned();
            state.target_text.take_if(|target| target == "SYSLOG")
        };
        let changed = reopen.is_none_or(|target| self.set_target(&target));
        // Asked for its name, it is what it was set to, not what `auto` has led to.
        self.state().syslog_socket = socket.to_owned();
        changed
    }

    /// `set logtarget NAME[options]`. On failure the previous target stays and false is returned; the
    /// reason is in the log.
    pub fn set_target(&self, value: &str) -> bool {
        let mut state = self.state();
        let (name, options) = target::split_options(value);
        if state.target_text.as_deref() == Some(name.as_str()) {
            return true;
        }
        let socket = state.syslog_socket.clone();
        let opened = match Target::open(&name, &options, &socket) {
            Ok(opened) => opened,
            Err(error) => {
                let previous = state.target_text.clone();
                drop(state);
                for (level, line) in error.lines(&name, previous.as_deref()) {
                    write(level, "fail2ban.server", &line);
                }
                return false;
            }
        };
        if let Some(complaint) = opened.complaint.filter(|_| self.enabled(level::ERROR)) {
            state.stamp.refresh();
            state.append(level::ERROR, "fail2ban.server", &complaint);
        }
        state.flush();
        state.layout = Layout::of(&name, &options, state.verbosity);
        state.target = opened.target;
        if let Some(socket) = opened.socket {
            state.syslog_socket = socket;
        }
        let shown = if name == "SYSLOG" { format!("{name} ({})", state.syslog_socket) } else { name.clone() };
        let changed = state.target_text.replace(name).is_some();
        drop(state);
        if changed {
            let version = crate::version::reported();
            write(level::INFO, "fail2ban.server", &format!("Start Fail2ban v{version}"));
            let text = format!("Changed logging target to {shown} for Fail2ban v{version}");
            write(level::INFO, "fail2ban.server", &text);
        }
        true
    }

    /// `flushlogs`: re-opens a log file (after logrotate moved it away). Returns the reply.
    pub fn reopen(&self) -> &'static str {
        let mut state = self.state();
        state.flush();
        let name = state.target_text.clone().unwrap_or_default();
        let rolled = state.target.reopen();
        drop(state);
        let did = if rolled { "rollover" } else { "flush" };
        write(level::INFO, "fail2ban.server", &format!("{did} performed on {name}"));
        match name.as_str() {
            "STDERR" | "STDOUT" | "SYSLOG" | "SYSTEMD-JOURNAL" => "flushed",
            _ => "rolled over",
        }
    }
}
