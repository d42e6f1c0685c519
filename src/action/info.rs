//! The facts about one ban that actions may use.

use crate::value::Value;

/// Address family of a banned address; `None` of an id that is no address (trap 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    Inet4,
    Inet6,
    None,
}

impl Family {
    /// Upstream's name of the family, as in `?family=inet6` and `<family>`.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Family::Inet4 => Some("inet4"),
            Family::Inet6 => Some("inet6"),
            Family::None => None,
        }
    }
}

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
    pub id: String,
    /// `<ip>`: the ticket's address where it differs from the id, else the id.
    pub ip: String,
    /// Family of `ip`.
    pub family: Family,
    /// Unix seconds of the last failure. Printed as a float for new tickets, as an integer for restored
    /// ones (trap 8).
    pub time: f64,
    /// The ticket's own ban time in seconds (−1 permanent), if it has one.
    pub bantime: Option<i64>,
    /// Number of bans including this one (`<bancount>`).
    pub bancount: i64,
    pub failures: i64,
    /// Log lines: each a string, or a list of three strings (before, date, after).
    pub matches: Vec<Value>,
    /// The ticket's other data in their order, lower-case keys, for `<F-…>`.
    pub data: Vec<(String, Value)>,
    /// Whether the ban was read from the database (`norestored` actions skip it).
    pub restored: bool,
    pub jail: JailState,
}
