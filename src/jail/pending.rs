//! A failure on its way to be counted: names, ignore lists and `ignorecommand` may hold it up.

use std::sync::Arc;

use ecow::EcoString;

use super::{Effect, Jail};
use crate::address::Address;
use crate::bans::Ban;
use crate::failures::Ticket;
use crate::filter::ignore::{Known, Verdict};
use crate::filter::{Data, Id, Matches, UseDns};
use crate::level;
use crate::value::Value;

/// Failures that may wait for names and commands; more are dropped, and told.
const MAX_WAITING: usize = 20_000;

/// A failure on its way to be counted.
#[derive(Clone, Debug)]
pub struct Pending<'l> {
    pub(super) id: Id,
    pub(super) time: f64,
    pub(super) data: Data,
    pub(super) matches: Matches,
    /// The line just searched, to which `matches` may refer.
    pub(super) line: &'l str,
    pub(super) origin: Origin,
    /// The verdict of `ignorecommand`, once it was run.
    pub(super) command: Option<bool>,
}

#[derive(Clone, Debug)]
pub(super) enum Origin {
    Line,
    /// `set JAIL attempt`: counts so many failures.
    Attempt(i64),
    /// A ban that was read back: only the ignore lists can keep it out.
    Restored(Box<Ban>),
}

impl Pending<'_> {
    /// The same, to last longer than the line.
    fn into_owned(self) -> Pending<'static> {
        let Pending { id, time, data, matches, line, origin, command } = self;
        let matches = Matches::Lines(matches.into_lines(line));
        Pending { id, time, data, matches, line: "", origin, command }
    }

    /// The failure as a ticket: what tags in `ignorecommand` may refer to.
    pub fn ticket(&self) -> Ban {
        let id = match &self.id {
            Id::Known(address) => address.clone(),
            Id::Host(name) => Address::Name(Arc::from(&**name)),
            Id::Pending => Address::Raw("".into()),
        };
        let lines = self.matches.clone().into_lines(self.line);
        Ban::new(id, Ticket::new(self.time, lines, self.data.clone()))
    }
}

impl Jail {
    /// How many failures wait for names and commands.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn receive(
        &mut self,
        pending: Pending,
        now: f64,
        known: &mut dyn Known,
        out: &mut Vec<Effect>,
    ) {
        if self.waiting.is_empty() {
            let rest = self.handle(pending, now, known, out);
            self.waiting.extend(rest.into_iter().map(Pending::into_owned));
        } else {
            self.queue(pending, out);
        }
    }

    #[cold]
    fn queue(&mut self, pending: Pending, out: &mut Vec<Effect>) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(pending.into_owned());
        } else {
            let text = "Too many failures wait for name lookups or ignorecommand, one is dropped".to_owned();
            self.log(out, level::ERROR, "fail2ban.filter", text);
        }
    }

    /// Something that failures may wait for has been answered.
    pub fn resume(&mut self, now: f64, known: &mut dyn Known, out: &mut Vec<Effect>) {
        while let Some(pending) = self.waiting.pop_front() {
            let rest = self.handle(pending, now, known, out);
            if !rest.is_empty() {
                rest.into_iter().rev().for_each(|pending| self.waiting.push_front(pending));
                return;
            }
        }
    }

    /// The answer to [`Effect::AskCommand`].
    pub fn command_done(&mut self, ignored: bool, now: f64, known: &mut dyn Known, out: &mut Vec<Effect>) {
        self.asked_command = false;
        if let Some(first) = self.waiting.front_mut() {
            first.command = Some(ignored);
        }
        self.resume(now, known, out);
    }

    /// Counts a failure, or gives it back if it has to wait: in as many parts as it has addresses left.
    fn handle<'l>(
        &mut self,
        pending: Pending<'l>,
        now: f64,
        known: &mut dyn Known,
        out: &mut Vec<Effect>,
    ) -> Vec<Pending<'l>> {
        match &pending.id {
            Id::Pending => Vec::new(),
            Id::Known(_) => self.handle_known(pending, now, known, out).into_iter().collect(),
            Id::Host(name) => {
                if !matches!(self.filter.use_dns(), UseDns::Yes | UseDns::Warn) {
                    return Vec::new();
                }
                let Some(addresses) = known.addresses_of(name) else { return vec![pending] };
                let mut addresses: Vec<Address> = addresses.iter().cloned().collect();
                addresses.sort();
                if !addresses.is_empty() && self.filter.use_dns() == UseDns::Warn {
                    let set = Value::Set(addresses.iter().map(|a| Value::str(a.to_string())).collect());
                    let text = format!("Determined IP using DNS Lookup: {name} = {set}");
                    out.push(Effect::Log { level: level::WARNING, logger: "fail2ban.ipdns", text });
                }
                let mut rest = Vec::new();
                for id in addresses {
                    let one = Pending { id: Id::Known(id), ..pending.clone() };
                    // one after the other: an answer belongs to the first that waits
                    match rest.is_empty() {
                        true => rest.extend(self.handle_known(one, now, known, out)),
                        false => rest.push(one),
                    }
                }
                rest
            }
        }
    }

    /// Counts a failure of a known address, or gives it back if it has to wait.
    fn handle_known<'l>(
        &mut self,
        pending: Pending<'l>,
        now: f64,
        known: &mut dyn Known,
        out: &mut Vec<Effect>,
    ) -> Option<Pending<'l>> {
        let Id::Known(id) = &pending.id else { return None };
        match self.verdict(&pending, id, now, known, out) {
            Verdict::No => {
                self.count(pending, now, out);
                None
            }
            Verdict::Wait => Some(pending),
            Verdict::By(reason) => {
                if !reason.is_empty() {
                    self.log(out, level::INFO, "fail2ban.filter", format!("Ignore {id} by {reason}"));
                }
                None
            }
        }
    }

    /// Asks the ignore lists, then the cache and the command. An empty reason is one that is not told.
    fn verdict(
        &mut self,
        pending: &Pending,
        id: &Address,
        now: f64,
        known: &mut dyn Known,
        out: &mut Vec<Effect>,
    ) -> Verdict {
        let key = self.ignore.cache.as_ref().map(|cache| cache_key(&cache.key, id, pending));
        if let (Some(verdicts), Some(key)) = (&mut self.ignore.cache, &key) {
            if let Some(ignored) = verdicts.cache.get(key, now).filter(|_| pending.command.is_none()) {
                return if *ignored { Verdict::By(String::new()) } else { Verdict::No };
            }
        }
        let mut warn = |text| out.push(Effect::Log { level: level::WARNING, logger: "fail2ban.ipdns", text });
        let mut verdict = self.ignore.check(id, now, known, &mut warn);
        if verdict == Verdict::No && self.ignore.has_command() {
            verdict = match pending.command {
                Some(true) => Verdict::By("command".to_owned()),
                Some(false) => Verdict::No,
                None => {
                    if !std::mem::replace(&mut self.asked_command, true) {
                        out.push(Effect::AskCommand(Box::new(pending.clone().into_owned())));
                    }
                    Verdict::Wait
                }
            };
        }
        let by_address = matches!(&verdict, Verdict::By(reason) if reason == "ip");
        if let (Some(verdicts), Some(key), false) =
            (&mut self.ignore.cache, key, verdict == Verdict::Wait || by_address)
        {
            verdicts.cache.set(&key, verdict != Verdict::No, now);
        }
        verdict
    }
}

/// The key of `ignorecache`: its tags replaced by what the failure says.
fn cache_key(template: &str, id: &Address, pending: &Pending) -> EcoString {
    let mut key = template.replace("<ip>", &id.to_string()).replace("<fid>", &id.to_string());
    for (name, item) in pending.data.iter() {
        let tag = format!("<F-{}>", name.to_uppercase());
        if key.contains(&tag) {
            key = key.replace(&tag, &item.value().to_text());
        }
    }
    key.into()
}
