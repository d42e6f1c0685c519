//! Failures counted within findtime, per identifier: when does an attacker reach maxretry? (COMPAT §7)

use std::collections::{BTreeMap, HashMap};

use crate::address::{Address, AddressMap};
use crate::filter::{Data, MatchLine};

/// What is known of one identifier: its failures, the newest matching lines, and the groups of the
/// first match.
#[derive(Clone, Debug, Default)]
pub struct Ticket {
    /// Time of the last failure, Unix seconds.
    pub time: f64,
    /// Start of the interval over which `retry` was counted.
    first_time: f64,
    /// Weighted count of failures; fractions come from hosts that were banned before.
    pub retry: f64,
    /// Plain count of failures (`<failures>`).
    pub failures: i64,
    /// The newest matching lines, at most maxmatches.
    pub matches: Vec<MatchLine>,
    /// The groups that the failregex captured, without `matches`.
    pub data: Data,
    /// How often the identifier was banned before, if known.
    pub ban_count: i64,
}

impl Ticket {
    /// A ticket for a failure at `time` with the lines and groups of its match.
    pub fn new(time: f64, matches: Vec<MatchLine>, data: Data) -> Self {
        Ticket { time, first_time: time, retry: 1.0, failures: 0, matches, data, ban_count: 0 }
    }

    /// Moves the interval to end at `time`. A longer interval than findtime is cut, and the count with
    /// it, in proportion (trap 19: rounded half to even).
    fn adjust(&mut self, time: f64, findtime: f64) {
        if time <= self.time {
            return;
        }
        if self.first_time < time - findtime {
            self.retry = (self.retry / (time - self.first_time) * findtime).round_ties_even();
            self.first_time = time - findtime;
        }
        self.time = time;
    }
}

/// The failing identifiers of one jail.
#[derive(Debug)]
pub struct Failures {
    /// Failures that lead to a ban.
    pub max_retry: i64,
    /// Seconds over which failures count.
    pub find_time: f64,
    /// Lines kept per ticket; 0 keeps none.
    pub max_matches: usize,
    total: u64,
    tickets: AddressMap<Ticket>,
    /// Identifiers by the second at which they may become obsolete; an entry whose ticket was renewed
    /// moves on when its second comes, so that renewing costs nothing.
    due: BTreeMap<i64, Vec<Address>>,
}

impl Default for Failures {
    fn default() -> Self {
        Failures {
            max_retry: 3,
            find_time: 600.0,
            max_matches: 5,
            total: 0,
            tickets: HashMap::default(),
            due: BTreeMap::new(),
        }
    }
}

impl Failures {
    /// Identifiers with failures now ("Currently failed").
    pub fn len(&self) -> usize {
        self.tickets.len()
    }

    pub fn is_empty(&self) -> bool {
        self.tickets.is_empty()
    }

    /// All failures so far ("Total failed").
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Counts a failure that a line caused and returns the identifier's weighted count.
    ///
    /// `line` makes the lines and groups of the match, and is asked for the groups only if the
    /// identifier is new: a host that goes on failing keeps the groups of its first failure.
    pub fn add(&mut self, id: &Address, time: f64, count: i64, found: impl FnOnce(bool) -> Found) -> f64 {
        self.total += 1;
        match self.tickets.get_mut(id) {
            Some(ticket) => {
                let found = found(false);
                ticket.adjust(time, self.find_time);
                ticket.retry += count as f64;
                ticket.failures += found.failures.max(1);
                keep_newest(&mut ticket.matches, found.matches, self.max_matches);
                ticket.retry
            }
            None => {
                let found = found(true);
                let mut ticket = Ticket::new(time, found.matches, found.data);
                ticket.failures = found.failures;
                if count > found.failures {
                    ticket.retry = count as f64;
                    ticket.failures = found.failures.max(1);
                }
                self.due.entry(second(time)).or_default().push(id.clone());
                self.tickets.entry(id.clone()).or_insert(ticket).retry
            }
        }
    }

    /// Adds extra weight for an identifier that was banned before; returns the new count, or `None`
    /// when it is no longer counted here.
    pub fn add_weight(&mut self, id: &Address, extra: f64, ban_count: i64) -> Option<f64> {
        let ticket = self.tickets.get_mut(id)?;
        ticket.retry += extra;
        ticket.failures += 1;
        ticket.ban_count = ban_count;
        self.total += 1;
        Some(ticket.retry)
    }

    /// Takes the identifier's ticket if it has reached maxretry.
    pub fn take_due(&mut self, id: &Address) -> Option<Ticket> {
        if self.tickets.get(id)?.retry < self.max_retry as f64 {
            return None;
        }
        self.tickets.remove(id)
    }

    pub fn get(&self, id: &Address) -> Option<&Ticket> {
        self.tickets.get(id)
    }

    /// Drops the identifiers whose last failure is findtime or more ago.
    pub fn cleanup(&mut self, now: f64) {
        let limit = now - self.find_time;
        while let Some(entry) = self.due.first_entry() {
            if *entry.key() as f64 > limit {
                break;
            }
            for id in entry.remove() {
                match self.tickets.get(&id) {
                    Some(ticket) if ticket.time > limit => {
                        let next = second(ticket.time).max(second(limit) + 1);
                        self.due.entry(next).or_default().push(id);
                    }
                    Some(_) => drop(self.tickets.remove(&id)),
                    None => {}
                }
            }
        }
        if self.tickets.is_empty() {
            self.tickets.shrink_to_fit();
        }
    }

    /// When the next identifier may become obsolete, Unix seconds.
    pub fn next_cleanup(&self) -> Option<f64> {
        self.due.first_key_value().map(|(second, _)| *second as f64 + self.find_time)
    }
}

/// What a match contributes to a ticket.
#[derive(Debug, Default)]
pub struct Found {
    pub matches: Vec<MatchLine>,
    pub data: Data,
    /// The `failures` group of the filter, 0 if it has none.
    pub failures: i64,
}

fn second(time: f64) -> i64 {
    time.floor() as i64
}

fn keep_newest(kept: &mut Vec<MatchLine>, new: Vec<MatchLine>, limit: usize) {
    if limit == 0 {
        kept.clear();
        return;
    }
    kept.extend(new.into_iter().map(|line| MatchLine::joined(line.text)));
    let surplus = kept.len().saturating_sub(limit);
    if surplus > 0 {
        kept.drain(..surplus);
        kept.iter_mut().for_each(|line| line.date = None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(failures: &mut Failures, time: f64) -> f64 {
        let id = Address::host("192.0.2.1");
        failures.add(&id, time, 1, |_| Found {
            matches: vec![MatchLine::joined(format!("{time}"))],
            ..Found::default()
        })
    }

    #[test]
    fn a_long_interval_estimates_the_rate() {
        let mut failures = Failures::default();
        let times = [0.0, 300.0, 590.0, 700.0, 900.0, 1500.0];
        let counts: Vec<f64> = times.iter().map(|t| fail(&mut failures, 1e9 + t)).collect();
        assert_eq!(counts, [1.0, 2.0, 3.0, 4.0, 4.0, 3.0]);
        assert_eq!(failures.total(), 6);
    }

    #[test]
    fn the_newest_lines_are_kept() {
        let mut failures = Failures { max_matches: 2, max_retry: 4, ..Failures::default() };
        for t in 1..=4 {
            fail(&mut failures, t as f64);
        }
        let ticket = failures.take_due(&Address::host("192.0.2.1")).unwrap();
        assert_eq!(ticket.matches, [MatchLine::joined("3"), MatchLine::joined("4")]);
        assert!(failures.is_empty());
    }

    #[test]
    fn obsolete_tickets_go_and_renewed_ones_stay() {
        let mut failures = Failures::default();
        fail(&mut failures, 1000.0);
        fail(&mut failures, 1400.0);
        failures.cleanup(1601.0);
        assert_eq!(failures.len(), 1);
        failures.cleanup(1999.0);
        assert_eq!(failures.len(), 1);
        failures.cleanup(2000.0);
        assert_eq!(failures.len(), 0);
    }
}
