//! Failures counted within findtime, per identifier: when does an attacker reach maxretry? (COMPAT §7)
//!
//! A flood can have a million failing hosts, so a ticket takes little room until it leads to a ban.
//!
//! - `table` – tickets by identifier, and by the time when they become obsolete
//! - `lines` – the lines of tickets, kept small
//! - `groups` – the groups of their first match, kept small

mod groups;
mod lines;
mod table;

use crate::address::Address;
use crate::filter::{Data, MatchLine, Matches, trimmed};
use crate::word::float;
use lines::{Models, read_number, write_number};
use table::Table;

/// What is known of one identifier: its failures, the newest matching lines, and the groups of the
/// first match.
#[derive(Clone, Debug, Default)]
pub struct Ticket {
    /// Time of the last failure, Unix seconds.
    pub time: f64,
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
        Ticket { time, failures: 0, matches, data, ban_count: 0 }
    }
}

/// A ticket that has not led to a ban.
#[derive(Debug)]
struct Count {
    /// Time of the last failure, Unix seconds.
    time: f64,
    /// Start of the interval over which `retry` was counted.
    first_time: f64,
    /// Weighted count of failures; fractions come from hosts that were banned before.
    retry: f64,
    failures: u32,
    ban_count: u32,
    /// The groups, with their length before them, and the lines.
    kept: Vec<u8>,
    /// How many lines these are, and how many of them, the first ones, know where their date stands.
    lines: u32,
    dated: u32,
}

impl Count {
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

    /// Where the groups and the lines are in what is kept.
    fn parts(&self) -> (&[u8], &[u8]) {
        let mut rest = &self.kept[..];
        let length = read_number(&mut rest) as usize;
        rest.split_at(length)
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
    tickets: Table<Count>,
    models: Models,
    /// Memory in which a new ticket is put together.
    scratch: Vec<u8>,
}

impl Default for Failures {
    fn default() -> Self {
        Failures {
            max_retry: 3,
            find_time: 600.0,
            max_matches: 5,
            total: 0,
            tickets: Table::default(),
            models: Models::default(),
            scratch: Vec::new(),
        }
    }
}

/// What a match contributes to a ticket.
#[derive(Clone, Copy, Debug)]
pub struct Found<'l> {
    pub matches: &'l Matches,
    /// The line just searched, to which `matches` may refer.
    pub line: &'l str,
    /// The groups; only those of an identifier's first failure matter.
    pub data: &'l Data,
}

impl Failures {
    /// Identifiers with failures now ("Currently failed").
    pub fn len(&self) -> usize {
        self.tickets.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All failures so far ("Total failed").
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Counts a failure that a line caused and returns the identifier's weighted count. A host that goes
    /// on failing keeps the groups of its first failure.
    #[inline]
    pub fn add(&mut self, id: &Address, time: f64, count: i64, found: Found) -> f64 {
        self.total += 1;
        let Some(slot) = self.tickets.find(id) else { return self.add_new(id, time, count, found) };
        let Some(ticket) = self.tickets.get_mut(slot) else { return 0.0 };
        ticket.adjust(time, self.find_time);
        ticket.retry += float(count);
        ticket.failures = ticket.failures.saturating_add(1);
        keep_newest(&mut self.models, ticket, found, self.max_matches);
        ticket.retry
    }

    fn add_new(&mut self, id: &Address, time: f64, count: i64, found: Found) -> f64 {
        let mut groups = Vec::new();
        groups::write(&mut groups, found.data, &id.to_string());
        let mut kept = std::mem::take(&mut self.scratch);
        kept.clear();
        write_number(&mut kept, groups.len() as u64);
        kept.extend_from_slice(&groups);
        let models = &mut self.models;
        // a million hosts may fail just once
        let lines = each_line(found, |text, date| models.push(&mut kept, text, date, true));
        // not a byte more than it takes
        let exactly = kept.as_slice().to_vec();
        self.scratch = kept;
        let failures = if count > 0 { 1 } else { 0 };
        let retry = count.max(1) as f64;
        let ticket = Count {
            time,
            first_time: time,
            retry,
            failures,
            ban_count: 0,
            kept: exactly,
            lines,
            dated: lines,
        };
        self.tickets.insert(id.clone(), ticket, time);
        retry
    }

    /// Whether that many failures lead to a ban.
    #[inline]
    pub fn is_enough(&self, retry: f64) -> bool {
        retry >= float(self.max_retry)
    }

    /// Adds extra weight for an identifier that was banned before; returns the new count, or `None`
    /// when it is no longer counted here.
    pub fn add_weight(&mut self, id: &Address, extra: f64, ban_count: i64) -> Option<f64> {
        let ticket = self.tickets.get_mut(self.tickets.find(id)?)?;
        ticket.retry += extra;
        ticket.failures = ticket.failures.saturating_add(1);
        ticket.ban_count = u32::try_from(ban_count.max(0)).unwrap_or(u32::MAX);
        self.total += 1;
        Some(ticket.retry)
    }

    /// Takes the identifier's ticket if it has reached maxretry.
    pub fn take_due(&mut self, id: &Address) -> Option<Ticket> {
        let slot = self.tickets.find(id)?;
        if !self.is_enough(self.tickets.get(slot)?.retry) {
            return None;
        }
        let (id, count) = self.tickets.remove(slot)?;
        let (groups, lines) = count.parts();
        let ticket = Ticket {
            time: count.time,
            failures: count.failures.into(),
            matches: self.models.lines(lines),
            data: groups::read(groups, &id.to_string()),
            ban_count: count.ban_count.into(),
        };
        self.models.forget(lines);
        Some(ticket)
    }

    /// Whether the identifier has failures now.
    pub fn has(&self, id: &Address) -> bool {
        self.tickets.find(id).is_some()
    }

    /// How often a failing identifier was banned before, as far as is known.
    pub fn ban_count(&self, id: &Address) -> i64 {
        self.tickets
            .find(id)
            .and_then(|slot| self.tickets.get(slot))
            .map_or(0, |ticket| ticket.ban_count.into())
    }

    /// Drops the identifiers whose last failure is findtime or more ago.
    pub fn cleanup(&mut self, now: f64) {
        let limit = now - self.find_time;
        while let Some((slot, second)) = self.tickets.first() {
            if second > limit {
                break;
            }
            match self.tickets.get(slot) {
                // renewing a ticket costs nothing: it moves on when its second comes
                Some(ticket) if ticket.time > limit => {
                    let next = ticket.time.floor().max(limit.floor() + 1.0);
                    self.tickets.refile(slot, next);
                }
                _ => match self.tickets.remove(slot) {
                    Some((_, ticket)) => self.models.forget(ticket.parts().1),
                    None => break,
                },
            }
        }
    }

    /// When the next identifier may become obsolete, Unix seconds.
    pub fn next_cleanup(&self) -> Option<f64> {
        self.tickets.first().map(|(_, second)| second + self.find_time)
    }
}

/// Hands over the lines of a match; returns how many they are.
#[inline]
fn each_line(found: Found, mut take: impl FnMut(&str, Option<(u32, u32)>)) -> u32 {
    match found.matches {
        Matches::This { date } => {
            take(trimmed(found.line), Some(*date));
            1
        }
        Matches::Lines(lines) => {
            lines.iter().for_each(|line| take(&line.text, line.date));
            lines.len() as u32
        }
    }
}

/// Lines of a ticket for which room is made before they come, at most.
const MOST_RESERVED: usize = 4;

/// Adds lines to a ticket's and drops the oldest beyond `limit`.
#[inline]
fn keep_newest(models: &mut Models, ticket: &mut Count, found: Found, limit: usize) {
    let start = ticket.kept.len() - ticket.parts().1.len();
    if limit == 0 {
        models.forget(&ticket.kept[start..]);
        ticket.kept.truncate(start);
        (ticket.lines, ticket.dated) = (0, 0);
        return;
    }
    if ticket.lines == ticket.dated {
        // it goes on failing: room for all the lines at once
        ticket.kept.reserve_exact(limit.min(MOST_RESERVED) * ticket.kept.len());
    }
    ticket.lines += each_line(found, |text, _| models.push(&mut ticket.kept, text, None, false));
    let surplus = (ticket.lines as usize).saturating_sub(limit);
    if surplus == 0 {
        return;
    }
    let mut end = start;
    for _ in 0..surplus {
        end += models.forget_first(&ticket.kept[end..]);
    }
    ticket.kept.drain(start..end);
    ticket.lines -= surplus as u32;
    if std::mem::take(&mut ticket.dated) as usize > surplus {
        let lines = models.lines(&ticket.kept[start..]);
        models.forget(&ticket.kept[start..]);
        ticket.kept.truncate(start);
        lines.iter().for_each(|line| models.push(&mut ticket.kept, &line.text, None, false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(failures: &mut Failures, time: f64) -> f64 {
        let id = Address::host("192.0.2.1");
        let matches = Matches::Lines(vec![MatchLine::joined(format!("{time}"))]);
        failures.add(&id, time, 1, Found { matches: &matches, line: "", data: &Data::default() })
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
