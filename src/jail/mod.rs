//! One jail: lines in, effects out (COMPAT §5, §7).
//!
//! A jail decides and remembers; it does nothing itself. What is to be done (log, ban, ask the database,
//! look up a name) comes out as [`Effect`]s in order.
//!
//! - `effect` – what comes out
//! - `taking` – the failures of a line, nearly all of which are counted at once
//! - `pending` – a failure on its way: names to look up, ignore lists, `ignorecommand`
//! - `banning` – counted, and banned or not
//! - `increment` – hosts that were banned before

mod banning;
mod effect;
mod increment;
mod pending;
mod taking;

use std::collections::VecDeque;

use crate::address::Address;
use crate::bans::{Ban, Bans};
use crate::failures::Failures;
use crate::filter::ignore::{Ignore, Known};
use crate::filter::{Data, Failure, Filter, Id, MatchLine, Matches, Note};
use crate::level::{self, Level};
use crate::value::Exception;

pub use effect::{Effect, Question};
pub use increment::Increment;
use pending::Origin;
pub use pending::Pending;
use taking::Taking;

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
    waiting: VecDeque<Pending<'static>>,
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

    /// Searches one line of a log, with no line feed inside. The error is the exception that upstream would log for it.
    ///
    /// `tell` is told of failures, in place of [`Effect::Found`], while nothing else of this line is in `out`; it may
    /// decline.
    pub fn line(
        &mut self,
        line: &str,
        now: f64,
        known: &mut dyn Known,
        out: &mut Vec<Effect>,
        tell: &mut dyn FnMut(&Address, f64) -> bool,
    ) -> Result<(), Exception> {
        let asks = self.ignore.has_command() || self.ignore.cache.is_some();
        let at_once = self.waiting.is_empty() && !asks && !self.asks_history();
        let Jail { filter, failures, ignore, found, notes, .. } = self;
        let before = out.len();
        let mut taking = Taking {
            at_once,
            asks,
            failures,
            ignore,
            line,
            now,
            known,
            out,
            before,
            tell,
            due: None,
            rest: found,
        };
        let result = filter.process_one_line(line, now, &mut taking, notes);
        if let Some(id) = taking.due {
            self.ban_failing(&id, now, out);
        }
        self.take_results(line, now, known, out);
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
        self.filter.process_dated(entry, now, &mut self.found, &mut self.notes);
        self.take_results("", now, known, out);
    }

    /// What the search of a line has come to, except for what was counted at once.
    #[inline(always)]
    fn take_results(&mut self, line: &str, now: f64, known: &mut dyn Known, out: &mut Vec<Effect>) {
        if !self.notes.is_empty() {
            self.take_notes(out);
        }
        if !self.found.is_empty() {
            self.take_found(line, now, known, out);
        }
    }

    fn take_found(&mut self, line: &str, now: f64, known: &mut dyn Known, out: &mut Vec<Effect>) {
        let mut found = std::mem::take(&mut self.found);
        for failure in found.drain(..) {
            let time = failure.seconds(now);
            let (id, data, matches) = (failure.id, failure.data, failure.matches);
            let pending = Pending { id, time, data, matches, line, origin: Origin::Line, command: None };
            self.receive(pending, now, known, out);
        }
        self.found = found;
    }

    #[cold]
    fn take_notes(&mut self, out: &mut Vec<Effect>) {
        for note in std::mem::take(&mut self.notes) {
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
        let matches = Matches::Lines(lines.into_iter().map(MatchLine::joined).collect());
        let (id, data) = (Id::Known(id), Data::default());
        let pending = Pending { id, time: now, data, matches, line: "", origin, command: None };
        self.receive(pending, now, known, out);
        self.failures.total() > before || !self.waiting.is_empty()
    }

    /// A ban that the database remembers comes back, unless it is ignored by now.
    pub fn restore(&mut self, ban: Ban, now: f64, known: &mut dyn Known, out: &mut Vec<Effect>) {
        let (id, time) = (Id::Known(ban.id.clone()), ban.ticket.time);
        let (data, matches) = (ban.ticket.data.clone(), Matches::Lines(ban.ticket.matches.clone()));
        let origin = Origin::Restored(Box::new(ban));
        let pending = Pending { id, time, data, matches, line: "", origin, command: None };
        self.receive(pending, now, known, out);
    }
}
