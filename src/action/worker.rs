//! The worker of one jail: does what the engine queued, in order, and writes the log lines that upstream's
//! actions thread writes (COMPAT §7, §8.1).

mod tickets;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::ACTIONS;
use super::command::{CommandAction, Place, Purpose};
use super::growth::Patience;
use super::host::{Event, Host, level};
use super::info::{BanInfo, JailState};
use super::job::{Call, Job, Spec, SpecKind, Work};
use super::python::PythonAction;
use crate::address::Address;
use crate::value::{Exception, Value};

/// An action at work.
pub(super) struct Slot {
    id: u64,
    pub name: Arc<str>,
    pub action: Action,
}

pub(super) enum Action {
    Command(Box<CommandAction>),
    Python(PythonAction),
}

impl Action {
    fn is_norestored(&mut self) -> bool {
        match self {
            Action::Command(action) => action.properties().is_set("norestored"),
            Action::Python(action) => action.is_norestored(),
        }
    }

    fn uses_firewalld(&self) -> bool {
        match self {
            Action::Command(action) => action.properties().uses_firewalld(),
            Action::Python(_) => false,
        }
    }

    fn ban_epoch(&self) -> u64 {
        match self {
            Action::Command(action) => action.ban_epoch,
            Action::Python(_) => 0,
        }
    }
}

/// Everything of a jail that lives on from one piece of work to the next.
pub(super) struct Worker {
    jail: Arc<str>,
    host: Arc<dyn Host>,
    specs: Arc<Vec<Spec>>,
    slots: Vec<Slot>,
    /// How often an action of the jail had to be repaired (upstream's ban epoch).
    epoch: u64,
    /// Epochs of bans made after a repair; all others are of epoch 0.
    epochs: HashMap<Address, u64>,
    last_check: Option<Instant>,
    patience: Patience,
}

impl Worker {
    pub fn new(jail: &str, host: Arc<dyn Host>) -> Self {
        Worker {
            jail: jail.into(),
            host,
            specs: Arc::default(),
            slots: Vec::new(),
            epoch: 0,
            epochs: HashMap::new(),
            last_check: None,
            patience: Patience::default(),
        }
    }

    /// Does the first job, and with it the similar ones that follow it directly.
    pub fn perform(&mut self, jobs: &mut std::collections::VecDeque<Job>) {
        let Some(job) = jobs.pop_front() else { return };
        self.adopt(&job.actions);
        match job.work {
            Work::Ban { info, growth } => self.ban_all(*info, growth, jobs, &job.actions),
            Work::Unban(first) => {
                let mut tickets = vec![*first];
                while let Some(next) = take_if(jobs, &job.actions, |work| matches!(work, Work::Unban(_))) {
                    if let Work::Unban(info) = next {
                        tickets.push(*info);
                    }
                }
                let all = self.all();
                self.unban(&tickets, &all, Some("Unban"));
            }
            Work::Start { only, jail } => self.start(only.as_deref(), jail),
            Work::AlreadyBanned { info, check } => self.already_banned(&info, check),
            Work::Prolong(info) => self.prolong(&info),
            Work::Restore { tickets, jail } => self.restore(&tickets, jail),
            Work::Flush { tickets, jail } => {
                let all = self.all();
                self.flush(&tickets, &all, Some("Unban"), false, jail);
            }
            Work::Stop { tickets, jail } => {
                let all = self.all();
                self.flush(&tickets, &all, Some("Repeal Ban"), true, jail);
                self.stop(&all, jail);
            }
            Work::Reload { survivors, obsolete, tickets, jail } => {
                self.reload(&survivors, &obsolete, &tickets, jail);
            }
            Work::Call { action, call, token } => self.call(action, call, token),
            Work::Barrier(token) => self.host.notify(Event::Done { jail: self.jail.to_string(), token }),
        }
    }

    /// Brings the actions into the state they had when the work was queued.
    fn adopt(&mut self, specs: &Arc<Vec<Spec>>) {
        if Arc::ptr_eq(specs, &self.specs) {
            return;
        }
        let mut old = std::mem::take(&mut self.slots);
        for spec in specs.iter() {
            let known = old.iter().position(|slot| slot.id == spec.id).map(|index| old.swap_remove(index));
            let mut slot = known.unwrap_or_else(|| self.new_slot(spec));
            if let (Action::Command(action), SpecKind::Command(properties)) = (&mut slot.action, &spec.kind) {
                action.update(properties);
            }
            self.slots.push(slot);
        }
        self.specs = specs.clone();
    }

    fn new_slot(&self, spec: &Spec) -> Slot {
        let action = match &spec.kind {
            SpecKind::Command(properties) => {
                Action::Command(Box::new(CommandAction::new(spec.name.clone(), properties.clone())))
            }
            SpecKind::Python(python) => {
                Action::Python(PythonAction::new(&self.jail, &spec.name, python.clone(), self.host.clone()))
            }
        };
        Slot { id: spec.id, name: spec.name.clone(), action }
    }

    fn all(&self) -> Vec<usize> {
        (0..self.slots.len()).collect()
    }

    fn log(&self, level: u8, text: &str) {
        self.host.log(level, ACTIONS, text);
    }

    fn start(&mut self, only: Option<&[u64]>, jail: JailState) {
        let mut wanted = self.all();
        wanted.retain(|&index| only.is_none_or(|ids| ids.contains(&self.slots[index].id)));
        for index in wanted {
            let (slot, mut place) = self.at(index, jail);
            let result = match &mut slot.action {
                Action::Command(action) => action.start(&mut place),
                Action::Python(action) => action.start(jail),
            };
            self.report(index, "start", result);
        }
        #[cfg(feature = "firewalld")]
        if self.slots.iter().any(|slot| slot.action.uses_firewalld()) {
            super::firewalld::watch(&self.host);
        }
    }

    /// Logs what went wrong with an operation that is about no ticket; whether all went well.
    fn report(&self, index: usize, what: &str, result: Result<(), Exception>) -> bool {
        let Err(error) = result else { return true };
        let (jail, name) = (&self.jail, &self.slots[index].name);
        let text = match what {
            "flush" => format!("Failed to flush bans in jail '{jail}' action '{name}': {}", error.message()),
            _ => format!("Failed to {what} jail '{jail}' action '{name}': {}", error.message()),
        };
        self.log(level::ERROR, &text);
        false
    }

    /// An action and its surroundings.
    fn at(&mut self, index: usize, state: JailState) -> (&mut Slot, Place<'_>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let place = Place { jail: &self.jail, host: &*self.host, now, state, epoch: &mut self.epoch };
        (&mut self.slots[index], place)
    }

    /// Checks an action; an error in it ends what is being done, as upstream.
    fn check(&mut self, index: usize, purpose: Purpose, jail: JailState) -> bool {
        let (slot, mut place) = self.at(index, jail);
        let Action::Command(action) = &mut slot.action else { return true };
        let Err(error) = action.check(purpose, &mut place) else { return true };
        let text = format!("[{}] unhandled error in actions thread: {}", self.jail, error.message());
        self.log(level::ERROR, &text);
        false
    }

    /// Ends all tickets: by one command per action where it has one, else one by one.
    fn flush(
        &mut self,
        tickets: &[BanInfo],
        actions: &[usize],
        log: Option<&str>,
        stop: bool,
        jail: JailState,
    ) {
        let mut singly = Vec::new();
        for &index in actions {
            let text = format!("[{}] Flush ticket(s) with {}", self.jail, self.slots[index].name);
            let (slot, mut place) = self.at(index, jail);
            let Action::Command(action) = &mut slot.action else {
                singly.push(index);
                continue;
            };
            if !action.properties().is_set("actionflush") {
                self.log(level::DEBUG, "  Unban tickets each individually");
                singly.push(index);
                continue;
            }
            place.host.log(level::NOTICE, ACTIONS, &text);
            let result = action.flush(&mut place);
            if !self.report(index, "flush", result) {
                self.log(level::INFO, "No flush occurred, do consistency check");
                let purpose = if stop { Purpose::FlushAtStop } else { Purpose::Any };
                if !self.check(index, purpose, jail) {
                    return;
                }
            }
        }
        self.unban(tickets, &singly, log);
        let left = if log.is_some() { 0 } else { tickets.len() };
        let jail = Value::str(&*self.jail);
        self.log(level::DEBUG, &format!("  Unbanned {}, {left} ticket(s) in {jail}", tickets.len()));
    }

    /// Stops actions in reverse order.
    fn stop(&mut self, actions: &[usize], jail: JailState) {
        for &index in actions.iter().rev() {
            let (slot, mut place) = self.at(index, jail);
            let result = match &mut slot.action {
                Action::Command(action) => action.stop(&mut place),
                Action::Python(action) => action.stop(jail),
            };
            self.report(index, "stop", result);
            let text = format!("{}: action {} terminated", self.jail, self.slots[index].name);
            self.log(level::DEBUG, &text);
        }
    }

    fn reload(&mut self, survivors: &[u64], obsolete: &[u64], tickets: &[BanInfo], jail: JailState) {
        let with = |ids: &[u64]| -> Vec<usize> {
            (0..self.slots.len()).filter(|&index| ids.contains(&self.slots[index].id)).collect()
        };
        let (kept, gone) = (with(survivors), with(obsolete));
        for index in kept {
            let (slot, mut place) = self.at(index, jail);
            let Action::Command(action) = &mut slot.action else { continue };
            if let Err(error) = action.reload(&mut place) {
                let name = &self.slots[index].name;
                let text =
                    format!("Failed to reload jail '{}' action '{name}': {}", self.jail, error.message());
                self.log(level::ERROR, &text);
            }
        }
        if !gone.is_empty() {
            self.flush(tickets, &gone, None, true, jail);
            self.stop(&gone, jail);
        }
    }

    /// Answers a control command.
    fn call(&mut self, id: u64, call: Call, token: u64) {
        let Some(index) = self.slots.iter().position(|slot| slot.id == id) else { return };
        let (slot, mut place) = self.at(index, JailState::default());
        let result = match (&mut slot.action, call) {
            (Action::Command(action), Call::Method { name, arguments }) => {
                action.call(&name, &arguments, &mut place)
            }
            (Action::Command(_), _) => return,
            (Action::Python(action), call) => action.answer(call),
        };
        self.host.notify(Event::Reply { jail: self.jail.to_string(), token, result });
    }
}

/// The next job's work, if it is of the wanted kind and for the same actions.
fn take_if(
    jobs: &mut std::collections::VecDeque<Job>,
    actions: &Arc<Vec<Spec>>,
    wanted: impl Fn(&mut Work) -> bool,
) -> Option<Work> {
    let next = jobs.front_mut()?;
    if wanted(&mut next.work) && Arc::ptr_eq(&next.actions, actions) {
        jobs.pop_front().map(|job| job.work)
    } else {
        None
    }
}
