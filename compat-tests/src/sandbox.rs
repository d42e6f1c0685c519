//! A private place for one server: configuration, socket, pidfile, database, log.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::original::Version;
use crate::output::Output;
use crate::side::{Side, checkout};

/// A temporary folder with a configuration tree below `etc`; nothing outside is read or written by a
/// program that gets its [`Sandbox::options`]. Removed when dropped.
pub struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    /// With a copy of the genuine `/etc/fail2ban` of `version`, in which no jail is enabled.
    pub fn genuine(version: Version) -> Sandbox {
        let sandbox = Sandbox::copy_of(&version.configuration());
        // Debian enables sshd in jail.d/defaults-debian.conf; this is read after it, and before jail.local.
        // The hosts of the tests are not this machine, whatever addresses it has.
        let settings = "[DEFAULT]\nignoreself = false\n[sshd]\nenabled = false\n";
        sandbox.config("jail.d/zz-for-tests.conf", settings);
        sandbox
    }

    /// With a copy of the tree `configuration`.
    pub fn copy_of(configuration: &Path) -> Sandbox {
        let sandbox = Sandbox::empty();
        copy_tree(configuration, &sandbox.configuration());
        sandbox
    }

    /// With the configuration of a fresh machine: this project's own filters, actions and jails.
    pub fn own() -> Sandbox {
        let sandbox = Sandbox::copy_of(&checkout().join("packaging/config"));
        for name in ["filter.d", "action.d"] {
            copy_tree(&checkout().join(name), &sandbox.configuration().join(name));
        }
        sandbox
    }

    /// With a configuration tree that holds nothing but the private paths (`fail2ban.local`), an empty
    /// `jail.conf`, and empty folders for filters and actions.
    pub fn empty() -> Sandbox {
        let folder = tempfile::Builder::new().prefix("ferroban-").tempdir().expect("/tmp is writable");
        let sandbox = Sandbox { folder };
        for name in ["filter.d", "action.d", "jail.d"] {
            fs::create_dir_all(sandbox.configuration().join(name)).expect("the sandbox is ours");
        }
        sandbox.config("jail.conf", "");
        sandbox.config("fail2ban.conf", "[Definition]\n");
        sandbox.config("fail2ban.local", &sandbox.private_paths());
        sandbox
    }

    fn private_paths(&self) -> String {
        format!(
            "[Definition]\nloglevel = INFO\nlogtarget = {}\nsyslogsocket = auto\nsocket = {}\npidfile = {}\n\
             dbfile = {}\ndbpurgeage = 1d\n",
            self.server_log().display(),
            self.socket().display(),
            self.pidfile().display(),
            self.database().display(),
        )
    }

    /// Writes the configuration file `name` (`jail.local`, `filter.d/x.conf`, …), replacing it.
    pub fn config(&self, name: &str, text: &str) -> &Self {
        self.file(&format!("etc/{name}"), text);
        self
    }

    /// Writes the file `name` below the sandbox's folder; its full path.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("path() puts a folder in front"))
            .expect("the sandbox is ours");
        fs::write(&path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        path
    }

    /// Appends `text` to the file `name`, as a logging program does: in one write.
    pub fn append(&self, name: &str, text: &str) {
        use std::io::Write;
        let file = fs::OpenOptions::new().append(true).create(true).open(self.path(name));
        file.and_then(|mut file| file.write_all(text.as_bytes())).expect("the sandbox is ours");
    }

    /// The full path of `name` below the sandbox's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn configuration(&self) -> PathBuf {
        self.path("etc")
    }

    pub fn socket(&self) -> PathBuf {
        self.path("run/fail2ban.sock")
    }

    pub fn pidfile(&self) -> PathBuf {
        self.path("run/fail2ban.pid")
    }

    pub fn database(&self) -> PathBuf {
        self.path("fail2ban.sqlite3")
    }

    /// Where the server logs.
    pub fn server_log(&self) -> PathBuf {
        self.path("fail2ban.log")
    }

    /// The options that confine a server or client to the sandbox.
    pub fn options(&self) -> Vec<String> {
        let text = |path: PathBuf| path.to_str().expect("temporary paths are UTF-8").to_owned();
        let words =
            ["-c", &text(self.configuration()), "-s", &text(self.socket()), "-p", &text(self.pidfile())];
        words.map(str::to_owned).to_vec()
    }

    /// Gives `command` the sandbox's options and folder, then `words`.
    pub fn confine<'c>(&self, command: &'c mut Command, words: &[&str]) -> &'c mut Command {
        // ours looks for what the tree lacks in the vendor directory: here there is none
        command.args(self.options()).args(words).env("FERROBAN_VENDOR_DIR", self.path("no-vendor-directory"))
    }

    /// Runs `fail2ban-client` of `side` with `words`.
    pub fn client(&self, side: Side, words: &[&str]) -> Output {
        Output::of(self.confine(&mut side.client(), words))
    }
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the sandbox is ours");
    for entry in fs::read_dir(from).unwrap_or_else(|e| panic!("{}: {e}", from.display())) {
        let entry = entry.expect("the folder was just opened");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap_or_else(|e| panic!("{}: {e}", entry.path().display()));
        }
    }
}
