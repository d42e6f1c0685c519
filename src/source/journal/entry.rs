//! A journal entry as a line of a log: `HOST IDENT[PID]: MESSAGE`.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::matches::Terms;

/// The fields of one entry that make up its line, and where it stands. Kept from entry to entry, so
/// that its memory is reused.
#[derive(Debug, Default)]
pub struct Entry {
    hostname: Vec<u8>,
    identifier: Vec<u8>,
    command: Vec<u8>,
    syslog_pid: Vec<u8>,
    pid: Vec<u8>,
    message: Vec<u8>,
    messages: usize,
    source_realtime: Option<u64>,
    source_monotonic: Option<u64>,
    /// Microseconds since 1970 at which journald got it.
    pub realtime: u64,
    /// Microseconds since that boot.
    pub monotonic: u64,
    pub cursor: String,
}

impl Entry {
    pub fn clear(&mut self) {
        let texts = [&mut self.hostname, &mut self.identifier, &mut self.command, &mut self.syslog_pid];
        texts.into_iter().chain([&mut self.pid, &mut self.message]).for_each(Vec::clear);
        (self.messages, self.source_realtime, self.source_monotonic) = (0, None, None);
        (self.realtime, self.monotonic) = (0, 0);
        self.cursor.clear();
    }

    /// Takes one field `NAME=value`. Of repeated ones the first counts; messages are joined by blanks.
    pub fn take(&mut self, field: &[u8], terms: &mut Terms) {
        terms.see(field);
        let Some(at) = memchr::memchr(b'=', field) else { return };
        let (name, value) = (&field[..at], &field[at + 1..]);
        let place = match name {
            b"MESSAGE" => {
                if self.messages > 0 {
                    self.message.push(b' ');
                }
                self.messages += 1;
                return self.message.extend_from_slice(value);
            }
            b"_HOSTNAME" => &mut self.hostname,
            b"SYSLOG_IDENTIFIER" => &mut self.identifier,
            b"_COMM" => &mut self.command,
            b"SYSLOG_PID" => &mut self.syslog_pid,
            b"_PID" => &mut self.pid,
            b"_SOURCE_REALTIME_TIMESTAMP" => return self.source_realtime = number(value),
            b"_SOURCE_MONOTONIC_TIMESTAMP" => return self.source_monotonic = number(value),
            _ => return,
        };
        if place.is_empty() {
            place.extend_from_slice(value);
        }
    }

    /// When it happened, in microseconds since 1970.
    pub fn time(&self) -> u64 {
        self.source_realtime.unwrap_or(self.realtime)
    }

    /// Writes the line without its date into `line`, on one line.
    pub fn write_line(&self, line: &mut String) {
        line.clear();
        push_text(line, &self.hostname);
        let identifier = if self.identifier.is_empty() { &self.command } else { &self.identifier };
        if !identifier.is_empty() {
            if !line.is_empty() {
                line.push(' ');
            }
            push_text(line, identifier);
            let pid = Some(&self.syslog_pid)
                .filter(|pid| present(pid))
                .or(Some(&self.pid).filter(|pid| present(pid)));
            if let Some(pid) = pid {
                push_pid(line, pid);
            }
            line.push(':');
            if pid.is_none() && identifier == b"kernel" {
                let seconds = self.source_monotonic.unwrap_or(self.monotonic) as f64 / 1e6;
                let _ = write!(line, " [{seconds:12.6}]");
            }
        }
        if !line.is_empty() {
            line.push(' ');
        }
        push_text(line, &self.message);
    }
}

/// Neither empty nor the number 0, which Python takes for absent.
fn present(pid: &[u8]) -> bool {
    !pid.is_empty() && number(pid) != Some(0)
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// `[123]`; something that is no number as Python shows bytes.
fn push_pid(line: &mut String, pid: &[u8]) {
    let hexadecimal = || {
        let digits = std::str::from_utf8(pid).ok()?.strip_prefix("0x")?;
        u64::from_str_radix(digits, 16).ok()
    };
    let _ = match number(pid).or_else(hexadecimal) {
        Some(number) => write!(line, "[{number}]"),
        None => write!(line, "[{}]", crate::value::Value::Bytes(pid.to_vec())),
    };
}

/// Appends text with line feeds as the two characters `\n`.
fn push_text(line: &mut String, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let mut parts = text.split('\n');
    line.push_str(parts.next().unwrap_or_default());
    parts.for_each(|part| {
        line.push_str("\\n");
        line.push_str(part);
    });
}

/// Writes a time as Python's `isoformat` of a local time with offset, and a blank, into `date`.
pub fn iso_date(usec: u64, zone: &TimeZone, date: &mut String) {
    date.clear();
    let time = Timestamp::from_microsecond(i64::try_from(usec).unwrap_or(i64::MAX)).unwrap_or(Timestamp::MAX);
    let local = time.to_zoned(zone.clone());
    let _ = write!(date, "{}", local.strftime("%Y-%m-%dT%H:%M:%S"));
    if usec % 1_000_000 != 0 {
        let _ = write!(date, ".{:06}", usec % 1_000_000);
    }
    let _ = write!(date, "{} ", local.strftime("%:z"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(fields: &[&str]) -> String {
        let mut entry = Entry { monotonic: 12_345_678, ..Entry::default() };
        fields.iter().for_each(|field| entry.take(field.as_bytes(), &mut Terms::default()));
        let mut line = String::new();
        entry.write_line(&mut line);
        line
    }

    #[test]
    fn lines_as_the_original_writes_them() {
        assert_eq!(line(&["_HOSTNAME=h", "_COMM=sshd", "_PID=12", "MESSAGE=a\nb"]), "h sshd[12]: a\\nb");
        assert_eq!(
            line(&["_COMM=x", "SYSLOG_IDENTIFIER=y", "SYSLOG_PID=0", "_PID=7", "MESSAGE=m"]),
            "y[7]: m"
        );
        assert_eq!(line(&["SYSLOG_IDENTIFIER=y", "SYSLOG_PID=ab'c", "MESSAGE=m"]), "y[b\"ab'c\"]: m");
        assert_eq!(
            line(&["_HOSTNAME=h", "SYSLOG_IDENTIFIER=kernel", "MESSAGE=m"]),
            "h kernel: [   12.345678] m"
        );
        assert_eq!(line(&["MESSAGE=one", "MESSAGE=two"]), "one two");
        assert_eq!(line(&["_HOSTNAME=h"]), "h ");
    }

    #[test]
    fn dates_as_python_writes_them() {
        let mut date = String::new();
        let zone = TimeZone::fixed(jiff::tz::offset(-3));
        iso_date(1_124_013_600_000_000, &zone, &mut date);
        assert_eq!(date, "2005-08-14T07:00:00-03:00 ");
        iso_date(1_124_013_600_000_123, &TimeZone::UTC, &mut date);
        assert_eq!(date, "2005-08-14T10:00:00.000123+00:00 ");
    }
}
