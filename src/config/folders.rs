//! What is in the folders of a configuration. Most files that it may have (`.local`, drop-ins) do not exist: one look
//! at the folder tells that of all.

use super::paths::split;
use crate::file_name::{decode, encode};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;

type Names = HashSet<String, foldhash::fast::RandomState>;

/// The folders looked at so far.
#[derive(Default)]
pub struct Folders(RefCell<HashMap<String, Option<Names>>>);

impl Folders {
    /// Whether there is such a file or folder, links followed.
    pub fn exists(&self, path: &str) -> bool {
        self.may_have(path) && encode(path).exists()
    }

    /// Whether there may be such a file or folder: certainly not if its folder does not list it.
    pub fn may_have(&self, path: &str) -> bool {
        let (folder, name) = split(path);
        if folder.is_empty() || ["", ".", ".."].contains(&name) {
            return true;
        }
        let mut folders = self.0.borrow_mut();
        if !folders.contains_key(folder) {
            folders.insert(folder.to_owned(), names_in(folder));
        }
        folders[folder].as_ref().is_none_or(|names| names.contains(name))
    }
}

/// The names in a folder; `None` if it cannot be listed.
fn names_in(folder: &str) -> Option<Names> {
    match std::fs::read_dir(encode(folder)) {
        Ok(entries) => entries.map(|entry| Some(decode(&entry.ok()?.file_name()))).collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Some(Names::default()),
        Err(_) => None,
    }
}
