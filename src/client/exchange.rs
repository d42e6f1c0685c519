//! Commands to the server, and what the user sees of the replies.

use std::time::Duration;

use rustix::fs::Access;

use super::beautify::{Beautified, beautify, beautify_error};
use super::console;
use super::send::{Client, Error, SocketError};
use super::session::Session;
use crate::level;
use crate::value::{Exception, Value};

/// The logger that complains about odd replies.
const BEAUTIFIER: &str = "fail2ban.beautifier";

/// A reply taken apart.
enum Reply {
    Done(Value),
    Failed(Exception),
    /// Not a reply at all; the text says what it is instead.
    Odd(String),
}

impl Session {
    /// Whether a server answers. Without `timeout` it may take its time.
    pub fn ping(&self, timeout: Option<Duration>) -> bool {
        let mut command = vec![Value::str("ping")];
        command.extend(timeout.map(|timeout| Value::Float(timeout.as_secs_f64())));
        self.exchange(&[Value::List(command)], false, timeout)
    }

    /// Sends commands over one connection; whether all succeeded. With `show` the user sees replies and failures.
    pub fn exchange(&self, commands: &[Value], show: bool, timeout: Option<Duration>) -> bool {
        let mut client = None;
        let mut success = true;
        for command in commands {
            match self.ask(&mut client, command, timeout) {
                Ok(reply) => match self.show_reply(command, reply, show) {
                    Ok(done) => success &= done,
                    Err(text) => return self.give_up(&text, show),
                },
                Err(Error::Socket(error)) => {
                    self.show_socket_error(&error, command, show);
                    return false;
                }
                Err(Error::Reply(error)) => return self.give_up(&error.to_string(), show),
            }
        }
        success
    }

    /// Ends an exchange that went wrong beyond what a server would answer; always false.
    fn give_up(&self, text: &str, show: bool) -> bool {
        if show || self.settings.verbose > 1 {
            self.console.error(text);
        }
        false
    }

    fn ask(
        &self,
        client: &mut Option<Client>,
        command: &Value,
        timeout: Option<Duration>,
    ) -> Result<Value, Error> {
        if client.is_none() {
            *client = Some(Client::connect(self.settings.socket(), timeout)?);
        }
        self.heavy(|| format!("CMD: {command}"));
        match client {
            Some(client) => client.request(command),
            None => unreachable!("connected above"),
        }
    }

    /// A log line of the most talkative level.
    pub fn heavy(&self, text: impl FnOnce() -> String) {
        if self.console.level() <= level::HEAVY {
            self.console.log(level::HEAVY, "fail2ban", &text());
        }
    }

    /// Shows one reply; whether the command succeeded.
    fn show_reply(&self, command: &Value, reply: Value, show: bool) -> Result<bool, String> {
        let words = command.items().unwrap_or_default();
        match reply_of(reply) {
            Reply::Done(value) => {
                self.heavy(|| format!("OK : {value}"));
                let first = words.first().and_then(Value::as_str);
                if show || matches!(first, Some("echo" | "server-status")) {
                    console::print(&self.beautified(words, &value));
                }
                Ok(true)
            }
            Reply::Failed(exception) => {
                self.console.error(&format!("NOK: {}", Value::Tuple(exception.args().to_vec())));
                if show {
                    console::print(&beautify_error(&exception).map_err(|_| "odd exception".to_owned())?);
                }
                Ok(false)
            }
            Reply::Odd(text) => Err(text),
        }
    }

    fn beautified(&self, words: &[Value], value: &Value) -> String {
        match beautify(words, value, console::is_utf8()) {
            Beautified::Text(text) => text,
            Beautified::Odd(text) => {
                self.console.log(level::WARNING, BEAUTIFIER, "Beautifier error. Please report the error");
                let words = Value::List(words.to_vec());
                self.console.log(level::ERROR, BEAUTIFIER, &format!("Beautify {value} with {words} failed"));
                text
            }
        }
    }

    /// Says why the socket does not work, as far as the file system tells.
    fn show_socket_error(&self, error: &SocketError, command: &Value, show: bool) {
        let is_ping = command.items().and_then(|words| words.first()).and_then(Value::as_str) == Some("ping");
        if !show && is_ping {
            self.heavy(|| format!(" -- {command} failed -- {error}"));
        }
        if !show && (is_ping || self.settings.verbose <= 1) {
            return;
        }
        let socket = self.settings.socket();
        let may = |access| rustix::fs::access(socket, access).is_ok();
        self.console.error(&if !may(Access::EXISTS) {
            format!("Failed to access socket path: {socket}. Is fail2ban running?")
        } else if !may(Access::WRITE_OK) {
            format!("Permission denied to socket: {socket}, (you must be root)")
        } else if is_ping {
            error.to_string()
        } else {
            format!("[{error}] Unable to contact server. Is it running?")
        });
    }
}

fn reply_of(reply: Value) -> Reply {
    let (is_tuple, mut items) = match reply {
        Value::Tuple(items) => (true, items),
        Value::List(items) => (false, items),
        // A server that could not read the request says so in plain text.
        other => return Reply::Odd(other.to_text()),
    };
    match (items.first(), items.len()) {
        (Some(Value::Str(text)), 1) if !is_tuple && text == "SHUTDOWN" => {
            Reply::Odd("Server is shutting down".into())
        }
        (Some(Value::Int(0)), 2) => Reply::Done(items.remove(1)),
        (Some(_), 2) => match items.remove(1) {
            Value::Exception(exception) => Reply::Failed(*exception),
            other => Reply::Odd(format!("Unexpected reply: {other}")),
        },
        _ => Reply::Odd(format!("Unexpected reply: {}", Value::List(items))),
    }
}
