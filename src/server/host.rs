//! What the action workers need from the server: its log, its database, its resolver.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::message::{Message, Sender};
use super::{logging, resolver};
use crate::action::{Event, Host};
use crate::store::{Merged, Store};
use crate::system::names;

/// How long a worker waits for the database, at most.
const DATABASE_PATIENCE: Duration = Duration::from_secs(30);

/// Services for action workers.
pub struct Services {
    sender: Sender,
    store: Mutex<Option<Store>>,
    /// `allowipv6`: 0 no, 1 yes, 2 as the kernel says.
    allow_ipv6: AtomicU8,
}

impl Services {
    pub fn new(sender: Sender) -> Self {
        Services { sender, store: Mutex::new(None), allow_ipv6: AtomicU8::new(2) }
    }

    pub fn set_store(&self, store: Option<Store>) {
        *self.store.lock().unwrap_or_else(PoisonError::into_inner) = store;
    }

    pub fn set_allow_ipv6(&self, allow: Option<bool>) {
        self.allow_ipv6.store(allow.map_or(2, u8::from), Ordering::Relaxed);
    }
}

impl Host for Services {
    fn log_level(&self) -> u8 {
        logging::log().threshold()
    }

    fn log(&self, level: u8, logger: &str, text: &str) {
        logging::write_now(level, logger, text);
    }

    fn notify(&self, event: Event) {
        self.sender.send(Message::Action(event));
    }

    fn merged_bans(&self, ip: &str, jail: Option<&str>) -> Result<Option<Merged>, String> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(store.and_then(|store| store.merged(ip, jail, DATABASE_PATIENCE)))
    }

    fn host_of(&self, ip: &str) -> Option<String> {
        names::name_of(ip.parse::<IpAddr>().ok()?)
    }

    fn hostname(&self, fully_qualified: bool) -> String {
        if fully_qualified { names::full_hostname() } else { names::hostname() }
    }

    fn ipv6_allowed(&self) -> bool {
        match self.allow_ipv6.load(Ordering::Relaxed) {
            2 => resolver::kernel_has_ipv6(),
            allowed => allowed == 1,
        }
    }
}
