//! Who is banned, until when: ban time, prolongation, expiry (COMPAT §7).
//!
//! - `formula` – ban times that grow with the number of bans

pub mod formula;

use std::collections::{BTreeMap, HashMap};

use crate::address::{Address, AddressMap};
use crate::failures::Ticket;

/// The end of a ban that never ends, Unix seconds; upstream's number.
pub const NEVER: f64 = 0x7ff_ffff_ffff_i64 as f64;

/// Length of a ban that never ends.
pub const PERMANENT: f64 = -1.0;

/// One banned identifier.
#[derive(Clone, Debug)]
pub struct Ban {
    pub id: Address,
    /// The failures that led here. Its time is the begin of the ban.
    pub ticket: Ticket,
    /// Own length in seconds; `None`: the jail's ban time, whatever it is then.
    pub bantime: Option<f64>,
    /// Read back from the database.
    pub restored: bool,
}

impl Ban {
    pub fn new(id: Address, ticket: Ticket) -> Self {
        Ban { id, ticket, bantime: None, restored: false }
    }

    /// When it ends, given the jail's ban time.
    pub fn end(&self, default: f64) -> f64 {
        match self.bantime.unwrap_or(default) {
            PERMANENT => NEVER,
            length => self.ticket.time + length,
        }
    }
}

/// What became of a ticket that reached maxretry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Added {
    New,
    /// Its ban would already be over.
    Expired,
    /// Banned since that time.
    Already {
        since: f64,
    },
}

/// The bans of one jail.
#[derive(Debug)]
pub struct Bans {
    ban_time: i64,
    total: u64,
    bans: AddressMap<(u64, Ban)>,
    /// Identifiers in order of their bans: what lists show.
    order: BTreeMap<u64, Address>,
    /// Identifiers by the end of their bans. The time's bits order like the time, as it is positive.
    ends: BTreeMap<(u64, u64), ()>,
    next: u64,
}

impl Default for Bans {
    fn default() -> Self {
        Bans {
            ban_time: 600,
            total: 0,
            bans: HashMap::default(),
            order: BTreeMap::new(),
            ends: BTreeMap::new(),
            next: 0,
        }
    }
}

fn end_key(end: f64, number: u64) -> (u64, u64) {
    (end.max(0.0).to_bits(), number)
}

impl Bans {
    /// Seconds that a ban lasts; −1 is for ever.
    pub fn ban_time(&self) -> i64 {
        self.ban_time
    }

    /// Changes the ban time, also of the running bans that have none of their own.
    pub fn set_ban_time(&mut self, seconds: i64) {
        self.ban_time = seconds;
        self.ends.clear();
        for (number, ban) in self.bans.values() {
            self.ends.insert(end_key(ban.end(seconds as f64), *number), ());
        }
    }

    pub fn len(&self) -> usize {
        self.bans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bans.is_empty()
    }

    /// All bans so far ("Total banned").
    pub fn total(&self) -> u64 {
        self.total
    }

    pub fn get(&self, id: &Address) -> Option<&Ban> {
        self.bans.get(id).map(|(_, ban)| ban)
    }

    /// Bans `ban.id`, or prolongs its running ban if the new one would end later.
    pub fn add(&mut self, mut ban: Ban, now: f64) -> Added {
        let default = self.ban_time as f64;
        let end = ban.end(default);
        if end < now {
            return Added::Expired;
        }
        if let Some((number, old)) = self.bans.get_mut(&ban.id) {
            let old_end = old.end(default);
            if end > old_end {
                let mut length = ban.bantime.unwrap_or(default);
                let later = ban.ticket.time - old.ticket.time;
                if length != PERMANENT && later > 0.0 {
                    length += later;
                }
                old.bantime = Some(length);
                self.ends.remove(&end_key(old_end, *number));
                self.ends.insert(end_key(old.end(default), *number), ());
            }
            return Added::Already { since: old.ticket.time };
        }
        ban.ticket.ban_count += 1;
        self.total += 1;
        self.next += 1;
        self.order.insert(self.next, ban.id.clone());
        self.ends.insert(end_key(end, self.next), ());
        self.bans.insert(ban.id.clone(), (self.next, ban));
        Added::New
    }

    /// Gives a running ban its own length.
    pub fn set_length(&mut self, id: &Address, seconds: f64) {
        let default = self.ban_time as f64;
        if let Some((number, ban)) = self.bans.get_mut(id) {
            self.ends.remove(&end_key(ban.end(default), *number));
            ban.bantime = Some(seconds);
            self.ends.insert(end_key(ban.end(default), *number), ());
        }
    }

    pub fn set_ban_count(&mut self, id: &Address, count: i64) {
        if let Some((_, ban)) = self.bans.get_mut(id) {
            ban.ticket.ban_count = count;
        }
    }

    /// When the next ban ends.
    pub fn next_end(&self) -> Option<f64> {
        self.ends.first_key_value().map(|((bits, _), ())| f64::from_bits(*bits)).filter(|&end| end < NEVER)
    }

    /// Takes the bans that are over, in the order of their bans, at most `limit` of them.
    pub fn take_over(&mut self, now: f64, limit: usize) -> Vec<Ban> {
        let mut numbers: Vec<u64> = self
            .ends
            .keys()
            .take_while(|(bits, _)| f64::from_bits(*bits) < now)
            .take(limit)
            .map(|(_, number)| *number)
            .collect();
        numbers.sort_unstable();
        let ids: Vec<Address> = numbers.iter().filter_map(|number| self.order.get(number).cloned()).collect();
        ids.iter().filter_map(|id| self.take(id)).collect()
    }

    /// Ends one ban.
    pub fn take(&mut self, id: &Address) -> Option<Ban> {
        let (number, ban) = self.bans.remove(id)?;
        self.order.remove(&number);
        self.ends.remove(&end_key(ban.end(self.ban_time as f64), number));
        Some(ban)
    }

    /// Ends all bans; they come in the order of their bans.
    pub fn take_all(&mut self) -> Vec<Ban> {
        let order = std::mem::take(&mut self.order);
        self.ends.clear();
        let mut bans = std::mem::take(&mut self.bans);
        order.values().filter_map(|id| bans.remove(id)).map(|(_, ban)| ban).collect()
    }

    /// All bans in the order in which they began.
    pub fn iter(&self) -> impl Iterator<Item = &Ban> {
        self.order.values().filter_map(|id| self.get(id))
    }

    /// All bans, the ones that end first first.
    pub fn by_end(&self) -> impl Iterator<Item = &Ban> {
        self.ends.keys().filter_map(|(_, number)| self.get(self.order.get(number)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ban(ip: &str, time: f64) -> Ban {
        Ban::new(Address::host(ip), Ticket::new(time, Vec::new(), crate::filter::Data::default()))
    }

    #[test]
    fn bans_end_in_time_and_prolong() {
        let mut bans = Bans::default();
        assert_eq!(bans.add(ban("192.0.2.1", 1000.0), 1000.0), Added::New);
        assert_eq!(bans.add(ban("192.0.2.1", 1100.0), 1100.0), Added::Already { since: 1000.0 });
        assert_eq!(bans.next_end(), Some(1700.0));
        assert_eq!(bans.add(ban("192.0.2.2", 100.0), 1000.0), Added::Expired);
        assert!(bans.take_over(1700.0, 10).is_empty());
        assert_eq!(bans.take_over(1700.5, 10).len(), 1);
        assert!(bans.is_empty());
        assert_eq!(bans.total(), 1);
    }

    #[test]
    fn changed_ban_time_moves_the_end_of_running_bans() {
        let mut bans = Bans::default();
        bans.add(ban("192.0.2.1", 1000.0), 1000.0);
        bans.add(ban("192.0.2.2", 1001.0), 1001.0);
        bans.set_length(&Address::host("192.0.2.1"), 5000.0);
        bans.set_ban_time(-1);
        assert_eq!(bans.next_end(), Some(6000.0));
        let order: Vec<String> = bans.by_end().map(|ban| ban.id.to_string()).collect();
        assert_eq!(order, ["192.0.2.1", "192.0.2.2"]);
        assert_eq!(bans.take_over(7000.0, 10).len(), 1);
        assert_eq!(bans.next_end(), None);
    }
}
