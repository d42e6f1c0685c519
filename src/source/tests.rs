//! Files: single situations. [`super::model`] covers their combinations.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::{Backend, Block, Error, Event, JailId, LineEnd, Mark, Sources, Stored};

const A: JailId = JailId(1);
const B: JailId = JailId(2);

/// A directory that goes with the test.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let path = std::env::temp_dir().join(format!("ferroban-source-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Dir(path)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn append(path: &Path, text: impl AsRef<[u8]>) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_ref()).unwrap();
}

/// Sources with a clock, and everything delivered as `JAILS IN-OPERATION: LINE`.
struct Run {
    sources: Sources,
    now: f64,
    blocks: usize,
}

impl Run {
    fn new() -> Run {
        Run { sources: Sources::new().unwrap(), now: 1e9, blocks: 0 }
    }

    fn add(&mut self, jail: JailId, path: &Path, tail: bool) -> u64 {
        let added = self.sources.add_file(jail, path, Backend::Inotify, tail, None).unwrap();
        self.sources.start(jail, 0.0, self.now, &mut |_| None);
        added.pos
    }

    fn lines(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        self.now += 1.0;
        let mut blocks = 0;
        let mut sink = |event: Event<'_>| {
            let Event::Lines { readers, block, .. } = event else { return };
            blocks += 1;
            let who: String = readers
                .iter()
                .map(|r| format!("{}{}", r.jail.0, ["i", "o"][r.in_operation as usize]))
                .collect();
            lines.extend(block.lines().map(|l| format!("{who}: {}", String::from_utf8_lossy(l))));
        };
        while self.sources.process(self.now, &mut sink) {}
        self.blocks = blocks;
        lines
    }
}

#[test]
fn a_file_of_two_jails_is_read_once() {
    let dir = Dir::new("once");
    let path = dir.file("log", "one\ntwo\nthree\n");
    let mut run = Run::new();
    run.add(A, &path, false);
    run.add(B, &path, true);
    assert_eq!(run.lines(), ["1i: one", "1i: two", "1i: three"]);
    append(&path, "four\n");
    assert_eq!(run.lines(), ["1o2o: four"]);
    assert_eq!(run.blocks, 1);
    assert_eq!(run.sources.stats(A).lines, 4);
    assert_eq!(run.sources.stats(B).bytes, 5);
}

#[test]
fn a_jail_behind_catches_up_and_goes_on_together() {
    let dir = Dir::new("behind");
    let path = dir.file("log", "one\ntwo\nthree\nfour\n");
    let hash = sha1_smol::Sha1::from("one\n").digest().to_string();
    let mut run = Run::new();
    let stored = Stored { hash: Some(hash.clone()), mark: Mark::Offset(8) };
    let added = run.sources.add_file(A, &path, Backend::Inotify, false, Some(&stored)).unwrap();
    assert_eq!((added.pos, added.hash), (8, hash));
    let other = Stored { hash: Some("another".into()), mark: Mark::Offset(14) };
    assert_eq!(run.sources.add_file(B, &path, Backend::Inotify, false, Some(&other)).unwrap().pos, 0);
    run.sources.start(A, 0.0, run.now, &mut |_| None);
    run.sources.start(B, 0.0, run.now, &mut |_| None);
    assert_eq!(run.lines(), ["2i: one", "2i: two", "1i2i: three", "1i2i: four"]);
    let mut positions = run.sources.changed_positions();
    positions.sort_by_key(|(jail, _)| *jail);
    assert_eq!(
        positions.iter().map(|(j, p)| (*j, p.mark)).collect::<Vec<_>>(),
        [(A, Mark::Offset(19)), (B, Mark::Offset(19))]
    );
    assert!(run.sources.changed_positions().is_empty());
}

#[test]
fn an_unfinished_line_waits() {
    let dir = Dir::new("unfinished");
    let path = dir.file("log", "one\ntw");
    let mut run = Run::new();
    run.add(A, &path, false);
    assert_eq!(run.lines(), ["1i: one"]);
    append(&path, [0xC3]);
    assert!(run.lines().is_empty());
    append(&path, [0xB6, b'\r', b'\n']);
    assert_eq!(run.lines(), ["1o: twö"]);
}

#[test]
fn a_very_long_line_is_cut() {
    let dir = Dir::new("long");
    let path = dir.file("log", "x".repeat(3 << 20));
    let mut run = Run::new();
    run.add(A, &path, false);
    assert!(run.lines().is_empty());
    append(&path, "y");
    assert!(run.lines().is_empty());
    append(&path, "\nnext\n");
    let lines = run.lines();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0], format!("1o: {}", "x".repeat((1 << 20) - 1)));
    assert_eq!(lines[1], "1o: next");
}

#[test]
fn a_hole_left_by_truncation_is_skipped() {
    let dir = Dir::new("hole");
    let path = dir.file("log", "first\n".repeat(1000));
    let mut run = Run::new();
    run.add(A, &path, true);
    assert!(run.lines().is_empty());
    // Truncated under a writer that does not append, which goes on at its old offset.
    let writer = OpenOptions::new().write(true).open(&path).unwrap();
    writer.set_len(0).unwrap();
    writer.write_at(b"after\n", 3 << 30).unwrap();
    assert_eq!(run.lines(), ["1o: after"]);
    append(&path, "more\n");
    assert_eq!(run.lines(), ["1o: more"]);
}

#[test]
fn a_file_begun_anew_with_lines_of_the_same_lengths_is_read_from_its_start() {
    let dir = Dir::new("anew");
    let line = |n: usize| format!("{n:04} {}\n", "x".repeat(95));
    let lines = |numbers: std::ops::Range<usize>| numbers.map(line).collect::<String>();
    let path = dir.file("log", lines(0..3));
    let mut run = Run::new();
    run.add(A, &path, false);
    assert_eq!(run.lines().len(), 3);
    append(&path, lines(3..5));
    assert_eq!(run.lines().len(), 2);
    // Between two looks it was truncated, and is longer again than before.
    let writer = OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
    writer.write_at(lines(10..17).as_bytes(), 0).unwrap();
    let read = run.lines();
    assert!(read.len() == 7 && read[0].contains("0010"), "{read:?}");
}

#[test]
fn space_allocated_in_advance_is_filled_in_later() {
    let dir = Dir::new("allocated");
    let path = dir.file("log", vec![0; 5 << 20]);
    let mut run = Run::new();
    run.add(A, &path, false);
    assert!(run.lines().is_empty());
    let writer = OpenOptions::new().write(true).open(&path).unwrap();
    writer.write_at(b"one\ntw", 0).unwrap();
    assert_eq!(run.lines(), ["1o: one"]);
    writer.write_at(b"o\nthree\n", 6).unwrap();
    assert_eq!(run.lines(), ["1o: two", "1o: three"]);
}

#[test]
fn a_faithful_copy_in_its_place_is_not_read_again() {
    let dir = Dir::new("copy");
    let path = dir.file("log", "one\n");
    let mut run = Run::new();
    run.add(A, &path, false);
    run.lines();
    let copy = dir.file("copy", "one\n");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    File::options().write(true).open(&copy).unwrap().set_modified(time).unwrap();
    fs::rename(&copy, &path).unwrap();
    assert!(run.lines().is_empty());
    append(&path, "two\n");
    assert_eq!(run.lines(), ["1o: two"]);
}

#[test]
fn lines_of_two_byte_characters() {
    // U+0A05 and U+050A contain the byte 0x0A, the latter in front of a zero byte of the next character.
    let text = "ਅĀ one\nԊ\u{100} two\n";
    for (name, end) in [("utf-16le", LineEnd::Utf16Le), ("UTF_16BE", LineEnd::Utf16Be)] {
        assert_eq!(LineEnd::of_encoding(name), end);
        let bytes: Vec<u8> = match end {
            LineEnd::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            _ => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        };
        let lengths: Vec<usize> = Block::new(&bytes, end, &mut Vec::new()).lines().map(<[u8]>::len).collect();
        assert_eq!(lengths, [14, 14], "{name}");
        let dir = Dir::new(name);
        let path = dir.file("log", &bytes[..bytes.len() - 1]);
        let mut run = Run::new();
        run.sources.set_line_end(A, end);
        run.add(A, &path, false);
        assert_eq!(run.lines().len(), 1, "{name}");
        append(&path, &bytes[bytes.len() - 1..]);
        assert_eq!(run.lines().len(), 1, "{name}");
    }
}

#[test]
fn a_swapped_directory_link_is_noticed() {
    let dir = Dir::new("swap");
    for name in ["a", "b"] {
        fs::create_dir(dir.0.join(name)).unwrap();
        dir.file(&format!("{name}/log"), format!("in {name}\n"));
    }
    let link = dir.0.join("current");
    std::os::unix::fs::symlink("a", &link).unwrap();
    let mut run = Run::new();
    run.add(A, &link.join("log"), false);
    assert_eq!(run.lines(), ["1i: in a"]);
    std::os::unix::fs::symlink("b", dir.0.join("new")).unwrap();
    fs::rename(dir.0.join("new"), &link).unwrap();
    assert_eq!(run.lines(), ["1o: in b"]);
}

#[test]
fn what_was_written_after_the_rename_is_read() {
    let dir = Dir::new("rename");
    let path = dir.file("log", "one\n");
    let mut run = Run::new();
    run.add(A, &path, false);
    run.lines();
    let mut old = OpenOptions::new().append(true).open(&path).unwrap();
    fs::rename(&path, dir.0.join("log.1")).unwrap();
    fs::write(&path, "new\n").unwrap();
    old.write_all(b"late\n").unwrap();
    assert_eq!(run.lines(), ["1o: late", "1o: new"]);
    let texts: Vec<String> = run.sources.take_messages().into_iter().map(|m| m.text).collect();
    assert!(
        texts
            .iter()
            .any(|t| t.starts_with(&format!("Log rotation detected for {}, reason: (", path.display())))
    );
    // A minute of silence later it is let go.
    run.now += 100.0;
    run.lines();
    old.write_all(b"lost\n").unwrap();
    assert!(run.lines().is_empty());
}

#[test]
fn an_idle_jail_gets_its_lines_later() {
    let dir = Dir::new("idle");
    let path = dir.file("log", "one\n");
    let mut run = Run::new();
    run.add(A, &path, false);
    run.add(B, &path, false);
    run.sources.set_idle(B, true);
    assert_eq!(run.lines(), ["1i: one"]);
    run.sources.set_idle(B, false);
    assert_eq!(run.lines(), ["2i: one"]);
}

#[test]
fn idle_means_no_timer() {
    let dir = Dir::new("timer");
    let path = dir.file("log", "one\n");
    let mut run = Run::new();
    run.add(A, &path, false);
    assert_eq!(run.sources.next_timeout(run.now), Some(std::time::Duration::ZERO));
    run.lines();
    assert_eq!(run.sources.next_timeout(run.now), None);
}

#[test]
fn more_files_than_descriptors_are_held() {
    let dir = Dir::new("many");
    let paths: Vec<PathBuf> = (0..600).map(|n| dir.file(&n.to_string(), "one\n")).collect();
    let mut run = Run::new();
    paths.iter().for_each(|path| _ = run.add(A, path, false));
    assert_eq!(run.lines().len(), 600);
    let open = fs::read_dir("/proc/self/fd").unwrap();
    let held = open.filter(|fd| {
        fs::read_link(fd.as_ref().unwrap().path()).is_ok_and(|target| target.starts_with(&dir.0))
    });
    assert!(held.count() <= 256);
    paths.iter().for_each(|path| append(path, "two\n"));
    assert_eq!(run.lines().len(), 600);
}

#[test]
fn a_polled_file_that_stays_away_is_given_up() {
    let dir = Dir::new("away");
    let path = dir.file("log", "one\n");
    let mut run = Run::new();
    run.sources.add_file(A, &path, Backend::Polling, false, None).unwrap();
    run.sources.start(A, 0.0, run.now, &mut |_| None);
    assert_eq!(run.lines(), ["1i: one"]);
    fs::remove_file(&path).unwrap();
    for _ in 0..200 {
        run.lines();
    }
    assert!(run.sources.files(A).is_empty());
    assert!(run.sources.take_messages().iter().any(|m| m.text.contains("Too many errors. Remove file")));
}

#[test]
fn errors_when_adding() {
    let dir = Dir::new("errors");
    let path = dir.file("log", "one\n");
    let mut run = Run::new();
    run.add(A, &path, false);
    let error = run.sources.add_file(A, &path, Backend::Inotify, false, None).unwrap_err();
    assert_eq!(error.to_string(), format!("{} already exists", path.display()));
    let missing = run.sources.add_file(A, &dir.0.join("no"), Backend::Inotify, false, None).unwrap_err();
    assert!(missing.to_string().starts_with("[Errno 2] No such file or directory: '"), "{missing}");
    let directory = run.sources.add_file(A, &dir.0, Backend::Inotify, false, None).unwrap_err();
    assert!(matches!(directory, Error::Open(_, e) if e.raw_os_error() == Some(libc::EISDIR)));
    assert!(run.sources.remove_file(A, &path).is_some());
    assert!(run.sources.remove_file(A, &path).is_none());
}

#[test]
fn the_first_read_starts_near_the_time_wanted() {
    let dir = Dir::new("seek");
    let text: String = (0..20_000).map(|n| format!("{n} {}\n", "x".repeat(n % 90))).collect();
    let path = dir.file("log", &text);
    let file = File::open(&path).unwrap();
    let mut looked = 0;
    for from in [0.0, 1.0, 777.0, 12_345.0, 19_999.0, 30_000.0] {
        let mut date_of = |line: &[u8]| {
            looked += 1;
            std::str::from_utf8(line).ok()?.split(' ').next()?.parse().ok()
        };
        let pos = super::seek::seek_to_time(&file, 0, from, &mut date_of).unwrap() as usize;
        let first: Option<f64> = text[pos..].split(' ').next().and_then(|n| n.parse().ok());
        assert!(first.is_none_or(|n| n <= from), "{from}: {first:?}");
        assert!(text[pos..].lines().count() as f64 - (20_000.0 - from).max(0.0) < 10.0, "{from}");
    }
    assert!(looked < 300);
}
