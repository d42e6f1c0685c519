//! Commands of many tickets, collected so that a tool's batch mode can take them together.

use std::collections::VecDeque;

use super::batch::{Batch, recognise};
use super::command::{CommandAction, Place};
use super::host::{Host, level};
use super::info::{ActionInfo, BanInfo};
use super::turn::Turn;
use crate::value::Value;

const LOGGER: &str = "fail2ban.utils";

/// How many commands at most go into one batch: additions, and removals, for which some tools search.
const MOST: usize = 10_000;
const MOST_REMOVALS: usize = 1000;

/// How often the smallest batch may fail before batches are given up.
const PATIENCE: u32 = 3;

/// What is done with the tickets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ban,
    Reban,
    Unban,
}

impl Kind {
    /// Upstream's word for it in errors.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Ban => "ban",
            Kind::Reban => "reban",
            Kind::Unban => "unban",
        }
    }
}

/// One planned command: by number of its ticket and index of its action.
pub(super) struct Step {
    pub ticket: usize,
    pub action: usize,
    line: String,
}

/// Steps that have been done, or (`success` false) are to be done the plain way now.
pub(super) struct Done {
    pub steps: Vec<Step>,
    pub success: bool,
}

/// Steps for one batch mode, in order.
struct Group {
    batch: Batch,
    steps: VecDeque<Step>,
    /// How many to try at once: all, then from one upwards again after a failure.
    size: usize,
    /// How often a batch of two failed.
    failures: u32,
}

pub(super) struct Plan<'a> {
    kind: Kind,
    tickets: &'a [BanInfo],
    groups: Vec<Group>,
    /// The jail's ban epoch when a ticket's latest command ran.
    epochs: Vec<Option<u64>>,
}

impl<'a> Plan<'a> {
    pub fn new(kind: Kind, tickets: &'a [BanInfo]) -> Self {
        Plan { kind, tickets, groups: Vec::new(), epochs: vec![None; tickets.len()] }
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn ticket(&self, number: usize) -> &'a BanInfo {
        &self.tickets[number]
    }

    pub fn set_epoch(&mut self, ticket: usize, epoch: u64) {
        self.epochs[ticket] = Some(epoch);
    }

    pub fn epoch_of(&self, ticket: usize) -> Option<u64> {
        self.epochs[ticket]
    }

    /// Plans a ticket's command of the action at `index`; `false` if it must be run on its own, after
    /// everything planned so far.
    pub fn add(
        &mut self,
        ticket: usize,
        index: usize,
        action: &mut CommandAction,
        info: &mut ActionInfo,
        place: &mut Place,
    ) -> bool {
        if self.tickets.len() == 1 {
            return false;
        }
        let family = info.family();
        let tag = match self.kind {
            Kind::Unban if !action.has_bans(&family) => return true,
            Kind::Unban => "<actionunban>",
            _ if action.is_start_due(&family) => return false,
            kind => action.ban_tag(kind == Kind::Reban),
        };
        let Ok(command) = action.ticket_command(tag, info, place) else { return false };
        if command.script.is_empty() {
            // Nothing runs, and nothing can fail: the ticket does not stand in the way of the others.
            if self.kind != Kind::Unban {
                action.note_ban(family);
            }
            return action.execute(&command, place).unwrap_or(false);
        }
        let Some((batch, line)) = recognise(&command) else { return false };
        let step = Step { ticket, action: index, line };
        match self.groups.iter_mut().find(|group| group.batch == batch) {
            Some(group) => group.steps.push_back(step),
            None => self.groups.push(Group { batch, steps: VecDeque::from([step]), size: MOST, failures: 0 }),
        }
        true
    }

    /// Runs a part of what is planned; `None` when nothing is left.
    pub fn next_batch(&mut self, host: &dyn Host, timeout_of: impl Fn(usize) -> Value) -> Option<Done> {
        let most = if self.kind == Kind::Unban { MOST_REMOVALS } else { MOST };
        let group = self.groups.iter_mut().find(|group| !group.steps.is_empty())?;
        loop {
            let count = group.size.min(group.steps.len()).min(most);
            if count < 2 || group.failures >= PATIENCE {
                group.size = 2;
                return Some(Done { steps: group.steps.drain(..1).collect(), success: false });
            }
            let timeout = timeout_of(group.steps[0].action);
            let lines = group.steps.iter().take(count).map(|step| step.line.as_str());
            let result = {
                let _turn = Turn::take();
                group.batch.run(lines, &timeout)
            };
            match result {
                Ok(()) => {
                    host.log(level::DEBUG, LOGGER, &format!("{count} commands at once by {}", group.batch));
                    group.size = (count * 2).min(most);
                    return Some(Done { steps: group.steps.drain(..count).collect(), success: true });
                }
                Err(error) => {
                    let text =
                        format!("{count} commands at once by {} failed, trying less: {error}", group.batch);
                    host.log(level::DEBUG, LOGGER, &text);
                    group.failures += u32::from(count == 2);
                    group.size = 1;
                }
            }
        }
    }
}
