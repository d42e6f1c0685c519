//! One log file by name: its present inode, and those that bore the name before and may still be written to.

use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::file::{Content, Cursor, Id, Step, open};
use super::files::Key;
use super::watch::{Point, Watcher};
use super::{Backend, JailId, LineEnd, Reader};
use crate::value::Value;

/// Seconds without a write after which a file that lost its name is let go.
const GRACE: f64 = 60.0;
/// Seconds between looks at a missing file, doubled each time, upstream's bounds.
const RETRY: (f64, f64) = (0.2, 60.0);
/// Seconds between looks at a polled file: the first after a change, then a step more each time, up to the last.
const POLL: (f64, f64) = (0.2, 2.0);
/// Generations of one file that are read at a time.
const MAX_OLD: usize = 8;

/// A jail that waits for its start.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    pub jail: JailId,
    pub pos: u64,
    pub tail: bool,
}

/// What a look at the name of a file showed.
#[derive(Debug)]
pub enum Found {
    /// The same file.
    Same,
    /// Another file, or the same begun anew; upstream's reason, if there was a first line before.
    Rotated(Option<String>),
    /// No file; the first time only.
    Gone,
    /// A file again (of the same content).
    Back,
    /// Neither: why it cannot be opened, the first time only.
    Failed(io::Error),
    StillGone,
}

/// A log file that is read for some jails.
#[derive(Debug)]
pub struct Tailed {
    pub path: PathBuf,
    /// As asked for, and as it is: without inotify it is polled.
    pub asked: Backend,
    pub backend: Backend,
    pub line_end: LineEnd,
    pub now: Content,
    pub waiting: Vec<Waiting>,
    /// Unix seconds at which it was noticed that there is something to read.
    pub arrived: f64,
    /// A failure to read was told, and nothing was read since.
    pub complained: bool,
    /// In the queue of files to serve.
    pub queued: bool,
    /// The name is to be looked up.
    pub recheck: bool,
    /// When the timer of this file is set to.
    pub due: Option<f64>,
    /// When its descriptor was last needed.
    pub used: u64,
    missing: bool,
    /// Looks in vain since the file vanished.
    pub misses: u32,
    look_at: Option<f64>,
    wait: f64,
    release_at: Option<f64>,
    old: VecDeque<(Content, f64)>,
    points: Vec<Point>,
    /// Modification time, inode, size at the last poll.
    polled: Option<(i64, i64, u64, u64)>,
}

impl Tailed {
    pub fn new(path: &Path, backend: Backend, line_end: LineEnd, file: File, meta: &Metadata) -> Tailed {
        Tailed {
            path: path.to_owned(),
            asked: backend,
            backend,
            line_end,
            now: Content::new(file, meta),
            waiting: Vec::new(),
            arrived: 0.0,
            complained: false,
            queued: false,
            recheck: true,
            due: None,
            used: 0,
            missing: false,
            misses: 0,
            look_at: None,
            wait: RETRY.0,
            release_at: None,
            old: VecDeque::new(),
            points: Vec::new(),
            polled: None,
        }
    }

    /// Whether a jail reads it, or is going to.
    pub fn has(&self, jail: JailId) -> bool {
        self.waiting.iter().any(|w| w.jail == jail) || self.now.cursors.iter().any(|c| c.reader.jail == jail)
    }

    /// Looks up the name and takes what is there now.
    pub fn look(&mut self, key: Key, watcher: &mut Option<Watcher>, now: f64) -> io::Result<Found> {
        self.recheck = false;
        if let (Backend::Inotify, Some(watcher)) = (self.backend, watcher.as_mut()) {
            watcher.release_path(key, std::mem::take(&mut self.points));
            self.points = watcher.watch_path(key, &self.path)?;
        }
        let (file, meta) = match open(&self.path) {
            Ok(opened) => opened,
            Err(error) => return Ok(self.gone(error, now)),
        };
        let back = std::mem::take(&mut self.missing);
        self.misses = 0;
        self.release_at = None;
        self.look_at = None;
        let held = self.now.file.is_some();
        if Id::of(&meta) == self.now.id {
            if !held {
                self.now.file = Some(file);
            }
            self.watch_content(key, watcher)?;
            return Ok(if back { Found::Back } else { Found::Same });
        }
        if self.now.is_same(&file, &meta) {
            release(key, watcher, self.now.watch.take());
            (self.now.id, self.now.file) = (Id::of(&meta), Some(file));
            self.watch_content(key, watcher)?;
            return Ok(Found::Same);
        }
        let new = match self.old.iter().position(|(old, _)| old.id == Id::of(&meta)) {
            // Renamed back: it goes on where it was.
            Some(at) => self.old.remove(at).map(|(old, _)| old).unwrap_or_else(|| Content::new(file, &meta)),
            None => Content::new(file, &meta),
        };
        if !held {
            release(key, watcher, self.now.watch.take());
        }
        let found = self.replace(new, &meta, now);
        self.watch_content(key, watcher)?;
        Ok(found)
    }

    /// Watches the inode just opened; if the name led elsewhere meanwhile, another look follows.
    fn watch_content(&mut self, key: Key, watcher: &mut Option<Watcher>) -> io::Result<()> {
        if let (Backend::Inotify, Some(watcher), None) = (self.backend, watcher.as_mut(), &self.now.watch) {
            match watcher.watch_content(key, &self.path) {
                Ok(wd) => self.now.watch = Some(wd),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            let same = self.path.metadata().is_ok_and(|meta| Id::of(&meta) == self.now.id);
            if !same {
                if let Some(wd) = self.now.watch.take() {
                    watcher.release_content(key, wd);
                }
                self.recheck = true;
            }
        }
        Ok(())
    }

    /// The name leads nowhere: what is open is still read for a while, and the name looked up again.
    fn gone(&mut self, error: io::Error, now: f64) -> Found {
        let first = !std::mem::replace(&mut self.missing, true);
        self.misses += 1;
        if first {
            self.wait = RETRY.0;
            self.release_at = Some(now + GRACE);
        } else {
            let most = if self.backend == Backend::Polling { POLL.1 } else { RETRY.1 };
            self.wait = (self.wait * 2.0).min(most);
        }
        self.look_at = Some(now + self.wait);
        match error.kind() {
            _ if !first => Found::StillGone,
            io::ErrorKind::NotFound => Found::Gone,
            _ => Found::Failed(error),
        }
    }

    /// Another inode bears the name: all jails begin at its start, unless they know it already.
    fn replace(&mut self, mut new: Content, meta: &Metadata, now: f64) -> Found {
        let was = &self.now;
        let reason = reason(&mut new, meta.len(), was.known_hash(), was.farthest(), was.id.ino);
        for old in &self.now.cursors {
            if !new.cursors.iter().any(|c| c.reader.jail == old.reader.jail) {
                new.cursors.push(Cursor { pos: 0, saved: None, ..*old });
            }
        }
        self.waiting.iter_mut().for_each(|w| w.pos = 0);
        let old = std::mem::replace(&mut self.now, new);
        if old.file.is_some() {
            self.old.push_back((old, now + GRACE));
        }
        Found::Rotated(reason)
    }

    /// Looks whether the open inode was truncated or rewritten; returns its size.
    pub fn refresh(&mut self) -> io::Result<(u64, Found)> {
        let Some(file) = &self.now.file else { return Ok((0, Found::Same)) };
        let meta = file.metadata()?;
        if self.now.only_grew(&meta) {
            return Ok((meta.len(), Found::Same));
        }
        let old = self.now.known_hash().to_owned();
        let pos = self.now.farthest();
        self.now.rewind();
        let inode = self.now.id.ino;
        let reason = reason(&mut self.now, meta.len(), &old, pos, inode);
        self.waiting.iter_mut().for_each(|w| w.pos = 0);
        Ok((meta.len(), Found::Rotated(reason)))
    }

    /// Whether inodes that bore the name before are still read.
    pub fn has_old(&self) -> bool {
        !self.old.is_empty()
    }

    /// Reads on in the inodes that bore the name before. Their lines come before those of the present one.
    pub fn step_old(
        &mut self,
        now: f64,
        buffer: &mut Vec<u8>,
        readers: &mut Vec<Reader>,
        sink: &mut dyn FnMut(&[u8], &[Reader]),
    ) -> io::Result<Step> {
        for (content, until) in &mut self.old {
            let Some(meta) = content.file.as_ref().map(File::metadata).transpose()? else { continue };
            if !content.only_grew(&meta) {
                content.rewind();
            }
            let size = meta.len();
            if let Step::Read(n) = content.step(size, self.line_end, buffer, readers, sink)? {
                *until = now + GRACE;
                return Ok(Step::Read(n));
            }
        }
        Ok(Step::End)
    }

    /// Lets go of inodes without a name that nobody wrote to for a while.
    pub fn expire(&mut self, key: Key, watcher: &mut Option<Watcher>, now: f64) {
        let too_many = self.old.len().saturating_sub(MAX_OLD);
        let mut index = 0;
        self.old.retain_mut(|(content, until)| {
            index += 1;
            let keep = *until > now && index > too_many;
            if !keep {
                release(key, watcher, content.watch.take());
            }
            keep
        });
        if self.release_at.is_some_and(|at| at <= now) {
            self.release_at = None;
            self.close(key, watcher);
        }
    }

    /// Closes the descriptor; the file is opened again when there is something to read.
    pub fn close(&mut self, key: Key, watcher: &mut Option<Watcher>) {
        self.now.file = None;
        if self.missing {
            release(key, watcher, self.now.watch.take());
        }
    }

    /// Gives back all watches.
    pub fn release(&mut self, key: Key, watcher: &mut Option<Watcher>) {
        release(key, watcher, self.now.watch.take());
        for (content, _) in self.old.drain(..) {
            release(key, watcher, content.watch);
        }
        if let Some(watcher) = watcher {
            watcher.release_path(key, std::mem::take(&mut self.points));
        }
    }

    /// Whether a polled file, or one that vanished, has to be looked up now. Sets the time of the next poll.
    pub fn poll(&mut self, now: f64) -> bool {
        if !self.look_at.is_some_and(|at| at <= now) {
            return false;
        }
        self.look_at = None;
        if self.backend == Backend::Inotify || self.missing {
            return true;
        }
        use std::os::unix::fs::MetadataExt;
        let seen = self.path.metadata().ok().map(|m| (m.mtime(), m.mtime_nsec(), m.ino(), m.len()));
        let changed = seen != self.polled || seen.is_none();
        self.polled = seen;
        self.wait = if changed { POLL.0 } else { (self.wait + POLL.0).min(POLL.1) };
        self.look_at = Some(now + self.wait);
        changed || !self.old.is_empty()
    }

    /// The first poll comes at once.
    pub fn start_polling(&mut self, now: f64) {
        if self.backend == Backend::Polling && self.look_at.is_none() {
            self.wait = POLL.0;
            self.look_at = Some(now + self.wait);
        }
    }

    /// When this file wants to be looked after without being written to.
    pub fn next_due(&self) -> Option<f64> {
        let old = self.old.iter().map(|(_, until)| *until);
        old.chain(self.look_at).chain(self.release_at).min_by(f64::total_cmp)
    }

    /// All places where a jail reads this file.
    pub fn contents(&mut self) -> impl Iterator<Item = &mut Content> {
        self.old.iter_mut().map(|(content, _)| content).chain([&mut self.now])
    }
}

fn release(key: Key, watcher: &mut Option<Watcher>, watch: Option<inotify::WatchDescriptor>) {
    if let (Some(watcher), Some(wd)) = (watcher.as_mut(), watch) {
        watcher.release_content(key, wd);
    }
}

/// Upstream's reason of a rotation, a Python tuple: new size, old position, inodes and hashes, new
/// and old; none if there was no complete first line before.
fn reason(new: &mut Content, size: u64, old_hash: &str, pos: u64, old_inode: u64) -> Option<String> {
    let inode = new.id.ino;
    let (hash, old) = (Value::str(new.hash()), Value::str(old_hash));
    (!old_hash.is_empty()).then(|| format!("({size}, {pos}, {inode}, {old_inode}, {hash}, {old})"))
}
