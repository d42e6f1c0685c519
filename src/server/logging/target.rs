//! Where log lines go: files, streams, syslog, the systemd journal (COMPAT §11).

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use crate::level::{self, Level};
use crate::value::Value;

/// An open target.
pub(super) enum Target {
    Nowhere,
    File {
        path: PathBuf,
        file: File,
    },
    Stream(Stream),
    Syslog {
        socket: UnixDatagram,
        path: PathBuf,
        facility: u8,
    },
    /// With a whole line of the log as message, or its text only.
    Journal {
        socket: UnixDatagram,
        whole: bool,
    },
}

#[derive(Clone, Copy)]
pub(super) enum Stream {
    Stdout,
    Stderr,
    /// Standard output, as a terminal or a supervisor reads it: no time.
    Sysout,
}

pub(super) struct Opened {
    pub target: Target,
    /// The syslog socket, if `auto` was resolved.
    pub socket: Option<String>,
    /// What the log has to say about the options.
    pub complaint: Option<String>,
}

impl Opened {
    fn plain(target: Target) -> Opened {
        Opened { target, socket: None, complaint: None }
    }
}

/// Why a target cannot be used.
#[derive(Debug)]
pub enum TargetError {
    File,
    Syslog(String),
    Journal(std::io::Error),
}

impl TargetError {
    /// What the log says about it.
    pub(super) fn lines(&self, name: &str, previous: Option<&str>) -> Vec<(Level, String)> {
        match self {
            TargetError::File => vec![
                (level::ERROR, format!("Unable to log to {}", Value::str(name))),
                (
                    level::INFO,
                    format!("Logging to previous target {}", previous.map_or(Value::None, Value::from)),
                ),
            ],
            TargetError::Syslog(socket) => {
                vec![(
                    level::ERROR,
                    format!("Syslog socket file: {socket} does not exists or is not a socket"),
                )]
            }
            TargetError::Journal(error) => {
                vec![(level::ERROR, format!("Unable to log to the journal: {error}"))]
            }
        }
    }
}

const JOURNAL_SOCKET: &str = "/run/systemd/journal/socket";

/// Takes `NAME[key=value,…]` apart.
pub(super) fn split_options(value: &str) -> (String, HashMap<String, String>) {
    match crate::config::split::extract_options(value) {
        Ok((name, options)) => (name, crate::config::options::texts(&options).collect()),
        Err(_) => (value.to_owned(), HashMap::new()),
    }
}

impl Target {
    /// Whether it takes lines with their line ends, as many as there are, rather than messages.
    pub(super) fn takes_lines(&self) -> bool {
        matches!(self, Target::File { .. } | Target::Stream(_))
    }

    pub(super) fn open(
        name: &str,
        options: &HashMap<String, String>,
        syslog_socket: &str,
    ) -> Result<Opened, TargetError> {
        let stream = |stream| Ok(Opened::plain(Target::Stream(stream)));
        match name.to_uppercase().as_str() {
            "STDOUT" => stream(Stream::Stdout),
            "STDERR" => stream(Stream::Stderr),
            "SYSOUT" => stream(Stream::Sysout),
            "SYSTEMD-JOURNAL" => {
                let socket = UnixDatagram::unbound().map_err(TargetError::Journal)?;
                socket.connect(JOURNAL_SOCKET).map_err(TargetError::Journal)?;
                // Upstream knows this target in any case, but its handler by the upper one only.
                Ok(Opened::plain(Target::Journal { socket, whole: name != "SYSTEMD-JOURNAL" }))
            }
            "SYSLOG" => Self::open_syslog(options, syslog_socket),
            _ => {
                let path = PathBuf::from(name);
                let file = open_file(&path).map_err(|_| TargetError::File)?;
                Ok(Opened::plain(Target::File { path, file }))
            }
        }
    }

    fn open_syslog(options: &HashMap<String, String>, socket: &str) -> Result<Opened, TargetError> {
        let path = if socket == "auto" { "/dev/log" } else { socket };
        let failed = || TargetError::Syslog(path.to_owned());
        let is_socket = std::fs::metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
        if !is_socket {
            return Err(failed());
        }
        let datagram = UnixDatagram::unbound().map_err(|_| failed())?;
        datagram.connect(path).map_err(|_| failed())?;
        let name = options.get("facility").map_or("DAEMON", String::as_str);
        let complaint = facility(name)
            .is_none()
            .then(|| format!("Unable to set facility {}, using 'DAEMON'", Value::str(name)));
        let facility = facility(name).unwrap_or(DAEMON);
        let target = Target::Syslog { socket: datagram, path: path.into(), facility };
        Ok(Opened { target, socket: Some(path.to_owned()), complaint })
    }

    /// Writes complete lines to a file or stream.
    pub(super) fn write(&mut self, lines: &[u8]) {
        // A log that cannot be written has nowhere to complain.
        let _ = match self {
            Target::File { file, .. } => file.write_all(lines),
            Target::Stream(Stream::Stderr) => std::io::stderr().write_all(lines),
            Target::Stream(_) => {
                let mut out = std::io::stdout().lock();
                out.write_all(lines).and_then(|()| out.flush())
            }
            _ => Ok(()),
        };
    }

    /// Sends one line to a datagram target.
    pub(super) fn send(&mut self, level: Level, logger: &str, text: &str, line: &[u8]) {
        match self {
            Target::Syslog { socket, path, facility } => {
                let priority = u32::from(*facility) * 8 + syslog_priority(level);
                let datagram = [format!("<{priority}>").as_bytes(), line, b"\0"].concat();
                if socket.send(&datagram).is_err() && socket.connect(&*path).is_ok() {
                    // The syslog daemon was restarted; a second failure loses the line.
                    let _ = socket.send(&datagram);
                }
            }
            Target::Journal { socket, whole } => {
                let message = if *whole { line } else { text.as_bytes() };
                // Journald drops what it cannot take; so do we.
                let _ = socket.send(&journal_entry(level, logger, message));
            }
            _ => {}
        }
    }

    /// Opens a log file anew; false if this target is none.
    pub(super) fn reopen(&mut self) -> bool {
        match self {
            Target::File { path, file } => {
                if let Ok(opened) = open_file(path) {
                    *file = opened;
                }
                true
            }
            _ => false,
        }
    }
}

fn open_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// The facility of daemons.
const DAEMON: u8 = 3;

fn facility(name: &str) -> Option<u8> {
    const NAMES: [&str; 24] = [
        "KERN", "USER", "MAIL", "DAEMON", "AUTH", "SYSLOG", "LPR", "NEWS", "UUCP", "CRON", "AUTHPRIV", "FTP",
        "NTP", "SECURITY", "CONSOLE", "SOLCRON", "LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4", "LOCAL5",
        "LOCAL6", "LOCAL7",
    ];
    let name = name.to_uppercase();
    NAMES.iter().position(|known| *known == name).map(|index| index as u8)
}

/// Syslog's severity; levels that Python's handler does not know are warnings.
fn syslog_priority(level: Level) -> u32 {
    match level {
        level::CRITICAL => 2,
        level::ERROR => 3,
        level::NOTICE => 5,
        level::INFO => 6,
        level::DEBUG => 7,
        _ => 4,
    }
}

fn journal_priority(level: Level) -> u32 {
    match level {
        0..=10 => 7,
        11..=20 => 6,
        21..=30 => 4,
        31..=40 => 3,
        41..=50 => 2,
        _ => 1,
    }
}

/// An entry in journald's native protocol.
fn journal_entry(level: Level, logger: &str, message: &[u8]) -> Vec<u8> {
    let mut entry = Vec::new();
    let priority = journal_priority(level).to_string();
    let thread = std::thread::current().name().unwrap_or("MainThread").to_owned();
    let fields = [
        ("MESSAGE", message),
        ("PRIORITY", priority.as_bytes()),
        ("SYSLOG_IDENTIFIER", b"fail2ban"),
        ("LOGGER", logger.as_bytes()),
        ("THREAD_NAME", thread.as_bytes()),
    ];
    for (name, value) in fields {
        entry.extend_from_slice(name.as_bytes());
        if value.contains(&b'\n') {
            entry.push(b'\n');
            entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            entry.push(b'=');
        }
        entry.extend_from_slice(value);
        entry.push(b'\n');
    }
    entry
}
