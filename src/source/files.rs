//! All watched files: who reads them, which of them have something new, and when to look again.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};

use super::book::{Book, ERROR, INFO};
use super::file::{cursor, open};
use super::seek::{DateOf, seek_to_time};
use super::tailed::{Tailed, Waiting};
use super::watch::{Change, Watcher};
use super::{Added, Backend, Error, JailId, LineEnd, Mark, Position, Reader, Stored};

/// Names one watched file.
pub type Key = u64;

/// Descriptors kept open.
const MAX_OPEN: u64 = 256;

/// See the module's description.
#[derive(Debug)]
pub struct Files {
    pub map: HashMap<Key, Tailed>,
    /// Files by name: one for each way of watching and each line end.
    pub index: HashMap<PathBuf, Vec<Key>>,
    pub jails: HashMap<JailId, Vec<Key>>,
    pub watcher: Option<Watcher>,
    pub queue: VecDeque<Key>,
    pub timers: BTreeSet<(u64, Key)>,
    /// Files held open, the longest unused first.
    pub held: BTreeSet<(u64, Key)>,
    pub max_open: usize,
    pub uses: u64,
    pub buffer: Vec<u8>,
    pub readers: Vec<Reader>,
    /// Where the lines of a block end.
    pub ends: Vec<u32>,
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
            ends: Vec::new(),
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
}

/// A time as timers are ordered by.
pub fn micros(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1e6) as u64
}
