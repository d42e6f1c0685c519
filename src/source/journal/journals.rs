//! The journals of all jails: jails with equal options share a reader as soon as they stand at the same place.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use super::handle::unavailable;
use super::matches::{Group, groups};
use super::options::Options;
use super::reader::{Joining, RETRY, Scratch, Shared, Step};
use crate::source::book::{Book, ERROR, INFO, MSG, NOTICE};
use crate::source::sources::{add_to_poll, remove_from_poll};
use crate::source::{Error, Event, JailId, Mark, Position, Reader, Stored};

const LOGGER: &str = "fail2ban.filtersystemd";
/// Name of the journal in the `logs` table.
const PATH: &str = "systemd-journal";
/// Entries read in one call.
const BUDGET: usize = 1000;

/// A jail with `backend = systemd`.
#[derive(Debug)]
struct Jail {
    options: Options,
    groups: Vec<Group>,
    state: State,
    saved: Option<u64>,
}

#[derive(Debug)]
enum State {
    /// Not started; holds the stored time.
    Added(Option<f64>),
    /// To be given a reader, not before the time.
    Waiting(Joining, f64),
    Reading,
}

/// See the module's description.
#[derive(Debug, Default)]
pub struct Journals {
    jails: BTreeMap<JailId, Jail>,
    readers: Vec<Shared>,
    scratch: Scratch,
}

impl Journals {
    pub fn add(&mut self, jail: JailId, options: Options, stored: Option<&Stored>) -> Result<(), Error> {
        if let Some(reason) = unavailable() {
            return Err(Error::Source(reason.to_owned()));
        }
        let stored = stored.and_then(|stored| match stored.mark {
            Mark::Time(time) => Some(time),
            Mark::Offset(_) => None,
        });
        let state = State::Added(stored);
        self.jails.insert(jail, Jail { options, groups: Vec::new(), state, saved: None });
        Ok(())
    }

    pub fn add_match(&mut self, jail: JailId, words: &[String], book: &mut Book) -> Result<(), Error> {
        let text = crate::value::Value::str(words.join(" "));
        let new = groups(words).inspect_err(|_| {
            book.say(ERROR, LOGGER, None, format!("Error adding journal match for: {text}"));
        })?;
        self.change_groups(jail, |groups| groups.extend(new));
        book.say(INFO, LOGGER, Some(jail), format!("Added journal match for: {text}"));
        Ok(())
    }

    pub fn remove_match(
        &mut self,
        jail: JailId,
        words: Option<&[String]>,
        book: &mut Book,
    ) -> Result<(), Error> {
        let known = self.jails.get(&jail).map(|j| j.groups.clone()).unwrap_or_default();
        let shown = match words {
            None if known.is_empty() => return Ok(()),
            None => String::new(),
            Some(words) => crate::value::Value::strings(words.iter().map(String::as_str)).to_string(),
        };
        let at = words.map(|words| known.iter().position(|group| group == words));
        match at {
            None => self.change_groups(jail, Vec::clear),
            Some(None) => return Err(Error::NoMatch(shown)),
            Some(Some(at)) => self.change_groups(jail, |groups| drop(groups.remove(at))),
        }
        let shown = if words.is_none_or(<[String]>::is_empty) { "'*'" } else { &shown };
        book.say(INFO, LOGGER, Some(jail), format!("Removed journal match for: {shown}"));
        Ok(())
    }

    pub fn matches(&self, jail: JailId) -> Vec<Group> {
        self.jails.get(&jail).map(|jail| jail.groups.clone()).unwrap_or_default()
    }

    /// Changes a jail's alternatives; it then goes on where it was.
    fn change_groups(&mut self, jail: JailId, change: impl FnOnce(&mut Vec<Group>)) {
        self.detach(jail);
        let Some(own) = self.jails.get_mut(&jail) else { return };
        change(&mut own.groups);
        if let State::Waiting(joining, _) = &mut own.state {
            joining.groups.clone_from(&own.groups);
        }
    }

    /// Takes a jail from its reader.
    fn detach(&mut self, jail: JailId) {
        let left = self.readers.iter_mut().find_map(|reader| reader.leave(jail));
        if let (Some(own), Some(joining)) = (self.jails.get_mut(&jail), left) {
            own.state = State::Waiting(joining, 0.0);
        }
        self.readers.retain(|reader| !reader.members.is_empty());
    }

    /// Begins reading at the later of `from` (Unix seconds) and the stored time.
    pub fn start(&mut self, jail: JailId, from: f64, book: &mut Book) {
        let Some(own) = self.jails.get_mut(&jail) else { return };
        let State::Added(stored) = own.state else { return };
        if own.groups.is_empty() {
            let text = "Jail started without 'journalmatch' set. Jail regexs will be checked against all \
                        journal entries, which is not advised for performance reasons.";
            book.say(NOTICE, LOGGER, Some(jail), text.to_owned());
        }
        let from = (from.max(stored.unwrap_or(0.0)) * 1e6).round() as u64;
        let reader = Reader { jail, in_operation: false };
        own.state = State::Waiting(Joining { reader, groups: own.groups.clone(), from, last: None }, 0.0);
    }

    pub fn set_idle(&mut self, jail: JailId, idle: bool) {
        if idle {
            self.detach(jail);
        }
    }

    pub fn remove(&mut self, jail: JailId) -> Option<Position> {
        self.detach(jail);
        match self.jails.remove(&jail)?.state {
            State::Waiting(joining, _) => joining.last.as_ref().map(position),
            State::Added(_) | State::Reading => None,
        }
    }

    pub fn changed_positions(&mut self) -> Vec<(JailId, Position)> {
        let mut changed = Vec::new();
        for member in self.readers.iter().flat_map(|reader| &reader.members) {
            let Some(last) = &member.last else { continue };
            let Some(own) = self.jails.get_mut(&member.reader.jail) else { continue };
            if own.saved.replace(last.1) != Some(last.1) {
                changed.push((member.reader.jail, position(last)));
            }
        }
        changed
    }

    /// Seconds until something is due.
    pub fn due_in(&self, now: f64, book: &Book) -> Option<f64> {
        let waiting = self.jails.iter().filter(|(id, _)| !book.is_idle(**id)).filter_map(|(_, jail)| {
            match jail.state {
                State::Waiting(_, at) => Some(at),
                _ => None,
            }
        });
        let reading = self.readers.iter().filter_map(|reader| match reader.at_end || reader.in_break() {
            true => reader.due(),
            false => Some(0.0),
        });
        waiting.chain(reading).min_by(f64::total_cmp).map(|at| (at - now).max(0.0))
    }

    /// Delivers new entries; true if there are more.
    pub fn process(&mut self, poll: &OwnedFd, book: &mut Book, sink: &mut dyn FnMut(Event<'_>)) -> bool {
        self.open_waiting(poll, book);
        for reader in &mut self.readers {
            let looked = reader.look(book.now).and_then(|again| match again {
                true => Ok(add_to_poll(poll, &reader.handle)?),
                false => Ok(()),
            });
            if let Err(error) = looked {
                reader.retry(book.now);
                complain(reader, &error, book);
            }
            read(reader, poll, &mut self.scratch, book, sink);
        }
        self.merge(poll, book);
        self.readers.iter().any(|reader| !reader.at_end && !reader.in_break())
    }

    /// Gives the jails that wait a reader, one for all that have the same options.
    fn open_waiting(&mut self, poll: &OwnedFd, book: &mut Book) {
        let mut waiting: Vec<(Options, Vec<Joining>)> = Vec::new();
        for (id, jail) in &self.jails {
            let State::Waiting(joining, at) = &jail.state else { continue };
            if *at > book.now || book.is_idle(*id) {
                continue;
            }
            match waiting.iter_mut().find(|(options, _)| *options == jail.options) {
                Some((_, jails)) => jails.push(joining.clone()),
                None => waiting.push((jail.options.clone(), vec![joining.clone()])),
            }
        }
        for (options, jails) in waiting {
            let opened = Shared::open(&options, &jails, book.now).and_then(|shared| {
                add_to_poll(poll, &shared.handle)?;
                Ok(shared)
            });
            for joining in &jails {
                let id = joining.reader.jail;
                let Some(jail) = self.jails.get_mut(&id) else { continue };
                jail.state = match &opened {
                    Ok(_) => State::Reading,
                    Err(error) => {
                        book.say(ERROR, LOGGER, Some(id), format!("Unable to open the journal: {error}"));
                        State::Waiting(joining.clone(), book.now + RETRY)
                    }
                };
            }
            self.readers.extend(opened);
        }
    }

    /// Unites readers of the same journal that have both reached its end.
    fn merge(&mut self, poll: &OwnedFd, book: &mut Book) {
        let mut index = 0;
        while index < self.readers.len() {
            let one = &self.readers[index];
            let other = (index + 1..self.readers.len()).find(|other| {
                let other = &self.readers[*other];
                [one, other].iter().all(|r| r.at_end && !r.in_break()) && one.options == other.options
            });
            let Some(other) = other else {
                index += 1;
                continue;
            };
            let other = self.readers.remove(other);
            let one = &mut self.readers[index];
            let united: io::Result<()> = one.absorb(other).and_then(|()| {
                add_to_poll(poll, &one.handle)?;
                Ok(())
            });
            if let Err(error) = united {
                one.retry(book.now);
                complain(one, &error, book);
            }
        }
    }
}

/// Reads what a reader has, up to the budget.
fn read(
    reader: &mut Shared,
    poll: &OwnedFd,
    scratch: &mut Scratch,
    book: &mut Book,
    sink: &mut dyn FnMut(Event<'_>),
) {
    let now = book.now;
    let mut operating = Vec::new();
    for _ in 0..BUDGET {
        if reader.at_end || reader.in_break() {
            break;
        }
        let mut deliver = |readers: &[Reader], bytes: usize, event: Event<'_>| {
            let Event::Entry { arrived, .. } = event else { return };
            book.count(readers, bytes, 1, now - arrived);
            sink(event);
        };
        match reader.step(now, scratch, &mut deliver, &mut |jail| operating.push(jail)) {
            Step::Read | Step::End | Step::Failed(None) => {}
            Step::Failed(Some(error)) => complain(reader, &error, book),
            Step::Closed(error) => {
                remove_from_poll(poll, &reader.handle);
                complain(reader, &error, book);
            }
        }
    }
    for jail in operating {
        let text = "Jail is in operation now (process new journal entries)";
        book.say(INFO, LOGGER, Some(jail), text.to_owned());
    }
    if reader.took_break() {
        for member in &reader.members {
            let text = "Invalidate signaled, take a little break (rotation ends)";
            book.say(MSG, LOGGER, Some(member.reader.jail), text.to_owned());
        }
    }
}

fn complain(reader: &Shared, error: &io::Error, book: &mut Book) {
    for member in &reader.members {
        let text = format!("Error reading line from systemd journal: {error}");
        book.say(ERROR, LOGGER, Some(member.reader.jail), text);
    }
}

fn position(last: &(String, u64)) -> Position {
    Position { path: PathBuf::from(PATH), hash: last.0.clone(), mark: Mark::Time(last.1 as f64 / 1e6) }
}
