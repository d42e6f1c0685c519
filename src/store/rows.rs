//! What goes into the database and comes out of it.

use std::fmt;

use crate::value::{Exception, Value};

/// One ban, as the tables `bans` and `bips` hold it.
#[derive(Clone, Debug, PartialEq)]
pub struct BanRow {
    /// The banned id: an address, a network or any text (trap 4).
    pub ip: String,
    /// When the ban began, Unix seconds. Stored rounded half-to-even to whole seconds.
    pub time: f64,
    /// Length in seconds; -1 is permanent.
    pub bantime: f64,
    /// The ticket's ban count.
    pub bancount: i64,
    /// The ticket's data, a [`Value::Dict`]: `matches` (strings, or lists of three parts), `failures`, `user`, …
    pub data: Value,
}

impl BanRow {
    /// The matched lines; a line in three parts is joined.
    pub fn matches(&self) -> Vec<String> {
        matches_of(&self.data)
    }
}

/// The value of a key of a ticket's data.
pub(super) fn get<'a>(data: &'a Value, key: &str) -> Option<&'a Value> {
    let Value::Dict(pairs) = data else { return None };
    pairs.iter().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value)
}

/// Ticket data with a key set to a value, or without it.
pub(super) fn with(data: Value, key: &str, value: Option<Value>) -> Value {
    let Value::Dict(mut pairs) = data else { return data };
    let place = pairs.iter().position(|(name, _)| name.as_str() == Some(key));
    match (place, value) {
        (Some(i), Some(value)) => pairs[i].1 = value,
        (Some(i), None) => drop(pairs.remove(i)),
        (None, Some(value)) => pairs.push((Value::str(key), value)),
        (None, None) => {}
    }
    Value::Dict(pairs)
}

/// The matches in a ticket's data as they are: texts, or lines in three parts (before, date, after).
pub(super) fn raw_matches(data: &Value) -> &[Value] {
    get(data, "matches").and_then(Value::items).unwrap_or(&[])
}

/// The matched lines in a ticket's data; a line in three parts is joined (trap 28).
pub(super) fn matches_of(data: &Value) -> Vec<String> {
    let line = |line: &Value| match line.items() {
        Some(parts) => parts.iter().map(Value::to_text).collect(),
        None => line.to_text(),
    };
    raw_matches(data).iter().map(line).collect()
}

/// Ticket data with no more than the newest `limit` matches; with none, the key is left out.
pub(super) fn limit_matches(data: Value, limit: usize) -> Value {
    let matches = raw_matches(&data);
    if limit > 0 && matches.len() <= limit {
        return data;
    }
    let newest = (limit > 0).then(|| Value::List(matches[matches.len() - limit..].to_vec()));
    with(data, "matches", newest)
}

/// What `bips` knows about an id: how often and when it was banned before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct History {
    /// Number of bans; of all jails together when asked for all.
    pub count: i64,
    /// Begin of the last ban, Unix seconds.
    pub time: f64,
    /// Length of the last ban in seconds (of all jails: the sum).
    pub bantime: f64,
}

/// All stored bans of one id as one, for the tags `<ipmatches>`, `<ipfailures>` and so on (COMPAT §8.2).
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// Begin of the oldest ban, Unix seconds.
    pub time: f64,
    /// Sum of the failures.
    pub failures: i64,
    /// The newest `dbmaxmatches` lines, oldest first.
    pub matches: Vec<String>,
    /// The merged data of the bans.
    pub data: Value,
}

/// Which bans a starting jail wants back.
#[derive(Clone, Debug)]
pub struct RestoreQuery {
    pub jail: String,
    /// Now, Unix seconds: bans that ended before are left out.
    pub now: f64,
    /// Only bans that began less than so many seconds ago: the jail's ban time without `bantime.increment`, else
    /// `None`. -1 (permanent) is like `None`.
    pub younger_than: Option<f64>,
    /// No ban is restored as longer than this: the jail's ban time, or `bantime.maxtime` with increment; ≤ 0 and
    /// `None`: as stored.
    pub max_bantime: Option<f64>,
    /// The jail's ban time, for rows from old versions that do not know theirs.
    pub bantime: f64,
    /// The jail's `maxmatches`: so many newest lines are kept.
    pub max_matches: usize,
}

/// An answer to the engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The bans of a jail that are still running, ordered by id. Length is already reduced to the maximum; begin is
    /// the stored one. Ignore lists are for the receiver to check (trap 27).
    Restored { jail: String, bans: Vec<BanRow> },
    /// Earlier bans of one id, if any; `token` is the one given with the question.
    History { token: u64, history: Option<History> },
}

/// Why a database cannot be used. Display is the sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// SQLite's words, e.g. `unable to open database file`.
    Sqlite(String),
    /// The file was written by a newer version.
    Future,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Sqlite(text) => f.write_str(text),
            Error::Future => {
                f.write_str("Attempt to travel to future version of database ...how did you get here??")
            }
        }
    }
}

impl std::error::Error for Error {}

impl From<&Error> for Exception {
    /// The exception that upstream's control protocol replies.
    fn from(error: &Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Sqlite(_) => {
                Exception { module: "sqlite3", class: "OperationalError", args: vec![Value::str(text)] }
            }
            Error::Future => Exception::builtin("NotImplementedError", text),
        }
    }
}
