//! What the kernel is asked to report (inotify): changes of files, and of everything on the way to them.
//!
//! For each log file the inode is watched for writing, the directory for its name appearing or
//! going, each symbolic link on the way likewise, and each directory above for being moved. So a
//! rename, a swapped link or a returning directory is noticed at once.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Component, Path, PathBuf};

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask};

use super::files::Key;

/// Links followed on the way to a file, as the kernel does.
const MAX_LINKS: usize = 40;

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its inode was written to or truncated.
    Content,
    /// Its name may lead elsewhere now.
    Path,
}

/// A watched directory on the way to a file; without a name, only its own fate matters.
pub type Point = (WatchDescriptor, Option<OsString>);

/// Everybody interested in one watched inode.
#[derive(Debug, Default)]
struct Watch {
    content: BTreeSet<Key>,
    names: HashMap<OsString, BTreeSet<Key>>,
    whole: BTreeSet<Key>,
}

/// The inotify instance and who waits for what.
#[derive(Debug)]
pub struct Watcher {
    inotify: Inotify,
    watches: HashMap<WatchDescriptor, Watch>,
    buffer: Vec<u8>,
}

impl Watcher {
    pub fn new() -> io::Result<Watcher> {
        Ok(Watcher { inotify: Inotify::init()?, watches: HashMap::new(), buffer: vec![0; 16 * 1024] })
    }

    /// Reports writes to the inode that `path` now leads to.
    pub fn watch_content(&mut self, key: Key, path: &Path) -> io::Result<WatchDescriptor> {
        let wd = self.inotify.watches().add(path, WatchMask::MODIFY | WatchMask::MASK_ADD)?;
        self.watches.entry(wd.clone()).or_default().content.insert(key);
        Ok(wd)
    }

    pub fn release_content(&mut self, key: Key, wd: WatchDescriptor) {
        if let Some(watch) = self.watches.get_mut(&wd) {
            watch.content.remove(&key);
        }
        self.drop_unused(wd);
    }

    /// Reports changes of where `path` leads, until [`Watcher::release_path`].
    pub fn watch_path(&mut self, key: Key, path: &Path) -> io::Result<Vec<Point>> {
        let mut points: Vec<Point> = Vec::new();
        let mut known = Vec::new();
        // Something may change between looking and watching: until two looks agree.
        for _ in 0..MAX_LINKS {
            let found = way(path);
            if found == known {
                break;
            }
            for (dir, name) in &found {
                match self.watch_point(key, dir, name.as_deref()) {
                    Ok(point) => points.push(point),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => {
                        self.release_path(key, points);
                        return Err(error);
                    }
                }
            }
            known = found;
        }
        Ok(points)
    }

    fn watch_point(&mut self, key: Key, dir: &Path, name: Option<&OsStr>) -> io::Result<Point> {
        let mut mask =
            WatchMask::MOVE_SELF | WatchMask::DELETE_SELF | WatchMask::MASK_ADD | WatchMask::ONLYDIR;
        if name.is_some() {
            mask |= WatchMask::CREATE | WatchMask::MOVED_TO | WatchMask::MOVED_FROM | WatchMask::DELETE;
        }
        let wd = self.inotify.watches().add(dir, mask)?;
        let watch = self.watches.entry(wd.clone()).or_default();
        watch.whole.insert(key);
        if let Some(name) = name {
            watch.names.entry(name.to_owned()).or_default().insert(key);
        }
        Ok((wd, name.map(OsStr::to_owned)))
    }

    pub fn release_path(&mut self, key: Key, points: Vec<Point>) {
        for (wd, name) in points {
            if let Some(watch) = self.watches.get_mut(&wd) {
                watch.whole.remove(&key);
                if let Some(keys) = name.as_ref().and_then(|name| watch.names.get_mut(name)) {
                    keys.remove(&key);
                }
                if let Some(name) = name.filter(|name| watch.names.get(name).is_some_and(BTreeSet::is_empty))
                {
                    watch.names.remove(&name);
                }
            }
            self.drop_unused(wd);
        }
    }

    fn drop_unused(&mut self, wd: WatchDescriptor) {
        let unused = |w: &Watch| w.content.is_empty() && w.whole.is_empty();
        if self.watches.get(&wd).is_some_and(unused) {
            self.watches.remove(&wd);
            // Fails if the inode is gone already, and with it the watch.
            let _ = self.inotify.watches().remove(wd);
        }
    }

    /// Passes on what was reported; true if the kernel dropped reports, so that anything may have changed.
    pub fn read(&mut self, notify: &mut dyn FnMut(Key, Change)) -> bool {
        let mut overflow = false;
        // What is left, also after an interrupted or failed read, keeps the descriptor readable.
        if let Ok(events) = self.inotify.read_events(&mut self.buffer) {
            for event in events {
                overflow |= event.mask.contains(EventMask::Q_OVERFLOW);
                let Some(watch) = self.watches.get_mut(&event.wd) else { continue };
                if event.mask.contains(EventMask::MODIFY) {
                    watch.content.iter().for_each(|key| notify(*key, Change::Content));
                } else if let Some(name) = event.name {
                    watch.names.get(name).into_iter().flatten().for_each(|key| notify(*key, Change::Path));
                } else {
                    let keys = watch.whole.iter().chain(&watch.content);
                    keys.for_each(|key| notify(*key, Change::Path));
                }
                if event.mask.contains(EventMask::IGNORED) {
                    self.watches.remove(&event.wd);
                }
            }
        }
        overflow
    }
}

impl AsFd for Watcher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

/// The directories on the way to `path`: with the name in them that matters (the file itself, a
/// symbolic link, or what is missing), or without one.
fn way(path: &Path) -> Vec<(PathBuf, Option<OsString>)> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut todo: VecDeque<OsString> = path.components().map(|c| c.as_os_str().to_owned()).collect();
    let mut here = PathBuf::from("/");
    let mut way = Vec::new();
    let mut links = 0;
    while let Some(part) = todo.pop_front() {
        match Path::new(&part).components().next() {
            Some(Component::RootDir) => here = PathBuf::from("/"),
            Some(Component::ParentDir) => drop(here.pop()),
            Some(Component::Normal(name)) => {
                let next = here.join(name);
                let kind = next.symlink_metadata().map(|meta| meta.file_type());
                let link = matches!(&kind, Ok(kind) if kind.is_symlink());
                if link || todo.is_empty() || kind.is_err() {
                    way.push((here.clone(), Some(name.to_owned())));
                }
                match kind {
                    Ok(_) if link && links < MAX_LINKS => {
                        links += 1;
                        let target = std::fs::read_link(&next).unwrap_or_default();
                        for c in target.components().rev() {
                            todo.push_front(c.as_os_str().to_owned());
                        }
                    }
                    Ok(kind) if kind.is_dir() && !todo.is_empty() => {
                        here = next;
                        way.push((here.clone(), None));
                    }
                    _ => break,
                }
            }
            _ => {}
        }
    }
    way
}
