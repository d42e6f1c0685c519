//! One jail: lines in, effects out (COMPAT §5, §7).
//!
//! A jail decides and remembers; it does nothing itself. What is to be done (log, ban, ask the database,
//! look up a name) comes out as [`Effect`]s in order.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::address::Address;
use crate::bans::formula::{BanTimeIncrement, Number};
use crate::bans::{Added, Ban, Bans, PERMANENT};
use crate::clock::{local_text, push_local_text};
use crate::config::duration::seconds2str;
use crate::date::Stamp;
use crate::failures::{Failures, Found, Ticket};
use crate::filter::ignore::{Ignore, Known, Verdict};
use crate::filter::{Failure, Filter, Id, Note, UseDns};
use crate::level::{self, Level};
use crate::value::Value;

/// Failures that may wait for names and commands; more are dropped, and told.
const MAX_WAITING: usize = 10_000;

/// Something to be done for a jail.
#[derive(Debug)]
pub enum Effect {
    Log {
        level: Level,
        logger: &'static str,
        text: String,
    },
    /// The ban was added: run the actions.
    Ban(Address),
    /// A failure of something that is banned: check the actions if it is some time ago.
    AlreadyBanned {
        id: Address,
        check: bool,
    },
    /// Ask the database about earlier bans, and answer with [`Jail::history`].
    AskHistory(Question),
    /// Write the ban to the database.
    Store(Address),
    /// The ban became longer: run `actionprolong` after so many seconds.
    Prolong {
        id: Address,
        delay: f64,
    },
    /// Run `ignorecommand` for this failure, and answer with [`Jail::command_done`].
    AskCommand(Box<Pending>),
}

/// Why earlier bans are asked for.
#[derive(Clone, Debug)]
pub enum Question {
    /// A failure at that time: does it weigh more?
    Failure { id: Address, time: f64 },
    /// A new ban: how long is it?
    Ban { id: Address },
}

impl Question {
    pub fn id(&self) -> &Address {
        match self {
            Question::Failure { id, .. } | Question::Ban { id } => id,
        }
    }
}

/// A failure on its way to be counted.
#[derive(Clone, Debug)]
pub struct Pending {
    id: Id,
    time: f64,
    data: crate::filter::Data,
    matches: Vec<crate::filter::MatchLine>,
    origin: Origin,
    /// The verdict of `ignorecommand`, once it was run.
    command: Option<bool>,
}

#[derive(Clone, Debug)]
enum Origin {
    Line,
    /// `set JAIL attempt`: counts so many failures.
    Attempt(i64),
    /// A ban that was read back: only the ignore lists can keep it out.
    Restored(Box<Ban>),
}

impl Pending {
    /// The failure as a ticket: what tags in `ignorecommand` may refer to.
    pub fn ticket(&self) -> Ban {
        let id = match &self.id {
            Id::Known(address) => address.clone(),
            Id::Host(name) => Address::Name(Arc::from(&**name)),
            Id::Pending => Address::Raw("".into()),
        };
        Ban::new(id, Ticket::new(self.time, self.matches.clone(), self.data.clone()))
    }
}

/// The `bantime.*` options as they were set.
#[derive(Debug, Default)]
pub struct Increment {
    pub enabled: bool,
    pub overall_jails: bool,
    pub formula: BanTimeIncrement,
    /// Values as `get JAIL bantime.OPTION` shows them.
    pub shown: Vec<(String, Value)>,
}

/// Name, rules and state of one jail.
pub struct Jail {
    pub name: String,
    pub filter: Filter,
    pub failures: Failures,
    pub bans: Bans,
    pub ignore: Ignore,
    pub increment: Increment,
    /// Whether there is a database to remember bans in.
    pub remembers: bool,
    /// Failures that wait for an answer, in order; the first is the one that waits.
    waiting: VecDeque<Pending>,
    asked_command: bool,
    found: Vec<Failure>,
    notes: Vec<Note>,
}

impl Jail {
    pub fn new(name: &str, filter: Filter) -> Self {
        Jail {
            name: name.to_owned(),
            filter,
            failures: Failures::default(),
            bans: Bans::default(),
            ignore: Ignore::default(),
            increment: Increment::default(),
            remembers: false,
            waiting: VecDeque::new(),
            asked_command: false,
            found: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn log(&self, out: &mut Vec<Effect>, level: Level, logger: &'static str, text: String) {
        out.push(Effect::Log { level, logger, text: format!("[{}] {text}", self.name) });
    }

    /// Searches one line of a log. The error is the exception that upstream would log for it.
    pub fn line(
        &mut self,
        line: &str,
        now: f64,
        known: &mut dyn Known,
        out: &mut Vec<Effect>,
    ) -> Result<(), crate::value::Exception> {
        let mut found = std::mem::take(&mut self.found);
        let mut notes = std::mem::take(&mut self.notes);
        let asks = self.ignore.has_command() || self.ignore.cache.is_some();
        let failures = &self.failures;
        let wants_groups = |id: &Address| asks || failures.get(id).is_none();
        let result = self.filter.process_line_for(line, now, &wants_groups, &mut found, &mut notes);
        self.take_results(&mut found, &mut notes, now, known, out);
        self.found = found;
        self.notes = notes;
        result
    }

    /// Searches one entry whose time is known.
    pub fn entry(
        &mut self,
        entry: crate::filter::Dated<'_>,
        now: f64,
        known: &mut dyn Known,
        out: &mut Vec<Effect>,
    ) {
        let mut found = std::mem::take(&mut self.found);
        let mut notes = std::mem::take(&mut self.notes);
        self.filter.process_dated(entry, now, &mut found, &mut notes);
        self.take_results(&mut found, &mut notes, now, known, out);
        self.found = found;
        self.notes = notes;
    }

    fn take_results(
        &mut self,
        found: &mut Vec<Failure>,
        notes: &mut Vec<Note>,
        now: f64,
        known: &mut dyn Known,
        out: &mut Vec<Effect>,
    ) {
        for note in notes.drain(..) {
            match note {
                Note::Log { level, jail: true, text } => self.log(out, level, "fail2ban.filter", text),
                Note::Log { level, jail: false, text } => {
                    out.push(Effect::Log { level, logger: "fail2ban.filter", text });
                }
                Note::Dates(text) => {
                    out.push(Effect::Log { level: level::INFO, logger: "fail2ban.datedetector", text });
                }
                Note::Ignored(_) => {}
            }
        }
        for failure in found.drain(..) {
            let time = failure.time.map_or(now, Stamp::seconds).min(now);
            let (id, data, matches) = (failure.id, failure.data, failure.matches);
            let pending = Pending { id, time, data, matches, origin: Origin::Line, command: None };
            self.receive(pending, now, known, out);
        }
    }

    /// `set JAIL attempt ID LINES…`: as if these lines had matched. False if it is ignored, as far as that is
    /// known without waiting.
    pub fn attempt(
        &mut self,
        id: Address,
        lines: Vec<String>,
        now: f64,
        known: &mut dyn Known,
        out: &mut Vec<Effect>,
    ) -> bool {
        let before = self.failures.total();
        let origin = Origin::Attempt(lines.len().max(1) as i64);
        let matches = lines.into_iter().map(crate::filter::MatchLine::joined).collect();
        let data = crate::filter::Data::default();
        let pending = Pending { id: Id::Known(id), time: now, data, matches, origin, command: None };
        self.receive(pending, now, known, out);
        self.failures.total() > before || !self.waiting.is_empty()
    }

    /// A ban that the database remembers comes back, unless it is ignored by now.
    pub fn restore(&mut self, ban: Ban, now: f64, known: &mut dyn Known, out: &mut Vec<Effect>) {
        let (id, time) = (Id::Known(ban.id.clone()), ban.ticket.time);
        let (data, matches) = (ban.ticket.data.clone(), ban.ticket.matches.clone());
        let pending =
            Pending { id, time, data, matches, origin: Origin::Restored(Box::new(ban)), command: None };
        self.receive(pending, now, known, out);
    }

    fn receive(&mut self, pending: Pending, now: f64, known: &mut dyn Known, out: &mut Vec<Effect>) {
        if self.waiting.is_empty() {
            if let Some(pending) = self.handle(pending, now, known, out) {
                self.waiting.push_back(pending);
            }
        } else if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(pending);
        } else {
            let text = "Too many failures wait for name lookups or ignorecommand, one is dropped".to_owned();
            self.log(out, level::ERROR, "fail2ban.filter", text);
        }
    }

    /// Something that failures may wait for has been answered.
    pub fn resume(&mut self, now: f64, known: &mut dyn Known, out: &mut Vec<Effect>) {
        while let Some(pending) = self.waiting.pop_front() {
            if let Some(pending) = self.handle(pending, now, known, out) {
                self.waiting.push_front(pending);
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

    /// Counts a failure, or gives it back if it has to wait.
    fn handle(
        &mut self,
        pending: Pending,
        now: f64,
        known: &mut dyn Known,
        out: &mut Vec<Effect>,
    ) -> Option<Pending> {
        match &pending.id {
            Id::Pending => None,
            Id::Known(id) => {
                let id = id.clone();
                self.handle_known(pending, id, now, known, out)
            }
            Id::Host(name) => {
                if !matches!(self.filter.use_dns(), UseDns::Yes | UseDns::Warn) {
                    return None;
                }
                let Some(addresses) = known.addresses_of(name) else { return Some(pending) };
                let mut addresses: Vec<Address> = addresses.iter().cloned().collect();
                addresses.sort();
                if !addresses.is_empty() && self.filter.use_dns() == UseDns::Warn {
                    let set = Value::Set(addresses.iter().map(|a| Value::str(a.to_string())).collect());
                    let text = format!("Determined IP using DNS Lookup: {name} = {set}");
                    out.push(Effect::Log { level: level::WARNING, logger: "fail2ban.ipdns", text });
                }
                for id in addresses {
                    let one = Pending { id: Id::Known(id.clone()), ..pending.clone() };
                    if let Some(one) = self.handle_known(one, id, now, known, out) {
                        self.waiting.push_back(one);
                    }
                }
                None
            }
        }
    }

    fn handle_known(
        &mut self,
        pending: Pending,
        id: Address,
        now: f64,
        known: &mut dyn Known,
        out: &mut Vec<Effect>,
    ) -> Option<Pending> {
        match self.verdict(&pending, &id, now, known, out) {
            Verdict::Wait => Some(pending),
            Verdict::By(reason) => {
                if !reason.is_empty() {
                    self.log(out, level::INFO, "fail2ban.filter", format!("Ignore {id} by {reason}"));
                }
                None
            }
            Verdict::No => {
                self.count(pending, id, now, out);
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
        if let (Some(cache), Some(key)) = (&self.ignore.cache, &key) {
            if let Some(ignored) = cache.get(key, now).filter(|_| pending.command.is_none()) {
                return if ignored { Verdict::By(String::new()) } else { Verdict::No };
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
                        out.push(Effect::AskCommand(Box::new(pending.clone())));
                    }
                    Verdict::Wait
                }
            };
        }
        let by_address = verdict == Verdict::By("ip".to_owned());
        if let (Some(cache), Some(key), false) =
            (&mut self.ignore.cache, key, verdict == Verdict::Wait || by_address)
        {
            cache.set(key, verdict != Verdict::No, now);
        }
        verdict
    }

    /// A failure that nothing ignores.
    fn count(&mut self, pending: Pending, id: Address, now: f64, out: &mut Vec<Effect>) {
        let Pending { time, data, matches, origin, .. } = pending;
        let (word, count) = match origin {
            Origin::Line => ("Found", 1),
            Origin::Attempt(count) => ("Attempt", count),
            Origin::Restored(ban) => {
                self.ban(*ban, now, out);
                return;
            }
        };
        out.push(Effect::Log {
            level: level::INFO,
            logger: "fail2ban.filter",
            text: self.found_text(word, &id, time),
        });
        let retry = self.failures.add(&id, time, count, |new| {
            let mut data = if new { data } else { crate::filter::Data::default() };
            data.retain_values();
            Found { matches, data, failures: 0 }
        });
        if retry >= self.failures.max_retry as f64 {
            self.ban_failing(&id, now, out);
        }
        if self.increment.enabled && self.remembers {
            out.push(Effect::AskHistory(Question::Failure { id, time }));
        }
    }

    /// `[JAIL] Found ID - TIME`, put together without detours: no line is logged more often.
    fn found_text(&self, word: &str, id: &Address, time: f64) -> String {
        let mut text = String::with_capacity(self.name.len() + 64);
        for piece in ["[", &self.name, "] ", word, " "] {
            text.push_str(piece);
        }
        id.push_to(&mut text);
        text.push_str(" - ");
        push_local_text(&mut text, time);
        text
    }

    fn ban_failing(&mut self, id: &Address, now: f64, out: &mut Vec<Effect>) {
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

    /// The database's answer about earlier bans: how many, when the last one was, and how long.
    pub fn history(
        &mut self,
        question: Question,
        history: Option<crate::store::History>,
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
    fn weigh(
        &mut self,
        id: &Address,
        time: f64,
        history: Option<crate::store::History>,
        now: f64,
        out: &mut Vec<Effect>,
    ) {
        let Some(history) = history else { return };
        let known = self.failures.get(id).map_or(0, |ticket| ticket.ban_count);
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
        history: Option<crate::store::History>,
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

/// The key of `ignorecache`: its tags replaced by what the failure says.
fn cache_key(template: &str, id: &Address, pending: &Pending) -> String {
    let mut key = template.replace("<ip>", &id.to_string()).replace("<fid>", &id.to_string());
    for (name, item) in pending.data.iter() {
        let tag = format!("<F-{}>", name.to_uppercase());
        if key.contains(&tag) {
            key = key.replace(&tag, &item.value().to_text());
        }
    }
    key
}
