//! Methods of a command action that control commands call: `set J action NAME METHOD [JSON]`.

use serde_json::Value as Json;

use super::{CommandAction, Place, Purpose};
use crate::action::info::{ActionInfo, BanInfo};
use crate::action::jail_actions::parse_arguments;
use crate::action::python::from_json;
use crate::action::run::execute;
use crate::action::tags::{ShellCommand, escape};
use crate::value::{Exception, Value};

/// A method and its keyword arguments.
#[derive(Clone, Copy)]
pub(in crate::action) struct Method {
    pub name: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
    /// Whether it takes any others.
    open: bool,
}

const fn method(
    name: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
) -> Method {
    Method { name, required, optional, open: false }
}

/// What `get J actionmethods` lists.
pub(in crate::action) const METHODS: [Method; 15] = [
    method("ban", &["aInfo"], &["cmd"]),
    method("clearAllParams", &[], &[]),
    method("consistencyCheck", &[], &["beforeRepair"]),
    method("escapeTag", &["value"], &[]),
    Method { open: true, ..method("executeCmd", &["realCmd"], &["timeout"]) },
    method("flush", &[], &[]),
    method("invalidateBanEpoch", &[], &[]),
    method("prolong", &["aInfo"], &[]),
    method("reban", &["aInfo"], &[]),
    Method { open: true, ..method("reload", &[], &[]) },
    method("replaceDynamicTags", &["realCmd", "aInfo"], &["escapeVal"]),
    method("replaceTag", &["query", "aInfo"], &["conditional", "addrepl", "cache"]),
    method("start", &[], &[]),
    method("stop", &[], &[]),
    method("unban", &["aInfo"], &[]),
];

/// Whether a method takes the arguments, judged as Python does when it calls one.
pub(in crate::action) fn check_arguments(name: &str, arguments: &Json) -> Result<(), Exception> {
    let Some(method) = METHODS.iter().find(|method| method.name == name) else { return Ok(()) };
    let wrong = |text: String| Err(Exception::builtin("TypeError", text));
    let Some(given) = arguments.as_object() else {
        let kind = from_json(arguments).type_name();
        let text = format!("argument after ** must be a mapping, not {kind}");
        return wrong(format!("fail2ban.server.action.CommandAction.{name}() {text}"));
    };
    let known = |key: &str| method.open || method.required.contains(&key) || method.optional.contains(&key);
    if let Some(key) = given.keys().find(|key| !known(key)) {
        return wrong(format!("CommandAction.{name}() got an unexpected keyword argument '{key}'"));
    }
    let missing: Vec<String> = method
        .required
        .iter()
        .filter(|key| !given.contains_key(**key))
        .map(|key| format!("'{key}'"))
        .collect();
    match &missing[..] {
        [] => Ok(()),
        [one] => wrong(format!("CommandAction.{name}() missing 1 required positional argument: {one}")),
        _ => wrong(format!(
            "CommandAction.{name}() missing {} required positional arguments: {}",
            missing.len(),
            missing.join(" and ")
        )),
    }
}

impl CommandAction {
    /// Calls a method with arguments that [`check_arguments`] has accepted.
    pub fn call(&mut self, method: &str, json: &str, place: &mut Place) -> Result<Value, Exception> {
        let arguments = parse_arguments(json)?;
        let argument = |name: &str| from_json(&arguments[name]);
        match method {
            "start" => self.start(place)?,
            "stop" => self.stop(place)?,
            "flush" => self.flush(place)?,
            "reload" => self.reload(place)?,
            "consistencyCheck" => return self.check(Purpose::Any, place).map(Value::Bool),
            "ban" | "reban" | "unban" | "prolong" => {
                return self.call_for_ban(method, argument("aInfo"), argument("cmd"), place);
            }
            "executeCmd" => {
                let command = ShellCommand { script: argument("realCmd").to_text(), values: Vec::new() };
                let timeout = arguments.get("timeout").map_or(Value::Int(60), from_json);
                return execute(&command, &timeout, place.host).map(Value::Bool);
            }
            "escapeTag" => return Ok(Value::str(escape(&argument("value").to_text()))),
            "invalidateBanEpoch" => {
                self.invalidate_bans(place);
                return Ok(Value::None);
            }
            _ => {
                let text = format!("method {method} cannot be called by a command");
                return Err(Exception::builtin("NotImplementedError", text));
            }
        }
        Ok(Value::Bool(true))
    }

    /// A method about a ban: its facts are what the command says, and nothing else.
    fn call_for_ban(
        &mut self,
        method: &str,
        facts: Value,
        command: Value,
        place: &mut Place,
    ) -> Result<Value, Exception> {
        let Value::Dict(facts) = facts else {
            let text = format!("'{}' object has no attribute 'get'", facts.type_name());
            return Err(Exception::builtin("AttributeError", text));
        };
        let empty = BanInfo::empty(place.now, place.state);
        let mut info = ActionInfo::of_call(&empty, facts, place.jail, place.host);
        match method {
            "ban" => match command {
                Value::None => self.ban("<actionban>", &mut info, place)?,
                command => self.ban(&command.to_text(), &mut info, place)?,
            },
            "reban" => self.ban(self.ban_tag(true), &mut info, place)?,
            "prolong" => self.prolong(&mut info, place)?,
            _ => self.unban(&mut info, place)?,
        }
        Ok(Value::None)
    }
}
