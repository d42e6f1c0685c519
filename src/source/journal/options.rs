//! Which journal files are read: the options of `backend = systemd[…]`.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::source::Error;

/// Flags of `sd_journal_open(3)`.
const LOCAL_ONLY: i32 = 1;
const RUNTIME_ONLY: i32 = 2;
const SYSTEM_ONLY: i32 = 4;
const CURRENT_USER: i32 = 8;

/// Where journald keeps its files: lasting, and until the next boot.
const STATE: &str = "/var/log/journal/*";
const RUNTIME: &str = "/run/log/journal/*";

/// The options; jails with equal ones share a reader.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    path: Option<PathBuf>,
    /// File name patterns.
    files: Vec<String>,
    flags: Option<i32>,
    namespace: Option<String>,
    /// Read the files that were rotated away as well.
    rotated: bool,
}

/// What to open.
#[derive(Clone, Debug, PartialEq)]
pub enum Spec {
    System { flags: i32 },
    Namespace { name: String, flags: i32 },
    Directory { path: PathBuf, flags: i32 },
    Files(Vec<PathBuf>),
}

impl Options {
    /// Reads the options in brackets. `default_flags` is the environment's `F2B_SYSTEMD_DEFAULT_FLAGS`.
    pub fn parse(options: &[(String, String)], default_flags: Option<&str>) -> Result<Options, Error> {
        let mut parsed = Options::default();
        for (name, value) in options {
            match name.as_str() {
                "journalpath" => parsed.path = Some(value.into()),
                "journalfiles" => {
                    let words = value.split(|c: char| c == ',' || c.is_whitespace());
                    parsed.files = words.filter(|w| !w.is_empty()).map(str::to_owned).collect();
                }
                "journalflags" => parsed.flags = Some(number(value)?),
                "namespace" => parsed.namespace = Some(value.clone()),
                "rotated" => {
                    parsed.rotated = ["1", "on", "true", "yes"].contains(&value.to_lowercase().as_str());
                }
                _ => return Err(Error::Source(format!("backend systemd has no option '{name}'"))),
            }
        }
        if parsed.path.is_some() && !parsed.files.is_empty() {
            return Err(Error::Source("path and files cannot be specified simultaneously".to_owned()));
        }
        // With files or a path named, all kinds of journals in there are meant.
        if parsed.flags.is_none() && parsed.files.is_empty() && parsed.path.is_none() {
            parsed.flags = match default_flags {
                Some(flags) => Some(number(flags)?),
                None => parsed.rotated.then_some(SYSTEM_ONLY),
            };
        }
        Ok(parsed)
    }

    /// What to open now. Unless rotated files are wanted, these are the active files only, so that
    /// not too many are held open; with `since`, also those that were rotated away after that time.
    pub fn spec(&self, since: Option<SystemTime>) -> Spec {
        let mut files: Vec<PathBuf> = self.files.iter().flat_map(|pattern| find(pattern)).collect();
        if !self.rotated && files.is_empty() && self.namespace.is_none() {
            files = self.active_files();
        }
        if !files.is_empty() {
            files.sort();
            files.dedup();
            let rotated: Vec<PathBuf> = since
                .into_iter()
                .flat_map(|since| files.iter().flat_map(move |f| rotated_from(f, since)))
                .collect();
            files.extend(rotated);
            return Spec::Files(files);
        }
        self.places()
    }

    /// What to open where the reader finds new files itself: like [`Options::spec`], with rotated files.
    pub fn places(&self) -> Spec {
        let files: Vec<PathBuf> = self.files.iter().flat_map(|pattern| find(pattern)).collect();
        match (&self.path, &self.namespace) {
            _ if !files.is_empty() => Spec::Files(files),
            (Some(path), _) => Spec::Directory { path: path.clone(), flags: self.flags.unwrap_or(0) },
            (None, Some(name)) => {
                Spec::Namespace { name: name.clone(), flags: self.flags.unwrap_or(LOCAL_ONLY) }
            }
            (None, None) => Spec::System { flags: self.flags.unwrap_or(LOCAL_ONLY) },
        }
    }

    fn active_files(&self) -> Vec<PathBuf> {
        let files = match &self.path {
            Some(path) => active_in(&path.to_string_lossy(), Some(self.flags.unwrap_or(LOCAL_ONLY))),
            None => {
                let lasting = self.flags.is_none_or(|flags| flags & RUNTIME_ONLY == 0);
                let mut files = if lasting { active_in(STATE, self.flags) } else { Vec::new() };
                files.extend(active_in(RUNTIME, self.flags));
                files
            }
        };
        let readable = |path: &PathBuf| rustix::fs::access(path, rustix::fs::Access::READ_OK).is_ok();
        files.into_iter().filter(readable).collect()
    }
}

fn number(text: &str) -> Result<i32, Error> {
    let wrong = |_| Error::Source(format!("invalid literal for int() with base 10: '{text}'"));
    text.trim().parse().map_err(wrong)
}

/// The active journal files in the directories of a pattern that `flags` ask for; `None` asks for all.
fn active_in(directory: &str, flags: Option<i32>) -> Vec<PathBuf> {
    let asked = |flag| flags.is_some_and(|flags| flags & flag != 0);
    let mut files = Vec::new();
    if flags.is_none() || asked(SYSTEM_ONLY) {
        files.extend(find(&format!("{directory}/system.journal")));
    }
    if asked(CURRENT_USER) {
        let user = rustix::process::geteuid().as_raw();
        files.extend(find(&format!("{directory}/user-{user}.journal")));
    }
    if !asked(SYSTEM_ONLY) && !asked(CURRENT_USER) {
        files.extend(find(&format!("{directory}/*.journal")));
    }
    files.retain(|file| !file.file_name().is_some_and(|name| name.to_string_lossy().contains('@')));
    files
}

/// Files that bore the name `active` until some time after `since`.
fn rotated_from(active: &Path, since: SystemTime) -> Vec<PathBuf> {
    let pattern =
        format!("{}@*.journal", glob::Pattern::escape(&active.with_extension("").to_string_lossy()));
    let newer =
        |path: &PathBuf| path.metadata().and_then(|meta| meta.modified()).is_ok_and(|time| time >= since);
    find(&pattern).into_iter().filter(newer).collect()
}

fn find(pattern: &str) -> Vec<PathBuf> {
    glob::glob(pattern).into_iter().flatten().filter_map(Result::ok).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &[(&str, &str)]) -> Result<Options, String> {
        let options: Vec<_> = options.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        Options::parse(&options, None).map_err(|e| e.to_string())
    }

    #[test]
    fn the_active_files_unless_rotated_ones_are_wanted() {
        let dir = std::env::temp_dir().join(format!("ferroban-journal-options-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let names = ["system.journal", "user-1000.journal", "system@1-2-3.journal", "other.txt"];
        names.iter().for_each(|name| std::fs::write(dir.join(name), "").unwrap());
        let path = dir.to_str().unwrap();
        let spec = |options: &[(&str, &str)]| parse(options).unwrap().spec(None);
        let files = |names: &[&str]| Spec::Files(names.iter().map(|name| dir.join(name)).collect());
        assert_eq!(spec(&[("journalpath", path)]), files(&["system.journal", "user-1000.journal"]));
        assert_eq!(spec(&[("journalpath", path), ("journalflags", "4")]), files(&["system.journal"]));
        assert_eq!(
            spec(&[("journalpath", path), ("rotated", "on")]),
            Spec::Directory { path: dir.clone(), flags: 0 }
        );
        let pattern = format!("{path}/sys*.journal, {path}/user*.journal");
        assert_eq!(
            spec(&[("journalfiles", &pattern)]),
            files(&["system.journal", "system@1-2-3.journal", "user-1000.journal"])
        );
        let after_rotation = parse(&[("journalpath", path)]).unwrap().spec(Some(SystemTime::UNIX_EPOCH));
        assert_eq!(after_rotation, files(&["system.journal", "user-1000.journal", "system@1-2-3.journal"]));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn namespaces_flags_and_errors() {
        let spec = parse(&[("namespace", "web")]).unwrap().spec(None);
        assert_eq!(spec, Spec::Namespace { name: "web".to_owned(), flags: 1 });
        assert_eq!(Options::parse(&[], Some("2")).unwrap().flags, Some(2));
        assert_eq!(parse(&[("rotated", "yes")]).unwrap().spec(None), Spec::System { flags: 4 });
        assert_eq!(
            parse(&[("journalflags", "x")]).unwrap_err(),
            "invalid literal for int() with base 10: 'x'"
        );
        assert_eq!(parse(&[("nosuch", "1")]).unwrap_err(), "backend systemd has no option 'nosuch'");
    }
}
