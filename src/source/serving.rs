//! Serving the watched files: what changed, when to look again, and reading in turn.

use std::io;

use super::book::{Book, ERROR, MSG, WARNING};
use super::file::{BLOCK, Step};
use super::files::{Files, Key, micros};
use super::tailed::{Found, Tailed};
use super::watch::{Change, Watcher};
use super::{Backend, Block, Event, JailId, Reader};

/// Bytes read in one call of [`Files::process`], and from one file in turn.
const BUDGET: usize = 128 * 1024;
const TURN: usize = 64 * 1024;
/// A polled file that is missing more often than this is given up (COMPAT §6).
const MAX_MISSES: u32 = 50;

impl Files {
    /// Takes note of changes and delivers new lines; true if there is more.
    pub fn process(&mut self, book: &mut Book, sink: &mut dyn FnMut(Event<'_>)) -> bool {
        self.read_watcher(book.now);
        self.fire_timers(book);
        let mut budget = BUDGET;
        for _ in 0..self.queue.len() {
            let Some(key) = self.queue.pop_front() else { break };
            let (read, more) = self.serve(key, book, sink);
            if let (true, Some(file)) = (more, self.map.get_mut(&key)) {
                file.queued = true;
                self.queue.push_back(key);
            }
            self.retime(key);
            budget = budget.saturating_sub(read);
            if budget == 0 {
                break;
            }
        }
        if self.queue.is_empty() && self.buffer.len() > BLOCK {
            self.buffer = Vec::new();
        }
        !self.queue.is_empty()
    }

    fn read_watcher(&mut self, now: f64) {
        let Some(mut watcher) = self.watcher.take() else { return };
        let overflow = watcher.read(&mut |key, change| self.wake(key, now, change));
        self.watcher = Some(watcher);
        if overflow {
            let keys: Vec<Key> = self.map.keys().copied().collect();
            keys.into_iter().for_each(|key| self.wake(key, now, Change::Path));
        }
    }

    pub fn wake(&mut self, key: Key, now: f64, change: Change) {
        let Some(file) = self.map.get_mut(&key) else { return };
        file.recheck |= change == Change::Path;
        if !std::mem::replace(&mut file.queued, true) {
            file.arrived = now;
            self.queue.push_back(key);
        }
    }

    fn fire_timers(&mut self, book: &mut Book) {
        let now = book.now;
        while let Some((_, key)) = self.timers.first().copied().filter(|(at, _)| *at <= micros(now)) {
            self.timers.pop_first();
            let Some(file) = self.map.get_mut(&key) else { continue };
            file.due = None;
            file.expire(key, &mut self.watcher, now);
            if file.poll(now) {
                self.wake(key, now, Change::Path);
            }
            self.give_up(key, book);
            self.retime(key);
        }
    }

    /// A polled file that stays away is no longer watched.
    fn give_up(&mut self, key: Key, book: &mut Book) {
        let Some(file) = self.map.get(&key) else { return };
        if file.backend != Backend::Polling || file.misses <= MAX_MISSES {
            return;
        }
        let path = file.path.clone();
        let name = crate::value::Value::str(path.to_string_lossy());
        let text = format!("Too many errors. Remove file {name} from monitoring process");
        book.say(WARNING, "fail2ban.filterpoll", None, text);
        for jail in self.readers_of(key) {
            self.remove(jail, &path, book);
        }
    }

    fn readers_of(&self, key: Key) -> Vec<JailId> {
        let Some(file) = self.map.get(&key) else { return Vec::new() };
        let started = file.now.cursors.iter().map(|c| c.reader.jail);
        started.chain(file.waiting.iter().map(|w| w.jail)).collect()
    }

    fn retime(&mut self, key: Key) {
        let Some(file) = self.map.get_mut(&key) else { return };
        let due = file.next_due();
        if due != file.due {
            if let Some(old) = file.due {
                self.timers.remove(&(micros(old), key));
            }
            if let Some(new) = due {
                self.timers.insert((micros(new), key));
            }
            file.due = due;
        }
    }

    /// Looks up a file's name and says what was found.
    pub fn look(&mut self, key: Key, book: &mut Book) {
        let Some(file) = self.map.get_mut(&key) else { return };
        if file.backend == Backend::Inotify && self.watcher.is_none() {
            self.watcher = Watcher::new().ok();
        }
        if file.backend == Backend::Inotify && self.watcher.is_none() {
            file.backend = Backend::Polling;
        }
        let now = book.now;
        let found = file.look(key, &mut self.watcher, now).or_else(|error| {
            let text = format!("Unable to watch {}, so it is polled: {error}", file.path.display());
            book.say(WARNING, "fail2ban.filterpyinotify", None, text);
            file.backend = Backend::Polling;
            file.look(key, &mut self.watcher, now)
        });
        file.start_polling(now);
        file.expire(key, &mut self.watcher, now);
        match found {
            Ok(found) => self.report(key, found, book),
            Err(error) => self.report(key, Found::Failed(error), book),
        }
        self.hold(key);
        self.retime(key);
    }

    /// Notices a truncation now, before a jail joins at a position of its own.
    pub fn check_size(&mut self, key: Key, book: &mut Book) {
        if let Some(Ok((_, found))) = self.map.get_mut(&key).map(Tailed::refresh) {
            self.report(key, found, book);
        }
    }

    /// Notes that a file is open and used; closes the one unused for longest if there are too many.
    fn hold(&mut self, key: Key) {
        let Some(file) = self.map.get_mut(&key) else { return };
        self.held.remove(&(file.used, key));
        if file.now.file.is_some() {
            self.uses += 1;
            file.used = self.uses;
            self.held.insert((file.used, key));
        }
        if self.held.len() > self.max_open {
            if let Some((_, oldest)) = self.held.pop_first() {
                if let Some(file) = self.map.get_mut(&oldest) {
                    file.close(oldest, &mut self.watcher);
                }
            }
        }
    }

    fn report(&mut self, key: Key, found: Found, book: &mut Book) {
        let Some(file) = self.map.get(&key) else { return };
        let path = file.path.display();
        let logger =
            if file.backend == Backend::Polling { "fail2ban.filterpoll" } else { "fail2ban.filterpyinotify" };
        match found {
            Found::Rotated(Some(reason)) => {
                let text = format!("Log rotation detected for {path}, reason: {reason}");
                book.say(MSG, "fail2ban.filter", None, text);
            }
            Found::Gone => {
                let text = format!("Log absence detected (possibly rotation) for {path}");
                book.say(MSG, logger, None, text);
            }
            Found::Back => book.say(MSG, logger, None, format!("Log presence detected for file {path}")),
            Found::Failed(error) => {
                for jail in self.readers_of(key) {
                    book.say(ERROR, "fail2ban.filter", Some(jail), format!("Unable to open {path}: {error}"));
                }
            }
            Found::Same | Found::StillGone | Found::Rotated(None) => {}
        }
    }

    /// Delivers what a file has for its jails; bytes read, and whether there is more.
    fn serve(&mut self, key: Key, book: &mut Book, sink: &mut dyn FnMut(Event<'_>)) -> (usize, bool) {
        match self.map.get_mut(&key) {
            None => return (0, false),
            Some(file) if file.recheck || file.now.file.is_none() => self.look(key, book),
            Some(_) => self.hold(key),
        }
        let Some(file) = self.map.get_mut(&key) else { return (0, false) };
        file.queued = false;
        if self.buffer.is_empty() {
            self.buffer.resize(BLOCK, 0);
        }
        let mut read = 0;
        let Files { buffer, readers, ends, .. } = self;
        let done = read_file(file, &mut read, buffer, readers, ends, book, sink);
        let more = file.recheck;
        match done {
            Ok((end, found)) => {
                file.complained = false;
                if let Some(found) = found {
                    self.report(key, found, book);
                }
                (read, more || !end)
            }
            Err(error) => {
                // A stale handle of a network file system: the name is looked up again with the next change.
                file.close(key, &mut self.watcher);
                if !std::mem::replace(&mut file.complained, true) {
                    self.report(key, Found::Failed(error), book);
                }
                (read, false)
            }
        }
    }
}

/// Reads one file up to its turn's end; whether its end was reached, and what was noticed on the way.
fn read_file(
    file: &mut Tailed,
    read: &mut usize,
    buffer: &mut Vec<u8>,
    readers: &mut Vec<Reader>,
    ends: &mut Vec<u32>,
    book: &mut Book,
    sink: &mut dyn FnMut(Event<'_>),
) -> io::Result<(bool, Option<Found>)> {
    let (path, line_end, arrived, now) = (file.path.clone(), file.line_end, file.arrived, book.now);
    let mut out = |block: &[u8], readers: &[Reader]| {
        let block = Block::new(block, line_end, ends);
        book.count(readers, block.size(), block.count(), now - arrived);
        sink(Event::Lines { path: &path, readers, block, arrived });
    };
    if !file.has_old() {
        if let Some(n) = file.now.step_grown(line_end, buffer, readers, &mut out)? {
            *read += n;
            return Ok((true, None));
        }
    }
    while *read < TURN {
        match file.step_old(now, buffer, readers, &mut out)? {
            Step::Read(n) => *read += n,
            Step::End => break,
        }
    }
    let (size, found) = file.refresh()?;
    while *read < TURN {
        match file.now.step(size, line_end, buffer, readers, &mut out)? {
            Step::Read(n) => *read += n,
            Step::End => return Ok((true, Some(found))),
        }
    }
    Ok((false, Some(found)))
}
