//! What jails want done is done here, at once or when its time comes.

use std::cmp::Reverse;
use std::sync::mpsc::Sender;

use super::engine::Engine;
use super::resolver::Resolver;
use super::running::{self, Running, write_log_effects};
use crate::action::{Grown, growth};
use crate::address::Address;
use crate::jail::{Effect, Question};
use crate::source::JailId;
use crate::store;

/// Seconds between purges of the database.
pub(super) const PURGE_INTERVAL: f64 = 3600.0;
/// Obsolete failures are dropped at most so often, seconds.
const CLEANUP_INTERVAL: f64 = 5.0;
/// Bans that end in one round, at most.
const UNBANS_PER_ROUND: usize = 10_000;

/// Something to be done at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Prolong { jail: (String, JailId), id: Address },
    Purge,
}

/// A question to the database: of which jail, and who else waits for the answer.
pub(super) struct Asked {
    jail: String,
    question: Question,
    growth: Option<Sender<Grown>>,
}

impl Engine {
    pub(super) fn set_timer(&mut self, at: f64, timer: Timer) {
        self.timers.push(Reverse((at.max(0.0).to_bits(), timer)));
    }

    /// Lets a jail do something and carries out what follows from it.
    pub(super) fn with_jail<T>(
        &mut self,
        name: &str,
        act: impl FnOnce(&mut Running, &mut Resolver, &mut Vec<Effect>) -> T,
    ) -> Option<T> {
        let mut effects = Vec::new();
        let jail = self.jails.get_mut(name)?;
        let result = act(jail, &mut self.resolver, &mut effects);
        self.carry_out(name, effects);
        Some(result)
    }

    pub(super) fn resume_all(&mut self) {
        let (now, names): (f64, Vec<String>) = (self.now, self.jails.keys().cloned().collect());
        for name in names {
            self.with_jail(&name, |jail, resolver, out| jail.core.resume(now, resolver, out));
        }
    }

    pub(super) fn restored(&mut self, name: &str, bans: Vec<store::BanRow>) {
        let now = self.now;
        self.with_jail(name, |jail, resolver, out| {
            for row in &bans {
                jail.core.restore(running::ban_of(row), now, resolver, out);
            }
        });
    }

    pub(super) fn answered(&mut self, token: u64, history: Option<store::History>) {
        let Some(Asked { jail: name, question, growth }) = self.questions.remove(&token) else { return };
        let now = self.now;
        self.with_jail(&name, |jail, _, out| {
            let id = question.id().clone();
            jail.core.history(question, history, now, &mut super::commands::random, out);
            if let (Some(growth), Some(info)) = (growth, jail.info_of(&id)) {
                // The action may have stopped waiting.
                let _ = growth.send(Grown { bantime: info.bantime, bancount: info.bancount });
            }
        });
    }

    /// Does what a jail's decisions ask for, in order.
    pub(super) fn carry_out(&mut self, name: &str, mut effects: Vec<Effect>) {
        write_log_effects(name, &mut effects, 0);
        let mut effects = effects.into_iter().peekable();
        let mut growing = None;
        while let Some(effect) = effects.next() {
            let Some(jail) = self.jails.get_mut(name) else { return };
            match effect {
                Effect::Log { .. } | Effect::Found { .. } => {}
                Effect::Ban(id) => {
                    let Some(info) = jail.info_of(&id) else { continue };
                    let question = effects.peek();
                    if matches!(question, Some(Effect::AskHistory(Question::Ban { .. }))) {
                        let (sender, receiver) = growth();
                        growing = Some(sender);
                        jail.actions.ban_growing(info, receiver);
                    } else {
                        jail.actions.ban(info);
                    }
                }
                Effect::AlreadyBanned { id, check } => {
                    if let Some(info) = jail.info_of(&id) {
                        jail.actions.already_banned(info, check);
                    }
                }
                Effect::Store(id) => {
                    if let (Some(store), Some(ban)) = (&self.store, jail.core.bans.get(&id)) {
                        store.add_ban(name, running::row_of(ban, jail.core.bans.ban_time()));
                    }
                }
                Effect::Prolong { id, delay } => {
                    let jail = (name.to_owned(), jail.id);
                    self.set_timer(self.now + delay, Timer::Prolong { jail, id });
                }
                Effect::AskHistory(question) => self.ask_history(name, question, growing.take()),
                Effect::AskCommand(pending) => {
                    let info = jail.info(&pending.ticket());
                    let command = jail.core.ignore.command.clone().unwrap_or_default();
                    super::commands::run_ignore_command(self, name, command, info);
                }
            }
        }
    }

    fn ask_history(&mut self, name: &str, question: Question, growth: Option<Sender<Grown>>) {
        let Some(store) = self.store.clone() else { return };
        let overall = self.jails.get(name).is_some_and(|jail| jail.core.increment.overall_jails)
            && matches!(question, Question::Ban { .. });
        let ip = question.id().to_string();
        let token = self.token();
        self.questions.insert(token, Asked { jail: name.to_owned(), question, growth });
        store.history(token, &ip, (!overall).then_some(name));
    }

    pub(super) fn run_timers(&mut self) {
        while let Some(Reverse((at, _))) = self.timers.peek() {
            if f64::from_bits(*at) > self.now {
                break;
            }
            match self.timers.pop() {
                Some(Reverse((_, Timer::Prolong { jail: (name, number), id }))) => {
                    // not for a jail that has been started again since
                    if let Some(jail) = self.jails.get_mut(&name).filter(|jail| jail.id == number) {
                        if let Some(info) = jail.info_of(&id) {
                            jail.actions.prolong(info);
                        }
                    }
                }
                Some(Reverse((_, Timer::Purge))) => {
                    if let Some(store) = &self.store {
                        store.purge(self.now);
                    }
                    self.set_timer(self.now + PURGE_INTERVAL, Timer::Purge);
                }
                None => break,
            }
        }
        self.expire();
        if self.sources.positions_changed() && self.now >= self.next_save {
            self.save_positions();
        }
    }

    /// firewalld has forgotten its rules: the jails that use it tell it again.
    pub(super) fn restore_in_firewalld(&mut self) {
        for jail in self.jails.values_mut().filter(|jail| jail.started && jail.actions.uses_firewalld()) {
            let (tickets, state) = (jail.infos(jail.core.bans.iter()), jail.state());
            jail.actions.restore(tickets, state);
        }
    }

    /// Ends bans and forgets failures whose time has come.
    fn expire(&mut self) {
        let now = self.now;
        for jail in self.jails.values_mut().filter(|jail| !jail.idle) {
            let over = jail.core.bans.take_over(now, UNBANS_PER_ROUND);
            for info in jail.infos(&over) {
                jail.actions.unban(info);
            }
            let due =
                jail.core.failures.next_cleanup().is_some_and(|next| now >= next.max(jail.next_cleanup));
            if due {
                jail.core.failures.cleanup(now);
                jail.next_cleanup = now + CLEANUP_INTERVAL;
            }
        }
    }
}
