//! Who is never banned: `ignoreip`, `ignoreself`, `ignorecommand`, `ignorecache` (COMPAT §5).
//!
//! Names and commands take time to ask, so a check may answer "ask that first"; whoever can wait asks,
//! and checks again.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;

use super::cache::Cache;
use crate::address::{Address, AddressSet};

/// An entry of `ignoreip`.
#[derive(Clone, Debug, PartialEq)]
enum Entry {
    /// A network, or a name to be resolved.
    Address(Address),
    File(FileSet),
}

/// Addresses listed in a file (`file:PATH`), re-read when the file changes.
#[derive(Clone, Debug)]
struct FileSet {
    path: String,
    addresses: AddressSet,
    /// Networks and names.
    others: Vec<Address>,
    next_check: f64,
    seen: Option<(i64, i64, u64, u64)>,
}

impl PartialEq for FileSet {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

/// What is known about names and commands; the engine's resolver answers.
pub trait Known {
    /// Addresses of this machine, or `None` while they are being looked up.
    fn own_addresses(&mut self) -> Option<&AddressSet>;
    /// Addresses of a host name, or `None` while they are being looked up.
    fn addresses_of(&mut self, name: &str) -> Option<&AddressSet>;
}

/// The answer to "is this one ignored?".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    No,
    /// Ignored, and by what.
    By(String),
    /// Not known yet: something is being looked up.
    Wait,
}

/// The ignore lists of one jail.
#[derive(Debug)]
pub struct Ignore {
    pub ignore_self: bool,
    /// Shell command with tags, run for every failure that the lists let through.
    pub command: Option<String>,
    pub cache: Option<Verdicts>,
    single: AddressSet,
    list: Vec<Entry>,
    /// Texts of single addresses in the order in which they were added.
    order: Vec<Address>,
}

impl Default for Ignore {
    fn default() -> Self {
        Ignore {
            ignore_self: true,
            command: None,
            cache: None,
            single: HashSet::default(),
            list: Vec::new(),
            order: Vec::new(),
        }
    }
}

impl Ignore {
    /// Adds an address, network, name or `file:` list. Duplicates are told by `false`.
    pub fn add(&mut self, text: &str) -> Result<bool, String> {
        if text.is_empty() {
            return Ok(true);
        }
        if let Some(path) = file_of(text) {
            self.list.push(Entry::File(FileSet::new(path)));
            return Ok(true);
        }
        let address = Address::parse(text)?;
        if self.single.contains(&address) || self.list.contains(&Entry::Address(address.clone())) {
            return Ok(false);
        }
        if address.is_single() {
            self.order.push(address.clone());
            self.single.insert(address);
        } else {
            self.list.push(Entry::Address(address));
        }
        Ok(true)
    }

    /// Removes an entry; `false` if there is none like it.
    pub fn remove(&mut self, text: &str) -> bool {
        let entry = match file_of(text) {
            Some(path) => Entry::File(FileSet::new(path)),
            None => match Address::parse(text) {
                Ok(address) if self.single.remove(&address) => {
                    self.order.retain(|other| *other != address);
                    return true;
                }
                Ok(address) => Entry::Address(address),
                Err(_) => return false,
            },
        };
        match self.list.iter().position(|other| *other == entry) {
            Some(at) => {
                self.list.remove(at);
                true
            }
            None => false,
        }
    }

    /// Whether there is a command to be asked.
    pub fn has_command(&self) -> bool {
        self.command.as_ref().is_some_and(|command| !command.is_empty())
    }

    pub fn clear(&mut self) {
        self.single.clear();
        self.order.clear();
        self.list.clear();
    }

    /// All entries as `get JAIL ignoreip` shows them: lists and networks first.
    pub fn entries(&self) -> Vec<String> {
        let list = self.list.iter().map(|entry| match entry {
            Entry::Address(address) => address.to_string(),
            Entry::File(file) => file.shown(),
        });
        list.chain(self.order.iter().map(Address::to_string)).collect()
    }

    /// Whether the lists cover `id`. `warn` receives complaints about unreadable files.
    pub fn check(
        &mut self,
        id: &Address,
        now: f64,
        known: &mut dyn Known,
        warn: &mut dyn FnMut(String),
    ) -> Verdict {
        if self.ignore_self {
            match known.own_addresses() {
                None => return Verdict::Wait,
                Some(own) if own.contains(id) => return Verdict::By("ignoreself rule".to_owned()),
                Some(_) => {}
            }
        }
        if self.single.contains(id) {
            return Verdict::By("ip".to_owned());
        }
        for entry in &mut self.list {
            match entry {
                Entry::File(file) => match file.contains(id, now, known, warn) {
                    None => return Verdict::Wait,
                    Some(true) => return Verdict::By(file.shown()),
                    Some(false) => {}
                },
                Entry::Address(address) => match covers(address, id, known) {
                    None => return Verdict::Wait,
                    Some(true) if matches!(address, Address::Name(_)) => {
                        return Verdict::By("dns".to_owned());
                    }
                    Some(true) => return Verdict::By("ip".to_owned()),
                    Some(false) => {}
                },
            }
        }
        Verdict::No
    }
}

/// Whether a network, or a name's addresses, cover `id`; `None` while the name is being looked up.
fn covers(entry: &Address, id: &Address, known: &mut dyn Known) -> Option<bool> {
    match entry {
        Address::Name(name) => Some(known.addresses_of(name)?.contains(id)),
        network => Some(id.is_in(network)),
    }
}

/// The path in a `file:` entry: `file:rel`, `file:/abs`, `file:///abs`.
fn file_of(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("file:")?;
    // Slashes before an absolute path are only decoration.
    let slashes = rest.len() - rest.trim_start_matches('/').len();
    let path = match slashes {
        0 | 1 => rest,
        2 if relative(&rest[2..]) => &rest[2..],
        n => &rest[n.min(3) - 1..],
    };
    Some(path)
}

fn relative(rest: &str) -> bool {
    rest.starts_with("./") || rest.starts_with("../")
}

impl FileSet {
    fn new(path: &str) -> Self {
        FileSet {
            path: path.to_owned(),
            addresses: HashSet::default(),
            others: Vec::new(),
            next_check: f64::MIN,
            seen: None,
        }
    }

    /// Upstream's name of the set: one slash too many before an absolute path.
    fn shown(&self) -> String {
        let slash = if self.path.starts_with('/') { "/" } else { "" };
        format!("file:{slash}{}", self.path)
    }

    /// `None` while a name in the file is being looked up.
    fn contains(
        &mut self,
        id: &Address,
        now: f64,
        known: &mut dyn Known,
        warn: &mut dyn FnMut(String),
    ) -> Option<bool> {
        if now > self.next_check {
            self.next_check = now + 1.0;
            if let Err(error) = self.refresh() {
                self.next_check += 60.0;
                let path = crate::value::Value::str(&*self.path);
                warn(format!(
                    "Retrieving IPs set from {path} failed: {}",
                    crate::value::Exception::os(&error, &self.path).message()
                ));
            }
        }
        if self.addresses.contains(id) {
            return Some(true);
        }
        for entry in &self.others {
            if covers(entry, id, known)? {
                return Some(true);
            }
        }
        Some(false)
    }

    fn refresh(&mut self) -> std::io::Result<()> {
        let meta = fs::metadata(&self.path)?;
        let seen = (meta.mtime(), meta.mtime_nsec(), meta.ino(), meta.size());
        if self.seen == Some(seen) {
            return Ok(());
        }
        self.seen = Some(seen);
        let text = fs::read_to_string(&self.path)?;
        let addresses: Vec<Address> = words(&text).filter_map(|word| Address::parse(word).ok()).collect();
        let (single, others) = addresses.into_iter().partition(Address::is_single);
        self.addresses = Vec::into_iter(single).collect();
        self.others = others;
        Ok(())
    }
}

/// Words separated by blanks, commas and line ends; `#` or `;` at a line's start or after a blank begin
/// a comment.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| {
        let bytes = line.as_bytes();
        let comment = (0..bytes.len())
            .find(|&at| matches!(bytes[at], b'#' | b';') && (at == 0 || bytes[at - 1].is_ascii_whitespace()));
        line[..comment.unwrap_or(line.len())].split([' ', '\t', ',', '\r']).filter(|word| !word.is_empty())
    })
}

/// Remembered verdicts (`ignorecache`): so that a command is not run for every failure.
#[derive(Debug)]
pub struct Verdicts {
    /// Text with tags that makes the key.
    pub key: String,
    pub cache: Cache<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody(AddressSet);

    impl Known for Nobody {
        fn own_addresses(&mut self) -> Option<&AddressSet> {
            Some(&self.0)
        }
        fn addresses_of(&mut self, _name: &str) -> Option<&AddressSet> {
            None
        }
    }

    fn check(ignore: &mut Ignore, text: &str) -> Verdict {
        let own = AddressSet::from_iter([Address::host("127.0.0.1")]);
        ignore.check(&Address::host(text), 1e9, &mut Nobody(own), &mut |text| panic!("{text}"))
    }

    #[test]
    fn lists_cover_addresses_networks_and_self() {
        let mut ignore = Ignore::default();
        assert!(ignore.add("192.0.2.1").unwrap());
        assert!(!ignore.add("192.0.2.1").unwrap());
        assert!(ignore.add("10.0.0.0/8").unwrap());
        assert_eq!(check(&mut ignore, "192.0.2.1"), Verdict::By("ip".into()));
        assert_eq!(check(&mut ignore, "10.1.1.1"), Verdict::By("ip".into()));
        assert_eq!(check(&mut ignore, "127.0.0.1"), Verdict::By("ignoreself rule".into()));
        assert_eq!(check(&mut ignore, "192.0.2.2"), Verdict::No);
        assert_eq!(ignore.entries(), ["10.0.0.0/8", "192.0.2.1"]);
        assert!(ignore.add("example.com").unwrap());
        assert_eq!(check(&mut ignore, "192.0.2.2"), Verdict::Wait);
        assert!(ignore.remove("192.0.2.1") && !ignore.remove("192.0.2.1"));
    }

    #[test]
    fn file_lists_follow_the_file() {
        let path = std::env::temp_dir().join(format!("ferroban-ignore-{}", std::process::id()));
        fs::write(&path, "# comment\n192.0.2.7, 10.0.0.0/8 ; more\n").unwrap();
        let mut ignore = Ignore::default();
        ignore.add(&format!("file://{}", path.display())).unwrap();
        let shown = format!("file:/{}", path.display());
        assert_eq!(check(&mut ignore, "192.0.2.7"), Verdict::By(shown.clone()));
        assert_eq!(check(&mut ignore, "10.2.3.4"), Verdict::By(shown));
        assert_eq!(check(&mut ignore, "192.0.2.8"), Verdict::No);
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn forms_of_file_entries() {
        for (text, path) in [
            ("file:a", "a"),
            ("file:/a", "/a"),
            ("file:///a", "/a"),
            ("file://a", "/a"),
            ("file://./a", "./a"),
        ] {
            assert_eq!(file_of(text), Some(path), "{text}");
        }
    }
}
