//! A jail at work: its rules and state together with its sources and actions.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::found::{self, FoundLines};
use super::logging;
use crate::action::{BanInfo, JailActions, JailState};
use crate::address::Address;
use crate::bans::Ban;
use crate::config::duration::Number;
use crate::failures::Ticket;
use crate::filter::decode::{self, Encoding};
use crate::filter::ignore::Known;
use crate::filter::{Data, Dated, Item, MatchLine};
use crate::jail::{Effect, Jail};
use crate::level;
use crate::source::{Backend, Block, JailId};
use crate::store::BanRow;
use crate::value::{Exception, Value};

/// Errors in a row after which a jail goes idle.
const MAX_ERRORS: u32 = 100;
const DAY: f64 = 86_400.0;

/// Where a jail's lines come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Files(Backend),
    /// Entries with their own times: journal, kernel log, packet log.
    Entries(&'static str),
}

impl Kind {
    /// Whether lines that are not read now can be read later.
    pub(super) fn keeps_lines(self) -> bool {
        self != Kind::Entries("nflog")
    }

    /// The backend's name in `stats`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Files(Backend::Inotify) => "pyinotify",
            Kind::Files(Backend::Polling) => "polling",
            Kind::Entries(name) => name,
        }
    }
}

/// A jail with everything that belongs to it.
pub(super) struct Running {
    pub core: Jail,
    pub id: JailId,
    /// The backend as it was asked for.
    pub backend: String,
    pub kind: Kind,
    pub actions: JailActions,
    pub started: bool,
    pub idle: bool,
    /// Not read on for now: too many of its failures wait.
    pub held: bool,
    pub encoding: Encoding,
    pub encoding_name: String,
    pub log_timezone: Option<String>,
    /// findtime as `get` shows it.
    pub find_time: Number,
    /// Log files that a reload has not named again yet.
    pub reload_files: Option<Vec<PathBuf>>,
    pub next_cleanup: f64,
    found: FoundLines,
    errors: u32,
    warned_decode: HashMap<PathBuf, f64>,
}

impl Running {
    pub(super) fn new(core: Jail, id: JailId, backend: &str, kind: Kind, actions: JailActions) -> Self {
        Running {
            found: FoundLines::new(&core.name),
            core,
            id,
            backend: backend.to_owned(),
            kind,
            actions,
            started: false,
            idle: false,
            held: false,
            encoding: Encoding::Utf8,
            encoding_name: "UTF-8".to_owned(),
            log_timezone: None,
            find_time: Number::Int(600),
            reload_files: None,
            next_cleanup: 0.0,
            errors: 0,
            warned_decode: HashMap::new(),
        }
    }

    /// The jail's numbers for tags such as `<jail.banned>`.
    pub(super) fn state(&self) -> JailState {
        JailState {
            bantime: self.core.bans.ban_time(),
            found: self.core.failures.len() as u64,
            found_total: self.core.failures.total(),
            banned: self.core.bans.len() as u64,
            banned_total: self.core.bans.total(),
        }
    }

    /// What actions may know of a ban.
    pub(super) fn info(&self, ban: &Ban) -> BanInfo {
        let ip = match ban.ticket.data.get("ip") {
            Some(Item::Address(address)) => address.clone(),
            _ => ban.id.clone(),
        };
        BanInfo {
            id: ban.id.clone(),
            ip,
            time: ban.ticket.time,
            bantime: ban.bantime.map(|seconds| seconds as i64),
            bancount: ban.ticket.ban_count,
            failures: ban.ticket.failures,
            matches: ban.ticket.matches.clone(),
            data: ban.ticket.data.clone(),
            restored: ban.restored,
            jail: self.state(),
        }
    }

    /// Facts about a running ban, if there is one.
    pub(super) fn info_of(&self, id: &Address) -> Option<BanInfo> {
        self.core.bans.get(id).map(|ban| self.info(ban))
    }

    /// Facts about all running bans.
    pub(super) fn infos<'a>(&self, bans: impl IntoIterator<Item = &'a Ban>) -> Vec<BanInfo> {
        bans.into_iter().map(|ban| self.info(ban)).collect()
    }

    /// Searches a block of complete lines.
    pub(super) fn block(
        &mut self,
        path: &Path,
        block: &Block<'_>,
        now: f64,
        known: &mut dyn Known,
        out: &mut Vec<Effect>,
    ) {
        // text that was checked as a whole needs no look at each line
        match block.text_lines().filter(|_| self.encoding.is_utf8(block.is_ascii())) {
            Some(mut lines) => drop(lines.all(|line| self.line(line, now, known, out))),
            None => self.doubtful_lines(path, block.lines(), now, known, out),
        }
        self.found.flush();
    }

    /// Searches lines that may have to be decoded.
    fn doubtful_lines<'l>(
        &mut self,
        path: &Path,
        lines: impl Iterator<Item = &'l [u8]>,
        now: f64,
        known: &mut dyn Known,
        out: &mut Vec<Effect>,
    ) {
        for bytes in lines {
            let (line, clean) = self.encoding.decode(bytes);
            if !clean {
                self.found.flush();
                self.warn_decode(path, bytes, now);
            }
            if !self.line(&line, now, known, out) {
                return;
            }
        }
    }

    /// Searches one line; whether the jail goes on. No log lines are left in `out`.
    fn line(&mut self, line: &str, now: f64, known: &mut dyn Known, out: &mut Vec<Effect>) -> bool {
        let Running { core, found, .. } = self;
        let before = out.len();
        let result = core.line(line, now, known, out, &mut |id, time| found.add(id, time));
        if out.len() > before {
            self.found.flush();
            write_log_effects(&self.core.name, out, before);
        }
        match result {
            Ok(()) => self.errors /= 2,
            Err(exception) => {
                self.found.flush();
                self.failed_line(line, &exception);
            }
        }
        !self.idle
    }

    /// Searches one entry whose time is known.
    pub(super) fn entry(&mut self, entry: Dated<'_>, now: f64, known: &mut dyn Known, out: &mut Vec<Effect>) {
        self.core.entry(entry, now, known, out);
    }

    fn failed_line(&mut self, line: &str, exception: &Exception) {
        let line = Value::str(line.trim_end_matches(['\r', '\n']));
        let exception = Value::from(exception.clone());
        let text = format!("Failed to process line: {line}, caught exception: {exception}");
        logging::write(level::ERROR, "fail2ban.filter", &text);
        self.errors += 1;
        if self.errors >= MAX_ERRORS {
            let text = format!("Too many errors at once ({}), going idle", self.errors);
            logging::write(level::ERROR, "fail2ban.filter", &text);
            self.errors /= 2;
            self.idle = true;
        }
    }

    fn warn_decode(&mut self, path: &Path, bytes: &[u8], now: f64) {
        let next = self.warned_decode.entry(path.to_owned()).or_insert(0.0);
        if now < *next {
            return;
        }
        *next = now + DAY;
        for text in decode::warnings(&path.to_string_lossy(), &self.encoding_name, bytes) {
            logging::write(level::WARNING, "fail2ban.filter", &text);
        }
    }
}

/// Writes the log lines among what a jail wants done, from the one of index `from` on; keeps everything else.
pub(super) fn write_log_effects(jail: &str, effects: &mut Vec<Effect>, from: usize) {
    if effects.len() == from {
        return;
    }
    let mut log = logging::batch();
    let new = effects.split_off(from);
    effects.extend(new.into_iter().filter(|effect| match effect {
        Effect::Log { level, logger, text } => {
            log.write(*level, logger, text);
            false
        }
        Effect::Found { word, id, time } => {
            found::write_alone(&mut log, jail, word, id, *time);
            false
        }
        _ => true,
    }));
}

/// A ban as the database keeps it (COMPAT §10).
pub(super) fn row_of(ban: &Ban, default: i64) -> BanRow {
    let matches = Value::List(ban.ticket.matches.iter().map(MatchLine::value).collect());
    let mut data = vec![("matches".into(), matches), ("failures".into(), Value::Int(ban.ticket.failures))];
    data.extend(ban.ticket.data.iter().map(|(key, item)| (key.into(), item.value())));
    BanRow {
        ip: ban.id.to_string(),
        time: ban.ticket.time,
        bantime: ban.bantime.unwrap_or(default as f64),
        bancount: ban.ticket.ban_count,
        data: Value::Dict(data),
    }
}

/// A ban that comes back from the database.
pub(super) fn ban_of(row: &BanRow) -> Ban {
    let id = Address::parse(&row.ip).unwrap_or_else(|_| Address::Name(Arc::from(&*row.ip)));
    let matches = row.matches().into_iter().map(MatchLine::joined).collect();
    let mut failures = 0;
    let mut data = Data::default();
    if let Value::Dict(pairs) = &row.data {
        for (key, value) in pairs {
            match (key.as_str(), value) {
                (Some("matches"), _) | (None, _) => {}
                (Some("failures"), Value::Int(count)) => failures = *count,
                (Some("ip"), Value::Str(text)) => {
                    data.set("ip", Item::Address(Address::parse(text).unwrap_or_else(|_| id.clone())));
                }
                (Some(key), value) => data.set(key, Item::from(value)),
            }
        }
    }
    let mut ticket = Ticket::new(row.time, matches, data);
    ticket.failures = failures;
    ticket.ban_count = row.bancount;
    Ban { id, ticket, bantime: Some(row.bantime), restored: true }
}
