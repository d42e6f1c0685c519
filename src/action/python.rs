//! Actions written in Python (COMPAT §8.4): the stock `smtp.py` natively, all others by a Python process.

mod bridge;
mod smtp;

pub(super) use bridge::from_json;

use std::sync::Arc;

use super::host::Host;
use super::info::{ActionInfo, JailState};
use super::job::Call;
use crate::value::{Exception, Value};
use bridge::Bridge;
use smtp::Smtp;

/// One Python action of a jail, loaded when it is first needed.
pub(super) struct PythonAction {
    jail: String,
    name: String,
    python: Arc<super::Python>,
    host: Arc<dyn Host>,
    loaded: Option<Loaded>,
}

enum Loaded {
    Smtp(Smtp),
    Bridge(Box<Bridge>),
}

impl PythonAction {
    pub fn new(jail: &str, name: &str, python: Arc<super::Python>, host: Arc<dyn Host>) -> Self {
        PythonAction { jail: jail.into(), name: name.into(), python, host, loaded: None }
    }

    fn load(&mut self) -> Result<&mut Loaded, Exception> {
        if self.loaded.is_none() {
            let loaded = match Smtp::for_stock_file(&self.jail, &self.python, self.host.clone()) {
                Some(smtp) => Loaded::Smtp(smtp),
                None => {
                    let bridge = Bridge::start(&self.jail, &self.name, &self.python, self.host.clone())?;
                    Loaded::Bridge(Box::new(bridge))
                }
            };
            self.loaded = Some(loaded);
        }
        self.loaded.as_mut().ok_or_else(|| Exception::builtin("RuntimeError", "not loaded"))
    }

    pub fn is_norestored(&mut self) -> bool {
        match self.load() {
            Ok(Loaded::Smtp(_)) => true,
            // An attribute that is not there counts as false.
            Ok(Loaded::Bridge(bridge)) => bridge
                .get("norestored")
                .is_ok_and(|value| !matches!(value, Value::None | Value::Bool(false) | Value::Int(0))),
            Err(_) => false,
        }
    }

    pub fn start(&mut self, jail: JailState) -> Result<(), Exception> {
        match self.load()? {
            Loaded::Smtp(smtp) => smtp.start(),
            Loaded::Bridge(bridge) => bridge.call("start", "{}", jail.bantime).map(drop),
        }
    }

    pub fn stop(&mut self, jail: JailState) -> Result<(), Exception> {
        match self.load()? {
            Loaded::Smtp(smtp) => smtp.stop(),
            Loaded::Bridge(bridge) => bridge.call("stop", "{}", jail.bantime).map(drop),
        }
    }

    pub fn ban(&mut self, info: &mut ActionInfo) -> Result<(), Exception> {
        match self.load()? {
            Loaded::Smtp(smtp) => smtp.ban(info),
            Loaded::Bridge(bridge) => bridge.ticket("ban", info),
        }
    }

    pub fn reban(&mut self, info: &mut ActionInfo) -> Result<(), Exception> {
        match self.load()? {
            Loaded::Smtp(smtp) => smtp.ban(info),
            Loaded::Bridge(bridge) => bridge.ticket("reban", info),
        }
    }

    pub fn unban(&mut self, info: &mut ActionInfo) -> Result<(), Exception> {
        match self.load()? {
            Loaded::Smtp(_) => Ok(()),
            Loaded::Bridge(bridge) => bridge.ticket("unban", info),
        }
    }

    /// Answers a control command.
    pub fn answer(&mut self, call: Call) -> Result<Value, Exception> {
        let name = self.name.clone();
        match (self.load()?, call) {
            (_, Call::Load) => Ok(Value::str(name)),
            (Loaded::Smtp(smtp), call) => smtp.answer(call),
            (Loaded::Bridge(bridge), call) => bridge.answer(call),
        }
    }
}
