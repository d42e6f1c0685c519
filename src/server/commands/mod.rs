//! The control commands (COMPAT §9.1): their words, effects and replies.
//!
//! - `args` – words with Python's errors
//! - `server` – log, database, DNS: what belongs to the server as a whole
//! - `jails` – adding, starting, stopping, reloading jails
//! - `precheck` – is the stream of a reload sound?
//! - `set`, `get` – a jail's options
//! - `bans` – banning and unbanning by hand
//! - `actions` – a jail's actions
//! - `status` – what is going on

mod actions;
mod args;
mod bans;
mod get;
mod jails;
mod precheck;
mod server;
mod set;
mod status;

use args::Args;
pub(super) use bans::{random, run_ignore_command};
pub use precheck::Checker;
pub(super) use server::Database;

use super::engine::Engine;
use super::task::Step;
use crate::level;
use crate::server::logging;
use crate::value::{Exception, Value};

type Reply = Result<Value, Exception>;

/// An exception as upstream's `raise Exception(text)`.
fn failure<T>(text: impl Into<ecow::EcoString>) -> Result<T, Exception> {
    Err(Exception::builtin("Exception", text))
}

fn unknown_jail(name: &str) -> Exception {
    Exception { module: "fail2ban.exceptions", class: "UnknownJailException", args: vec![name.into()] }
}

impl Engine {
    /// Takes one step of the present task.
    pub(super) fn step(&mut self, step: Step) {
        let result = match step {
            Step::Command(command) => self.command(&command, false).map(Some),
            Step::Quiet(command) => self.command(&command, true).map(|_| None),
            Step::ReloadBegin { jail, options } => self.reload_begin(&jail, &options).map(|()| None),
            Step::ReloadEnd => {
                self.reload_end();
                Ok(None)
            }
            Step::Reply(value) => Ok(Some(value)),
            Step::Quit => {
                self.close();
                Ok(None)
            }
        };
        if let Some(task) = &mut self.task {
            match result {
                Ok(Some(value)) if task.reply.is_ok() => task.reply = Ok(value),
                Ok(_) => {}
                Err(exception) => task.reply = Err(exception),
            }
        }
    }

    /// Executes one command. `quiet`: as part of a stream, where nobody reads the reply.
    fn command(&mut self, command: &Value, quiet: bool) -> Reply {
        let words = Args(command.items().unwrap_or_default());
        // Upstream takes the first letter of a bare text for the command's name; no command has such a name.
        if command.as_str().is_some_and(|text| !text.is_empty()) {
            return failure("Invalid command");
        }
        let name = words.text(0)?;
        let args = words.from(1);
        match name.as_str() {
            "ping" => Ok("pong".into()),
            "add" => self.add(args),
            "multi-set" => self.set(args, true, quiet),
            "set" => self.set(args, false, quiet),
            "start" => self.start(&args.text(0)?),
            "stop" => self.stop(args),
            "reload" => self.reload(args),
            "unban" if args.len() >= 1 => self.unban(args),
            "banned" => self.banned(args),
            "echo" => Ok(Value::List(args.0.to_vec())),
            "server-status" => Ok("Server ready".into()),
            "server-stream" => self.stream(args),
            "sleep" => self.sleep(args),
            "flushlogs" => Ok(logging::log().reopen().into()),
            "get" => self.get(args),
            "status" => self.status(args),
            "stats" | "statistic" | "statistics" => Ok(self.status_of_all("stats")),
            "version" => Ok(crate::version::reported().into()),
            "config-error" => {
                logging::write(level::ERROR, "fail2ban.transmitter", &args.text(0)?);
                Ok(Value::None)
            }
            _ => failure("Invalid command"),
        }
    }

    fn stream(&mut self, args: Args) -> Reply {
        let steps: Vec<Step> = commands(args.at(0)?)?.into_iter().map(Step::Quiet).collect();
        if let Some(task) = &mut self.task {
            task.prepend(steps.into_iter().chain([Step::Reply(Value::None)]).collect::<Vec<_>>());
        }
        Ok(Value::None)
    }

    fn sleep(&mut self, args: Args) -> Reply {
        let text = args.text(0)?;
        let seconds: f64 = text.parse().map_err(|_| {
            let text = format!("could not convert string to float: {}", Value::str(&*text));
            Exception::builtin("ValueError", text)
        })?;
        let until = self.now + seconds.clamp(0.0, 3600.0);
        if let Some(task) = &mut self.task {
            task.not_before = until;
        }
        Ok(Value::None)
    }
}

/// The commands of a stream. A text is a stream of its letters, none of which is a command.
fn commands(stream: &Value) -> Result<Vec<Value>, Exception> {
    match (stream.items(), stream.as_str()) {
        (Some(items), _) => Ok(items.to_vec()),
        (None, Some(text)) => Ok(text.chars().map(String::from).map(Value::str).collect()),
        (None, None) => {
            let text = format!("'{}' object is not iterable", stream.type_name());
            Err(Exception::builtin("TypeError", text))
        }
    }
}
