//! A Python process that runs one action; see `bridge.py` for what is said.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::action::Python;
use crate::action::host::Host;
use crate::action::info::{ActionInfo, TAGS};
use crate::action::job::Call;
use crate::action::run::end_group;
use crate::system::process::in_new_session;
use crate::value::{Exception, Value};

const SCRIPT: &str = include_str!("bridge.py");

/// How long the process may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// A running Python action; it ends with this.
pub(super) struct Bridge {
    child: Child,
    /// `None` once the process is to end.
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    host: Arc<dyn Host>,
}

impl Bridge {
    /// Starts Python and loads the action.
    pub fn start(jail: &str, name: &str, python: &Python, host: Arc<dyn Host>) -> Result<Self, Exception> {
        let failed = |error: &dyn std::fmt::Display| {
            let text =
                format!("Python action {} needs python3, which cannot be started: {error}", python.path);
            Exception::builtin("RuntimeError", text)
        };
        let mut command = Command::new("python3");
        command.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = in_new_session(&mut command).spawn().map_err(|error| failed(&error))?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed(&"no pipes"));
        };
        let options: Json = serde_json::from_str(&python.options)
            .map_err(|error| Exception::builtin("ValueError", format!("{}: {error}", python.path)))?;
        let level = host.log_level();
        let mut bridge = Bridge { child, requests: Some(requests), answers: BufReader::new(answers), host };
        let first =
            json!({"path": python.path, "jail": jail, "name": name, "options": options, "level": level});
        bridge.ask(&first, None)?;
        Ok(bridge)
    }

    /// Calls a method with keyword arguments given as JSON; `bantime` is what the jail's ban time is now.
    pub fn call(&mut self, method: &str, arguments: &str, bantime: i64) -> Result<Value, Exception> {
        let arguments: Json = serde_json::from_str(arguments)
            .map_err(|error| Exception::builtin("ValueError", error.to_string()))?;
        self.ask(&json!({"do": "call", "method": method, "arguments": arguments, "bantime": bantime}), None)
    }

    /// Calls a method with the tags of a ticket.
    pub fn ticket(&mut self, method: &str, info: &mut ActionInfo) -> Result<(), Exception> {
        let bantime = info.ticket.jail.bantime;
        self.ask(&json!({"do": "ticket", "method": method, "tags": TAGS, "bantime": bantime}), Some(info))
            .map(drop)
    }

    pub fn get(&mut self, name: &str) -> Result<Value, Exception> {
        self.ask(&json!({"do": "get", "name": name}), None)
    }

    pub fn answer(&mut self, call: Call) -> Result<Value, Exception> {
        match call {
            Call::Load => Ok(Value::None),
            Call::Method { name, arguments } => {
                let arguments: Json = serde_json::from_str(&arguments)
                    .map_err(|error| Exception::builtin("ValueError", error.to_string()))?;
                self.ask(&json!({"do": "call", "method": name, "arguments": arguments}), None)
            }
            Call::Get(name) => self.get(&name),
            Call::Set(name, value) => {
                self.ask(&json!({"do": "set", "name": name, "value": to_json(&value)}), None)
            }
            Call::Properties => self.ask(&json!({"do": "properties"}), None),
            Call::Methods => self.ask(&json!({"do": "methods"}), None),
        }
    }

    /// Sends a request and serves what the action wants until the answer comes.
    fn ask(&mut self, request: &Json, mut info: Option<&mut ActionInfo>) -> Result<Value, Exception> {
        self.send(request)?;
        loop {
            let mut line = String::new();
            match self.answers.read_line(&mut line) {
                Ok(0) => return Err(gone("it has ended")),
                Ok(_) => {}
                Err(error) => return Err(gone(&error.to_string())),
            }
            let message: Json = serde_json::from_str(&line).map_err(|error| gone(&error.to_string()))?;
            if let Some(entry) = message.get("log") {
                let level = entry[0].as_u64().and_then(|level| u8::try_from(level).ok()).unwrap_or(u8::MAX);
                self.host.log(level, entry[1].as_str().unwrap_or(""), entry[2].as_str().unwrap_or(""));
            } else if let Some(tag) = message.get("want").and_then(Json::as_str) {
                let value = info.as_mut().and_then(|info| info.value(tag)).unwrap_or(Value::None);
                self.send(&to_json(&value))?;
            } else if let Some(error) = message.get("error") {
                let class = error[0].as_str().unwrap_or("");
                return Err(Exception::builtin(known_class(class), error[1].as_str().unwrap_or("")));
            } else {
                return Ok(from_json(&message["ok"]));
            }
        }
    }

    fn send(&mut self, message: &Json) -> Result<(), Exception> {
        let requests = self.requests.as_mut().ok_or_else(|| gone("it has ended"))?;
        let line = format!("{message}\n");
        requests.write_all(line.as_bytes()).map_err(|error| gone(&error.to_string()))
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // The end of its input ends the process, unless the action has left something running in it.
        self.requests = None;
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            end_group(&mut self.child);
        }
    }
}

fn gone(error: &str) -> Exception {
    Exception::builtin("RuntimeError", format!("The Python process of the action does not answer: {error}"))
}

/// The exception classes whose names matter to somebody; others become RuntimeError.
fn known_class(name: &str) -> &'static str {
    ["AttributeError", "KeyError", "OSError", "TypeError", "ValueError"]
        .into_iter()
        .find(|known| *known == name)
        .unwrap_or("RuntimeError")
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::None => Json::Null,
        Value::Bool(flag) => Json::from(*flag),
        Value::Int(number) => Json::from(*number),
        Value::Float(number) => Json::from(*number),
        Value::Str(text) => Json::from(text.as_str()),
        Value::List(items) | Value::Tuple(items) | Value::Set(items) => items.iter().map(to_json).collect(),
        Value::Dict(pairs) => pairs.iter().map(|(key, value)| (key.to_text(), to_json(value))).collect(),
        other => Json::from(other.to_text()),
    }
}

/// A value of JSON as Python reads it.
pub(in crate::action) fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::None,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::str(text.as_str()),
        Json::Array(items) => Value::List(items.iter().map(from_json).collect()),
        Json::Object(pairs) => Value::Dict(
            pairs.iter().map(|(key, value)| (Value::str(key.as_str()), from_json(value))).collect(),
        ),
    }
}
