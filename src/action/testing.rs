//! A surrounding program for tests: keeps the log, answers the look-ups.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{BanInfo, Event, Host, JailActions, JailState};
use crate::address::Address;
use crate::filter::{Data, MatchLine};
use crate::store::Merged;
use crate::value::Value;

pub(super) struct TestHost {
    pub lines: Mutex<Vec<String>>,
    level: u8,
    events: Mutex<Sender<Event>>,
}

impl TestHost {
    pub fn new(level: u8) -> (Arc<Self>, Receiver<Event>) {
        let (sender, receiver) = channel();
        (Arc::new(TestHost { lines: Mutex::default(), level, events: Mutex::new(sender) }), receiver)
    }
}

impl Host for TestHost {
    fn log_level(&self) -> u8 {
        self.level
    }

    fn log(&self, level: u8, _logger: &str, text: &str) {
        if level >= self.level {
            let text = match text.split_once(" -- ") {
                Some((id, rest)) if id.bytes().all(|b| b.is_ascii_hexdigit()) => format!("ID -- {rest}"),
                _ => text.to_owned(),
            };
            self.lines.lock().unwrap().push(format!("{level} {text}"));
        }
    }

    fn notify(&self, event: Event) {
        // Nobody may be waiting any more.
        let _ = self.events.lock().unwrap().send(event);
    }

    fn merged_bans(&self, ip: &str, jail: Option<&str>) -> Result<Option<Merged>, String> {
        let matches = vec![format!("earlier {ip}"), format!("in {}", jail.unwrap_or("all"))];
        Ok(Some(Merged { time: 0.0, failures: 7, matches, data: Value::Dict(Vec::new()) }))
    }

    fn host_of(&self, ip: &str) -> Option<String> {
        Some(format!("host-of-{ip}"))
    }

    fn hostname(&self, fully_qualified: bool) -> String {
        if fully_qualified { "box.example.com".into() } else { "box".into() }
    }

    fn ipv6_allowed(&self) -> bool {
        true
    }
}

/// A jail with its log and answers.
pub(super) struct TestJail {
    pub actions: JailActions,
    pub host: Arc<TestHost>,
    pub events: Receiver<Event>,
}

impl TestJail {
    pub fn new(level: u8) -> Self {
        let (host, events) = TestHost::new(level);
        TestJail { actions: JailActions::new("j", host.clone()), host, events }
    }

    /// Adds a command action with these properties.
    pub fn add(&mut self, name: &str, properties: &[(&str, &str)]) {
        self.actions.add(name, None, 0);
        self.set(name, properties);
    }

    pub fn set(&mut self, name: &str, properties: &[(&str, &str)]) {
        for (property, value) in properties {
            self.actions.set(name, property, Value::str(*value), 0);
        }
    }

    /// Waits until everything queued is done.
    pub fn settle(&mut self) {
        self.actions.barrier(1);
        loop {
            let event = self.events.recv_timeout(Duration::from_secs(60)).expect("the worker answers");
            if matches!(event, Event::Done { token: 1, .. }) {
                return;
            }
        }
    }

    /// The log written since the last call.
    pub fn take_log(&mut self) -> Vec<String> {
        self.settle();
        std::mem::take(&mut *self.host.lines.lock().unwrap())
    }
}

pub(super) fn ban_of(ip: &str) -> BanInfo {
    let address = Address::parse(ip).expect("an address");
    BanInfo {
        id: address.clone(),
        ip: address,
        time: 1_700_000_000.0,
        bantime: None,
        bancount: 1,
        failures: 3,
        matches: vec![MatchLine::joined("first"), MatchLine::new("a ", "DATE", " b")],
        data: Data::default(),
        restored: false,
        jail: JailState { bantime: 600, found: 1, found_total: 2, banned: 3, banned_total: 4 },
    }
}

/// A folder that vanishes with its content.
pub(super) struct Folder(pub std::path::PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ferroban-action-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a writable temporary folder");
        Folder(path)
    }

    pub fn file(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap_or_default()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Best effort: it lies in the temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
