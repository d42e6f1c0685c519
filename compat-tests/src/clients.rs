//! Third-party programs that talk to fail2ban, as `fetch-clients` unpacks them below target/clients.
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::sandbox::Sandbox;
use crate::side::{Side, checkout, path_with};

/// Where the Debian packages of clients.list are unpacked.
pub fn debian() -> PathBuf {
    fetched().join("deb")
}

/// Where the Python packages of clients.list are; for `PYTHONPATH`.
pub fn python() -> PathBuf {
    fetched().join("pypi")
}

fn fetched() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let script = checkout().join("compat-tests/fetch-clients");
        let output = Command::new(&script).output().expect("the script is part of the checkout");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        checkout().join("target/clients")
    })
}

/// A folder in which `fail2ban-client` is that of `side`, confined to the sandbox: what programs find that look for
/// it in their `PATH`.
pub fn bin(side: Side, sandbox: &Sandbox) -> PathBuf {
    let mut client = side.client();
    sandbox.confine(&mut client, &[]);
    let set = client.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let set: String =
        set.map(|(name, value)| format!("export {}={value:?}\n", name.to_string_lossy())).collect();
    let words: Vec<String> = client.get_args().map(|word| format!("{word:?}")).collect();
    let script = format!("#!/bin/sh\n{set}exec {:?} {} \"$@\"\n", client.get_program(), words.join(" "));
    let path = sandbox.file("bin/fail2ban-client", &script);
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&path, executable).expect("the sandbox is ours");
    sandbox.path("bin")
}

/// `program`, which will find `side`'s `fail2ban-client` in its `PATH`.
pub fn command(side: Side, sandbox: &Sandbox, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", path_with(&bin(side, sandbox))).current_dir(sandbox.folder());
    command
}
