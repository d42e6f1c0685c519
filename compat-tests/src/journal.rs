//! Journal files made of given entries, by systemd-journal-remote.
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const REMOTE: &str = "/lib/systemd/systemd-journal-remote";

/// An entry of the journal.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Microseconds since 1970.
    pub time: u64,
    pub fields: Vec<(&'static str, Vec<u8>)>,
}

impl Entry {
    pub fn at(time: u64) -> Entry {
        Entry { time, fields: Vec::new() }
    }

    #[must_use]
    pub fn with(mut self, field: &'static str, value: impl Into<Vec<u8>>) -> Entry {
        self.fields.push((field, value.into()));
        self
    }
}

/// Writes the entries to the new journal file `file`; its folder is made.
///
/// # Panics
/// When the package systemd-journal-remote is missing.
pub fn write(file: &Path, entries: &[Entry]) {
    let mut export = Vec::new();
    for (n, entry) in entries.iter().enumerate() {
        let head = format!(
            "__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID=0123456789abcdef0123456789abcdef\n\
             _MACHINE_ID=0123456789abcdef0123456789abcde0\n",
            entry.time,
            5_000_000 + n
        );
        export.extend(head.into_bytes());
        for (field, value) in &entry.fields {
            // the binary form, which may hold any byte
            export.extend(format!("{field}\n").into_bytes());
            export.extend((value.len() as u64).to_le_bytes());
            export.extend(value);
            export.push(b'\n');
        }
        export.push(b'\n');
    }
    std::fs::create_dir_all(file.parent().expect("a file is in a folder")).expect("the folder is ours");
    let mut command = Command::new(REMOTE);
    command.arg("-o").arg(file).args(["--split-mode=none", "-"]).stdin(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{REMOTE}: {e} (scripts/prepare original)"));
    child.stdin.take().expect("stdin is a pipe").write_all(&export).expect("it reads what it is given");
    assert!(child.wait().expect("it ends").success(), "{REMOTE} failed");
}
