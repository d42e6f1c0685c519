//! The side under test: the original or ferroban.
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::original::Version;

/// Which program a test runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// ferroban, as built in this checkout.
    Ours,
    /// The original, of the version whose behaviour is the baseline ([`Version::BASELINE`]).
    Theirs,
}

impl Side {
    pub const BOTH: [Side; 2] = [Side::Theirs, Side::Ours];

    /// The side that `F2B_UNDER_TEST` asks for: `theirs` (the default) or `ours`.
    ///
    /// # Panics
    /// On any other value.
    pub fn under_test() -> Side {
        match std::env::var("F2B_UNDER_TEST").as_deref() {
            Ok("ours") => Side::Ours,
            Ok("theirs") | Err(_) => Side::Theirs,
            Ok(other) => panic!("F2B_UNDER_TEST={other}: must be ours or theirs"),
        }
    }

    /// `fail2ban-client` of this side, without arguments yet.
    pub fn client(self) -> Command {
        self.program("fail2ban-client")
    }

    /// `fail2ban-server` of this side, without arguments yet.
    pub fn server(self) -> Command {
        self.program("fail2ban-server")
    }

    /// `fail2ban-regex` of this side, without arguments yet.
    pub fn regex(self) -> Command {
        self.program("fail2ban-regex")
    }

    fn program(self, name: &str) -> Command {
        match self {
            Side::Theirs => Version::BASELINE.program(name),
            Side::Ours => {
                let mut command = Command::new(our_programs().join(name));
                command.env("PATH", path_with(our_programs()));
                command
            }
        }
    }
}

/// `PATH` with `first` in front.
pub fn path_with(first: &Path) -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let parts = std::iter::once(first.to_path_buf()).chain(std::env::split_paths(&path));
    std::env::join_paths(parts).expect("the parts come from a PATH, so none contains a colon")
}

/// The folder in which our binary has its three names, beside the binary itself.
///
/// # Panics
/// When ferroban is not built.
pub fn our_programs() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let binary = our_binary();
        let folder = binary.with_file_name("programs");
        std::fs::create_dir_all(&folder).expect("target/ is writable, the build was put there");
        for name in ["fail2ban-server", "fail2ban-client", "fail2ban-regex", "ferroban"] {
            // it may be there from an earlier run, or another test makes it at this moment: all the same link
            let _ = std::os::unix::fs::symlink("../ferroban", folder.join(name));
        }
        folder
    })
}

/// The newer of the release and debug builds of this checkout.
fn our_binary() -> PathBuf {
    let builds = ["release", "debug"].map(|profile| checkout().join("target").join(profile).join("ferroban"));
    let built = |path: &PathBuf| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let newest = builds.into_iter().filter(|path| path.exists()).max_by_key(built);
    newest.unwrap_or_else(|| panic!("ferroban is not built: run `cargo build` in {}", checkout().display()))
}

/// The top folder of this checkout.
pub fn checkout() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
