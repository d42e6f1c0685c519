//! One generation of a log file: an inode, and how far each jail has read it.
//!
//! Reading is by offset (`pread`), so that the descriptor can be shared by all jails and closed or
//! reopened at any time. Jails at the same offset are served by one read; one that lags behind
//! reads up to the next one's offset and goes on together with it.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use inotify::WatchDescriptor;

use super::{JailId, LineEnd, Reader};

/// The first read buffer; it grows where a line is longer.
pub const BLOCK: usize = 64 * 1024;
/// Lines longer than this are cut; a bound for memory.
pub const MAX_LINE: usize = 1024 * 1024;
/// Blocks of such a line that are looked through at a time.
const LONG_READS: usize = 8;
/// Bytes at the start of a file that tell whether it is still the same one.
const HEAD: usize = 256;

/// What makes two opened files the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id {
    dev: u64,
    pub ino: u64,
}

impl Id {
    pub fn of(meta: &Metadata) -> Id {
        Id { dev: meta.dev(), ino: meta.ino() }
    }
}

/// How far one jail has read.
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    pub reader: Reader,
    /// Start of the first line not yet delivered.
    pub pos: u64,
    /// The position last given out for storing.
    pub saved: Option<u64>,
    pub idle: bool,
}

/// What a read step found.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// So many bytes were delivered; there may be more.
    Read(usize),
    /// Nothing complete is left.
    End,
}

/// One inode of a log file.
#[derive(Debug)]
pub struct Content {
    pub id: Id,
    /// Held open while used, so that what was written before a rename can still be read.
    pub file: Option<File>,
    pub watch: Option<WatchDescriptor>,
    pub cursors: Vec<Cursor>,
    hash: String,
    head: Vec<u8>,
    long: Option<LongLine>,
}

/// Opens a log file for reading without ever waiting (a FIFO would).
pub fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    let meta = file.metadata()?;
    if meta.is_dir() {
        return Err(io::Error::from_raw_os_error(libc::EISDIR));
    }
    Ok((file, meta))
}

impl Content {
    pub fn new(file: File, meta: &Metadata) -> Content {
        let mut content = Content {
            id: Id::of(meta),
            file: Some(file),
            watch: None,
            cursors: Vec::new(),
            hash: String::new(),
            head: Vec::new(),
            long: None,
        };
        content.head_changed();
        content
    }

    /// SHA-1 of the first line (trap 1), empty while that is incomplete.
    pub fn hash(&mut self) -> &str {
        if self.hash.is_empty() {
            // The start as it is now, so that a later change of it is noticed.
            self.head_changed();
            self.hash = self.file.as_ref().map(first_line_hash).unwrap_or_default();
        }
        &self.hash
    }

    /// The hash as last known.
    pub fn known_hash(&self) -> &str {
        &self.hash
    }

    /// The farthest position of any jail.
    pub fn farthest(&self) -> u64 {
        self.cursors.iter().map(|c| c.pos).max().unwrap_or(0)
    }

    /// Starts again from the beginning (the file was truncated or rewritten).
    pub fn rewind(&mut self) {
        for cursor in &mut self.cursors {
            cursor.pos = 0;
        }
        self.long = None;
        self.hash.clear();
        self.head.clear();
        self.head_changed();
    }

    /// Whether `meta` and the first bytes are those of a file that only grew since the last look.
    pub fn only_grew(&mut self, meta: &Metadata) -> bool {
        meta.len() >= self.farthest() && !self.head_changed()
    }

    /// Whether an inode of another number is this very file all the same (some network file systems
    /// change the numbers), or a faithful copy that took its place.
    pub fn is_same(&self, file: &File, meta: &Metadata) -> bool {
        let Some(own) = self.file.as_ref().and_then(|file| file.metadata().ok()) else { return false };
        let mut bytes = [0; HEAD];
        let length = file.read_at(&mut bytes, 0).unwrap_or(0);
        let stamp = |meta: &Metadata| (meta.len(), meta.mtime(), meta.mtime_nsec());
        stamp(&own) == stamp(meta) && !self.head.is_empty() && bytes[..length].starts_with(&self.head)
    }

    /// Compares the first bytes with those seen before and remembers more of them as they come.
    /// They end at a NUL, because writers that allocate space in advance fill it in later.
    fn head_changed(&mut self) -> bool {
        let Some(file) = &self.file else { return false };
        let mut bytes = [0; HEAD];
        let length = file.read_at(&mut bytes, 0).unwrap_or(0);
        let seen = &bytes[..memchr::memchr(0, &bytes[..length]).unwrap_or(length)];
        let changed = !seen.starts_with(&self.head);
        if seen.len() > self.head.len() {
            self.head = seen.to_vec();
        }
        changed
    }

    /// Delivers the few lines that a growing file has got since all of it was read, without asking for its size: that
    /// there is something at the old end says enough. The bytes delivered; `None` if there is nothing, or much, or
    /// another start.
    pub fn step_grown(
        &mut self,
        line_end: LineEnd,
        buffer: &mut [u8],
        readers: &mut Vec<Reader>,
        sink: &mut dyn FnMut(&[u8], &[Reader]),
    ) -> io::Result<Option<usize>> {
        let Some(pos) = self.cursors.first().map(|c| c.pos) else { return Ok(None) };
        // a shorter start may have become longer, which the next look takes note of
        let known = self.head.len() == HEAD && self.cursors.iter().all(|c| c.pos == pos && !c.idle);
        if pos == 0 || !known || self.head_changed() {
            return Ok(None);
        }
        let Some(file) = &self.file else { return Ok(None) };
        let got = file.read_at(buffer, pos)?;
        if got == 0 || got == buffer.len() {
            return Ok(None);
        }
        let new = &buffer[..got];
        let length = line_end.last(new);
        if length > 0 {
            self.deliver(pos, pos + length as u64, &new[..length], readers, sink);
        }
        self.reached_end();
        Ok(Some(length))
    }

    /// Delivers the next lines of the jails that are farthest behind, up to `size` bytes from the start.
    pub fn step(
        &mut self,
        size: u64,
        line_end: LineEnd,
        buffer: &mut Vec<u8>,
        readers: &mut Vec<Reader>,
        sink: &mut dyn FnMut(&[u8], &[Reader]),
    ) -> io::Result<Step> {
        let Some(file) = &self.file else { return Ok(Step::End) };
        let Some(pos) = self.cursors.iter().filter(|c| !c.idle && c.pos < size).map(|c| c.pos).min() else {
            return Ok(self.reached_end());
        };
        let ahead = self.cursors.iter().filter(|c| !c.idle && c.pos > pos).map(|c| c.pos).min();
        let want = usize::try_from(size - pos).unwrap_or(usize::MAX).min(buffer.len());
        let got = file.read_at(&mut buffer[..want], pos)?;
        let mut length = line_end.last(&buffer[..got]);
        if let Some(next) = ahead {
            length = length.min(line_end.from(&buffer[..length], (next - pos) as usize));
        }
        if length > 0 {
            if pos == 0 {
                self.hash = hash_of(&buffer[..LineEnd::Byte.first(&buffer[..length]).unwrap_or(length)]);
            }
            self.deliver(pos, pos + length as u64, &buffer[..length], readers, sink);
            return Ok(Step::Read(length));
        }
        if got < buffer.len() {
            return Ok(self.reached_end());
        }
        if buffer.len() < MAX_LINE {
            buffer.resize(buffer.len() * 2, 0);
            return Ok(Step::Read(0));
        }
        self.long_line(pos, size, line_end, buffer, readers, sink)
    }

    /// Hands a block to all jails at `pos` and moves them to `end`.
    fn deliver(
        &mut self,
        pos: u64,
        end: u64,
        block: &[u8],
        readers: &mut Vec<Reader>,
        sink: &mut dyn FnMut(&[u8], &[Reader]),
    ) {
        readers.clear();
        for cursor in self.cursors.iter_mut().filter(|c| !c.idle && c.pos == pos) {
            readers.push(cursor.reader);
            cursor.pos = end;
        }
        sink(block, readers);
    }

    /// At the bottom for the first time, a jail is in operation for this file.
    fn reached_end(&mut self) -> Step {
        for cursor in self.cursors.iter_mut().filter(|c| !c.idle) {
            cursor.reader.in_operation = true;
        }
        Step::End
    }

    /// Looks on for the end of a line of more than [`MAX_LINE`] bytes that starts at `pos`; when it is
    /// there, delivers the line's first [`MAX_LINE`] bytes, or all of it if the rest are leading NULs.
    fn long_line(
        &mut self,
        pos: u64,
        size: u64,
        line_end: LineEnd,
        buffer: &mut [u8],
        readers: &mut Vec<Reader>,
        sink: &mut dyn FnMut(&[u8], &[Reader]),
    ) -> io::Result<Step> {
        let Some(file) = &self.file else { return Ok(Step::End) };
        let mut long =
            self.long.take().filter(|long| long.start == pos).unwrap_or(LongLine::at(pos, line_end));
        for _ in 0..LONG_READS {
            match long.read_on(file, size, line_end, buffer)? {
                Some(end) if end > pos => {
                    let text = long.text.unwrap_or(pos);
                    let length = ((end - text) as usize).min(buffer.len());
                    file.read_exact_at(&mut buffer[..length], text)?;
                    line_end.terminate(&mut buffer[..length]);
                    self.deliver(pos, end, &buffer[..length], readers, sink);
                    return Ok(Step::Read(length));
                }
                Some(_) => {
                    self.long = Some(long);
                    return Ok(self.reached_end());
                }
                None => {}
            }
        }
        self.long = Some(long);
        Ok(Step::Read(LONG_READS * buffer.len()))
    }
}

/// How far a line that does not fit the buffer has been looked through.
#[derive(Clone, Copy, Debug)]
struct LongLine {
    start: u64,
    /// First byte that is not a leading NUL.
    text: Option<u64>,
    /// Up to here there is no line end. NULs at the end of the file do not count: a writer that
    /// allocates space in advance fills them in later.
    scanned: u64,
    /// Where to read on.
    at: u64,
}

impl LongLine {
    fn at(start: u64, line_end: LineEnd) -> LongLine {
        let text = (line_end != LineEnd::Byte).then_some(start);
        LongLine { start, text, scanned: start, at: start }
    }

    /// Reads one more block. `Some`: the end of the line, or its start if the file ends before.
    fn read_on(
        &mut self,
        file: &File,
        size: u64,
        line_end: LineEnd,
        buffer: &mut [u8],
    ) -> io::Result<Option<u64>> {
        if self.text.is_none() {
            self.at = data_after(file, self.at, size);
        }
        let want = usize::try_from(size.saturating_sub(self.at)).unwrap_or(usize::MAX).min(buffer.len());
        let got = file.read_at(&mut buffer[..want], self.at)?;
        if got == 0 {
            self.at = self.scanned;
            return Ok(Some(self.start));
        }
        if self.text.is_none() {
            self.text = buffer[..got].iter().position(|&b| b != 0).map(|first| self.at + first as u64);
        }
        if let Some(length) = line_end.first(&buffer[..got]) {
            return Ok(Some(self.at + length as u64));
        }
        // Whole characters only, unless these are the last bytes.
        let whole = if got < 4 { got } else { got - got % 4 };
        let written = buffer[..whole].iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
        if written > 0 {
            self.scanned = self.at + (written - written % 4) as u64;
        }
        self.at += whole as u64;
        Ok(None)
    }
}

/// The next offset that is not in a hole of the file.
fn data_after(file: &File, at: u64, size: u64) -> u64 {
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(at)) {
        Ok(data) => data,
        Err(rustix::io::Errno::NXIO) => size,
        Err(_) => at,
    }
}

/// SHA-1 of a file's first line with its end; empty if the line is incomplete (or longer than [`MAX_LINE`]).
fn first_line_hash(file: &File) -> String {
    let mut sha = sha1_smol::Sha1::new();
    let mut chunk = [0; 4096];
    let mut pos = 0;
    let mut last = 0;
    while pos < MAX_LINE as u64 {
        let got = file.read_at(&mut chunk, pos).unwrap_or(0);
        let line = &chunk[..LineEnd::Byte.first(&chunk[..got]).unwrap_or(got)];
        sha.update(line);
        last = line.last().copied().unwrap_or(last);
        // A carriage return at the very end counts as a line end upstream.
        if last == b'\n' || (got == 0 && last == b'\r') {
            return sha.digest().to_string();
        }
        if got == 0 {
            break;
        }
        pos += got as u64;
    }
    String::new()
}

fn hash_of(line: &[u8]) -> String {
    sha1_smol::Sha1::from(line).digest().to_string()
}

/// A new reader of a file at `pos`.
pub fn cursor(jail: JailId, pos: u64, in_operation: bool) -> Cursor {
    Cursor { reader: Reader { jail, in_operation }, pos, saved: None, idle: false }
}
