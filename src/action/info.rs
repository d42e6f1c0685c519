//! The facts about one ban that actions may use, and the tags made of them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::host::{Host, level};
use crate::address::{Address, Family};
use crate::filter::{Data, MatchLine};
use crate::store::Merged;
use crate::value::{Value, float_repr};

/// The jail's numbers at the moment of the ban: `<jail.banned>` and its like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JailState {
    /// The jail's `bantime` in seconds, −1 permanent; used by tickets without their own.
    pub bantime: i64,
    pub found: u64,
    pub found_total: u64,
    pub banned: u64,
    pub banned_total: u64,
}

/// One ticket, as the actions see it.
#[derive(Clone, Debug, PartialEq)]
pub struct BanInfo {
    /// What is banned (`<fid>`, and the text in the log).
    pub id: Address,
    /// `<ip>`: the ticket's address where it differs from the id, else the id.
    pub ip: Address,
    /// Unix seconds of the last failure. Printed as a float for new tickets, as an integer for restored
    /// ones (trap 8).
    pub time: f64,
    /// The ticket's own ban time in seconds (−1 permanent), if it has one.
    pub bantime: Option<i64>,
    /// Number of bans including this one (`<bancount>`).
    pub bancount: i64,
    pub failures: i64,
    pub matches: Vec<MatchLine>,
    /// What the failregex captured, for `<F-…>`.
    pub data: Data,
    /// Whether the ban was read from the database (`norestored` actions skip it).
    pub restored: bool,
    pub jail: JailState,
}

impl BanInfo {
    /// The ticket that stands in while an action starts, stops or is flushed: about nothing.
    pub(super) fn empty(now: f64, jail: JailState) -> Self {
        let nothing = Address::Raw("".into());
        BanInfo {
            id: nothing.clone(),
            ip: nothing,
            time: now,
            bantime: None,
            bancount: 0,
            failures: 0,
            matches: Vec::new(),
            data: Data::default(),
            restored: false,
            jail,
        }
    }

    fn time_text(&self) -> String {
        if self.restored { format!("{}", self.time as i64) } else { float_repr(self.time) }
    }

    fn match_values(&self) -> Value {
        Value::List(self.matches.iter().map(MatchLine::value).collect())
    }

    /// The ticket's whole data as upstream keeps it: matches, failures, then the captures.
    fn all_data(&self) -> Value {
        let mut pairs = vec![
            (Value::str("matches"), self.match_values()),
            (Value::str("failures"), Value::Int(self.failures)),
        ];
        pairs.extend(self.data.iter().map(|(key, item)| (Value::str(key), item.value())));
        Value::Dict(pairs)
    }

    /// Text of `<F-…>`, by lower-case key.
    fn datum(&self, key: &str) -> Option<String> {
        match key {
            "matches" => Some(self.match_values().to_text()),
            "failures" => Some(self.failures.to_string()),
            key => self.data.get(key).map(|item| item.value().to_text()),
        }
    }

    /// Python's `repr` of the ticket (`<raw-ticket>`).
    fn raw(&self) -> String {
        let bantime = self.bantime.map_or("None".to_owned(), |seconds| seconds.to_string());
        format!(
            "BanTicket: ip={} time={} bantime={bantime} bancount={} #attempts={} matches={}",
            self.id,
            self.time_text(),
            self.bancount,
            self.failures,
            self.match_values()
        )
    }
}

/// The family that an operation is about, as upstream's started-states are keyed: `""` of actions that
/// make no difference, `None` of ids that are no address (trap 4).
pub(super) type FamilyKey = Option<Cow<'static, str>>;

pub(super) fn family_key(address: &Address) -> FamilyKey {
    address.family().map(|family: Family| Cow::Borrowed(family.as_str()))
}

/// The tags of one ticket in upstream's order; values come into being when first asked for.
pub(super) const TAGS: [&str; 22] = [
    "ip",
    "family",
    "ip-rev",
    "ip-host",
    "fid",
    "failures",
    "time",
    "bantime",
    "bancount",
    "matches",
    "restored",
    "F-*",
    "ipmatches",
    "ipjailmatches",
    "ipfailures",
    "ipjailfailures",
    "raw-ticket",
    "jail.name",
    "jail.banned",
    "jail.banned_total",
    "jail.found",
    "jail.found_total",
];

/// Lazily computed tags of one ticket, shared by all actions that handle it (upstream's `ActionInfo`).
pub(super) struct ActionInfo<'a> {
    pub ticket: &'a BanInfo,
    jail: &'a str,
    host: &'a dyn Host,
    family: FamilyKey,
    known: BTreeMap<&'static str, Value>,
    /// What a control command says about the ban: then these are the tags, and the ticket is about nothing.
    given: Option<Vec<(Value, Value)>>,
    /// Earlier bans, in this jail and in all of them; the inner `None`: the ticket itself stands in.
    merged: [Option<Option<Merged>>; 2],
}

impl<'a> ActionInfo<'a> {
    pub fn new(ticket: &'a BanInfo, jail: &'a str, host: &'a dyn Host) -> Self {
        let family = family_key(&ticket.ip);
        ActionInfo { ticket, jail, host, family, known: BTreeMap::new(), given: None, merged: [None, None] }
    }

    /// The tags of an operation on `family` that is about no ticket.
    pub fn of_operation(empty: &'a BanInfo, family: FamilyKey, jail: &'a str, host: &'a dyn Host) -> Self {
        ActionInfo { family, ..ActionInfo::new(empty, jail, host) }
    }

    /// The facts that a control command gives about a ban.
    pub fn of_call(
        empty: &'a BanInfo,
        given: Vec<(Value, Value)>,
        jail: &'a str,
        host: &'a dyn Host,
    ) -> Self {
        let family = match lookup(&given, "family") {
            Some(Value::None) => None,
            Some(family) => Some(family.to_text().into()),
            None => Some("".into()),
        };
        ActionInfo { family, given: Some(given), ..ActionInfo::new(empty, jail, host) }
    }

    /// Which family the ticket's commands are for.
    pub fn family(&mut self) -> FamilyKey {
        self.value("ip");
        self.value("family");
        self.family.clone()
    }

    /// The value of a tag, `None` when there is no such tag.
    pub fn value(&mut self, tag: &str) -> Option<Value> {
        if let Some(given) = &self.given {
            return lookup(given, tag).cloned();
        }
        let tag = TAGS.into_iter().find(|known| *known == tag)?;
        if let Some(value) = self.known.get(tag) {
            return Some(value.clone());
        }
        let value = self.compute(tag);
        self.known.insert(tag, value.clone());
        Some(value)
    }

    /// Text of a ticket's datum, by lower-case key.
    pub fn datum(&self, key: &str) -> Option<String> {
        match &self.given {
            None => self.ticket.datum(key),
            Some(given) => match lookup(given, "F-*") {
                Some(Value::Dict(data)) => lookup(data, key).map(Value::to_text),
                _ => None,
            },
        }
    }

    fn compute(&mut self, tag: &str) -> Value {
        let ticket = self.ticket;
        let count = |number: u64| Value::Int(number as i64);
        match tag {
            "ip" => Value::str(ticket.ip.to_string()),
            "family" => self.family.as_deref().map_or(Value::None, Value::str),
            "ip-rev" => Value::str(ticket.ip.reversed()),
            "ip-host" => self.host.host_of(&ticket.ip.to_string()).map_or(Value::None, Value::str),
            "fid" => Value::str(ticket.id.to_string()),
            "failures" => Value::Int(ticket.failures),
            "time" if ticket.restored => Value::Int(ticket.time as i64),
            "time" => Value::Float(ticket.time),
            "bantime" => Value::Int(ticket.bantime.unwrap_or(ticket.jail.bantime)),
            "bancount" => Value::Int(ticket.bancount),
            "matches" => Value::str(join_matches(&ticket.matches)),
            "restored" => Value::Int(i64::from(ticket.restored)),
            "F-*" => ticket.all_data(),
            "ipmatches" => {
                Value::str(self.merged(true).map_or_else(|| join_matches(&ticket.matches), joined))
            }
            "ipjailmatches" => {
                Value::str(self.merged(false).map_or_else(|| join_matches(&ticket.matches), joined))
            }
            "ipfailures" => Value::Int(self.merged(true).map_or(ticket.failures, |bans| bans.failures)),
            "ipjailfailures" => Value::Int(self.merged(false).map_or(ticket.failures, |bans| bans.failures)),
            "raw-ticket" => Value::str(ticket.raw()),
            "jail.name" => Value::str(self.jail),
            "jail.banned" => count(ticket.jail.banned),
            "jail.banned_total" => count(ticket.jail.banned_total),
            "jail.found" => count(ticket.jail.found),
            _ => count(ticket.jail.found_total),
        }
    }

    /// Earlier bans of the address, asked for once; `None` when there are none to be had.
    fn merged(&mut self, all_jails: bool) -> Option<&Merged> {
        let ip = &self.ticket.ip;
        let (host, jail) = (self.host, self.jail);
        let slot = &mut self.merged[usize::from(all_jails)];
        slot.get_or_insert_with(|| {
            let only = if all_jails { None } else { Some(jail) };
            host.merged_bans(&ip.to_string(), only).unwrap_or_else(|error| {
                let which = if all_jails { "all" } else { "jail" };
                let text = format!("Failed to get {which} bans merged, jail '{jail}': {error}");
                host.log(level::ERROR, super::ACTIONS, &text);
                None
            })
        })
        .as_ref()
    }

    /// Python's `repr` as the log has it: the values computed so far, and two functions (upstream shows
    /// their addresses).
    pub fn repr(&self) -> String {
        let items = TAGS.into_iter().filter_map(|tag| match self.known.get(tag) {
            Some(value) => Some(format!("'{tag}': {value}")),
            None if matches!(tag, "fid" | "raw-ticket") => {
                Some(format!("'{tag}': <function Actions.ActionInfo.<lambda> at 0x7f0000000000>"))
            }
            None => None,
        });
        format!("ActionInfo({{{}}})", items.collect::<Vec<_>>().join(", "))
    }
}

fn lookup<'v>(pairs: &'v [(Value, Value)], key: &str) -> Option<&'v Value> {
    pairs.iter().find(|(name, _)| matches!(name, Value::Str(name) if name == key)).map(|(_, value)| value)
}

fn join_matches(matches: &[MatchLine]) -> String {
    let lines: Vec<&str> = matches.iter().map(|line| &*line.text).collect();
    lines.join("\n")
}

fn joined(bans: &Merged) -> String {
    bans.matches.join("\n")
}
