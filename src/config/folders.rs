//! What is in the folders of a configuration. Most files that it may have (`.local`, drop-ins) do not exist: one look
//! at the folder tells that of all.

use super::paths::{join, split};
use crate::file_name::{decode, encode};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::DirEntry;
use std::io::{self, ErrorKind};

/// Names in a folder, and whether they are surely there: a link may lead nowhere.
type Names = HashMap<String, bool, foldhash::fast::RandomState>;

/// The folders looked at so far.
#[derive(Default)]
pub struct Folders(RefCell<HashMap<String, Option<Names>>>);

impl Folders {
    /// Whether there is such a file or folder, links followed.
    pub fn exists(&self, path: &str) -> bool {
        self.listed(path).unwrap_or_else(|| encode(path).exists())
    }

    /// Whether there may be such a file or folder: certainly not if its folder does not list it.
    pub fn may_have(&self, path: &str) -> bool {
        self.listed(path) != Some(false)
    }

    /// Whether the folder is there.
    pub fn has_folder(&self, folder: &str) -> bool {
        self.in_folder(folder, |names| names.is_some_and(|names| !names.is_empty()))
            || encode(folder).exists()
    }

    /// Whether there is such a file or folder, as far as its folder tells.
    fn listed(&self, path: &str) -> Option<bool> {
        let (folder, name) = split(path);
        if folder.is_empty() || ["", ".", ".."].contains(&name) {
            return None;
        }
        self.in_folder(folder, |names| match names?.get(name) {
            Some(true) => Some(true),
            Some(false) => None,
            None => Some(false),
        })
    }

    fn in_folder<T>(&self, folder: &str, look: impl FnOnce(Option<&Names>) -> T) -> T {
        let mut folders = self.0.borrow_mut();
        if !folders.contains_key(folder) {
            folders.insert(folder.to_owned(), names_in(folder));
        }
        look(folders[folder].as_ref())
    }
}

/// The names in a folder; `None` if it cannot be listed.
fn names_in(folder: &str) -> Option<Names> {
    // Who may only list a folder sees names that are not there for him.
    let is_open = encode(&join(folder, ".")).exists();
    let name = |entry: io::Result<DirEntry>| {
        let entry = entry.ok()?;
        let there = is_open && entry.file_type().is_ok_and(|kind| kind.is_file() || kind.is_dir());
        Some((decode(&entry.file_name()), there))
    };
    match std::fs::read_dir(encode(folder)) {
        Ok(entries) => entries.map(name).collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Some(Names::default()),
        Err(_) => None,
    }
}
