//! Sessions: several lines of one connection, tied together by `<F-MLFID>` (COMPAT §5, trap 21).

use ecow::EcoString;

use super::cache::Cache;
use super::{Data, Item, MatchLine, Matches};
use crate::pattern::{Name, Role};

/// Sessions remembered at most, and for how long (seconds).
const MAX_SESSIONS: usize = 100;
const MAX_AGE: f64 = 300.0;

/// What the lines of a session have told so far.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub data: Data,
    /// Lines of the failures; `None` once they have been handed over.
    matches: Option<Matches>,
    /// Lines that are no failures, kept for the failure that may follow.
    nofail_matches: Vec<MatchLine>,
    /// A failure waits for the session's address.
    pending: bool,
}

/// The sessions of one filter by their id.
#[derive(Debug)]
pub(super) struct Sessions {
    known: Cache<Session>,
    /// The session that the last line ended.
    ended: Session,
}

impl Default for Sessions {
    fn default() -> Self {
        Sessions { known: Cache::new(MAX_SESSIONS, MAX_AGE), ended: Session::default() }
    }
}

impl Sessions {
    /// Merges a match into its session and returns what the session is now.
    ///
    /// `lines` are the matched lines of this match, `line` is the one just searched.
    pub(super) fn merge(
        &mut self,
        id: &EcoString,
        mut fail: Data,
        lines: Matches,
        line: &str,
        now: f64,
    ) -> &mut Session {
        let marks = Marks::of(&mut fail);
        let (session, known) = match marks.forget {
            false => self.known.get_or_set(id, now),
            true => {
                let known = self.known.take(id, now);
                let is_known = known.is_some();
                self.ended = known.unwrap_or_default();
                (&mut self.ended, is_known)
            }
        };
        session.take_in(fail, known, marks, lines, line);
        session
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
        let gained = fail.is_set(Role::MlfGained);
        if gained && !fail.is_set(Role::NoFail) {
            let gain = fail.get(Role::MlfGained).cloned().unwrap_or(Item::Flag);
            fail.set(Role::NoFail, gain);
        }
        let nofail = gained || fail.is_set(Role::NoFail);
        let forget = fail.take(Role::MlfForget).is_some_and(|item| item.is_set());
        Marks { nofail, gained, forget }
    }
}

impl Session {
    fn take_in(&mut self, fail: Data, known: bool, mut marks: Marks, lines: Matches, line: &str) {
        let user = fail.get(Role::User).filter(|user| user.is_set()).cloned();
        let mut several_users = false;
        if known {
            several_users = add_user(&mut self.data, user);
            let was_nofail = self.data.take(Role::NoFail).is_some_and(|item| item.is_set());
            let was_gained = self.data.take(Role::MlfGained).is_some_and(|item| item.is_set());
            if marks.gained {
                self.pending = false;
            }
            if !was_nofail && !was_gained && !self.pending {
                self.matches = None;
            }
            self.data.update(fail);
        } else {
            self.data = fail;
            if !marks.forget {
                several_users = add_user(&mut self.data, user);
            }
        }
        if std::mem::take(&mut self.pending) || several_users {
            self.data.take(Role::NoFail);
            self.data.take(Role::MlfGained);
            marks.nofail = false;
            marks.gained = false;
        }
        self.keep_lines(lines, line, marks);
    }

    fn keep_lines(&mut self, lines: Matches, line: &str, marks: Marks) {
        if !marks.nofail {
            if self.matches.is_none() && self.nofail_matches.is_empty() && !marks.gained {
                self.matches = Some(lines);
                return;
            }
            let mut all = std::mem::take(&mut self.nofail_matches);
            all.extend(self.matches.take().into_iter().flat_map(|earlier| earlier.into_lines(line)));
            if !marks.gained {
                all.extend(lines.into_lines(line));
            }
            self.matches = Some(Matches::Lines(all));
        } else if !marks.forget {
            self.nofail_matches.extend(lines.into_lines(line));
        }
    }

    /// The lines of the failure; they are kept, too, if the session may still be asked for them.
    pub(super) fn hand_over(&mut self, keep: bool, line: &str) -> Matches {
        if keep {
            self.settle(line);
            return self.matches.clone().unwrap_or(Matches::Lines(Vec::new()));
        }
        self.matches.take().unwrap_or(Matches::Lines(Vec::new()))
    }

    /// The failure waits for the session's address.
    pub(super) fn wait(&mut self, line: &str) {
        self.pending = true;
        self.settle(line);
    }

    /// Makes the lines last longer than the line just searched.
    fn settle(&mut self, line: &str) {
        self.matches = self.matches.take().map(|matches| Matches::Lines(matches.into_lines(line)));
    }
}

/// Adds a user name to the session's set; whether there are several now.
fn add_user(data: &mut Data, user: Option<Item>) -> bool {
    match (data.get_mut(Name::Users), user) {
        (Some(Item::Users(users)), Some(user)) => {
            if !users.contains(&user) {
                users.push(user);
            }
            users.len() > 1
        }
        (Some(Item::Users(users)), None) => users.len() > 1,
        (_, Some(user)) => {
            data.set(Name::Users, Item::Users(vec![user]));
            false
        }
        (_, None) => false,
    }
}
