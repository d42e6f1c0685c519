//! The properties of a command action: its commands, parameters and switches, as set through control
//! commands.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::duration::str2seconds;
use crate::config::split::split_words;
use crate::value::{Exception, Value};

/// The commands that every action has; empty until set. Also what a reload empties again.
const COMMANDS: [&str; 9] = [
    "actionban",
    "actioncheck",
    "actionflush",
    "actionreban",
    "actionreload",
    "actionrepair",
    "actionstart",
    "actionstop",
    "actionunban",
];

/// Attributes that upstream's class itself adds to the list of properties.
const CLASS_ATTRIBUTES: [&str; 3] = ["ESCAPE_CRE", "ESCAPE_VN_CRE", "banEpoch"];

/// Properties that may stand in commands as tags, by name.
pub(super) type Tags = indexmap::IndexMap<String, Value, foldhash::fast::RandomState>;

/// Properties by name. Cheap to clone; a job keeps the state of the moment it was queued.
#[derive(Clone, Debug)]
pub(super) struct Properties(Arc<BTreeMap<String, Value>>);

impl Properties {
    pub fn new() -> Self {
        let mut properties = Properties(Arc::default());
        properties.clear();
        properties
    }

    /// Back to the defaults what every action has; other parameters stay (upstream's `clearAllParams`).
    pub fn clear(&mut self) {
        let map = Arc::make_mut(&mut self.0);
        map.insert("timeout".into(), Value::Int(60));
        for command in COMMANDS {
            map.insert(command.into(), Value::str(""));
        }
    }

    /// Sets a property; `bantime` is ignored and `timeout` read as a time expression, as upstream.
    pub fn set(&mut self, name: &str, value: Value) -> Result<(), Exception> {
        let value = match (name, &value) {
            ("bantime", _) => return Ok(()),
            ("timeout", Value::Str(text)) => str2seconds(text)?.into(),
            _ => value,
        };
        Arc::make_mut(&mut self.0).insert(name.to_owned(), value);
        Ok(())
    }

    /// Whether one of the commands is of firewalld's client.
    pub fn uses_firewalld(&self) -> bool {
        self.0.values().any(|value| value.as_str().is_some_and(|text| text.contains("firewall-cmd")))
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// What `get J actionproperties` lists: everything that is not private, sorted.
    pub fn names(&self) -> Vec<&str> {
        let own = self.0.keys().map(String::as_str).filter(|name| !name.starts_with('_'));
        let mut names: Vec<&str> = own.chain(CLASS_ATTRIBUTES).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The properties that may be put into commands, in upstream's (sorted) order.
    pub fn tags(&self, ban_epoch: u64) -> Tags {
        let mut tags: BTreeMap<&str, Value> = self
            .0
            .iter()
            .filter(|(name, _)| !name.starts_with('_'))
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        tags.entry("banEpoch").or_insert(Value::Int(ban_epoch as i64));
        tags.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    pub fn is_same(&self, other: &Properties) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Python's truth of a property; an absent one is false.
    pub fn is_set(&self, name: &str) -> bool {
        self.get(name).is_some_and(Value::is_true)
    }

    /// Whether the action is started by its first ban rather than with the jail: as set, or else when it
    /// has conditional properties (trap 9).
    pub fn start_on_demand(&self) -> bool {
        match self.get("actionstart_on_demand") {
            None | Some(Value::None) => self.is_conditional(),
            Some(value) => value.is_true(),
        }
    }

    /// Whether any property has a form for one family only (`blocktype?family=inet6`).
    fn is_conditional(&self) -> bool {
        self.0.keys().any(|name| {
            name.split_once("?family=").is_some_and(|(base, _)| {
                !base.is_empty() && base.chars().all(|c| c.is_alphanumeric() || c == '_')
            })
        })
    }

    /// The families that the action is started for; one empty name when it makes no difference.
    pub fn families(&self, ipv6_allowed: bool) -> Vec<String> {
        match self.get("families") {
            Some(Value::Str(text)) if !text.is_empty() => return split_words(text),
            Some(value) if value.is_true() => {
                return value.items().unwrap_or_default().iter().map(Value::to_text).collect();
            }
            _ => {}
        }
        match (self.is_conditional(), ipv6_allowed) {
            (true, true) => vec!["inet4".into(), "inet6".into()],
            (true, false) => vec!["inet4".into()],
            (false, _) => vec![String::new()],
        }
    }

    pub fn timeout(&self) -> &Value {
        self.get("timeout").unwrap_or(&Value::Int(60))
    }

    /// Whether `actionprolong` has anything to run.
    pub fn is_prolongable(&self) -> bool {
        self.get("actionprolong").is_some_and(|value| value.is_true() && !value.to_text().trim().is_empty())
    }
}
