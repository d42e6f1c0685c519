//! Hosts that were banned before: their failures weigh more, their bans last longer (COMPAT §7).

use super::{Effect, Jail, Question};
use crate::address::Address;
use crate::bans::PERMANENT;
use crate::bans::formula::{BanTimeIncrement, Number};
use crate::clock::local_text;
use crate::config::duration::seconds2str;
use crate::level;
use crate::store::History;
use crate::value::Value;

/// The `bantime.*` options as they were set.
#[derive(Debug, Default)]
pub struct Increment {
    pub enabled: bool,
    pub overall_jails: bool,
    pub formula: BanTimeIncrement,
    /// Values as `get JAIL bantime.OPTION` shows them.
    pub shown: Vec<(String, Value)>,
}

impl Jail {
    /// The database's answer about earlier bans: how many, when the last one was, and how long.
    pub fn history(
        &mut self,
        question: Question,
        history: Option<History>,
        now: f64,
        random: &mut dyn FnMut() -> f64,
        out: &mut Vec<Effect>,
    ) {
        match question {
            Question::Failure { id, time } => self.weigh(&id, time, history, now, out),
            Question::Ban { id } => self.lengthen(&id, history, random, now, out),
        }
    }

    /// A failure of a known bad host counts more, the more often it was banned.
    fn weigh(&mut self, id: &Address, time: f64, history: Option<History>, now: f64, out: &mut Vec<Effect>) {
        let Some(history) = history else { return };
        let known = self.failures.ban_count(id);
        let count = history.count.max(known);
        let max_retry = self.failures.max_retry as f64;
        let retry = ((1_i64 << count.clamp(0, 20)) as f64 / 2.0 + 1.0).min(max_retry);
        if time <= history.time || retry <= 1.0 {
            return;
        }
        let ban = if retry >= max_retry { ", Ban" } else { "" };
        let retry_text = match retry == max_retry {
            // Python's min() gives the integer back when both are equal only if it comes first.
            true if (1_i64 << count.clamp(0, 20)) as f64 / 2.0 + 1.0 > max_retry => format!("{max_retry}"),
            _ => crate::value::float_repr(retry),
        };
        let text = format!("Found {id}, bad - {}, {count} # -> {retry_text}{ban}", local_text(time));
        self.log(out, level::INFO, "fail2ban.observer", text);
        if let Some(weight) = self.failures.add_weight(id, retry - 1.0, count) {
            if weight >= max_retry {
                self.ban_failing(id, now, out);
            }
        }
    }

    /// A new ban of a known bad host becomes longer.
    fn lengthen(
        &mut self,
        id: &Address,
        history: Option<History>,
        random: &mut dyn FnMut() -> f64,
        now: f64,
        out: &mut Vec<Effect>,
    ) {
        let Some(ban) = self.bans.get(id) else { return };
        let begin = ban.ticket.time;
        let old = self.bans.ban_time() as f64;
        let mut length = old;
        let mut restored = false;
        if let Some(history) = history {
            if history.count >= ban.ticket.ban_count {
                self.bans.set_ban_count(id, history.count + 1);
            }
            if history.count > 0 {
                let base = Number::Int(self.bans.ban_time().into());
                match self.increment.formula.next(base, history.count, random) {
                    Ok(next) => length = next.as_f64(),
                    Err(error) => {
                        out.push(Effect::Log {
                            level: level::ERROR,
                            logger: "fail2ban.observer",
                            text: error.to_string(),
                        });
                    }
                }
            }
            self.bans.set_length(id, length);
            if begin > history.time {
                let text = format!(
                    "IP {id} is bad: {} # last {} - incr {} to {}",
                    history.count,
                    local_text(history.time),
                    seconds2str(old),
                    seconds2str(length)
                );
                self.log(out, level::INFO, "fail2ban.observer", text);
            } else {
                restored = true;
            }
        }
        if length != PERMANENT && begin + length < now {
            return;
        }
        self.announce_length(id, begin, old, length, out);
        if !restored {
            out.push(Effect::Store(id.clone()));
        }
    }

    fn announce_length(&mut self, id: &Address, begin: f64, old: f64, length: f64, out: &mut Vec<Effect>) {
        if length == old {
            return;
        }
        let count = self.bans.get(id).map_or(0, |ban| ban.ticket.ban_count);
        let (duration, end) = match length == PERMANENT {
            true => ("permanent".to_owned(), "infinite".to_owned()),
            false => (seconds2str(length), local_text(begin + length)),
        };
        let text = format!("Increase Ban {id} ({count} # {duration} -> {end})");
        self.log(out, level::NOTICE, "fail2ban.observer", text);
        let delay = (length - old - 5.0).clamp(0.0, 10.0);
        out.push(Effect::Prolong { id: id.clone(), delay });
    }

    /// The longest ban that a restart may bring back, seconds: −1 for no limit.
    pub fn max_ban_time(&self) -> f64 {
        match self.increment.enabled {
            true => self.increment.formula.maxtime().map_or(PERMANENT, Number::as_f64),
            false => self.bans.ban_time() as f64,
        }
    }
}
