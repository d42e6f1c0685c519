//! Adding, starting, stopping and reloading jails.

use super::args::Args;
use super::{Reply, failure, unknown_jail};
use crate::action::JailActions;
use crate::config::options::{dict, texts};
use crate::config::split::extract_options;
use crate::date::{DateDetector, LocalZone, Years};
use crate::filter::Filter;
use crate::jail::Jail;
use crate::level;
use crate::server::engine::Engine;
use crate::server::logging;
use crate::server::running::{Kind, Running};
use crate::server::task::Step;
use crate::source::{self, Backend, JailId, Mark, Stored};
use crate::store::RestoreQuery;
use crate::value::{Exception, Value};

/// Jail names of this length or more are said to be too long for some commands.
const LONG_NAME: usize = 26;
/// Where the position of a journal is kept.
pub(super) const JOURNAL: &str = "systemd-journal";

fn log(level: u8, text: &str) {
    logging::write(level, "fail2ban.jail", text);
}

fn log_server(text: &str) {
    logging::write(level::INFO, "fail2ban.server", text);
}

/// A detector as a jail without `datepattern` has it.
pub(super) fn detector(now: f64) -> DateDetector {
    let year = crate::clock::local(now).map_or(2000, |time| time.year());
    DateDetector::new(Years::around(year.into()), LocalZone::system())
}

impl Engine {
    pub(super) fn jail(&self, name: &str) -> Result<&Running, Exception> {
        self.jails.get(name).ok_or_else(|| unknown_jail(name))
    }

    pub(super) fn jail_mut(&mut self, name: &str) -> Result<&mut Running, Exception> {
        self.jails.get_mut(name).ok_or_else(|| unknown_jail(name))
    }

    /// `add JAIL [BACKEND]`.
    pub(super) fn add(&mut self, args: Args) -> Reply {
        let name = args.text(0)?;
        if name == "--all" {
            return failure(format!("Reserved name {}", Value::str(&*name)));
        }
        let backend = args.text(1).unwrap_or_else(|_| "auto".to_owned());
        if let Some(jail) = self.jails.get(&name) {
            let pending = self.reloading.get(&name).copied().unwrap_or(false);
            if !pending {
                let args = vec![name.into()];
                return Err(Exception {
                    module: "fail2ban.exceptions",
                    class: "DuplicateJailException",
                    args,
                });
            }
            let shown = Value::str(&*name);
            if jail.backend == backend {
                log_server(&format!("Reload jail {shown}"));
                self.reloading.insert(name.clone(), false);
                return Ok(name.into());
            }
            let (old, new) = (Value::str(&*jail.backend), Value::str(&*backend));
            log_server(&format!("Restart jail {shown} (reason: {old} != {new})"));
            self.reloading.remove(&name);
            self.stop_jail(&name);
            // The new jail comes when the old one is gone.
            if let Some(task) = &mut self.task {
                task.prepend([Step::Quiet(Value::strings(["add", &name, &backend]))]);
            }
            return Ok(name.into());
        }
        self.create(&name, &backend)?;
        if let Some(store) = &self.store {
            store.add_jail(&name);
        }
        Ok(name.into())
    }

    fn create(&mut self, name: &str, backend: &str) -> Result<(), Exception> {
        if name.chars().count() >= LONG_NAME {
            let name = Value::str(name);
            let text = format!(
                "Jail name {name} might be too long and some commands might not function correctly. Please shorten"
            );
            log(level::WARNING, &text);
        }
        log(level::INFO, &format!("Creating new jail '{name}'"));
        let id = JailId(self.next_jail);
        let kind = self.set_backend(id, name, backend)?;
        self.next_jail += 1;
        let detector = matches!(kind, Kind::Files(_)).then(|| detector(self.now));
        let mut core = Jail::new(name, Filter::new(detector));
        core.remembers = self.store.is_some();
        let actions = JailActions::new(name, self.services.clone());
        self.jails.insert(name.to_owned(), Running::new(core, id, backend, kind, actions));
        Ok(())
    }

    /// Chooses the backend and says so.
    fn set_backend(&mut self, id: JailId, name: &str, text: &str) -> Result<Kind, Exception> {
        let (backend, options) =
            extract_options(text).map_err(|error| Exception::builtin("ValueError", error.to_string()))?;
        let backend = backend.to_lowercase();
        let shown = dict(&options);
        let (kind, uses) = match backend.as_str() {
            "auto" | "pyinotify" => (Kind::Files(Backend::Inotify), "pyinotify"),
            "polling" => (Kind::Files(Backend::Polling), "poller"),
            "systemd" => (Kind::Entries("systemd"), "systemd"),
            "kmsg" => (Kind::Entries("kmsg"), "kmsg"),
            "nflog" => (Kind::Entries("nflog"), "nflog"),
            _ => {
                let text = format!(
                    "Unknown backend {backend}. Must be among ['pyinotify', 'polling', 'systemd'] or 'auto'"
                );
                log(level::ERROR, &text);
                return Err(Exception::builtin("ValueError", text));
            }
        };
        log(level::INFO, &format!("Jail '{name}' uses {uses} {shown}"));
        if let Kind::Entries(source) = kind {
            let options: Vec<(String, String)> = texts(&options).collect();
            let stored = self.stored_time(name, source);
            self.sources.add_entries(id, source, &options, stored.as_ref()).map_err(|error| {
                log(
                    level::ERROR,
                    &format!("Backend {} failed to initialize due to {error}", Value::str(source)),
                );
                let text = format!("Failed to initialize any backend for Jail {}", Value::str(name));
                log(level::ERROR, &text);
                Exception::builtin("RuntimeError", text)
            })?;
        }
        log(level::INFO, &format!("Initiated {} backend", Value::str(kind.name())));
        Ok(kind)
    }

    /// Up to where a jail has read a source without files, last time.
    fn stored_time(&self, name: &str, source: &str) -> Option<Stored> {
        let store = self.store.as_ref()?;
        let path = if source == "systemd" { JOURNAL } else { source };
        let (hash, _) = store.log_position(name, path)?;
        Some(Stored { hash, mark: Mark::Time(store.journal_position(name, path)?) })
    }

    /// `start JAIL`.
    pub(super) fn start(&mut self, name: &str) -> Reply {
        let jail = self.jail_mut(name)?;
        if !jail.started {
            self.start_jail(name)?;
        } else if self.reloading.remove(name).is_some() {
            log_server(&format!("Jail {} reloaded", Value::str(name)));
            self.begin_reading(name)?;
        }
        self.rest(name, false);
        Ok(Value::None)
    }

    /// Lets a jail rest, or go on: its sources keep what comes meanwhile.
    pub(super) fn rest(&mut self, name: &str, idle: bool) {
        if let Some(jail) = self.jails.get_mut(name) {
            jail.idle = idle;
            self.sources.set_idle(jail.id, idle || jail.held);
        }
    }

    fn start_jail(&mut self, name: &str) -> Result<(), Exception> {
        let now = self.now;
        let jail = self.jail_mut(name)?;
        jail.started = true;
        jail.actions.start(jail.state());
        let core = &jail.core;
        let query = RestoreQuery {
            jail: name.to_owned(),
            now,
            younger_than: (!core.increment.enabled).then_some(core.bans.ban_time() as f64),
            max_bantime: Some(core.max_ban_time()),
            bantime: core.bans.ban_time() as f64,
            max_matches: core.failures.max_matches,
        };
        if let Some(store) = &self.store {
            store.restore(query);
        }
        self.begin_reading(name)?;
        log(level::INFO, &format!("Jail {} started", Value::str(name)));
        Ok(())
    }

    /// Lets the sources deliver what was added to the jail.
    pub(super) fn begin_reading(&mut self, name: &str) -> Result<(), Exception> {
        let now = self.now;
        let jail = self.jails.get_mut(name).ok_or_else(|| unknown_jail(name))?;
        let from = now - jail.core.filter.find_time;
        let (id, encoding) = (jail.id, jail.encoding);
        // A detector of its own: dates that are only looked for must not count as hits.
        let mut seeker = jail.core.filter.detector.clone();
        self.sources.start(id, from, now, &mut |line| {
            let (text, _) = encoding.decode(line);
            let found = seeker.as_mut()?.find(text.trim_end_matches(['\r', '\n']).as_bytes(), now).ok()??;
            found.time.ok().map(|stamp| stamp.seconds())
        });
        self.write_source_messages();
        Ok(())
    }

    /// `stop`, `stop --all`, `stop JAIL`.
    pub(super) fn stop(&mut self, args: Args) -> Reply {
        match args.text(0).ok().as_deref() {
            None => self.begin_quit(),
            Some("--all") => self.stop_all(),
            Some(name) => {
                self.jail(name)?;
                self.stop_jail(name);
            }
        }
        Ok(Value::None)
    }

    fn begin_quit(&mut self) {
        self.quitting = true;
        log_server("Shutdown in progress...");
        crate::server::daemon::notify_systemd("STOPPING=1");
        let observer = |text| logging::write(level::INFO, "fail2ban.observer", text);
        observer("Observer stop ... try to end queue 5 seconds");
        observer("Observer stopped, 0 events remaining.");
        self.stop_all();
        if let Some(task) = &mut self.task {
            task.prepend([Step::Quit]);
        }
    }

    fn stop_all(&mut self) {
        log_server("Stopping all jails");
        let names: Vec<String> = self.jails.keys().cloned().collect();
        for name in names {
            self.stop_jail(&name);
        }
    }

    /// Takes a jail away: its bans end and its actions stop. The present command waits for that.
    pub(super) fn stop_jail(&mut self, name: &str) {
        let token = self.token();
        let Some(mut jail) = self.jails.shift_remove(name) else { return };
        for position in self.sources.remove_jail(jail.id) {
            self.save_position(name, &position);
        }
        self.write_source_messages();
        let state = jail.state();
        let bans = jail.core.bans.take_all();
        let infos = jail.infos(&bans);
        jail.actions.stop(infos, state);
        jail.actions.barrier(token);
        self.stopping.insert(token, name.to_owned());
        self.await_token(token);
        if let Some(store) = &self.store {
            store.del_jail(name);
        }
    }

    /// The end: database, sockets, farewell.
    pub(super) fn close(&mut self) {
        self.close_database();
        let reply = Value::Tuple(vec![Value::Int(0), Value::None]);
        if let Some(id) = self.task.as_ref().and_then(|task| task.connection) {
            self.answer(id, &reply);
        }
        self.drain_connections();
        log_server("Exiting Fail2ban");
        self.finished = true;
    }

    /// `reload JAIL|--all OPTIONS STREAM`.
    pub(super) fn reload(&mut self, args: Args) -> Reply {
        let missing = match args.len() {
            0 => Some("2 required positional arguments: 'name' and 'opts'"),
            1 => Some("1 required positional argument: 'opts'"),
            _ => None,
        };
        if let Some(missing) = missing {
            let text = format!("Server.reloadJails() missing {missing}");
            return Err(Exception::builtin("TypeError", text));
        }
        let jail = args.text(0)?;
        let options = Args(args.at(1)?.items().unwrap_or_default()).texts();
        let stream = args.at(2)?.items().unwrap_or_default();
        super::precheck::check(stream, self.now).inspect_err(|error| {
            let error = error.message();
            let text = format!("Reload refused, everything goes on as before: {error}");
            logging::write(level::ERROR, "fail2ban.server", &text);
        })?;
        let mut steps = vec![Step::ReloadBegin { jail, options }];
        steps.extend(stream.iter().cloned().map(Step::Quiet));
        steps.extend([Step::ReloadEnd, Step::Reply("OK".into())]);
        if let Some(task) = &mut self.task {
            task.prepend(steps);
        }
        Ok(Value::None)
    }

    pub(super) fn reload_begin(&mut self, name: &str, options: &[String]) -> Result<(), Exception> {
        let has = |option: &str| options.iter().any(|other| other == option);
        let all = name == "--all";
        log_server(&if all { "Reload all jails".to_owned() } else { format!("Reload jail {name}") });
        if all {
            self.resolver.clear();
            if has("--unban") {
                self.unban_all(None);
            }
            if has("--restart") {
                self.stop_all();
            }
        } else if self.jails.contains_key(name) {
            if has("--unban") {
                self.unban_all(Some(name));
            }
            if has("--restart") {
                self.stop_jail(name);
            }
        } else if !has("--if-exists") {
            return Err(unknown_jail(name));
        }
        let names: Vec<String> = self.jails.keys().filter(|other| all || *other == name).cloned().collect();
        for name in names {
            self.reloading.insert(name.clone(), true);
            self.clear_for_reload(&name);
        }
        Ok(())
    }

    fn clear_for_reload(&mut self, name: &str) {
        self.rest(name, true);
        let Some(jail) = self.jails.get_mut(name) else { return };
        jail.core.filter.clear_regexes();
        jail.core.ignore.clear();
        jail.actions.reload_begin();
        match jail.kind {
            Kind::Files(_) => jail.reload_files = Some(self.sources.files(jail.id)),
            Kind::Entries(_) => {
                // There may be none, and then there is nothing to remove.
                let _ = self.sources.remove_journal_match(jail.id, None);
            }
        }
    }

    /// Ends a reload: jails that were not started again go, the others lose what was not named again.
    pub(super) fn reload_end(&mut self) {
        let unfinished = std::mem::take(&mut self.reloading);
        let names: Vec<String> = self.jails.keys().cloned().collect();
        for name in names {
            if unfinished.contains_key(&name) {
                self.stop_jail(&name);
            } else {
                self.finish_reload(&name);
            }
        }
        log_server("Reload finished.");
    }

    fn finish_reload(&mut self, name: &str) {
        let Some(jail) = self.jails.get_mut(name) else { return };
        let files = jail.reload_files.take().unwrap_or_default();
        let state = jail.state();
        let infos = jail.infos(jail.core.bans.iter());
        jail.actions.reload_end(|| infos, state);
        let id = jail.id;
        for file in files {
            if let Some(position) = self.sources.remove_file(id, &file) {
                self.save_position(name, &position);
            }
        }
        self.write_source_messages();
    }
}

/// Python's exception for a source that cannot be added.
pub(super) fn source_exception(error: &source::Error) -> Exception {
    match error {
        source::Error::Open(path, io) => Exception::os(io, &path.to_string_lossy()),
        // Which one it was stands in the log.
        source::Error::Match(_) => Exception::builtin("ValueError", "Invalid match"),
        other => Exception::builtin("ValueError", other.to_string()),
    }
}
