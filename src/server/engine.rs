//! The engine: one thread that owns every jail and source, and waits for nothing but events.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use rustix::event::{PollFd, PollFlags, poll};

use super::daemon::{Signal, Signals};
use super::effects::{Asked, PURGE_INTERVAL, Timer};
use super::feed::SAVE_INTERVAL;
use super::host::Services;
use super::message::{Inbox, Message, Sender};
use super::resolver::Resolver;
use super::running::Running;
use super::task::Task;
use super::{Configured, logging};
use crate::action;
use crate::clock;
use crate::control::socket::{Connection, Listener};
use crate::level;
use crate::source::Sources;
use crate::store::{self, Store};
use crate::value::{Exception, Value};

/// A clock that goes back by more than this has been set, seconds.
const CLOCK_STEP: f64 = 1.0;

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
    pub(super) listener: Option<Listener>,
    pub(super) connections: HashMap<u64, Connection>,
    pub(super) next_connection: u64,
    /// No new clients before this time.
    pub(super) accept_after: f64,
    pub(super) tasks: VecDeque<Task>,
    pub(super) task: Option<Task>,
    next_token: u64,
    /// Jails that are stopping, by the token that tells when they have.
    pub(super) stopping: HashMap<u64, String>,
    /// Jail and name of Python actions that are being loaded, by token: forgotten again if that fails.
    pub(super) loading: HashMap<u64, (String, String)>,
    pub(super) timers: BinaryHeap<Reverse<(u64, Timer)>>,
    pub(super) questions: HashMap<u64, Asked>,
    /// Names of jails under reload.
    pub(super) reloading: HashMap<String, bool>,
    pub(super) now: f64,
    pub(super) next_jail: u32,
    pub(super) quitting: bool,
    pub(super) finished: bool,
    pub(super) next_save: f64,
    pub(super) configured: Option<Configured>,
    pub(super) thread_options: Value,
}

/// Whose descriptor can be read: reading the others would cost a system call each, for nothing.
struct Ready {
    messages: bool,
    signals: bool,
    clients: bool,
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
            loading: HashMap::new(),
            timers: BinaryHeap::new(),
            questions: HashMap::new(),
            reloading: HashMap::new(),
            now,
            next_jail: 0,
            quitting: false,
            finished: false,
            next_save: now + SAVE_INTERVAL,
            configured: Some(configured),
            thread_options: Value::Dict(vec![("stacksize".into(), Value::Int(0))]),
        };
        engine.set_timer(now + PURGE_INTERVAL, Timer::Purge);
        Ok(engine)
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
            self.set_now(clock::now());
            if ready.signals {
                self.take_signals();
            }
            if ready.messages {
                self.take_messages();
            }
            more = self.read_sources();
            self.serve(ready.clients);
            self.run_timers();
            self.run_tasks();
        }
        logging::log().flush();
    }

    /// What was to be done in some seconds is done in some seconds also when the clock is set back meanwhile. Ends of
    /// bans stay where they are: they are moments, not delays.
    fn set_now(&mut self, now: f64) {
        let back = self.now - now;
        self.now = now;
        self.resolver.set_now(now);
        if back < CLOCK_STEP {
            return;
        }
        self.accept_after -= back;
        self.next_save -= back;
        for jail in self.jails.values_mut() {
            jail.next_cleanup -= back;
        }
        for task in self.task.iter_mut().chain(&mut self.tasks) {
            task.not_before -= back;
        }
        for Reverse((at, timer)) in std::mem::take(&mut self.timers) {
            self.set_timer(f64::from_bits(at) - back, timer);
        }
    }

    /// Sleeps until something happens: who has something to say.
    fn wait(&mut self, more: bool) -> Ready {
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
        let said = |fd: &PollFd| !fd.revents().is_empty();
        Ready { messages: said(&fds[0]), signals: said(&fds[2]), clients: fds[3..].iter().any(said) }
    }

    /// How long nothing is due; `None` if nothing ever is.
    fn timeout(&self) -> Option<Duration> {
        let mut due: Option<f64> = self.timers.peek().map(|Reverse((at, _))| f64::from_bits(*at));
        let mut at = |time: Option<f64>| due = [due, time].into_iter().flatten().reduce(f64::min);
        for jail in self.jails.values().filter(|jail| !jail.idle) {
            at(jail.core.bans.next_end().map(|end| end + 0.001));
            at(jail.core.failures.next_cleanup().map(|next| next.max(jail.next_cleanup)));
        }
        if self.sources.positions_changed() {
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
                Message::Action(action::Event::FirewalldReset) => self.restore_in_firewalld(),
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
        if let Some((jail, action)) = self.loading.remove(&token) {
            if let (Some(Err(_)), Some(jail)) = (&result, self.jails.get_mut(&jail)) {
                // It is there unless somebody else has deleted it meanwhile.
                let _ = jail.actions.delete(&action);
            }
        }
        if let Some(task) = &mut self.task {
            if task.awaited.remove(&token) {
                if let Some(result) = result {
                    task.reply = result;
                }
            }
        }
    }
}
