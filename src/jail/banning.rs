//! Failures are counted; those that reach maxretry lead to a ban.

use super::pending::{Origin, Pending};
use super::{Effect, Jail, Question};
use crate::address::Address;
use crate::bans::{Added, Ban};
use crate::failures::Found;
use crate::filter::Id;
use crate::level;

impl Jail {
    /// A failure that nothing ignores.
    pub(super) fn count(&mut self, pending: Pending, now: f64, out: &mut Vec<Effect>) {
        let Pending { id: Id::Known(id), time, mut data, matches, line, origin, .. } = pending else {
            return;
        };
        let (word, count) = match origin {
            Origin::Line => ("Found", 1),
            Origin::Attempt(count) => ("Attempt", count),
            Origin::Restored(ban) => {
                self.ban(*ban, now, out);
                return;
            }
        };
        out.push(Effect::Found { word, id: id.clone(), time });
        data.retain_values();
        let retry = self.failures.add(&id, time, count, Found { matches: &matches, line, data: &data });
        if self.failures.is_enough(retry) {
            self.ban_failing(&id, now, out);
        }
        if self.asks_history() {
            out.push(Effect::AskHistory(Question::Failure { id, time }));
        }
    }

    /// Whether earlier bans of a failing host are asked for.
    pub(super) fn asks_history(&self) -> bool {
        self.increment.enabled && self.remembers
    }

    pub(super) fn ban_failing(&mut self, id: &Address, now: f64, out: &mut Vec<Effect>) {
        if let Some(ticket) = self.failures.take_due(id) {
            self.ban(Ban::new(id.clone(), ticket), now, out);
        }
    }

    /// Bans, unless it is banned already or its ban would be over. Whether it is a new ban.
    pub fn ban(&mut self, ban: Ban, now: f64, out: &mut Vec<Effect>) -> bool {
        let (id, time, restored) = (ban.id.clone(), ban.ticket.time, ban.restored);
        let own_length = ban.bantime.is_some();
        match self.bans.add(ban, now) {
            Added::New => {
                out.push(Effect::Ban(id.clone()));
                if restored || !self.remembers {
                    return true;
                }
                let base = self.bans.ban_time();
                if self.increment.enabled && base > 0 && !own_length {
                    out.push(Effect::AskHistory(Question::Ban { id }));
                } else {
                    out.push(Effect::Store(id));
                }
                true
            }
            Added::Expired => {
                self.log(out, level::INFO, "fail2ban.actions", format!("Ignore {id}, expired bantime"));
                false
            }
            Added::Already { since } => {
                let later = time - since;
                let level = match later {
                    later if later < 3.0 => level::DEBUG,
                    later if later < 60.0 => level::NOTICE,
                    _ => level::WARNING,
                };
                self.log(out, level, "fail2ban.actions", format!("{id} already banned"));
                out.push(Effect::AlreadyBanned { id, check: later > 3.0 });
                false
            }
        }
    }
}
