//! A jail's actions: adding, removing, their properties and methods.

use super::Reply;
use super::args::Args;
use crate::action::{self, Python};
use crate::server::engine::Engine;
use crate::value::{Exception, Value};

impl Engine {
    /// `set JAIL addaction NAME [PATH JSON]`.
    pub(super) fn add_action(&mut self, name: &str, args: Args) -> Reply {
        let action = args.text(0)?;
        let python = match args.len() {
            0 | 1 => None,
            _ => Some(python_action(args)?),
        };
        let token = self.token();
        let actions = &mut self.jail_mut(name)?.actions;
        let is_new = !actions.names().contains(&action);
        let reply = actions.add(&action, python, token);
        if is_new && matches!(reply, action::Reply::Later) {
            self.loading.insert(token, (name.to_owned(), action));
        }
        self.action_reply(reply, token)
    }

    pub(super) fn delete_action(&mut self, name: &str, args: Args) -> Reply {
        let action = args.text(0)?;
        self.jail_mut(name)?.actions.delete(&action)?;
        Ok(Value::None)
    }

    /// `set JAIL action NAME PROPERTY VALUE` or `… METHOD [JSON]`, and `multi-set` with a list of those.
    pub(super) fn set_action(&mut self, name: &str, args: Args, multiple: bool) -> Reply {
        let action = args.text(0)?;
        self.jail(name)?;
        if !multiple {
            return self.set_property(name, &action, args.from(1));
        }
        let pairs = args.at(1)?.items().unwrap_or_default().to_vec();
        for pair in &pairs {
            self.set_property(name, &action, Args(pair.items().unwrap_or_default()))?;
        }
        Ok(Value::Bool(true))
    }

    fn set_property(&mut self, name: &str, action: &str, words: Args) -> Reply {
        let property = words.text(0)?;
        let token = self.token();
        let actions = &mut self.jail_mut(name)?.actions;
        let reply = match actions.is_method(action, &property) {
            true => actions.call(action, &property, words.text(1).ok().as_deref(), token),
            false => actions.set(action, &property, words.at(1)?.clone(), token),
        };
        self.action_reply(reply, token)
    }

    /// `get JAIL action NAME PROPERTY`, `get JAIL actionproperties NAME`, `get JAIL actionmethods NAME`.
    pub(super) fn get_action(&mut self, name: &str, option: &str, args: Args) -> Reply {
        let action = args.text(0)?;
        let token = self.token();
        let actions = &self.jail(name)?.actions;
        let reply = match option {
            "actionproperties" => actions.properties(&action, token),
            "actionmethods" => actions.methods(&action, token),
            _ => actions.get(&action, &args.text(1)?, token),
        };
        self.action_reply(reply, token)
    }

    /// An answer now, or once the worker has it.
    fn action_reply(&mut self, reply: action::Reply, token: u64) -> Result<Value, Exception> {
        match reply {
            action::Reply::Now(result) => result,
            action::Reply::Later => {
                self.await_token(token);
                Ok(Value::None)
            }
        }
    }
}

/// The Python file and the options of `addaction NAME PATH JSON`, as far as they can be judged without Python.
fn python_action(args: Args) -> Result<Python, Exception> {
    let (path, options) = (args.text(1)?, args.text(2)?);
    action::parse_arguments(&options)?;
    match std::fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = Value::str("No such file or directory");
            let args = vec![Value::Int(libc::ENOENT.into()), text, path.into()];
            Err(Exception { module: "builtins", class: "FileNotFoundError", args })
        }
        _ => Ok(Python { path, options }),
    }
}
