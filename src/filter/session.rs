//! Sessions: several lines of one connection, tied together by `<F-MLFID>` (COMPAT §5, trap 21).

use std::collections::HashMap;

use super::{Data, Item, MatchLine};
use crate::address::Address;

/// Sessions remembered at most, and for how long (seconds).
const MAX_SESSIONS: usize = 100;
const MAX_AGE: f64 = 300.0;

/// What the lines of a session have told so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    pub data: Data,
    /// Lines of the failures; `None` once they have been handed over.
    pub matches: Option<Vec<MatchLine>>,
    /// Lines that are no failures, kept for the failure that may follow.
    nofail_matches: Vec<MatchLine>,
    /// A failure waits for the session's address.
    pub pending: bool,
}

/// The sessions of one filter by their id.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_id: HashMap<Box<str>, (Session, f64)>,
}

impl Sessions {
    fn get(&mut self, id: &str, now: f64) -> Option<&mut Session> {
        match self.by_id.get(id) {
            Some((_, expires)) if *expires > now => self.by_id.get_mut(id).map(|(session, _)| session),
            Some(_) => {
                self.by_id.remove(id);
                None
            }
            None => None,
        }
    }

    fn insert(&mut self, id: &str, session: Session, now: f64) {
        if self.by_id.len() >= MAX_SESSIONS {
            self.by_id.retain(|_, (_, expires)| *expires > now);
        }
        if self.by_id.len() >= MAX_SESSIONS {
            let oldest = self.by_id.iter().min_by(|a, b| a.1.1.total_cmp(&b.1.1)).map(|(id, _)| id.clone());
            oldest.and_then(|id| self.by_id.remove(&id));
        }
        self.by_id.insert(id.into(), (session, now + MAX_AGE));
    }

    pub(super) fn set_pending(&mut self, id: &str) {
        if let Some((session, _)) = self.by_id.get_mut(id) {
            session.pending = true;
        }
    }

    /// The address beside a failure-id stays with the session.
    pub(super) fn set_ip(&mut self, id: &str, address: Address) {
        if let Some((session, _)) = self.by_id.get_mut(id) {
            session.data.set("ip", Item::Address(address));
        }
    }

    /// Merges a match into its session and returns what the session is now.
    ///
    /// `lines` are the matched lines of this match.
    pub(super) fn merge(&mut self, id: &str, fail: Data, lines: Vec<MatchLine>, now: f64) -> Session {
        let mut fail = fail;
        let mut marks = Marks::of(&mut fail);
        let user = fail.get("user").filter(|user| user.is_set()).cloned();
        let (mut session, known) = match self.get(id, now) {
            Some(known) => (std::mem::take(known), true),
            None => (Session::default(), false),
        };
        let mut several_users = false;
        if known {
            several_users = add_user(&mut session.data, user);
            let was_nofail = session.data.take("nofail").is_some_and(|item| item.is_set());
            let was_gained = session.data.take("mlfgained").is_some_and(|item| item.is_set());
            if marks.gained {
                session.pending = false;
            }
            if !was_nofail && !was_gained && !session.pending {
                session.matches = None;
            }
            session.data.update(&fail);
        } else {
            session.data = fail;
            if !marks.forget {
                several_users = add_user(&mut session.data, user);
            }
        }
        if std::mem::take(&mut session.pending) || several_users {
            session.data.take("nofail");
            session.data.take("mlfgained");
            marks.nofail = false;
            marks.gained = false;
        }
        session.keep_lines(lines, marks);
        self.put_back(id, &session, known, marks.forget, now);
        session
    }

    fn put_back(&mut self, id: &str, session: &Session, known: bool, forget: bool, now: f64) {
        match (known, forget) {
            (true, true) => drop(self.by_id.remove(id)),
            (true, false) => {
                if let Some((kept, _)) = self.by_id.get_mut(id) {
                    *kept = session.clone();
                }
            }
            (false, false) => self.insert(id, session.clone(), now),
            (false, true) => {}
        }
    }
}

/// What the match says about its session.
#[derive(Clone, Copy)]
struct Marks {
    nofail: bool,
    gained: bool,
    forget: bool,
}

impl Marks {
    fn of(fail: &mut Data) -> Marks {
        let gained = fail.is_set("mlfgained");
        if gained && !fail.is_set("nofail") {
            let gain = fail.get("mlfgained").cloned().unwrap_or(Item::Flag);
            fail.set("nofail", gain);
        }
        let nofail = gained || fail.is_set("nofail");
        let forget = fail.take("mlfforget").is_some_and(|item| item.is_set());
        Marks { nofail, gained, forget }
    }
}

impl Session {
    fn keep_lines(&mut self, lines: Vec<MatchLine>, marks: Marks) {
        if !marks.nofail {
            let mut all = std::mem::take(&mut self.nofail_matches);
            all.extend(self.matches.take().unwrap_or_default());
            if !marks.gained {
                all.extend(lines);
            }
            self.matches = Some(all);
        } else if !marks.forget {
            self.nofail_matches.extend(lines);
        }
    }
}

/// Adds a user name to the session's set; whether there are several now.
fn add_user(data: &mut Data, user: Option<Item>) -> bool {
    let mut users = match data.get("users") {
        Some(Item::Users(users)) => users.clone(),
        _ => Vec::new(),
    };
    if let Some(user) = user {
        if !users.contains(&user) {
            users.push(user);
        }
        data.set("users", Item::Users(users.clone()));
    }
    users.len() > 1
}
