//! The engine's side of a jail's actions.

use std::sync::Arc;

use super::command::{METHODS, check_arguments};
use super::growth::Growth;
use super::host::{Host, level};
use super::info::{BanInfo, JailState};
use super::job::{Call, Job, Spec, SpecKind, Work};
use super::properties::Properties;
use super::queue::Queue;
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
    host: Arc<dyn Host>,
    specs: Arc<Vec<Spec>>,
    next_id: u64,
    /// During a reload: the actions that existed before it, and whether they were added again.
    reloading: Option<Vec<(u64, bool)>>,
    queue: Queue,
}

/// Setting up, as the command stream and the control socket do it. `token` comes back in
/// [`Event::Reply`](super::Event::Reply) when the answer is [`Reply::Later`].
impl JailActions {
    pub fn new(jail: &str, host: Arc<dyn Host>) -> Self {
        let queue = Queue::new(jail, host.clone());
        JailActions { host, specs: Arc::default(), next_id: 0, reloading: None, queue }
    }

    /// `set J addaction NAME [PATH JSON]`; answers the name. A second one of that name is an error, unless
    /// a reload is under way: then its parameters start anew.
    pub fn add(&mut self, name: &str, python: Option<Python>, token: u64) -> Reply {
        let existing = self.specs.iter().position(|spec| &*spec.name == name);
        match (existing, &mut self.reloading) {
            (Some(_), None) => {
                let text = format!("Action {name} already exists");
                return Reply::Now(Err(Exception::builtin("ValueError", text)));
            }
            (Some(index), Some(before)) => {
                let id = self.specs[index].id;
                before.iter_mut().filter(|(known, _)| *known == id).for_each(|(_, again)| *again = true);
                let spec = &mut Arc::make_mut(&mut self.specs)[index];
                match (&mut spec.kind, python) {
                    (SpecKind::Command(properties), None) => properties.clear(),
                    (SpecKind::Python(old), Some(new)) if **old == new => {}
                    (kind, python) => {
                        spec.id = self.next_id;
                        self.next_id += 1;
                        *kind = new_kind(python);
                    }
                }
            }
            (None, _) => {
                let spec = Spec { id: self.next_id, name: name.into(), kind: new_kind(python) };
                self.next_id += 1;
                Arc::make_mut(&mut self.specs).push(spec);
            }
        }
        match self.find(name) {
            Ok(Spec { kind: SpecKind::Python(_), .. }) => self.ask(name, Call::Load, token),
            _ => Reply::Now(Ok(Value::str(name))),
        }
    }

    /// `set J delaction NAME`: forgets the action without stopping it, as upstream.
    pub fn delete(&mut self, name: &str) -> Result<(), Exception> {
        self.find(name)?;
        Arc::make_mut(&mut self.specs).retain(|spec| &*spec.name != name);
        Ok(())
    }

    /// `get J actions`.
    pub fn names(&self) -> Vec<String> {
        self.specs.iter().map(|spec| spec.name.to_string()).collect()
    }

    /// `get J action NAME PROPERTY`.
    pub fn get(&self, name: &str, property: &str, token: u64) -> Reply {
        self.answer(name, Call::Get(property.into()), token, |properties| {
            properties.get(property).cloned().ok_or_else(|| no_attribute(property))
        })
    }

    /// `set J action NAME PROPERTY VALUE`; answers the value read back. A method's name is
    /// [called](Self::call) by upstream instead: see [`Self::is_method`].
    pub fn set(&mut self, name: &str, property: &str, value: Value, token: u64) -> Reply {
        let index = match self.find(name) {
            Err(error) => return Reply::Now(Err(error)),
            Ok(found) => self.specs.iter().position(|spec| spec.id == found.id).unwrap_or_default(),
        };
        let SpecKind::Command(properties) = &mut Arc::make_mut(&mut self.specs)[index].kind else {
            return self.ask(name, Call::Set(property.into(), value), token);
        };
        if let Err(error) = properties.set(property, value) {
            return Reply::Now(Err(error));
        }
        let result = properties.get(property).cloned().ok_or_else(|| no_attribute(property));
        if let Ok(value) = &result {
            self.host.log(level::DEBUG, "fail2ban.CommandAction", &format!("  Set {property} = {value}"));
        }
        Reply::Now(result)
    }

    /// Whether `set J action NAME WORD …` calls a method rather than setting a property. What methods a
    /// Python action has only its class knows: there, what upstream's base class has counts.
    pub fn is_method(&self, name: &str, word: &str) -> bool {
        match self.find(name).map(|spec| &spec.kind) {
            Ok(SpecKind::Command(_)) => METHODS.iter().any(|method| method.name == word),
            Ok(SpecKind::Python(_)) => ["ban", "reban", "start", "stop", "unban"].contains(&word),
            Err(_) => false,
        }
    }

    /// `set J action NAME METHOD [JSON]`: JSON is an object of keyword arguments.
    pub fn call(&mut self, name: &str, method: &str, json: Option<&str>, token: u64) -> Reply {
        let arguments = json.unwrap_or("{}");
        let fits = self.find(name).and_then(|spec| match spec.kind {
            SpecKind::Command(_) => check_arguments(method, &parse_arguments(arguments)?),
            SpecKind::Python(_) => parse_arguments(arguments).map(drop),
        });
        match fits {
            Ok(()) => {
                self.ask(name, Call::Method { name: method.into(), arguments: arguments.into() }, token)
            }
            Err(error) => Reply::Now(Err(error)),
        }
    }

    /// `get J actionproperties NAME`.
    pub fn properties(&self, name: &str, token: u64) -> Reply {
        self.answer(name, Call::Properties, token, |properties| Ok(Value::strings(properties.names())))
    }

    /// `get J actionmethods NAME`.
    pub fn methods(&self, name: &str, token: u64) -> Reply {
        self.answer(name, Call::Methods, token, |_| Ok(Value::strings(METHODS.map(|method| method.name))))
    }

    fn find(&self, name: &str) -> Result<&Spec, Exception> {
        self.specs
            .iter()
            .find(|spec| &*spec.name == name)
            .ok_or_else(|| Exception::builtin("KeyError", format!("Invalid Action name: {name}")))
    }

    /// An answer from a command action's properties, or from the worker for a Python action.
    fn answer(
        &self,
        name: &str,
        call: Call,
        token: u64,
        own: impl FnOnce(&Properties) -> Result<Value, Exception>,
    ) -> Reply {
        match self.find(name) {
            Err(error) => Reply::Now(Err(error)),
            Ok(Spec { kind: SpecKind::Command(properties), .. }) => Reply::Now(own(properties)),
            Ok(_) => self.ask(name, call, token),
        }
    }

    fn ask(&self, name: &str, call: Call, token: u64) -> Reply {
        match self.find(name) {
            Err(error) => Reply::Now(Err(error)),
            Ok(spec) => {
                self.push(Work::Call { action: spec.id, call, token });
                Reply::Later
            }
        }
    }
}

fn new_kind(python: Option<Python>) -> SpecKind {
    match python {
        None => SpecKind::Command(Properties::new()),
        Some(python) => SpecKind::Python(Arc::new(python)),
    }
}

/// The JSON of keyword arguments, as upstream's parser judges it.
///
/// # Errors
/// Not JSON.
pub fn parse_arguments(json: &str) -> Result<serde_json::Value, Exception> {
    serde_json::from_str(json).map_err(|error| {
        let starts_well = json
            .trim_start()
            .starts_with(['{', '[', '"', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
        // Python tells where the value began, which at the start of the text is all there is to tell.
        let (line, column) = if starts_well { (error.line(), error.column()) } else { (1, 1) };
        let before: usize =
            json.split_inclusive('\n').take(line.saturating_sub(1)).map(|l| l.chars().count()).sum();
        let position = before + column.saturating_sub(1);
        let text = format!("Expecting value: line {line} column {column} (char {position})");
        Exception::builtin("ValueError", text)
    })
}

fn no_attribute(name: &str) -> Exception {
    Exception::builtin(
        "AttributeError",
        format!("'CommandAction' object has no attribute {}", Value::str(name)),
    )
}

/// Work. Everything is queued and done in order.
///
/// The worker writes the log lines of upstream's actions thread itself, so that they stand in upstream's order
/// among the lines of failing commands: `Ban`, `Restore Ban`, `Unban`, `Repeal Ban`, `Reban`,
/// `Flush ticket(s) with`. All others (`already banned`, `Ignore … expired bantime`, …) are the engine's.
impl JailActions {
    fn push(&self, work: Work) {
        self.queue.push(Job { actions: self.specs.clone(), work });
    }

    /// The jail starts: every action that does not start on demand is started.
    pub fn start(&mut self, jail: JailState) {
        self.push(Work::Start { only: None, jail });
    }

    /// A new or restored ban.
    pub fn ban(&mut self, info: BanInfo) {
        self.push(Work::Ban { info: Box::new(info), growth: None });
    }

    /// A new ban whose length and count are still being looked up.
    pub fn ban_growing(&mut self, info: BanInfo, growth: Growth) {
        self.push(Work::Ban { info: Box::new(info), growth: Some(growth) });
    }

    /// A failure of something already banned. With `check` (upstream: more than 3 s after the ban) every
    /// action's consistency is checked, at most every 3 s; the ban is repeated for actions that had to be
    /// repaired since it was made.
    pub fn already_banned(&mut self, info: BanInfo, check: bool) {
        self.push(Work::AlreadyBanned { info: Box::new(info), check });
    }

    /// The ban became longer (`actionprolong`); to be called only if it still stands.
    pub fn prolong(&mut self, info: BanInfo) {
        self.push(Work::Prolong(Box::new(info)));
    }

    /// Whether an action of the jail keeps its bans in firewalld.
    pub fn uses_firewalld(&self) -> bool {
        self.specs.iter().any(|spec| match &spec.kind {
            SpecKind::Command(properties) => properties.uses_firewalld(),
            SpecKind::Python(_) => false,
        })
    }

    /// Starts the actions that use firewalld once more and bans all `tickets` with them again, after firewalld
    /// has forgotten its rules. Upstream leaves the machine open until each host fails again.
    pub fn restore(&mut self, tickets: Vec<BanInfo>, jail: JailState) {
        self.push(Work::Restore { tickets, jail });
    }

    /// The end of one ban.
    pub fn unban(&mut self, info: BanInfo) {
        self.push(Work::Unban(Box::new(info)));
    }

    /// All `tickets` end at once, by `actionflush` where an action has it.
    pub fn flush(&mut self, tickets: Vec<BanInfo>, jail: JailState) {
        self.push(Work::Flush { tickets, jail });
    }

    /// The jail stops: `tickets` end (`Repeal Ban`), then the actions stop in reverse order and are forgotten.
    pub fn stop(&mut self, tickets: Vec<BanInfo>, jail: JailState) {
        self.push(Work::Stop { tickets, jail });
        self.specs = Arc::default();
        self.reloading = None;
    }

    /// A reload begins: actions not added again until [`Self::reload_end`] are obsolete.
    pub fn reload_begin(&mut self) {
        self.reloading = Some(self.specs.iter().map(|spec| (spec.id, false)).collect());
    }

    /// A reload ends: surviving actions run `actionreload`; obsolete ones lose their `tickets` (asked for
    /// only when there is such an action) and are stopped; new ones are started.
    pub fn reload_end(&mut self, tickets: impl FnOnce() -> Vec<BanInfo>, jail: JailState) {
        let Some(before) = self.reloading.take() else { return };
        let obsolete: Vec<u64> = before.iter().filter(|(_, again)| !again).map(|(id, _)| *id).collect();
        let is_new = |spec: &&Spec| before.iter().all(|(id, _)| *id != spec.id);
        let new: Vec<u64> = self.specs.iter().filter(is_new).map(|spec| spec.id).collect();
        let tickets = if obsolete.is_empty() { Vec::new() } else { tickets() };
        let survivors = before.into_iter().filter(|(_, again)| *again).map(|(id, _)| id).collect();
        self.push(Work::Reload { survivors, obsolete: obsolete.clone(), tickets, jail });
        if !obsolete.is_empty() {
            Arc::make_mut(&mut self.specs).retain(|spec| !obsolete.contains(&spec.id));
        }
        if !new.is_empty() {
            self.push(Work::Start { only: Some(new), jail });
        }
    }

    /// Asks for [`Event::Done`](super::Event::Done) with this token once all work queued so far is done.
    pub fn barrier(&mut self, token: u64) {
        self.push(Work::Barrier(token));
    }
}
