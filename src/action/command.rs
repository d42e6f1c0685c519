//! One action made of shell commands, and what has been done with it: upstream's `CommandAction`
//! (COMPAT §8.1).

mod call;
mod check;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::host::Host;
use super::info::{ActionInfo, BanInfo, FamilyKey, JailState};
use super::properties::{Properties, Tags};
use super::run::execute;
use super::tags::{ShellCommand, StaticCache, replace_family, replace_ticket};
use super::turn::{GRACE, Turn};
use crate::value::{Exception, Value};

/// State of a family: the action has been started for it.
const STARTED: u8 = 1;
/// State of a family: and something is banned with it.
const HAS_BANS: u8 = 2;

/// Where and when an action works.
pub(super) struct Place<'a> {
    pub jail: &'a str,
    pub host: &'a dyn Host,
    pub now: f64,
    pub state: JailState,
    /// Counts the repairs of all actions of the jail; bans of an earlier epoch are repeated.
    pub epoch: &'a mut u64,
}

/// What a finished operation changes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Start,
    Flush,
    Stop,
    Reload,
}

impl After {
    /// The tag that names the operation's command, and upstream's word for it in errors.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            After::Start => ("<actionstart>", "starting"),
            After::Flush => ("<actionflush>", "flushing"),
            After::Stop => ("<actionstop>", "stopping"),
            After::Reload => ("<actionreload>", "reloading"),
        }
    }
}

pub(super) use call::{METHODS, check_arguments};
use check::Check;
pub(super) use check::Purpose;

pub(super) struct CommandAction {
    name: Arc<str>,
    properties: Properties,
    tags: Tags,
    cache: StaticCache,
    started: Vec<(FamilyKey, u8)>,
    /// The command last done per operation and family, so that one that is the same for both families is
    /// done once (trap 10).
    executed: HashMap<&'static str, Vec<(FamilyKey, String)>>,
    pub ban_epoch: u64,
    /// Whether the latest command took so long that it had better not keep others waiting.
    slow: bool,
}

impl CommandAction {
    pub fn new(name: Arc<str>, properties: Properties) -> Self {
        let tags = properties.tags(0);
        CommandAction {
            name,
            properties,
            tags,
            cache: StaticCache::default(),
            started: Vec::new(),
            executed: HashMap::new(),
            ban_epoch: 0,
            slow: false,
        }
    }

    /// Takes over properties that may have changed since.
    pub fn update(&mut self, properties: &Properties) {
        if !self.properties.is_same(properties) {
            self.properties = properties.clone();
            self.tags = properties.tags(self.ban_epoch);
            self.cache = StaticCache::default();
            self.executed.clear();
        }
    }

    pub fn properties(&self) -> &Properties {
        &self.properties
    }

    /// At the start of the jail: unless the action waits for its first ban.
    pub fn start(&mut self, place: &mut Place) -> Result<(), Exception> {
        self.start_for(None, false, place)
    }

    fn start_for(
        &mut self,
        family: Option<FamilyKey>,
        force: bool,
        place: &mut Place,
    ) -> Result<(), Exception> {
        let on_demand = self.properties.start_on_demand();
        if !force && (on_demand || self.state(&None) != 0) {
            return Ok(());
        }
        let families = match family {
            // Like upstream, "no family" cannot be told from "all of them" here.
            Some(Some(family)) => vec![Some(family)],
            _ => {
                let all = self.properties.families(place.host.ipv6_allowed());
                all.into_iter().map(|family| Some(family.into())).collect()
            }
        };
        self.operate(After::Start, &families, place)
    }

    /// Starts once more what is started, or ought to be, because its effect was lost outside.
    pub fn start_again(&mut self, place: &mut Place) -> Result<(), Exception> {
        self.executed.remove("<actionstart>");
        if !self.properties.start_on_demand() {
            return self.start_for(None, true, place);
        }
        let families = self.started_families();
        self.operate(After::Start, &families, place)
    }

    /// Runs a command (`<actionban>`, `<actionreban>`) for a ticket, after starting the family if that is due.
    pub fn ban(&mut self, command: &str, info: &mut ActionInfo, place: &mut Place) -> Result<(), Exception> {
        let family = info.family();
        if self.is_start_due(&family) {
            self.start_for(Some(family.clone()), true, place)?;
        }
        if !self.process(command, info, place)? {
            return Err(failure("banning", info));
        }
        self.note_ban(family);
        Ok(())
    }

    pub fn ban_tag(&self, again: bool) -> &'static str {
        if again && self.properties.is_set("actionreban") { "<actionreban>" } else { "<actionban>" }
    }

    /// Whether a ban of this family must start the action first.
    pub fn is_start_due(&self, family: &FamilyKey) -> bool {
        self.properties.start_on_demand() && self.state(family) == 0
    }

    pub fn note_ban(&mut self, family: FamilyKey) {
        let state = self.state(&family) | STARTED | HAS_BANS;
        self.set_state(family, state);
    }

    pub fn prolong(&mut self, info: &mut ActionInfo, place: &mut Place) -> Result<(), Exception> {
        if self.process("<actionprolong>", info, place)? { Ok(()) } else { Err(failure("prolonging", info)) }
    }

    /// Whether there can be something to unban for this family.
    pub fn has_bans(&self, family: &FamilyKey) -> bool {
        self.state(family) & HAS_BANS != 0
    }

    pub fn unban(&mut self, info: &mut ActionInfo, place: &mut Place) -> Result<(), Exception> {
        let family = info.family();
        if self.has_bans(&family) && !self.process("<actionunban>", info, place)? {
            return Err(failure("unbanning", info));
        }
        Ok(())
    }

    pub fn flush(&mut self, place: &mut Place) -> Result<(), Exception> {
        let families = self.families_with(STARTED | HAS_BANS);
        // Each flush is an event of its own: one that was done before does not count as done.
        self.executed.remove("<actionflush>");
        self.operate(After::Flush, &families, place)
    }

    pub fn reload(&mut self, place: &mut Place) -> Result<(), Exception> {
        let families = self.started_families();
        self.executed.remove("<actionreload>");
        self.operate(After::Reload, &families, place)
    }

    pub fn stop(&mut self, place: &mut Place) -> Result<(), Exception> {
        self.stop_for(&None, place)
    }

    fn stop_for(&mut self, family: &FamilyKey, place: &mut Place) -> Result<(), Exception> {
        if family.is_none() {
            let families = self.started_families();
            if !families.is_empty() {
                self.started.clear();
            }
            return self.operate(After::Stop, &families, place);
        }
        if !self.started.iter().any(|(known, _)| known == family) {
            return Ok(());
        }
        self.set_state(family.clone(), 0);
        self.operate(After::Stop, std::slice::from_ref(family), place)
    }

    /// Runs a ticket's command; once more if it fails, after a check and repair when the action has one.
    pub fn process(
        &mut self,
        tag: &str,
        info: &mut ActionInfo,
        place: &mut Place,
    ) -> Result<bool, Exception> {
        let command = self.ticket_command(tag, info, place)?;
        if self.execute(&command, place)? {
            return Ok(true);
        }
        let family = info.family();
        if self.properties.is_set("actioncheck") {
            let unban = tag == "<actionunban>";
            let purpose = if unban { Purpose::Unban } else { Purpose::Any };
            if self.check_family(&family, purpose, !unban, place)? != Check::Sane {
                return Ok(false);
            }
        }
        let command = self.ticket_command(tag, info, place)?;
        self.execute(&command, place)
    }

    /// The command of a ticket, ready to run.
    pub fn ticket_command(
        &mut self,
        tag: &str,
        info: &mut ActionInfo,
        place: &Place,
    ) -> Result<ShellCommand, Exception> {
        let conditional = conditional(&info.family());
        let text = self.cache.replace(tag, &self.tags, &conditional, place.host)?;
        Ok(replace_ticket(&text, info, place.host))
    }

    pub fn execute(&mut self, command: &ShellCommand, place: &Place) -> Result<bool, Exception> {
        let _turn = if self.slow { None } else { Some(Turn::take()) };
        let started = Instant::now();
        let result = execute(command, self.properties.timeout(), place.host);
        self.slow = started.elapsed() >= GRACE;
        result
    }

    /// A command that is about a family and no ticket.
    fn operation_command(
        &mut self,
        tag: &str,
        family: &FamilyKey,
        place: &Place,
    ) -> Result<ShellCommand, Exception> {
        let text = self.cache.replace(tag, &self.tags, &conditional(family), place.host)?;
        Ok(match family.as_deref() {
            Some(family) if !family.is_empty() && text.contains('<') => {
                replace_family(&text, family, place.host)
            }
            _ => ShellCommand { script: text, values: Vec::new() },
        })
    }

    /// Runs an operation for families, once for those whose command is the same.
    fn operate(&mut self, after: After, families: &[FamilyKey], place: &mut Place) -> Result<(), Exception> {
        let (_, operation) = after.names();
        let mut failed = None;
        for family in families {
            match self.operate_family(after, family, place) {
                Ok(true) => {}
                Ok(false) => failed = failed.or(Some(Value::str("Script error"))),
                Err(error) if error.class == "ValueError" => failed = Some(error.into()),
                Err(error) => return Err(error),
            }
        }
        let Some(reason) = failed else { return Ok(()) };
        let text =
            format!("Error {operation} action Jail({})/{}: {reason}", Value::str(place.jail), self.name);
        Err(Exception::builtin("RuntimeError", text))
    }

    fn operate_family(
        &mut self,
        after: After,
        family: &FamilyKey,
        place: &mut Place,
    ) -> Result<bool, Exception> {
        let (tag, _) = after.names();
        let command = self.operation_command(tag, family, place)?.script;
        let mut success = true;
        if !command.is_empty() && !self.done_for_another(tag, family, &command) {
            let empty = BanInfo::empty(place.now, place.state);
            let mut info = ActionInfo::of_operation(&empty, family.clone(), place.jail, place.host);
            let command = replace_ticket(&command, &mut info, place.host);
            success = self.execute(&command, place)?;
        }
        if success {
            match after {
                After::Start => {
                    self.record("<actionstop>", family, None);
                    self.set_state(family.clone(), STARTED);
                }
                After::Flush if self.state(family) != 0 => {
                    let state = self.state(family) & !HAS_BANS;
                    self.set_state(family.clone(), state);
                }
                After::Stop => self.record("<actionstart>", family, None),
                After::Flush | After::Reload => {}
            }
        }
        self.record(tag, family, Some(command).filter(|command| success && !command.is_empty()));
        Ok(success)
    }

    fn done_for_another(&self, tag: &str, family: &FamilyKey, command: &str) -> bool {
        let done = self.executed.get(tag).map(Vec::as_slice).unwrap_or_default();
        done.iter().any(|(other, text)| other != family && text == command)
    }

    /// Remembers an operation's command as done, or as undone for this family and all with the same one.
    fn record(&mut self, tag: &'static str, family: &FamilyKey, command: Option<String>) {
        let done = self.executed.entry(tag).or_default();
        let old = done.iter().position(|(known, _)| known == family).map(|index| done.remove(index));
        match command {
            Some(command) => done.push((family.clone(), command)),
            None => done.retain(|(_, text)| old.as_ref().is_none_or(|(_, gone)| gone != text)),
        }
    }

    fn state(&self, family: &FamilyKey) -> u8 {
        self.started.iter().find(|(known, _)| known == family).map_or(0, |(_, state)| *state)
    }

    fn set_state(&mut self, family: FamilyKey, state: u8) {
        match self.started.iter_mut().find(|(known, _)| *known == family) {
            Some((_, old)) => *old = state,
            None => self.started.push((family, state)),
        }
    }

    fn started_families(&self) -> Vec<FamilyKey> {
        self.started.iter().filter(|(_, state)| *state != 0).map(|(family, _)| family.clone()).collect()
    }

    fn families_with(&self, wanted: u8) -> Vec<FamilyKey> {
        self.started
            .iter()
            .filter(|(_, state)| state & wanted == wanted)
            .map(|(family, _)| family.clone())
            .collect()
    }
}

fn conditional(family: &FamilyKey) -> String {
    match family.as_deref() {
        Some(family) if !family.is_empty() => format!("family={family}"),
        _ => String::new(),
    }
}

fn failure(what: &str, info: &mut ActionInfo) -> Exception {
    match info.value("ip") {
        Some(ip) => Exception::builtin("RuntimeError", format!("Error {what} {}", ip.to_text())),
        None => Exception::builtin("KeyError", "ip"),
    }
}
