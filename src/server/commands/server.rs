//! Commands about the server as a whole: log, database, DNS, threads.

use std::sync::Arc;
use std::time::Duration;

use super::args::{Args, bool_of, int_of};
use super::{Reply, failure};
use crate::config::duration::{Number, str2seconds};
use crate::level;
use crate::server::engine::Engine;
use crate::server::logging;
use crate::server::message::Message;
use crate::store::Store;
use crate::value::{Exception, Value};

/// How long the end of the server waits for the database.
const CLOSE_PATIENCE: Duration = Duration::from_secs(30);

/// Settings of the database, as `get` shows them.
#[derive(Debug)]
pub(in crate::server) struct Database {
    max_matches: i64,
    purge_age: Number,
}

impl Default for Database {
    fn default() -> Self {
        Database { max_matches: 10, purge_age: Number::Int(86_400) }
    }
}

impl Engine {
    /// `set OPTION VALUE` for an option of the server; `None` if the option is none.
    pub(super) fn set_server(&mut self, option: &str, args: Args, quiet: bool) -> Option<Reply> {
        Some(match option {
            "loglevel" => args.at(0).and_then(|level| {
                let Value::Str(level) = level else {
                    let text = format!("'{}' object has no attribute 'upper'", level.type_name());
                    return Err(Exception::builtin("AttributeError", text));
                };
                logging::log().set_level(level).map_err(|text| Exception::builtin("ValueError", text))?;
                Ok(logging::log().level_text().into())
            }),
            "logtarget" => args.text(0).and_then(|target| match logging::log().set_target(&target) {
                true => Ok(text_or_none(logging::log().target_text())),
                false => failure("Failed to change log target"),
            }),
            "syslogsocket" => {
                args.text(0).and_then(|socket| match logging::log().set_syslog_socket(&socket) {
                    true => Ok(logging::log().syslog_socket().into()),
                    false => failure("Failed to change syslog socket"),
                })
            }
            "allowipv6" => args.at(0).map(|value| {
                let allow = (*value != Value::str("auto")).then(|| bool_of(value));
                self.resolver.allow_ipv6 = allow;
                self.services.set_allow_ipv6(allow);
                if quiet { Value::None } else { value.clone() }
            }),
            "thread" => args.at(0).map(|value| {
                // Worker threads have fixed small stacks; the value is kept for those who ask.
                self.thread_options = value.clone();
                Value::None
            }),
            "dbfile" => self.set_database(args),
            "dbmaxmatches" => self.set_max_matches(args),
            "dbpurgeage" => self.set_purge_age(args),
            _ => return None,
        })
    }

    /// `get OPTION` for an option of the server.
    pub(super) fn get_server(&self, option: &str) -> Option<Value> {
        let database = |value: Value| if self.store.is_some() { value } else { Value::None };
        Some(match option {
            "loglevel" => logging::log().level_text().into(),
            "logtarget" => text_or_none(logging::log().target_text()),
            "syslogsocket" => logging::log().syslog_socket().into(),
            "thread" => self.thread_options.clone(),
            "dbfile" => self.store.as_ref().map_or(Value::None, |store| store.filename().into()),
            "dbmaxmatches" => database(Value::Int(self.database.max_matches)),
            "dbpurgeage" => database(self.database.purge_age.into()),
            _ => return None,
        })
    }

    fn set_database(&mut self, args: Args) -> Reply {
        let path = args.text(0)?;
        let none = path.eq_ignore_ascii_case("none");
        let same = self.store.as_ref().is_some_and(|store| store.filename() == path);
        let nothing_to_do = same || (none && self.store.is_none());
        if !nothing_to_do {
            if !self.jails.is_empty() {
                let text = "Cannot change database when there are jails present";
                return Err(Exception::builtin("RuntimeError", text));
            }
            self.close_database();
            if !none {
                self.open_database(&path)?;
            }
        }
        Ok(self.store.as_ref().map_or(Value::None, |store| store.filename().into()))
    }

    fn open_database(&mut self, path: &str) -> Result<(), Exception> {
        if let Some(directory) =
            std::path::Path::new(path).parent().filter(|directory| directory.is_absolute())
        {
            // It usually exists.
            let _ = std::fs::create_dir(directory);
        }
        let sender = self.sender.clone();
        let reply = Box::new(move |reply| sender.send(Message::Store(reply)));
        let log: crate::store::Log =
            Arc::new(|level, logger, text: String| logging::write_now(level, logger, &text));
        let (age, matches) = (self.database.purge_age.as_f64(), self.database.max_matches.max(0) as usize);
        let store = Store::open(path, age, matches, log, reply).map_err(|error| Exception::from(&error))?;
        self.services.set_store(Some(store.clone()));
        self.store = Some(store);
        Ok(())
    }

    pub(super) fn close_database(&mut self) {
        self.services.set_store(None);
        if let Some(store) = self.store.take() {
            if !store.close(CLOSE_PATIENCE) {
                let text = "The database could not be written in time; the last changes are lost";
                logging::write(level::ERROR, "fail2ban.database", text);
            }
        }
    }

    fn set_max_matches(&mut self, args: Args) -> Reply {
        let Some(store) = &self.store else {
            let text = "dbmaxmatches setting was not in effect since no db yet";
            logging::write(level::MSG, "fail2ban.transmitter", text);
            return Ok(Value::None);
        };
        let count = int_of(args.at(0)?)?;
        store.set_max_matches(count.max(0) as usize);
        self.database.max_matches = count;
        Ok(Value::Int(count))
    }

    fn set_purge_age(&mut self, args: Args) -> Reply {
        let Some(store) = &self.store else {
            let text = "dbpurgeage setting was not in effect since no db yet";
            logging::write(level::MSG, "fail2ban.transmitter", text);
            return Ok(Value::None);
        };
        let age = seconds(args.at(0)?)?;
        store.set_purge_age(age.as_f64());
        self.database.purge_age = age;
        Ok(age.into())
    }
}

/// A time expression or number as seconds.
pub(super) fn seconds(value: &Value) -> Result<Number, Exception> {
    match value {
        Value::Int(number) => Ok(Number::Int(*number)),
        Value::Float(number) => Ok(Number::Float(*number)),
        other => str2seconds(&other.to_text()),
    }
}

fn text_or_none(text: Option<String>) -> Value {
    text.map_or(Value::None, Value::str)
}
