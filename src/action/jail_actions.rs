//! The engine's side of a jail's actions.

use std::sync::Arc;

use super::host::Host;
use super::info::{BanInfo, JailState};
use crate::value::{Exception, Value};

/// A Python action of `addaction NAME PATH JSON`.
#[derive(Clone, Debug, PartialEq)]
pub struct Python {
    /// Path of the `.py` file.
    pub path: String,
    /// Keyword arguments of its constructor, a JSON object.
    pub options: String,
}

/// The answer to a control command.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Now(Result<Value, Exception>),
    /// It depends on a worker (Python actions, method calls): [`Event::Reply`](super::Event::Reply) with
    /// the command's token brings the answer.
    Later,
}

/// The ordered actions of one jail and the handle of its work queue. Dropping it lets queued work finish.
pub struct JailActions {
    jail: String,
    host: Arc<dyn Host>,
}

/// Setting up, as the command stream and the control socket do it. `token` comes back in
/// [`Event::Reply`](super::Event::Reply) when the answer is [`Reply::Later`].
impl JailActions {
    pub fn new(jail: &str, host: Arc<dyn Host>) -> Self {
        JailActions { jail: jail.into(), host }
    }

    /// `set J addaction NAME [PATH JSON]`; answers the name. A second one of that name is an error, unless
    /// a reload is under way: then its parameters start anew.
    pub fn add(&mut self, name: &str, python: Option<Python>, token: u64) -> Reply {
        let _ = (name, python, token, &self.jail, &self.host);
        todo!()
    }

    /// `set J delaction NAME`: forgets the action without stopping it, as upstream.
    pub fn delete(&mut self, name: &str) -> Result<(), Exception> {
        let _ = name;
        todo!()
    }

    /// `get J actions`.
    pub fn names(&self) -> Vec<String> {
        todo!()
    }

    /// `get J action NAME PROPERTY`.
    pub fn get(&self, name: &str, property: &str, token: u64) -> Reply {
        let _ = (name, property, token);
        todo!()
    }

    /// `set J action NAME PROPERTY VALUE`; answers the value read back. A method's name is
    /// [called](Self::call) by upstream instead: see [`Self::is_method`].
    pub fn set(&mut self, name: &str, property: &str, value: Value, token: u64) -> Reply {
        let _ = (name, property, value, token);
        todo!()
    }

    /// Whether `set J action NAME WORD …` calls a method rather than setting a property.
    pub fn is_method(&self, name: &str, word: &str) -> bool {
        let _ = (name, word);
        todo!()
    }

    /// `set J action NAME METHOD [JSON]`: JSON is an object of keyword arguments.
    pub fn call(&mut self, name: &str, method: &str, json: Option<&str>, token: u64) -> Reply {
        let _ = (name, method, json, token);
        todo!()
    }

    /// `get J actionproperties NAME`.
    pub fn properties(&self, name: &str, token: u64) -> Reply {
        let _ = (name, token);
        todo!()
    }

    /// `get J actionmethods NAME`.
    pub fn methods(&self, name: &str, token: u64) -> Reply {
        let _ = (name, token);
        todo!()
    }
}

/// Work. Everything is queued and done in order. `now` is the current time in Unix seconds.
///
/// The worker writes the log lines of upstream's actions thread itself, so that they stand in upstream's order
/// among the lines of failing commands: `Ban`, `Restore Ban`, `Unban`, `Repeal Ban`, `Reban`,
/// `Flush ticket(s) with`. All others (`already banned`, `Ignore … expired bantime`, …) are the engine's.
impl JailActions {
    /// The jail starts: every action that does not start on demand is started.
    pub fn start(&mut self, now: f64, jail: JailState) {
        let _ = (now, jail);
        todo!()
    }

    /// A new or restored ban.
    pub fn ban(&mut self, info: BanInfo) {
        let _ = info;
        todo!()
    }

    /// A failure of something already banned. With `check` (upstream: more than 3 s after the ban) every
    /// action's consistency is checked, at most every 3 s; the ban is repeated for actions that had to be
    /// repaired since it was made.
    pub fn already_banned(&mut self, info: BanInfo, check: bool, now: f64) {
        let _ = (info, check, now);
        todo!()
    }

    /// The ban became longer (`actionprolong`), if it still stands.
    pub fn prolong(&mut self, info: BanInfo) {
        let _ = info;
        todo!()
    }

    /// The end of one ban.
    pub fn unban(&mut self, info: BanInfo) {
        let _ = info;
        todo!()
    }

    /// All `tickets` end at once, by `actionflush` where an action has it.
    pub fn flush(&mut self, tickets: Vec<BanInfo>, now: f64, jail: JailState) {
        let _ = (tickets, now, jail);
        todo!()
    }

    /// The jail stops: `tickets` end (`Repeal Ban`), then the actions stop in reverse order and are forgotten.
    pub fn stop(&mut self, tickets: Vec<BanInfo>, now: f64, jail: JailState) {
        let _ = (tickets, now, jail);
        todo!()
    }

    /// A reload begins: actions not added again until [`Self::reload_end`] are obsolete.
    pub fn reload_begin(&mut self) {
        todo!()
    }

    /// A reload ends: surviving actions run `actionreload`; obsolete ones lose their `tickets` (asked for
    /// only when there is such an action) and are stopped.
    pub fn reload_end(&mut self, tickets: impl FnOnce() -> Vec<BanInfo>, now: f64, jail: JailState) {
        let _ = (tickets, now, jail);
        todo!()
    }

    /// Asks for [`Event::Done`](super::Event::Done) with this token once all work queued so far is done.
    pub fn barrier(&mut self, token: u64) {
        let _ = token;
        todo!()
    }
}
