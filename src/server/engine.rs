//! The engine: one thread that owns every jail and source, and waits for nothing but events.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use rustix::event::{PollFd, PollFlags, poll};

use super::daemon::{Signal, Signals};
use super::host::Services;
use super::message::{Inbox, Message, Sender};
use super::resolver::Resolver;
use super::running::{self, Running, write_log_effects};
use super::task::Task;
use super::{Configured, logging};
use crate::action;
use crate::address::Address;
use crate::clock;
use crate::control::socket::{Connection, Listener};
use crate::filter::Dated;
use crate::jail::{Effect, Question};
use crate::level;
use crate::source::{Event, JailId, LineEnd, Mark, Position, Sources};
use crate::store::{self, Store};
use crate::value::{Exception, Value};

/// Seconds between purges of the database, and between savings of log positions.
const PURGE_INTERVAL: f64 = 3600.0;
const SAVE_INTERVAL: f64 = 10.0;
/// Obsolete failures are dropped at most so often, seconds.
const CLEANUP_INTERVAL: f64 = 5.0;
/// Bans that end in one round, at most.
const UNBANS_PER_ROUND: usize = 10_000;

/// Clients that are served at once; more wait in the socket's queue.
const CONNECTIONS: usize = 256;
/// Time without new clients after accepting one failed, seconds.
const ACCEPT_PAUSE: f64 = 1.0;

/// Something to be done at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Prolong { jail: String, id: Address },
    Purge,
}

/// State of the server.
pub(super) struct Engine {
    pub(super) jails: IndexMap<String, Running>,
    pub(super) sources: Sources,
    pub(super) store: Option<Store>,
    pub(super) database: super::commands::Database,
    pub(super) resolver: Resolver,
    pub(super) services: Arc<Services>,
    pub(super) sender: Sender,
    inbox: Inbox,
    signals: Signals,
    listener: Option<Listener>,
    connections: HashMap<u64, Connection>,
    next_connection: u64,
    accept_after: f64,
    tasks: VecDeque<Task>,
    pub(super) task: Option<Task>,
    next_token: u64,
    /// Jails that are stopping, by the token that tells when they have.
    pub(super) stopping: HashMap<u64, String>,
    timers: BinaryHeap<Reverse<(u64, Timer)>>,
    questions: HashMap<u64, (String, Question)>,
    /// Names of jails under reload.
    pub(super) reloading: HashMap<String, bool>,
    pub(super) now: f64,
    pub(super) next_jail: u32,
    pub(super) quitting: bool,
    pub(super) finished: bool,
    next_save: f64,
    unsaved: bool,
    configured: Option<Configured>,
    pub(super) thread_options: Value,
}

impl Engine {
    pub(super) fn new(listener: Listener, signals: Signals, configured: Configured) -> std::io::Result<Self> {
        let (sender, inbox) = Inbox::new()?;
        let now = clock::now();
        let mut engine = Engine {
            jails: IndexMap::new(),
            sources: Sources::new()?,
            store: None,
            database: super::commands::Database::default(),
            resolver: Resolver::new(sender.clone()),
            services: Arc::new(Services::new(sender.clone())),
            sender,
            inbox,
            signals,
            listener: Some(listener),
            connections: HashMap::new(),
            next_connection: 0,
            accept_after: now,
            tasks: VecDeque::new(),
            task: None,
            next_token: 0,
            stopping: HashMap::new(),
            timers: BinaryHeap::new(),
            questions: HashMap::new(),
            reloading: HashMap::new(),
            now,
            next_jail: 0,
            quitting: false,
            finished: false,
            next_save: now + SAVE_INTERVAL,
            unsaved: false,
            configured: Some(configured),
            thread_options: Value::Dict(vec![("stacksize".into(), Value::Int(0))]),
        };
        engine.set_timer(now + PURGE_INTERVAL, Timer::Purge);
        Ok(engine)
    }

    /// Adds a task of the server's own; its outcome is told to `configured`.
    pub(super) fn configure(&mut self, stream: Value) {
        let request = Value::List(vec!["server-stream".into(), stream]);
        self.tasks.push_back(Task::new(None, request));
    }

    pub(super) fn set_timer(&mut self, at: f64, timer: Timer) {
        self.timers.push(Reverse((at.max(0.0).to_bits(), timer)));
    }

    /// A number for something that a worker will report.
    pub(super) fn token(&mut self) -> u64 {
        self.next_token += 1;
        self.next_token
    }

    /// Lets the present command wait until a worker reports this token.
    pub(super) fn await_token(&mut self, token: u64) {
        if let Some(task) = &mut self.task {
            task.awaited.insert(token);
        }
    }

    /// Runs until the server is told to stop.
    pub(super) fn run(&mut self) {
        let mut more = false;
        while !self.finished {
            logging::log().flush();
            let ready = self.wait(more);
            self.now = clock::now();
            self.resolver.set_now(self.now);
            self.take_signals();
            self.take_messages();
            more = self.read_sources();
            self.serve(ready);
            self.run_timers();
            self.run_tasks();
        }
        logging::log().flush();
    }

    /// Sleeps until something happens; whether a client may have.
    fn wait(&mut self, more: bool) -> bool {
        let timeout = if more { Some(Duration::ZERO) } else { self.timeout() };
        let timeout = timeout.map(|duration| rustix::event::Timespec {
            tv_sec: duration.as_secs().min(i64::MAX as u64) as _,
            tv_nsec: duration.subsec_nanos() as _,
        });
        let inbox = self.inbox.as_fd();
        let sources = self.sources.as_fd();
        let mut fds = vec![
            PollFd::from_borrowed_fd(inbox, PollFlags::IN),
            PollFd::from_borrowed_fd(sources, PollFlags::IN),
            PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN),
        ];
        if let Some(listener) = self.listener.as_ref().filter(|_| self.accepts()) {
            fds.push(PollFd::from_borrowed_fd(listener.fd(), PollFlags::IN));
        }
        for connection in self.connections.values() {
            let mut wanted = PollFlags::empty();
            wanted.set(PollFlags::IN, connection.wants_read());
            wanted.set(PollFlags::OUT, connection.wants_write());
            if !wanted.is_empty() {
                fds.push(PollFd::from_borrowed_fd(connection.fd(), wanted));
            }
        }
        // An interrupted wait is one that is over.
        let _ = poll(&mut fds, timeout.as_ref());
        fds[3..].iter().any(|fd| !fd.revents().is_empty())
    }

    /// How long nothing is due; `None` if nothing ever is.
    fn timeout(&self) -> Option<Duration> {
        let mut due: Option<f64> = self.timers.peek().map(|Reverse((at, _))| f64::from_bits(*at));
        let mut at = |time: Option<f64>| due = [due, time].into_iter().flatten().reduce(f64::min);
        for jail in self.jails.values().filter(|jail| !jail.idle) {
            at(jail.core.bans.next_end().map(|end| end + 0.001));
            at(jail.core.failures.next_cleanup().map(|next| next.max(jail.next_cleanup)));
        }
        if self.unsaved {
            at(Some(self.next_save));
        }
        if self.accept_after > self.now {
            at(Some(self.accept_after));
        }
        match &self.task {
            Some(task) if task.awaited.is_empty() => at(Some(task.not_before)),
            None if !self.tasks.is_empty() => at(Some(0.0)),
            _ => {}
        }
        let now = clock::now();
        let timers = due.map(|due| Duration::from_secs_f64((due - now).clamp(0.0, 86_400.0)));
        [timers, self.sources.next_timeout(now)].into_iter().flatten().min()
    }

    fn take_signals(&mut self) {
        for signal in self.signals.take() {
            match signal {
                Signal::Stop => self.quit(),
                Signal::Flush => drop(logging::log().reopen()),
            }
        }
    }

    fn take_messages(&mut self) {
        for message in self.inbox.take() {
            match message {
                Message::Action(action::Event::Done { token, .. }) => self.done(token, None),
                Message::Action(action::Event::Reply { token, result, .. }) => self.done(token, Some(result)),
                Message::Store(store::Reply::Restored { jail, bans }) => self.restored(&jail, bans),
                Message::Store(store::Reply::History { token, history }) => self.answered(token, history),
                Message::Resolved(answer) => {
                    self.resolver.answered(answer);
                    self.resume_all();
                }
                Message::Command { jail, ignored } => {
                    let now = self.now;
                    self.with_jail(&jail, |jail, resolver, out| {
                        jail.core.command_done(ignored, now, resolver, out)
                    });
                }
            }
        }
    }

    /// A worker has done what a token stands for.
    fn done(&mut self, token: u64, result: Option<Result<Value, Exception>>) {
        if let Some(jail) = self.stopping.remove(&token) {
            let text = format!("Jail {} stopped", Value::str(jail));
            logging::write(level::INFO, "fail2ban.jail", &text);
        }
        if let Some(task) = &mut self.task {
            if task.awaited.remove(&token) {
                if let Some(result) = result {
                    task.reply = result;
                }
            }
        }
    }

    /// Lets a jail do something and carries out what follows from it.
    pub(super) fn with_jail<T>(
        &mut self,
        name: &str,
        act: impl FnOnce(&mut Running, &mut Resolver, &mut Vec<Effect>) -> T,
    ) -> Option<T> {
        let mut effects = Vec::new();
        let jail = self.jails.get_mut(name)?;
        let result = act(jail, &mut self.resolver, &mut effects);
        self.carry_out(name, effects);
        Some(result)
    }

    fn resume_all(&mut self) {
        let (now, names): (f64, Vec<String>) = (self.now, self.jails.keys().cloned().collect());
        for name in names {
            self.with_jail(&name, |jail, resolver, out| jail.core.resume(now, resolver, out));
        }
    }

    fn restored(&mut self, name: &str, bans: Vec<store::BanRow>) {
        let now = self.now;
        self.with_jail(name, |jail, resolver, out| {
            for row in &bans {
                jail.core.restore(running::ban_of(row), now, resolver, out);
            }
        });
    }

    fn answered(&mut self, token: u64, history: Option<store::History>) {
        let Some((name, question)) = self.questions.remove(&token) else { return };
        let now = self.now;
        self.with_jail(&name, |jail, _, out| {
            jail.core.history(question, history, now, &mut super::commands::random, out);
        });
    }

    /// Reads what the sources have; whether there is more.
    fn read_sources(&mut self) -> bool {
        let now = self.now;
        let (jails, resolver) = (&mut self.jails, &mut self.resolver);
        let mut results: Vec<(String, Vec<Effect>)> = Vec::new();
        let more = self.sources.process(now, &mut |event| {
            deliver(event, jails, resolver, now, &mut results);
        });
        self.unsaved |= !results.is_empty() || more;
        for (name, effects) in results {
            self.carry_out(&name, effects);
        }
        self.write_source_messages();
        more
    }

    pub(super) fn write_source_messages(&mut self) {
        for message in self.sources.take_messages() {
            let name = message.jail.and_then(|id| self.jails.values().find(|jail| jail.id == id));
            let text = match name {
                Some(jail) => format!("[{}] {}", jail.core.name, message.text),
                None => message.text,
            };
            logging::write(message.level, message.logger, &text);
        }
    }

    /// Does what a jail's decisions ask for, in order.
    pub(super) fn carry_out(&mut self, name: &str, mut effects: Vec<Effect>) {
        write_log_effects(&mut effects);
        for effect in effects {
            let Some(jail) = self.jails.get_mut(name) else { return };
            match effect {
                Effect::Log { .. } => {}
                Effect::Ban(id) => {
                    if let Some(info) = jail.info_of(&id) {
                        jail.actions.ban(info);
                    }
                }
                Effect::AlreadyBanned { id, check } => {
                    if let Some(info) = jail.info_of(&id) {
                        jail.actions.already_banned(info, check);
                    }
                }
                Effect::Store(id) => {
                    if let (Some(store), Some(ban)) = (&self.store, jail.core.bans.get(&id)) {
                        store.add_ban(name, running::row_of(ban, jail.core.bans.ban_time()));
                    }
                }
                Effect::Prolong { id, delay } => {
                    self.set_timer(self.now + delay, Timer::Prolong { jail: name.to_owned(), id });
                }
                Effect::AskHistory(question) => self.ask_history(name, question),
                Effect::AskCommand(pending) => {
                    let info = jail.info(&pending.ticket());
                    let command = jail.core.ignore.command.clone().unwrap_or_default();
                    super::commands::run_ignore_command(self, name, command, info);
                }
            }
        }
    }

    fn ask_history(&mut self, name: &str, question: Question) {
        let Some(store) = self.store.clone() else { return };
        let overall = self.jails.get(name).is_some_and(|jail| jail.core.increment.overall_jails)
            && matches!(question, Question::Ban { .. });
        let ip = question.id().to_string();
        let token = self.token();
        self.questions.insert(token, (name.to_owned(), question));
        store.history(token, &ip, (!overall).then_some(name));
    }

    fn run_timers(&mut self) {
        while let Some(Reverse((at, _))) = self.timers.peek() {
            if f64::from_bits(*at) > self.now {
                break;
            }
            match self.timers.pop() {
                Some(Reverse((_, Timer::Prolong { jail, id }))) => {
                    if let Some(jail) = self.jails.get_mut(&jail) {
                        if let Some(info) = jail.info_of(&id) {
                            jail.actions.prolong(info);
                        }
                    }
                }
                Some(Reverse((_, Timer::Purge))) => {
                    if let Some(store) = &self.store {
                        store.purge(self.now);
                    }
                    self.set_timer(self.now + PURGE_INTERVAL, Timer::Purge);
                }
                None => break,
            }
        }
        self.expire();
        if self.unsaved && self.now >= self.next_save {
            self.save_positions();
        }
    }

    /// Ends bans and forgets failures whose time has come.
    fn expire(&mut self) {
        let now = self.now;
        for jail in self.jails.values_mut().filter(|jail| !jail.idle) {
            let over = jail.core.bans.take_over(now, UNBANS_PER_ROUND);
            for info in jail.infos(&over) {
                jail.actions.unban(info);
            }
            let due =
                jail.core.failures.next_cleanup().is_some_and(|next| now >= next.max(jail.next_cleanup));
            if due {
                jail.core.failures.cleanup(now);
                jail.next_cleanup = now + CLEANUP_INTERVAL;
            }
        }
    }

    pub(super) fn save_positions(&mut self) {
        self.unsaved = false;
        self.next_save = self.now + SAVE_INTERVAL;
        let changed = self.sources.changed_positions();
        for (id, position) in changed {
            let name = self.jails.values().find(|jail| jail.id == id).map(|jail| jail.core.name.clone());
            if let Some(name) = name {
                self.save_position(&name, &position);
            }
        }
    }

    pub(super) fn save_position(&self, jail: &str, position: &Position) {
        let Some(store) = &self.store else { return };
        let path = position.path.to_string_lossy();
        match position.mark {
            Mark::Offset(offset) => store.update_log(jail, &path, Some(&position.hash), offset),
            Mark::Time(time) => store.update_journal(jail, &path, time, &position.hash),
        }
    }

    /// Talks with the clients.
    fn serve(&mut self, ready: bool) {
        if !ready {
            return;
        }
        self.accept();
        let mut requests = Vec::new();
        self.connections.retain(|id, connection| {
            if connection.wants_write() && connection.write_ready().is_err() {
                return false;
            }
            match connection.read_ready() {
                Ok(found) => {
                    requests.extend(found.into_iter().map(|request| (*id, request)));
                    true
                }
                Err(_) => false,
            }
        });
        for (id, request) in requests {
            match request {
                Ok(_) if self.quitting => self.answer(id, &Value::strings(["SHUTDOWN"])),
                Ok(request) => self.tasks.push_back(Task::new(Some(id), request)),
                Err(error) => {
                    let text = format!("PROTO-error: load message failed: {error}");
                    logging::write(level::ERROR, "fail2ban.asyncserver", &text);
                    if let Some(connection) = self.connections.get_mut(&id) {
                        if connection.send_unreadable(&error).is_err() {
                            self.connections.remove(&id);
                        }
                    }
                }
            }
        }
    }

    /// Whether new clients are let in.
    fn accepts(&self) -> bool {
        self.connections.len() < CONNECTIONS && self.now >= self.accept_after
    }

    fn accept(&mut self) {
        while self.accepts() {
            match self.listener.as_ref().map(Listener::accept) {
                Some(Ok(Some(connection))) => {
                    self.next_connection += 1;
                    self.connections.insert(self.next_connection, connection);
                }
                Some(Err(error)) => {
                    // Probably too many open files: the client stays in the queue, and asking at once again
                    // would only be told the same.
                    let text = format!("Accept socket error: {error}");
                    logging::write(level::WARNING, "fail2ban.asyncserver", &text);
                    self.accept_after = self.now + ACCEPT_PAUSE;
                }
                _ => return,
            }
        }
    }

    pub(super) fn answer(&mut self, id: u64, reply: &Value) {
        if let Some(connection) = self.connections.get_mut(&id) {
            if connection.send(reply).is_err() || connection.is_finished() {
                self.connections.remove(&id);
            }
        }
    }

    /// Goes on with the present task, and with those that wait behind it.
    fn run_tasks(&mut self) {
        loop {
            if self.task.is_none() {
                self.task = self.tasks.pop_front();
            }
            let Some(task) = &mut self.task else { return };
            if !task.is_ready(self.now) {
                return;
            }
            match task.next_step() {
                Some(step) => self.step(step),
                None => self.finish_task(),
            }
        }
    }

    fn finish_task(&mut self) {
        let Some(task) = self.task.take() else { return };
        if let Err(exception) = &task.reply {
            let exception = Value::Exception(exception.clone());
            let text = format!("Command {} has failed. Received {exception}", task.request);
            logging::write(level::ERROR, "fail2ban.transmitter", &text);
        }
        match task.connection {
            Some(id) => {
                let reply = match task.reply {
                    Ok(value) => Value::Tuple(vec![Value::Int(0), value]),
                    Err(exception) => Value::Tuple(vec![Value::Int(1), Value::Exception(exception)]),
                };
                self.answer(id, &reply);
            }
            None => self.own_task_done(task.reply.err()),
        }
    }

    fn own_task_done(&mut self, error: Option<Exception>) {
        if let Some(configured) = self.configured.take() {
            configured(error.as_ref());
            if error.is_some() {
                self.quit();
            }
        }
    }

    /// Begins the end: no more commands, all jails stop, then the server does.
    pub(super) fn quit(&mut self) {
        if !std::mem::replace(&mut self.quitting, true) {
            let mut task = Task::new(None, Value::strings(["stop"]));
            task.steps.clear();
            task.steps.push_back(super::task::Step::Command(Value::strings(["stop"])));
            self.tasks.push_front(task);
        }
    }

    /// Gives clients their last replies before the sockets close.
    pub(super) fn drain_connections(&mut self) {
        for connection in self.connections.values_mut() {
            // A client that is gone needs no reply.
            let _ = connection.write_ready();
        }
        self.connections.clear();
        self.listener = None;
    }
}

/// Hands an event of a source to the jails that watch it.
fn deliver(
    event: Event<'_>,
    jails: &mut IndexMap<String, Running>,
    resolver: &mut Resolver,
    now: f64,
    results: &mut Vec<(String, Vec<Effect>)>,
) {
    let readers = match &event {
        Event::Lines { readers, .. } | Event::Entry { readers, .. } => *readers,
    };
    for reader in readers {
        let Some(jail) = find(jails, reader.jail) else { continue };
        jail.core.filter.in_operation = reader.in_operation;
        let mut effects = Vec::new();
        match &event {
            Event::Lines { path, block, line_end, .. } if *line_end == LineEnd::Byte => {
                jail.lines(path, whole_lines(block), now, resolver, &mut effects);
            }
            Event::Lines { path, block, line_end, .. } => {
                jail.lines(path, crate::source::split(block, *line_end), now, resolver, &mut effects);
            }
            Event::Entry { time, date, text, .. } => {
                let entry = Dated { before: "", date, after: text, time: *time };
                jail.entry(entry, now, resolver, &mut effects);
            }
        }
        results.push((jail.core.name.clone(), effects));
    }
}

fn find(jails: &mut IndexMap<String, Running>, id: JailId) -> Option<&mut Running> {
    jails.values_mut().find(|jail| jail.id == id)
}

/// The lines of a block with their line feeds (which spares the filter a copy), without leading NULs.
fn whole_lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = block;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let (mut line, tail) = rest.split_at(end);
        rest = tail;
        while let [0, more @ ..] = line {
            line = more;
        }
        Some(line)
    })
}
