//! Random histories of a log file, read by real [`Sources`] and compared with a model that knows
//! which complete lines each jail must get: every one exactly once, in the order of its inode.
//!
//! Lost by design (as for every reader of files): what was cut off before it was read, inodes that came
//! and went between two looks, and older generations that still had unread lines when the reader stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Backend, Event, JailId, Sources, Stored};

/// splitmix64: the same histories everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }
}

/// What the model knows of one inode.
#[derive(Default)]
struct Inode {
    lines: Vec<u32>,
    /// Begun last line: its number, and what is still to be written.
    partial: Option<(u32, Vec<u8>)>,
}

#[derive(Default)]
struct Jail {
    /// Inodes that this jail reads, with the number of lines expected so far.
    seen: BTreeMap<usize, usize>,
    got: Vec<u32>,
    stored: Option<Stored>,
}

struct World {
    random: Random,
    base: PathBuf,
    path: PathBuf,
    backend: Backend,
    now: f64,
    sources: Sources,
    jails: BTreeMap<JailId, Jail>,
    inodes: Vec<Inode>,
    /// Inode at each existing path.
    names: BTreeMap<PathBuf, usize>,
    writer: Option<(File, usize)>,
    /// Inode under the name when the sources last looked.
    looked: Option<usize>,
    next_line: u32,
    next_name: u32,
    /// What was done, for the report of a failure.
    log: Vec<&'static str>,
}

impl World {
    fn new(seed: u64, backend: Backend, base: PathBuf) -> World {
        fs::create_dir_all(base.join("dir")).unwrap();
        let mut world = World {
            random: Random(seed),
            path: base.join("dir/log"),
            base,
            backend,
            now: 1e9,
            sources: Sources::new().unwrap(),
            jails: BTreeMap::new(),
            inodes: Vec::new(),
            names: BTreeMap::new(),
            writer: None,
            looked: None,
            next_line: 100,
            next_name: 0,
            log: Vec::new(),
        };
        world.create();
        world.write(2);
        world.add_jail(JailId(0), false);
        world
    }

    fn fresh_name(&mut self) -> PathBuf {
        self.next_name += 1;
        self.base.join(format!("dir/log.{}", self.next_name))
    }

    /// A new file under the name, as after `create` of logrotate; the writer goes there.
    fn create(&mut self) {
        self.log.push("create");
        let _ = fs::create_dir_all(self.base.join("dir"));
        let file = OpenOptions::new().append(true).create_new(true).open(&self.path);
        let Ok(file) = file else { return };
        self.inodes.push(Inode::default());
        self.names.insert(self.path.clone(), self.inodes.len() - 1);
        self.writer = Some((file, self.inodes.len() - 1));
    }

    fn write(&mut self, lines: u64) {
        self.log.push("write");
        let Some((file, inode)) = &mut self.writer else { return };
        let inode = &mut self.inodes[*inode];
        let mut bytes = Vec::new();
        if let Some((number, rest)) = inode.partial.take() {
            bytes.extend(rest);
            inode.lines.push(number);
        }
        for _ in 0..lines {
            bytes.extend(line(self.next_line));
            inode.lines.push(self.next_line);
            self.next_line += 1;
        }
        file.write_all(&bytes).unwrap();
    }

    fn write_partial(&mut self) {
        self.log.push("write_partial");
        self.write(0);
        let Some((file, inode)) = &mut self.writer else { return };
        let text = line(self.next_line);
        let at = 1 + self.random.below(text.len() as u64 - 1) as usize;
        file.write_all(&text[..at]).unwrap();
        self.inodes[*inode].partial = Some((self.next_line, text[at..].to_vec()));
        self.next_line += 1;
    }

    fn truncate(&mut self) {
        self.log.push("truncate");
        let Some(inode) = self.names.get(&self.path).copied() else { return };
        let Ok(file) = OpenOptions::new().write(true).open(&self.path) else { return };
        file.set_len(0).unwrap();
        self.inodes[inode] = Inode::default();
        for jail in self.jails.values_mut() {
            jail.seen.entry(inode).and_modify(|n| *n = 0);
        }
    }

    fn rename(&mut self) {
        self.log.push("rename");
        let Some(inode) = self.names.remove(&self.path) else { return };
        let to = self.fresh_name();
        fs::rename(&self.path, &to).unwrap();
        self.names.insert(to, inode);
    }

    fn rename_back(&mut self) {
        self.log.push("rename_back");
        let Some((from, inode)) = self.names.iter().next_back().map(|(p, i)| (p.clone(), *i)) else { return };
        if from == self.path || self.path.symlink_metadata().is_ok_and(|m| m.is_symlink()) {
            return;
        }
        if fs::rename(&from, &self.path).is_ok() {
            self.names.remove(&from);
            self.names.insert(self.path.clone(), inode);
        }
    }

    fn delete(&mut self) {
        self.log.push("delete");
        if fs::remove_file(&self.path).is_ok() {
            self.names.remove(&self.path);
        }
    }

    /// The name becomes a link to a new file elsewhere, in one step.
    fn replace_by_link(&mut self) {
        self.log.push("replace_by_link");
        self.next_name += 1;
        let _ = fs::create_dir_all(self.base.join("dir"));
        let target = self.base.join(format!("target.{}", self.next_name));
        let file = OpenOptions::new().append(true).create_new(true).open(&target).unwrap();
        let link = self.base.join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        fs::rename(&link, &self.path).unwrap();
        self.inodes.push(Inode::default());
        self.names.insert(self.path.clone(), self.inodes.len() - 1);
        self.writer = Some((file, self.inodes.len() - 1));
    }

    /// The directory goes; with it, all names.
    fn lose_directory(&mut self) {
        self.log.push("lose_directory");
        self.next_name += 1;
        let away = self.base.join(format!("away.{}", self.next_name));
        if fs::rename(self.base.join("dir"), away).is_ok() {
            self.names.clear();
        }
    }

    fn add_jail(&mut self, id: JailId, tail: bool) {
        let stored = self.jails.get(&id).and_then(|jail| jail.stored.clone());
        if self.sources.add_file(id, &self.path, self.backend, tail, stored.as_ref()).is_err() {
            self.jails.remove(&id);
            return;
        }
        self.sources.start(id, 0.0, self.now, &mut |_| None);
        let inode = self.names[&self.path];
        let jail = self.jails.entry(id).or_default();
        // A position is stored for the inode that bore the name at the last look.
        let read = jail.seen.remove(&inode).filter(|_| self.looked == Some(inode)).unwrap_or(0);
        let read = if tail { self.inodes[inode].lines.len() } else { read };
        jail.seen = BTreeMap::from([(inode, read)]);
        // The file was looked up, so that the others know it as well.
        self.looked = Some(inode);
        self.jails.values_mut().for_each(|jail| _ = jail.seen.entry(inode).or_insert(0));
    }

    /// The reader stops and starts again with the stored positions.
    fn restart(&mut self) {
        self.log.push("restart");
        let ids: Vec<JailId> = self.jails.keys().copied().collect();
        let mut stored = BTreeMap::new();
        for (jail, position) in self.sources.changed_positions() {
            stored.insert(jail, Stored { hash: Some(position.hash), mark: position.mark });
        }
        for id in &ids {
            for position in self.sources.remove_jail(*id) {
                stored.insert(*id, Stored { hash: Some(position.hash), mark: position.mark });
            }
        }
        self.sources = Sources::new().unwrap();
        let downtime = self.random.below(4);
        (0..downtime).for_each(|_| self.file_action());
        if !self.names.contains_key(&self.path) {
            self.delete();
            self.create();
        }
        let looked = self.looked;
        for id in ids {
            self.looked = looked;
            if let Some(jail) = self.jails.get_mut(&id) {
                jail.stored = stored.get(&id).cloned();
            }
            self.add_jail(id, false);
        }
    }

    /// Lets the sources read all there is, and compares.
    fn process(&mut self) {
        self.log.push("process");
        self.now += if self.backend == Backend::Polling { 2.1 } else { 0.01 };
        let mut got: BTreeMap<JailId, Vec<u32>> = BTreeMap::new();
        let mut rounds = 0;
        while self.sources.process(self.now, &mut |event| collect(event, &mut got)) {
            rounds += 1;
            assert!(rounds < 1000, "no end");
        }
        let _ = self.sources.take_messages();
        let current = self.names.get(&self.path).copied();
        self.looked = current.or(self.looked);
        for (id, jail) in &mut self.jails {
            if let Some(inode) = current {
                jail.seen.entry(inode).or_insert(0);
            }
            let mut expected = BTreeSet::new();
            for (inode, read) in &mut jail.seen {
                let lines = &self.inodes[*inode].lines;
                expected.extend(&lines[*read..]);
                *read = lines.len();
            }
            let got = got.remove(id).unwrap_or_default();
            let unique: BTreeSet<u32> = got.iter().copied().collect();
            assert!(
                unique == expected && unique.len() == got.len(),
                "{id:?}: got {got:?}, expected {expected:?}"
            );
            for inode in jail.seen.keys() {
                let lines = &self.inodes[*inode].lines;
                let of_inode: Vec<u32> = got.iter().copied().filter(|l| lines.contains(l)).collect();
                assert!(of_inode.is_sorted(), "order {of_inode:?}");
            }
            jail.got.extend(got);
        }
    }

    fn file_action(&mut self) {
        match self.random.below(16) {
            0..=3 => {
                let lines = 1 + self.random.below(3);
                self.write(lines);
            }
            4..=5 => self.write_partial(),
            6 => self.rename(),
            7 => {
                self.rename();
                self.create();
            }
            8 => self.create(),
            9 => self.truncate(),
            10 => self.delete(),
            11 => self.replace_by_link(),
            12 => self.rename_back(),
            13 => self.lose_directory(),
            14 => {
                self.truncate();
                self.write(2);
            }
            _ => {
                self.write(1);
                self.rename();
                self.write(1);
                self.create();
            }
        }
    }

    fn action(&mut self) {
        match self.random.below(24) {
            0..=13 => self.file_action(),
            14..=20 => self.process(),
            21 => self.restart(),
            22 => {
                let whole = self.names.get(&self.path).is_some_and(|i| self.inodes[*i].partial.is_none());
                if !self.jails.contains_key(&JailId(1)) && whole {
                    let tail = self.random.below(2) == 0;
                    self.add_jail(JailId(1), tail);
                }
            }
            _ => {
                self.sources.remove_jail(JailId(1));
                self.jails.remove(&JailId(1));
            }
        }
    }
}

/// A line with a number; long enough for its middle to be inside of a character.
fn line(number: u32) -> Vec<u8> {
    format!("{number} línea ünïcode €{}\n", "x".repeat(number as usize % 50)).into_bytes()
}

fn collect(event: Event<'_>, got: &mut BTreeMap<JailId, Vec<u32>>) {
    let Event::Lines { readers, block, .. } = event else { panic!("no such source") };
    for text in block.lines() {
        let text = std::str::from_utf8(text).unwrap();
        let number: u32 = text.split(' ').next().unwrap().parse().unwrap();
        assert_eq!(line(number), format!("{text}\n").as_bytes());
        readers.iter().for_each(|r| got.entry(r.jail).or_default().push(number));
    }
}

/// Histories that once went wrong.
const ONCE_WRONG: [u64; 1] = [382_038];

fn histories(backend: Backend, name: &str) {
    let count = std::env::var("FERROBAN_HISTORIES").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    let first = std::env::var("FERROBAN_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    let tmpfs = Path::new("/dev/shm");
    let root = if tmpfs.is_dir() { tmpfs.to_owned() } else { std::env::temp_dir() };
    let root = root.join(format!("ferroban-{name}-{}", std::process::id()));
    for seed in ONCE_WRONG.into_iter().chain(first..first + count) {
        let base = root.join(seed.to_string());
        let mut world = World::new(seed, backend, base.clone());
        let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..25 {
                world.action();
            }
            world.process();
        }));
        let log = std::mem::take(&mut world.log);
        drop(world);
        fs::remove_dir_all(&base).unwrap();
        assert!(run.is_ok(), "history {seed} (FERROBAN_SEED={seed} FERROBAN_HISTORIES=1): {log:?}");
    }
    let _ = fs::remove_dir_all(&root);
}

#[test]
fn every_line_once_with_inotify() {
    histories(Backend::Inotify, "inotify");
}

#[test]
fn every_line_once_with_polling() {
    histories(Backend::Polling, "polling");
}
