//! The kernel's log straight from `/dev/kmsg` (`backend = kmsg`): no syslog daemon, no file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

/// The longest record that the kernel hands out.
const RECORD: usize = 8192;

/// One message of the kernel.
#[derive(Debug, PartialEq)]
pub struct Record<'a> {
    /// Counts since the boot.
    pub number: u64,
    /// Microseconds since the boot.
    pub usec: u64,
    pub text: &'a str,
}

/// The opened log.
#[derive(Debug)]
pub struct Kmsg {
    file: File,
    buffer: Vec<u8>,
    /// The number that the next record should have.
    expected: Option<u64>,
    /// Records that were overwritten before they were read.
    pub lost: u64,
}

impl Kmsg {
    pub fn open() -> io::Result<Kmsg> {
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open("/dev/kmsg")?;
        Ok(Kmsg { file, buffer: vec![0; RECORD], expected: None, lost: 0 })
    }

    /// Back to the oldest record that the kernel still has.
    pub fn rewind(&mut self) -> io::Result<()> {
        self.expected = None;
        self.file.seek(SeekFrom::Start(0)).map(drop)
    }

    /// The number of the record that comes next, after the end was reached.
    pub fn following(&self) -> u64 {
        self.expected.unwrap_or(0)
    }

    /// The next message of the kernel itself (programs may write to its log as well); `None` at the end.
    pub fn next(&mut self) -> io::Result<Option<Record<'_>>> {
        loop {
            let length = match self.file.read(&mut self.buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                // Overwritten; the gap in the numbers tells how many.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => continue,
                Err(error) => return Err(error),
            };
            let Some((facility, number, usec, text)) = parse(&self.buffer[..length]) else { continue };
            if let Some(expected) = self.expected.replace(number + 1) {
                self.lost += number.saturating_sub(expected);
            }
            if facility == 0 {
                let text = std::str::from_utf8(&self.buffer[text.0..text.1]).unwrap_or_default();
                return Ok(Some(Record { number, usec, text }));
            }
        }
    }
}

impl AsFd for Kmsg {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Facility, number, microseconds, and where the text is, of `PRIORITY,NUMBER,USEC,FLAGS[,…];TEXT⏎[ KEY=VALUE⏎…]`.
fn parse(record: &[u8]) -> Option<(u32, u64, u64, (usize, usize))> {
    let record = std::str::from_utf8(record).ok()?;
    let (head, tail) = record.split_once(';')?;
    let mut fields = head.split(',');
    let priority: u32 = fields.next()?.parse().ok()?;
    let (number, usec) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let start = head.len() + 1;
    let length = tail.find('\n').unwrap_or(tail.len());
    Some((priority >> 3, number, usec, (start, start + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        let record = b"30,12,98765432,-,caller=T1;IN=eth0; OUT=\n SUBSYSTEM=net\n";
        let (facility, number, usec, (start, end)) = parse(record).unwrap();
        assert_eq!((facility, number, usec), (3, 12, 98_765_432));
        assert_eq!(&record[start..end], b"IN=eth0; OUT=");
        assert_eq!(parse(b"garbage"), None);
    }
}
