//! Clients: their connections, and their commands one after another.

use super::engine::Engine;
use super::logging;
use super::task::Task;
use crate::control::socket::Listener;
use crate::level;
use crate::system::memory;
use crate::value::{Exception, Value};

/// Clients that are served at once; more wait in the socket's queue.
const CONNECTIONS: usize = 256;
/// Time without new clients after accepting one failed, seconds.
const ACCEPT_PAUSE: f64 = 1.0;

impl Engine {
    /// Adds a task of the server's own; its outcome is told to `configured`.
    pub(super) fn configure(&mut self, stream: Value) {
        let request = Value::List(vec!["server-stream".into(), stream]);
        self.tasks.push_back(Task::new(None, request));
    }

    /// Talks with the clients.
    pub(super) fn serve(&mut self, ready: bool) {
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
                    logging::write_now(level::ERROR, "fail2ban.asyncserver", &text);
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
    pub(super) fn accepts(&self) -> bool {
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

    /// Sends a reply; what led to it stands in the log by then, as after upstream's replies.
    pub(super) fn answer(&mut self, id: u64, reply: &Value) {
        logging::log().flush();
        if let Some(connection) = self.connections.get_mut(&id) {
            if connection.send(reply).is_err() || connection.is_finished() {
                self.connections.remove(&id);
            }
        }
    }

    /// Goes on with the present task, and with those that wait behind it.
    pub(super) fn run_tasks(&mut self) {
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
        let configured = task.is_configuration();
        if let Err(exception) = &task.reply {
            let exception = Value::from(exception.clone());
            let text = format!("Command {} has failed. Received {exception}", task.request);
            logging::write(level::ERROR, "fail2ban.transmitter", &text);
        }
        match task.connection {
            Some(id) => {
                let reply = match task.reply {
                    Ok(value) => Value::Tuple(vec![Value::Int(0), value]),
                    Err(exception) => Value::Tuple(vec![Value::Int(1), exception.into()]),
                };
                self.answer(id, &reply);
            }
            None => self.own_task_done(task.reply.err()),
        }
        if configured {
            drop((task.request, task.steps));
            memory::give_back();
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
