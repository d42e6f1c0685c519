//! All watched files: who reads them, which of them have something new, and when to look again.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::book::{Book, ERROR, INFO, MSG, WARNING};
use super::file::{BLOCK, Step, cursor, open};
use super::seek::{DateOf, seek_to_time};
use super::tailed::{Found, Tailed, Waiting};
use super::watch::{Change, Watcher};
use super::{Added, Backend, Error, Event, JailId, LineEnd, Mark, Position, Reader, Stored};

/// Names one watched file.
pub type Key = u64;

/// Bytes read in one call of [`Files::process`], and from one file in turn.
const BUDGET: usize = 512 * 1024;
const TURN: usize = 256 * 1024;
/// Descriptors kept open.
const MAX_OPEN: u64 = 256;
/// A polled file that is missing more often than this is given up (COMPAT §6).
const MAX_MISSES: u32 = 50;

/// See the module's description.
#[derive(Debug)]
pub struct Files {
    map: HashMap<Key, Tailed>,
    /// Files by name: one for each way of watching and each line end.
    index: HashMap<PathBuf, Vec<Key>>,
    jails: HashMap<JailId, Vec<Key>>,
    pub watcher: Option<Watcher>,
    queue: VecDeque<Key>,
    timers: BTreeSet<(u64, Key)>,
    /// Files held open, the longest unused first.
    held: BTreeSet<(u64, Key)>,
    max_open: usize,
    uses: u64,
    buffer: Vec<u8>,
    readers: Vec<Reader>,
}

impl Files {
    pub fn new() -> Files {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        Files {
            map: HashMap::new(),
            index: HashMap::new(),
            jails: HashMap::new(),
            watcher: None,
            queue: VecDeque::new(),
            timers: BTreeSet::new(),
            held: BTreeSet::new(),
            max_open: limit.map_or(MAX_OPEN, |n| n / 4).min(MAX_OPEN) as usize,
            uses: 0,
            buffer: Vec::new(),
            readers: Vec::new(),
        }
    }

    /// See [`Sources::add_file`](super::Sources::add_file).
    pub fn add(
        &mut self,
        jail: JailId,
        path: &Path,
        backend: Backend,
        tail: bool,
        stored: Option<&Stored>,
        book: &mut Book,
    ) -> Result<Added, Error> {
        if self.key_of(jail, path).is_some() {
            return Err(Error::Exists(path.to_owned()));
        }
        let (file, meta) = open(path).map_err(|error| Error::Open(path.to_owned(), error))?;
        let settings = *book.jails.entry(jail).or_default();
        let key = self.tailed(path, backend, settings.line_end, file, &meta, book);
        self.check_size(key, book);
        let Some(file) = self.map.get_mut(&key) else { return Err(Error::Exists(path.to_owned())) };
        let hash = file.now.hash().to_owned();
        let stored = stored.filter(|s| s.hash.as_ref() == Some(&hash));
        let pos = match stored.map(|s| s.mark) {
            _ if tail => meta.len(),
            Some(Mark::Offset(pos)) => pos,
            _ => 0,
        };
        file.waiting.push(Waiting { jail, pos, tail });
        self.jails.entry(jail).or_default().push(key);
        let text = format!(
            "Added logfile: {} (pos = {pos}, hash = {hash})",
            crate::value::Value::str(path.to_string_lossy())
        );
        book.say(INFO, "fail2ban.filter", None, text);
        Ok(Added { pos, hash })
    }

    /// The watched file of that name, a new one if there is none.
    fn tailed(
        &mut self,
        path: &Path,
        backend: Backend,
        line_end: LineEnd,
        file: File,
        meta: &Metadata,
        book: &mut Book,
    ) -> Key {
        let keys = self.index.entry(path.to_owned()).or_default();
        let fits = |key: &Key| {
            self.map.get(key).is_some_and(|file| file.asked == backend && file.line_end == line_end)
        };
        let key = match keys.iter().copied().find(fits) {
            Some(key) => key,
            None => {
                self.uses += 1;
                keys.push(self.uses);
                self.map.insert(self.uses, Tailed::new(path, backend, line_end, file, meta));
                self.uses
            }
        };
        self.look(key, book);
        key
    }

    fn key_of(&self, jail: JailId, path: &Path) -> Option<Key> {
        let keys = self.index.get(path)?;
        keys.iter().copied().find(|key| self.map.get(key).is_some_and(|file| file.has(jail)))
    }

    /// Paths of a jail in order of addition.
    pub fn paths(&self, jail: JailId) -> Vec<PathBuf> {
        let keys = self.jails.get(&jail).into_iter().flatten();
        keys.filter_map(|key| Some(self.map.get(key)?.path.clone())).collect()
    }

    /// Begins delivery; see [`Sources::start`](super::Sources::start).
    pub fn start(&mut self, jail: JailId, from: f64, date_of: DateOf<'_>, book: &mut Book) {
        let idle = book.jails.entry(jail).or_default().idle;
        for key in self.jails.get(&jail).cloned().unwrap_or_default() {
            if !self.map.get(&key).is_some_and(|f| f.waiting.iter().any(|w| w.jail == jail)) {
                continue;
            }
            if self.map.get(&key).is_some_and(|f| f.recheck || f.now.file.is_none()) {
                self.look(key, book);
            }
            self.check_size(key, book);
            let Some(file) = self.map.get_mut(&key) else { continue };
            let Some(at) = file.waiting.iter().position(|w| w.jail == jail) else { continue };
            let waiting = file.waiting.swap_remove(at);
            let mut pos = waiting.pos;
            if let (false, LineEnd::Byte, Some(open)) = (waiting.tail, file.line_end, &file.now.file) {
                match seek_to_time(open, pos, from, date_of) {
                    Ok(found) => pos = found,
                    Err(error) => {
                        let text = format!(
                            "Error during seek to start time in \"{}\": {error}",
                            file.path.display()
                        );
                        book.say(ERROR, "fail2ban.filter", Some(jail), text);
                    }
                }
            }
            let mut cursor = cursor(jail, pos, waiting.tail);
            cursor.idle = idle;
            file.now.cursors.push(cursor);
            self.wake(key, book.now, Change::Content);
        }
    }

    /// Takes a file from a jail; where reading ended.
    pub fn remove(&mut self, jail: JailId, path: &Path, book: &mut Book) -> Option<Position> {
        let key = self.key_of(jail, path)?;
        let position = self.detach(jail, key).map(|(_, position)| position);
        let text = format!("Removed logfile: {}", crate::value::Value::str(path.to_string_lossy()));
        book.say(INFO, "fail2ban.filter", None, text);
        position
    }

    /// Ends a jail's interest in a file: its reader, if it was started, and its position.
    fn detach(&mut self, jail: JailId, key: Key) -> Option<(Option<Reader>, Position)> {
        if let Some(keys) = self.jails.get_mut(&jail) {
            keys.retain(|k| *k != key);
        }
        let file = self.map.get_mut(&key)?;
        let waiting = file.waiting.iter().find(|w| w.jail == jail).map(|w| (None, w.pos));
        let own = file.now.cursors.iter().find(|c| c.reader.jail == jail).map(|c| (Some(c.reader), c.pos));
        let (reader, pos) = own.or(waiting)?;
        let position =
            Position { path: file.path.clone(), hash: file.now.hash().to_owned(), mark: Mark::Offset(pos) };
        file.waiting.retain(|w| w.jail != jail);
        file.contents().for_each(|content| content.cursors.retain(|c| c.reader.jail != jail));
        if file.waiting.is_empty() && file.now.cursors.is_empty() {
            self.forget(key);
        }
        Some((reader, position))
    }

    fn forget(&mut self, key: Key) {
        let Some(mut file) = self.map.remove(&key) else { return };
        file.release(key, &mut self.watcher);
        if let Some(keys) = self.index.get_mut(&file.path) {
            keys.retain(|k| *k != key);
            if keys.is_empty() {
                self.index.remove(&file.path);
            }
        }
        self.held.remove(&(file.used, key));
        if let Some(due) = file.due {
            self.timers.remove(&(micros(due), key));
        }
    }

    /// Removes all files of a jail.
    pub fn remove_jail(&mut self, jail: JailId, book: &mut Book) -> Vec<Position> {
        let paths = self.paths(jail);
        let positions = paths.iter().filter_map(|path| self.remove(jail, path, book)).collect();
        self.jails.remove(&jail);
        positions
    }

    /// Reads a jail's files with another line end from now on.
    pub fn set_line_end(&mut self, jail: JailId, line_end: LineEnd, book: &mut Book) {
        for key in self.jails.get(&jail).cloned().unwrap_or_default() {
            let Some(file) = self.map.get(&key) else { continue };
            let (path, backend) = (file.path.clone(), file.backend);
            let Ok((open, meta)) = open(&path) else { continue };
            let Some((reader, position)) = self.detach(jail, key) else { continue };
            let key = self.tailed(&path, backend, line_end, open, &meta, book);
            self.jails.entry(jail).or_default().push(key);
            let (Some(file), Mark::Offset(pos)) = (self.map.get_mut(&key), position.mark) else { continue };
            match reader {
                Some(reader) => file.now.cursors.push(cursor(jail, pos, reader.in_operation)),
                None => file.waiting.push(Waiting { jail, pos, tail: false }),
            }
            self.wake(key, book.now, Change::Content);
        }
    }

    /// Stops or resumes delivery to a jail.
    pub fn set_idle(&mut self, jail: JailId, idle: bool, now: f64) {
        for key in self.jails.get(&jail).cloned().unwrap_or_default() {
            let Some(file) = self.map.get_mut(&key) else { continue };
            for cursor in file.contents().flat_map(|content| &mut content.cursors) {
                cursor.idle = if cursor.reader.jail == jail { idle } else { cursor.idle };
            }
            self.wake(key, now, Change::Content);
        }
    }

    /// Positions that differ from those last given out.
    pub fn changed_positions(&mut self) -> Vec<(JailId, Position)> {
        let mut changed = Vec::new();
        for file in self.map.values_mut() {
            if file.now.cursors.iter().all(|c| c.saved == Some(c.pos)) {
                continue;
            }
            let hash = file.now.hash().to_owned();
            for cursor in file.now.cursors.iter_mut().filter(|c| c.saved != Some(c.pos)) {
                cursor.saved = Some(cursor.pos);
                let mark = Mark::Offset(cursor.pos);
                changed.push((
                    cursor.reader.jail,
                    Position { path: file.path.clone(), hash: hash.clone(), mark },
                ));
            }
        }
        changed
    }

    /// Seconds until something is due; 0 if there is something to read.
    pub fn due_in(&self, now: f64) -> Option<f64> {
        if !self.queue.is_empty() {
            return Some(0.0);
        }
        self.timers.first().map(|(at, _)| (*at as f64 / 1e6 - now).max(0.0))
    }

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

    fn wake(&mut self, key: Key, now: f64, change: Change) {
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
    fn look(&mut self, key: Key, book: &mut Book) {
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
    fn check_size(&mut self, key: Key, book: &mut Book) {
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
        let done = read_file(file, &mut read, &mut self.buffer, &mut self.readers, book, sink);
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
    book: &mut Book,
    sink: &mut dyn FnMut(Event<'_>),
) -> io::Result<(bool, Option<Found>)> {
    let (path, line_end, arrived, now) = (file.path.clone(), file.line_end, file.arrived, book.now);
    let mut out = |block: &[u8], readers: &[Reader]| {
        book.count(readers, block.len(), line_end.count(block), now - arrived);
        sink(Event::Lines { path: &path, readers, block, line_end, arrived });
    };
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

fn micros(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1e6) as u64
}
