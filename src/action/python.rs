//! Actions written in Python.

use std::sync::Arc;

use super::host::Host;
use super::info::{ActionInfo, JailState};
use super::job::Call;
use crate::value::{Exception, Value};

/// One Python action of a jail.
pub(super) struct PythonAction {
    python: Arc<super::Python>,
}

impl PythonAction {
    pub fn new(_jail: &str, _name: &str, python: Arc<super::Python>, _host: Arc<dyn Host>) -> Self {
        PythonAction { python }
    }

    fn unsupported(&self) -> Exception {
        let text = format!("{}: Python actions are not supported", self.python.path);
        Exception::builtin("RuntimeError", text)
    }

    pub fn is_norestored(&mut self) -> bool {
        false
    }

    pub fn start(&mut self, _jail: JailState) -> Result<(), Exception> {
        Err(self.unsupported())
    }

    pub fn stop(&mut self, _jail: JailState) -> Result<(), Exception> {
        Ok(())
    }

    pub fn ban(&mut self, _info: &mut ActionInfo) -> Result<(), Exception> {
        Err(self.unsupported())
    }

    pub fn reban(&mut self, info: &mut ActionInfo) -> Result<(), Exception> {
        self.ban(info)
    }

    pub fn unban(&mut self, _info: &mut ActionInfo) -> Result<(), Exception> {
        Ok(())
    }

    pub fn answer(&mut self, _call: Call) -> Result<Value, Exception> {
        Err(self.unsupported())
    }
}
