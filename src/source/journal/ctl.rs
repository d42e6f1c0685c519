//! The journal through `journalctl --output=export`, where libsystemd cannot be loaded.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Child, ChildStdout, Stdio};

use super::entry::Entry;
use super::handle::{From, Next};
use super::matches::{Group, Terms};
use super::options::Spec;
use crate::system::process::ending_with_us;

/// Longest entry that is taken; a bound for memory.
const MAX_ENTRY: usize = 4 << 20;

/// A running `journalctl`.
#[derive(Debug)]
pub struct Command {
    child: Child,
    output: ChildStdout,
    pending: Vec<u8>,
    /// It goes on when it has come to the end.
    pub follow: bool,
}

impl Command {
    pub fn available() -> bool {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|dir| dir.join("journalctl").is_file())
    }

    pub fn start(spec: &Spec, groups: &[Group], from: &From, follow: bool) -> io::Result<Command> {
        let mut command = std::process::Command::new("journalctl");
        command.args(["--quiet", "--no-pager", "--output=export"]);
        command.args(if follow { &["--follow", "--no-tail"][..] } else { &[] });
        command.args(arguments(spec, groups, from));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = ending_with_us(&mut command).spawn()?;
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        rustix::io::ioctl_fionbio(&output, true)?;
        Ok(Command { child, output, pending: Vec::new(), follow })
    }

    /// Reads the next entry; an error if the command ended though it should follow.
    pub fn next(&mut self, entry: &mut Entry, terms: &mut Terms) -> io::Result<Next> {
        loop {
            entry.clear();
            terms.clear();
            if let Some(length) = parse(&self.pending, &mut |field| take(field, entry, terms)) {
                self.pending.drain(..length);
                if entry.cursor.is_empty() {
                    continue;
                }
                return Ok(Next::Entry);
            }
            if self.pending.len() > MAX_ENTRY {
                return Err(io::Error::other("an entry is too large"));
            }
            let mut chunk = [0; 16 * 1024];
            match self.output.read(&mut chunk) {
                Ok(0) if !self.follow => return Ok(Next::End),
                Ok(0) => return Err(io::Error::other("journalctl ended")),
                Ok(n) => self.pending.extend_from_slice(&chunk[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(if self.follow { Next::End } else { Next::Wait });
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for Command {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }
}

impl Drop for Command {
    fn drop(&mut self) {
        // Killed by SIGKILL it is gone at once, so that waiting does not block.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn arguments(spec: &Spec, groups: &[Group], from: &From) -> Vec<String> {
    let mut arguments = match spec {
        Spec::System { flags } | Spec::Namespace { flags, .. } | Spec::Directory { flags, .. } => {
            scope(*flags)
        }
        Spec::Files(files) => files.iter().map(|file| format!("--file={}", file.display())).collect(),
    };
    match spec {
        Spec::Namespace { name, .. } => arguments.push(format!("--namespace={name}")),
        Spec::Directory { path, .. } => arguments.push(format!("--directory={}", path.display())),
        Spec::System { .. } | Spec::Files(_) => {}
    }
    arguments.push(match from {
        From::Time(usec) => format!("--since=@{}.{:06}", usec / 1_000_000, usec % 1_000_000),
        From::After(cursor) => format!("--after-cursor={cursor}"),
    });
    for (n, group) in groups.iter().enumerate() {
        arguments.extend((n > 0).then(|| "+".to_owned()));
        arguments.extend(group.iter().cloned());
    }
    arguments
}

/// The options of `journalctl` for flags of `sd_journal_open(3)`.
fn scope(flags: i32) -> Vec<String> {
    let options = [(4, "--system"), (8, "--user")];
    options.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, option)| (*option).to_owned()).collect()
}

fn take(field: &[u8], entry: &mut Entry, terms: &mut Terms) {
    let text = || std::str::from_utf8(field).unwrap_or_default();
    let number = |name: &str| text().strip_prefix(name)?.parse().ok();
    if field.starts_with(b"__CURSOR=") {
        entry.cursor = text()["__CURSOR=".len()..].to_owned();
    } else if field.starts_with(b"__REALTIME_TIMESTAMP=") {
        entry.realtime = number("__REALTIME_TIMESTAMP=").unwrap_or(0);
    } else if field.starts_with(b"__MONOTONIC_TIMESTAMP=") {
        entry.monotonic = number("__MONOTONIC_TIMESTAMP=").unwrap_or(0);
    } else {
        entry.take(field, terms);
    }
}

/// Hands the fields of the first entry in export format to `field`; its length with the empty line
/// after it, `None` if it is not complete. A field is `NAME=value⏎`, or `NAME⏎`, the length in eight
/// bytes (little endian), the value, `⏎`.
fn parse(text: &[u8], field: &mut dyn FnMut(&[u8])) -> Option<usize> {
    let mut at = 0;
    let mut joined = Vec::new();
    let mut fields = Vec::new();
    loop {
        let end = at + memchr::memchr(b'\n', &text[at..])?;
        if end == at {
            fields.iter().for_each(|f: &(usize, usize)| field(&text[f.0..f.1]));
            joined.iter().for_each(|f: &Vec<u8>| field(f));
            return Some(end + 1);
        }
        if memchr::memchr(b'=', &text[at..end]).is_some() {
            fields.push((at, end));
            at = end + 1;
            continue;
        }
        let length = u64::from_le_bytes(text.get(end + 1..end + 9)?.try_into().ok()?);
        let value = end + 9;
        let stop = value.checked_add(usize::try_from(length).ok()?)?;
        let bytes = text.get(value..stop)?;
        text.get(stop)?;
        joined.push([&text[at..end], b"=", bytes].concat());
        at = stop + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn export_format() {
        let text = b"A=1\nMESSAGE\n\x03\0\0\0\0\0\0\0a\nb\nC=\n\nB=2\n\n";
        let mut fields = Vec::new();
        let length =
            parse(text, &mut |field| fields.push(String::from_utf8(field.to_vec()).unwrap())).unwrap();
        assert_eq!(fields, ["A=1", "C=", "MESSAGE=a\nb"]);
        assert_eq!(&text[length..], b"B=2\n\n");
        for cut in 0..length {
            assert_eq!(parse(&text[..cut], &mut |_| {}), None, "{cut}");
        }
    }
}
