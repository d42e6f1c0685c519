//! Name lookups that never hold up the engine (COMPAT §5, `usedns`).
//!
//! A question that is not in the cache goes to a worker thread; the answer comes back as a message and
//! whoever waited asks again.

use std::collections::{HashSet, VecDeque};
use std::net::IpAddr;

use super::message::{Message, Sender};
use crate::address::{Address, AddressSet};
use crate::filter::cache::Cache;
use crate::filter::ignore::Known;
use crate::level;
use crate::server::logging;
use crate::system::names::{self, Want};

/// Seconds an answer is remembered, also a negative one.
const MAX_AGE: f64 = 300.0;
/// Names remembered.
const MAX_NAMES: usize = 1000;
/// Lookups under way at once.
const MAX_WORKERS: usize = 2;
/// Lookups that may wait for a worker; more are answered with "no address".
const MAX_QUEUE: usize = 1000;

/// What is looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Query {
    Name(String),
    /// This machine's own addresses.
    Own,
}

/// A lookup's answer.
#[derive(Debug)]
pub struct Answer {
    pub query: Query,
    pub addresses: AddressSet,
}

/// The engine's view of names: what is known now, and what is being asked.
pub struct Resolver {
    /// `allowipv6`: yes, no, or whatever the kernel says.
    pub allow_ipv6: Option<bool>,
    sender: Sender,
    known: Cache<AddressSet>,
    /// This machine's addresses, apart from the rest because every failure asks for them.
    own: Option<(AddressSet, f64)>,
    asked: HashSet<Query>,
    queue: VecDeque<Query>,
    workers: usize,
    now: f64,
}

impl Resolver {
    pub fn new(sender: Sender) -> Self {
        Resolver {
            allow_ipv6: None,
            sender,
            known: Cache::new(MAX_NAMES, MAX_AGE),
            own: None,
            asked: HashSet::default(),
            queue: VecDeque::new(),
            workers: 0,
            now: 0.0,
        }
    }

    /// The time by which answers are old or not.
    pub fn set_now(&mut self, now: f64) {
        self.now = now;
    }

    /// Forgets all answers, as `reload --all` does.
    pub fn clear(&mut self) {
        self.known = Cache::new(MAX_NAMES, MAX_AGE);
        self.own = None;
    }

    /// Takes a worker's answer.
    pub fn answered(&mut self, answer: Answer) {
        self.workers = self.workers.saturating_sub(1);
        self.asked.remove(&answer.query);
        self.remember(answer.query, answer.addresses);
        if let Some(query) = self.queue.pop_front() {
            self.start(query);
        }
    }

    fn remember(&mut self, query: Query, addresses: AddressSet) {
        match query {
            Query::Own => self.own = Some((addresses, self.now + MAX_AGE)),
            Query::Name(name) => self.known.set(&name.into(), addresses, self.now),
        }
    }

    fn ask(&mut self, query: Query) {
        if !self.asked.insert(query.clone()) {
            return;
        }
        if self.workers < MAX_WORKERS {
            self.start(query);
        } else if self.queue.len() < MAX_QUEUE {
            self.queue.push_back(query);
        } else {
            self.asked.remove(&query);
            self.remember(query, HashSet::default());
        }
    }

    fn start(&mut self, query: Query) {
        let (sender, v6) = (self.sender.clone(), self.ipv6_allowed());
        let work = {
            let query = query.clone();
            move || {
                let addresses = match &query {
                    Query::Name(name) => resolve(name, v6),
                    Query::Own => own_addresses(v6),
                };
                sender.send(Message::Resolved(Answer { query, addresses }));
            }
        };
        match std::thread::Builder::new().name("f2b/resolver".to_owned()).stack_size(256 * 1024).spawn(work) {
            Ok(_) => self.workers += 1,
            Err(error) => {
                logging::write(
                    level::ERROR,
                    "fail2ban.ipdns",
                    &format!("Unable to start a name lookup: {error}"),
                );
                self.asked.remove(&query);
                self.remember(query, HashSet::default());
            }
        }
    }

    /// Whether IPv6 addresses count (`allowipv6`).
    pub fn ipv6_allowed(&self) -> bool {
        self.allow_ipv6.unwrap_or_else(kernel_has_ipv6)
    }
}

impl Known for Resolver {
    fn own_addresses(&mut self) -> Option<&AddressSet> {
        let now = self.now;
        if self.own.as_ref().is_none_or(|(_, expires)| *expires <= now) {
            // The old answer does until the new one comes.
            self.ask(Query::Own);
        }
        self.own.as_ref().map(|(addresses, _)| addresses)
    }

    fn addresses_of(&mut self, name: &str) -> Option<&AddressSet> {
        if self.known.get(name, self.now).is_none() {
            self.ask(Query::Name(name.to_owned()));
        }
        self.known.get(name, self.now).map(|addresses| &*addresses)
    }
}

/// Whether the kernel does IPv6 at all.
pub fn kernel_has_ipv6() -> bool {
    match std::fs::read_to_string("/proc/sys/net/ipv6/conf/all/disable_ipv6") {
        Ok(text) => text.trim() == "0",
        Err(_) => names::interface_addresses().iter().any(IpAddr::is_ipv6),
    }
}

/// All addresses of a name; the error is the last family's, if no family has any.
pub fn look_up(name: &str, v6: bool) -> Result<Vec<Address>, String> {
    let (mut addresses, mut error) = (Vec::new(), None);
    for want in if v6 { &[Want::V4, Want::V6][..] } else { &[Want::V4] } {
        match names::resolve(name, *want) {
            Ok(found) => addresses.extend(found.into_iter().map(Address::from_ip)),
            Err(text) => error = Some(text),
        }
    }
    match error.filter(|_| addresses.is_empty()) {
        Some(error) => Err(format!("Unable to find a corresponding IP address for {name}: {error}")),
        None => Ok(addresses),
    }
}

fn resolve(name: &str, v6: bool) -> AddressSet {
    look_up(name, v6).map(AddressSet::from_iter).unwrap_or_else(|text| {
        logging::write_now(level::WARNING, "fail2ban.ipdns", &text);
        AddressSet::default()
    })
}

fn own_addresses(v6: bool) -> AddressSet {
    let mut own: AddressSet = names::interface_addresses().into_iter().map(Address::from_ip).collect();
    let mut known = vec!["localhost".to_owned(), names::hostname(), names::full_hostname()];
    known.dedup();
    for name in known.iter().filter(|name| !name.is_empty()) {
        own.extend(resolve(name, v6));
    }
    own
}
