//! The genuine packages, as `fetch-originals` unpacks them below target/originals.
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::side::checkout;

/// A version of the original that is at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub &'static str);

impl Version {
    /// The versions of Debian 12, Debian 13 and Debian unstable.
    pub const ALL: [Version; 3] = [Version("1.0.2"), Version("1.1.0"), Version("1.1.1")];
    /// The version whose behaviour ferroban reproduces.
    pub const BASELINE: Version = Version("1.1.1");

    /// The unpacked package. Fetches the packages if that has not happened in this checkout yet.
    ///
    /// # Panics
    /// When they cannot be fetched: no test that needs the original passes without it.
    pub fn root(self) -> PathBuf {
        let root = originals().join(self.0);
        assert!(root.is_dir(), "{} is not in compat-tests/originals.list", self.0);
        root
    }

    /// The `/etc/fail2ban` of the package.
    pub fn configuration(self) -> PathBuf {
        self.root().join("etc/fail2ban")
    }

    /// The Python package `fail2ban`.
    pub fn python_package(self) -> PathBuf {
        self.root().join("usr/lib/python3/dist-packages/fail2ban")
    }

    /// The sample logs of upstream's own test-suite (`tests/files`).
    pub fn test_files(self) -> PathBuf {
        self.python_package().join("tests/files")
    }

    /// One of the package's programs, run by the system's Python.
    pub fn program(self, name: &str) -> Command {
        let mut command = Command::new("/usr/bin/python3");
        command.arg(self.root().join("usr/bin").join(name));
        command.env("PYTHONPATH", self.root().join("usr/lib/python3/dist-packages"));
        command
    }

    /// Runs a Python script (given as text) that can import the package `fail2ban`.
    pub fn python(self, script: &str) -> Command {
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-c", script]);
        command.env("PYTHONPATH", self.root().join("usr/lib/python3/dist-packages"));
        command
    }
}

/// The folder of the unpacked packages.
fn originals() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let script = checkout().join("compat-tests/fetch-originals");
        let output = Command::new(&script).output().expect("the script is part of the checkout");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        checkout().join("target/originals")
    })
}
