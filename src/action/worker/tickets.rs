//! What the worker does with tickets: ban, repeat, prolong, unban.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Action, Slot, Worker, take_if};
use crate::action::command::Purpose;
use crate::action::growth::Growth;
use crate::action::host::level;
use crate::action::info::{ActionInfo, BanInfo, JailState, family_key};
use crate::action::job::{Job, Spec, Work};
use crate::action::plan::{Kind, Plan};
use crate::value::{Exception, Value};

/// Time between two consistency checks because of failures of banned hosts.
const CHECK_INTERVAL: Duration = Duration::from_secs(3);

impl Worker {
    /// Carries out a ban, and with it those that follow it in the queue and need not wait.
    pub(super) fn ban_all(
        &mut self,
        mut first: BanInfo,
        growth: Option<Growth>,
        jobs: &mut VecDeque<Job>,
        actions: &Arc<Vec<Spec>>,
    ) {
        let waiting = growth.filter(|growth| !growth.take(&mut first));
        if let Some(growth) = &waiting {
            self.announce(&first);
            self.patience.wait(growth, &mut first);
        }
        let mut tickets = vec![first];
        let ready = |work: &mut Work| match work {
            Work::Ban { info, growth } => growth.as_ref().is_none_or(|growth| growth.take(info)),
            _ => false,
        };
        while let Some(Work::Ban { info, .. }) = take_if(jobs, actions, ready) {
            tickets.push(*info);
        }
        self.ban(&tickets, waiting.is_some());
    }

    /// `announced`: the log has the first one already.
    fn ban(&mut self, tickets: &[BanInfo], announced: bool) {
        let mut plan = Plan::new(Kind::Ban, tickets);
        for (number, ticket) in tickets.iter().enumerate() {
            if number > 0 || !announced {
                self.announce(ticket);
            }
            for index in self.all() {
                if !(ticket.restored && self.slots[index].action.is_norestored()) {
                    self.step(&mut plan, number, index);
                }
            }
        }
        self.finish(&mut plan);
        for (number, ticket) in tickets.iter().enumerate() {
            self.note_epoch(ticket, plan.epoch_of(number).unwrap_or(self.epoch));
        }
    }

    fn announce(&self, ticket: &BanInfo) {
        let restore = if ticket.restored { "Restore " } else { "" };
        self.log(level::NOTICE, &format!("[{}] {restore}Ban {}", self.jail, ticket.id));
    }

    /// Plans a ticket's command of one action, or runs it at once where it cannot be planned.
    fn step(&mut self, plan: &mut Plan, number: usize, index: usize) {
        let ticket = plan.ticket(number);
        let (jail, host) = (self.jail.clone(), self.host.clone());
        let mut info = ActionInfo::new(ticket, &jail, &*host);
        let (slot, mut place) = self.at(index, ticket.jail);
        if let Action::Command(action) = &mut slot.action {
            if plan.add(number, index, action, &mut info, &mut place) {
                return;
            }
        }
        self.finish(plan);
        self.single(plan.kind(), ticket, index);
        plan.set_epoch(number, self.epoch);
    }

    /// Runs what has been planned.
    fn finish(&mut self, plan: &mut Plan) {
        let timeouts = |slots: &[Slot], index: usize| match &slots[index].action {
            Action::Command(action) => action.properties().timeout().clone(),
            Action::Python(_) => Value::Int(60),
        };
        while let Some(done) = plan.next_batch(&*self.host, |index| timeouts(&self.slots, index)) {
            for step in done.steps {
                let ticket = plan.ticket(step.ticket);
                if !done.success {
                    self.single(plan.kind(), ticket, step.action);
                } else if let (Action::Command(action), Kind::Ban | Kind::Reban) =
                    (&mut self.slots[step.action].action, plan.kind())
                {
                    action.note_ban(family_key(&ticket.ip));
                }
                plan.set_epoch(step.ticket, self.epoch);
            }
        }
    }

    /// One ticket, one action, the plain way.
    fn single(&mut self, kind: Kind, ticket: &BanInfo, index: usize) -> bool {
        let (jail, host) = (self.jail.clone(), self.host.clone());
        let mut info = ActionInfo::new(ticket, &jail, &*host);
        let (slot, mut place) = self.at(index, ticket.jail);
        let result = match (&mut slot.action, kind) {
            (Action::Command(action), Kind::Ban | Kind::Reban) => {
                action.ban(action.ban_tag(kind == Kind::Reban), &mut info, &mut place)
            }
            (Action::Command(action), Kind::Unban) => action.unban(&mut info, &mut place),
            (Action::Python(action), Kind::Ban) => action.ban(&mut info),
            (Action::Python(action), Kind::Reban) => action.reban(&mut info),
            (Action::Python(action), Kind::Unban) => action.unban(&mut info),
        };
        self.report_ticket(index, kind.name(), &info, result)
    }

    fn report_ticket(
        &self,
        index: usize,
        what: &str,
        info: &ActionInfo,
        result: Result<(), Exception>,
    ) -> bool {
        let Err(error) = result else { return true };
        let text = format!(
            "Failed to execute {what} jail '{}' action '{}' info '{}': {}",
            self.jail,
            self.slots[index].name,
            info.repr(),
            error.message()
        );
        self.log(level::ERROR, &text);
        false
    }

    fn note_epoch(&mut self, ticket: &BanInfo, epoch: u64) {
        if epoch > 0 {
            self.epochs.insert(ticket.id.clone(), epoch);
        }
    }

    pub(super) fn already_banned(&mut self, ticket: &BanInfo, check: bool) {
        let epoch = self.epochs.get(&ticket.id).copied().unwrap_or(0);
        let due = self.last_check.is_none_or(|last| last.elapsed() > CHECK_INTERVAL);
        if check && due && epoch == self.epoch {
            self.last_check = Some(Instant::now());
            for index in self.all() {
                if !self.check(index, Purpose::Any, ticket.jail) {
                    return;
                }
            }
        }
        if epoch >= self.epoch {
            return;
        }
        let mut repaired = self.all();
        repaired.retain(|&index| self.slots[index].action.ban_epoch() > epoch);
        self.reban(ticket, if repaired.is_empty() { self.all() } else { repaired });
    }

    /// Sets up again what firewalld has forgotten, and bans again with it.
    pub(super) fn restore(&mut self, tickets: &[BanInfo], jail: JailState) {
        let mut actions = self.all();
        actions.retain(|&index| self.slots[index].action.uses_firewalld());
        for &index in &actions {
            let (jail_name, name) = (&self.jail, &self.slots[index].name);
            let text = format!(
                "[{jail_name}] Restore {} ban(s) after a reset of firewalld, action '{name}'",
                tickets.len()
            );
            self.log(level::NOTICE, &text);
            let (slot, mut place) = self.at(index, jail);
            let Action::Command(action) = &mut slot.action else { continue };
            let result = action.start_again(&mut place);
            self.report(index, "start", result);
        }
        let mut plan = Plan::new(Kind::Reban, tickets);
        for (number, ticket) in tickets.iter().enumerate() {
            for &index in &actions {
                if !(ticket.restored && self.slots[index].action.is_norestored()) {
                    self.step(&mut plan, number, index);
                }
            }
        }
        self.finish(&mut plan);
    }

    fn reban(&mut self, ticket: &BanInfo, actions: Vec<usize>) {
        let only = match actions.as_slice() {
            [index] => format!(", action {}", Value::str(&*self.slots[*index].name)),
            _ => String::new(),
        };
        self.log(level::NOTICE, &format!("[{}] Reban {}{only}", self.jail, ticket.id));
        if actions.into_iter().all(|index| self.single(Kind::Reban, ticket, index)) {
            self.note_epoch(ticket, self.epoch);
        }
    }

    pub(super) fn prolong(&mut self, ticket: &BanInfo) {
        let (jail, host) = (self.jail.clone(), self.host.clone());
        let mut info = ActionInfo::new(ticket, &jail, &*host);
        for index in self.all() {
            if ticket.restored && self.slots[index].action.is_norestored() {
                continue;
            }
            let (slot, mut place) = self.at(index, ticket.jail);
            let Action::Command(action) = &mut slot.action else { continue };
            if action.properties().is_prolongable() {
                let result = action.prolong(&mut info, &mut place);
                self.report_ticket(index, "ban", &info, result);
            }
        }
    }

    pub(super) fn unban(&mut self, tickets: &[BanInfo], actions: &[usize], log: Option<&str>) {
        let mut plan = Plan::new(Kind::Unban, tickets);
        for (number, ticket) in tickets.iter().enumerate() {
            if let Some(word) = log {
                self.log(level::NOTICE, &format!("[{}] {word} {}", self.jail, ticket.id));
                self.epochs.remove(&ticket.id);
            }
            for &index in actions {
                self.step(&mut plan, number, index);
            }
        }
        self.finish(&mut plan);
    }
}
