//! The files of a configuration directory: finding, parsing once, merging (COMPAT §2.1).

use super::folders::Folders;
use super::glob::{glob, has_magic};
use super::ini::{self, Failure, File};
use super::interpolate::Variables;
use super::message::{Error, Reporter, level};
use super::paths::{absolute, join, split, without_extension};
use super::raw::Config;
use crate::file_name;
use crate::value::{Exception, Value};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Read;
use std::path::PathBuf;
use std::rc::Rc;

/// How deep files may include others: where Python gives up. A file that includes itself by an ever longer
/// path (`./x.conf`) gets there.
const MAX_DEPTH: usize = 488;

const READER: &str = "fail2ban.configreader";
const INCLUDES: &str = "fail2ban.configparserinc";

/// A configuration that several users share; only that of the jails is ever changed.
pub type Shared = Rc<RefCell<Config>>;

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// Everything read from one configuration directory.
pub struct Library {
    base: String,
    vendor: Option<PathBuf>,
    folders: Folders,
    files: Map<String, Option<Rc<File>>>,
    /// Room for what is read of a file.
    content: Vec<u8>,
    /// Files to merge for a list of files, includes resolved.
    includes: Map<Vec<String>, Rc<Vec<String>>>,
    /// Configurations by base name; `None` for one that could not be read.
    configs: Map<String, Option<Shared>>,
}

impl Library {
    pub fn new(base: &str, vendor: Option<PathBuf>) -> Self {
        Library {
            base: base.trim_end_matches('/').to_owned(),
            vendor,
            folders: Folders::default(),
            files: Map::default(),
            content: Vec::with_capacity(1 << 14),
            includes: Map::default(),
            configs: Map::default(),
        }
    }

    /// The configuration directory, without trailing slash.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Forgets filters and actions, so that changed files are read again. As upstream, what was read of
    /// fail2ban.conf and jail.conf stays.
    pub fn clear(&mut self) {
        self.folders = Folders::default();
        self.files.clear();
        self.includes.clear();
        self.configs.retain(|name, _| name == "fail2ban" || name == "jail");
    }

    /// The path where a file of the directory really is: there, or else in the vendor directory.
    pub fn locate(&self, path: &str) -> PathBuf {
        self.vendored(path).filter(|_| !self.folders.exists(path)).unwrap_or_else(|| file_name::encode(path))
    }

    /// The file in the vendor directory, if it is there.
    fn vendored(&self, path: &str) -> Option<PathBuf> {
        let vendor = self.vendor.as_ref().filter(|_| !path.ends_with(".local"))?;
        let inside = path.strip_prefix(&self.base)?.strip_prefix('/')?;
        Some(vendor.join(inside)).filter(|path| path.exists())
    }

    /// Reads `NAME.conf` with drop-ins and local overrides, once per name. `None` means that it cannot be
    /// read; that was reported at the first attempt.
    pub fn open(&mut self, name: &str, reporter: &mut Reporter) -> Result<Option<Shared>, Error> {
        if let Some(config) = self.configs.get(name) {
            return Ok(config.clone());
        }
        reporter.report(level::INFO, READER, || format!("Loading configs for {name} under {} ", self.base));
        let config = self.read(name, reporter)?.map(|config| Rc::new(RefCell::new(config)));
        self.configs.insert(name.to_owned(), config.clone());
        Ok(config)
    }

    fn read(&mut self, name: &str, reporter: &mut Reporter) -> Result<Option<Config>, Error> {
        if !self.folders.has_folder(&self.base) {
            return Err(Error::value(format!("Base configuration directory {} does not exist ", self.base)));
        }
        let name = absolute(name);
        without_null(&name)?;
        reporter.report(level::DEBUG, READER, || format!("Reading configs for {name} under {} ", self.base));
        let files = self.candidates(&join(&self.base, &name));
        if files.is_empty() {
            reporter.report(level::ERROR, READER, || {
                let name = Value::str(&name);
                format!("Found no accessible config files for {name} under {}", self.base)
            });
            return Ok(None);
        }
        reporter.report(level::DEBUG, READER, || format!("Reading config files: {}", files.join(", ")));
        let (config, read) = self.merge(files.clone(), reporter)?;
        let missed: Vec<String> = files.into_iter().filter(|file| !read.contains(file)).collect();
        if !missed.is_empty() {
            reporter.report(level::ERROR, READER, || {
                format!("Could not read config files: {}", missed.join(", "))
            });
            return Ok(None);
        }
        Ok(Some(config))
    }

    /// The files that make up a configuration, least important first.
    fn candidates(&self, base: &str) -> Vec<String> {
        // Names may be patterns, though hardly ever on purpose.
        let has_drop_ins = has_magic(base) || self.folders.may_have(&format!("{base}.d"));
        let drop_ins = |ending: &str| {
            if !has_drop_ins {
                return Vec::new();
            }
            let mut files = glob(&format!("{base}.d/*{ending}"));
            files.sort();
            files
        };
        let mut files = vec![format!("{base}.conf")];
        files.extend(drop_ins(".conf"));
        files.push(format!("{base}.local"));
        files.extend(drop_ins(".local"));
        files.retain(|file| self.folders.exists(file) || self.vendored(file).is_some());
        files
    }

    /// Reads exactly one file, with what it includes (and their local overrides): a filter from elsewhere.
    pub fn open_file(&mut self, file: &str, reporter: &mut Reporter) -> Result<Option<Shared>, Error> {
        let (config, read) = self.merge(vec![file.to_owned()], reporter)?;
        Ok((!read.is_empty()).then(|| Rc::new(RefCell::new(config))))
    }

    /// Merges files with their includes; also returns which files could be read.
    fn merge(&mut self, files: Vec<String>, reporter: &mut Reporter) -> Result<(Config, Vec<String>), Error> {
        let mut config = Config::default();
        let mut read = Vec::new();
        let all = self.with_includes(files, &[], reporter)?;
        if all.is_empty() {
            return Ok((config, read));
        }
        reporter.report(level::INFO, INCLUDES, || format!("  Loading files: {}", Value::strings(all.iter())));
        for name in all.iter() {
            // Whoever cannot be decoded is not among the files any more.
            if let Some(file) = self.file(name, reporter).map_err(fatal)? {
                config.merge(&file);
                read.push(name.clone());
            }
        }
        Ok((config, read))
    }

    /// A parsed file, shared; `None` if it cannot be opened.
    fn file(&mut self, name: &str, reporter: &mut Reporter) -> Result<Option<Rc<File>>, Failure> {
        if let Some(file) = self.files.get(name) {
            reporter.report(level::TRACE, INCLUDES, || format!("    Shared file: {name}"));
            return Ok(file.clone());
        }
        reporter.report(level::INFO, INCLUDES, || format!("  Loading files: {}", Value::strings([name])));
        reporter.report(level::TRACE, INCLUDES, || format!("    Reading file: {name}"));
        let path = self.locate(name);
        self.content.clear();
        // The buffer is there already: nobody needs to ask for the size.
        let read =
            std::fs::File::open(&path).and_then(|file| file.take(u64::MAX).read_to_end(&mut self.content));
        let file = match read {
            Ok(_) => Some(Rc::new(ini::parse(&self.content, &file_name::decode(path.as_os_str()), &path)?)),
            Err(_) => None,
        };
        self.files.insert(name.to_owned(), file.clone());
        Ok(file)
    }

    /// The files in the order of merging: each surrounded by what it includes, and each `x.conf` followed by
    /// its `x.local`. As upstream, a list once resolved is not resolved again, whatever included it.
    fn with_includes(
        &mut self,
        files: Vec<String>,
        seen: &[String],
        reporter: &mut Reporter,
    ) -> Result<Rc<Vec<String>>, Error> {
        let files = with_local(files, &self.folders);
        if let Some(all) = self.includes.get(&files) {
            return Ok(all.clone());
        }
        let mut all = Vec::new();
        for file in &files {
            all.extend(self.surrounded(file, seen, reporter)?);
        }
        let all = Rc::new(all);
        self.includes.insert(files, all.clone());
        Ok(all)
    }

    /// One file with what its `[INCLUDES]` names before and after it.
    fn surrounded(
        &mut self,
        name: &str,
        seen: &[String],
        reporter: &mut Reporter,
    ) -> Result<Vec<String>, Error> {
        without_null(name)?;
        let file = match self.file(name, reporter) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(Vec::new()),
            Err(Failure::Decode(message)) => {
                reporter.report(level::ERROR, INCLUDES, || {
                    format!("Error decoding config file '{name}': {message}")
                });
                return Ok(Vec::new());
            }
            Err(failure) => return Err(fatal(failure)),
        };
        let mut all = vec![name.to_owned()];
        if file.sections.contains_key("INCLUDES") {
            let mut single = Config::default();
            single.merge(&file);
            let before = self.included(&single, "before", name, seen, reporter)?;
            let after = self.included(&single, "after", name, seen, reporter)?;
            all.splice(0..0, before);
            all.extend(after);
        }
        Ok(all)
    }

    fn included(
        &mut self,
        file: &Config,
        option: &str,
        name: &str,
        seen: &[String],
        reporter: &mut Reporter,
    ) -> Result<Vec<String>, Error> {
        let mut all = Vec::new();
        if !file.has_own("INCLUDES", option) && !file.defaults.contains_key(option) {
            return Ok(all);
        }
        let list = file.get("INCLUDES", option, &Variables::default())?;
        let (folder, _) = split(name);
        for resource in list.to_text().split('\n').map(|resource| join(folder, resource)) {
            if seen.len() >= MAX_DEPTH {
                let text = "maximum recursion depth exceeded while calling a Python object";
                return Err(Exception::builtin("RecursionError", text).into());
            }
            if !seen.contains(&resource) {
                let mut seen = seen.to_vec();
                seen.push(name.to_owned());
                all.extend_from_slice(&self.with_includes(vec![resource], &seen, reporter)?);
            }
        }
        Ok(all)
    }
}

/// A file that fails to parse ends everything.
fn fatal(failure: Failure) -> Error {
    match failure {
        Failure::Syntax(error) => error.into(),
        Failure::Decode(message) => Error::value(message),
    }
}

/// Python's error for the name of a file that no file can have.
fn without_null(name: &str) -> Result<(), Error> {
    if name.contains('\0') { Err(Error::value("embedded null byte")) } else { Ok(()) }
}

/// Adds behind every file its `.local`, unless that is in the list anyway.
fn with_local(files: Vec<String>, folders: &Folders) -> Vec<String> {
    let mut all = Vec::with_capacity(files.len());
    for file in &files {
        all.push(file.clone());
        let local = format!("{}.local", without_extension(file));
        if !files.contains(&local) && folders.may_have(&local) && file_name::encode(&local).is_file() {
            all.push(local);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endless_includes_end_as_in_python() {
        let dir = std::env::temp_dir().join(format!("ferroban-library-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("the temporary directory is writable");
        let text = "[INCLUDES]\nbefore = ./jail.conf\n[DEFAULT]\na = 1\n";
        std::fs::write(dir.join("jail.conf"), text).expect("the directory was just made");
        let mut library = Library::new(&dir.to_string_lossy(), None);
        let mut sink = |_| {};
        let result = library.open("jail", &mut Reporter { level: u8::MAX, sink: &mut sink });
        std::fs::remove_dir_all(&dir).expect("it is ours");
        let error = result.expect_err("the include never ends");
        assert_eq!(error.to_string(), "maximum recursion depth exceeded while calling a Python object");
    }
}
