//! The meaning of configurations: `fail2ban-client -d` of both programs on the same folder.
//!
//! `F2B_CONFIG_CASE=text` runs only the cases of the corpus whose name contains the text.
#[path = "same_config/corpus.rs"]
mod corpus;
#[path = "same_config/pair.rs"]
mod pair;

use compat_tests::{Sandbox, Version};
use corpus::Case;
use pair::{Differences, in_parallel};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

#[test]
fn corpus_of_small_configurations() {
    let only = std::env::var("F2B_CONFIG_CASE").unwrap_or_default();
    let cases: Vec<Case> = corpus::cases().into_iter().filter(|case| case.name.contains(&only)).collect();
    assert!(!cases.is_empty(), "no case is called like {only}");
    let folder = tempfile::tempdir().expect("/tmp is writable");
    let differences = Differences::default();
    in_parallel(cases.iter().enumerate(), |(index, case)| {
        let configuration = folder.path().join(index.to_string());
        case.write(&configuration);
        for run in &case.runs {
            differences.check(&case.name, &configuration, run);
        }
    });
    differences.assert_none();
}

/// The genuine trees as they are shipped, and with every jail enabled.
#[test]
fn stock_trees() {
    let variants = [
        ("as shipped", ""),
        ("every jail, without logs skipped", "[DEFAULT]\nenabled = true\nskip_if_nologs = true\n"),
        ("every jail, without logs from the journal", "[DEFAULT]\nenabled = true\n"),
        ("every jail, logs may come", "[DEFAULT]\nenabled = true\nsystemd_if_nologs = false\n"),
        ("every jail reads the journal", "[DEFAULT]\nenabled = true\nbackend = systemd\n"),
    ];
    let cases = Version::ALL.into_iter().flat_map(|version| variants.map(|variant| (version, variant)));
    let differences = Differences::default();
    in_parallel(cases, |(version, (name, jails))| {
        let sandbox = Sandbox::copy_of(&version.configuration());
        sandbox.config("jail.local", jails);
        for run in [["-d"], ["--dp"], ["-t"]] {
            let name = format!("{} {name}", version.0);
            differences.check(&name, &sandbox.configuration(), &run.map(str::to_owned));
        }
    });
    differences.assert_none();
}

/// The genuine older trees with their own originals. What became different since (docs/differences.md) is left
/// out: messages, jails without logs that are skipped, and in 1.0.2 a parameter over a conditional option.
#[test]
fn stock_trees_with_their_own_originals() {
    let variants = [
        ("as shipped", ""),
        ("every jail", "[DEFAULT]\nenabled = true\n"),
        ("every jail reads the journal", "[DEFAULT]\nenabled = true\nbackend = systemd\n"),
    ];
    let cases = [("1.0.2", "[pass2allow-ftp]\nenabled = false\n"), ("1.1.0", "")];
    let cases = cases.into_iter().flat_map(|case| variants.map(|variant| (case, variant)));
    let differences = Differences::default();
    in_parallel(cases, |((version, without), (name, jails))| {
        let sandbox = Sandbox::copy_of(&Version(version).configuration());
        sandbox.config("jail.local", &format!("{jails}{without}"));
        for option in ["-d", "--dp"] {
            let name = format!("{version} {name}");
            let options = [option.to_owned()];
            differences.check_stream(&name, Version(version), &sandbox.configuration(), &options);
        }
    });
    differences.assert_none();
}

/// Files and folders that the user may not read, or not look into.
#[test]
fn without_permission() {
    let tree = [
        ("fail2ban.conf", "[Definition]\n"),
        ("jail.conf", "[DEFAULT]\nenabled = true\n[a]\nfilter = f\naction = x\nlogpath = @logs/*.log\n"),
        ("jail.local", "[INCLUDES]\nbefore = before.conf\nafter = jail.d/z.conf\n[a]\nusedns = no\n"),
        ("before.conf", "[DEFAULT]\nbantime = 7\n"),
        ("jail.d/z.conf", "[a]\nmaxretry = 3\n"),
        ("filter.d/f.conf", "[Definition]\nfailregex = ^<HOST>$\n"),
        ("filter.d/f.local", "[Definition]\nignoreregex = ^z$\n"),
        ("action.d/x.conf", "[Definition]\nactionban = x\n"),
        ("logs/a.log", ""),
    ];
    let folders = [".", "jail.d", "filter.d", "action.d", "logs"];
    let folders = folders.into_iter().flat_map(|name| [0, 0o111, 0o444].map(|mode| (name, mode)));
    let cases: Vec<(&str, u32)> = tree.iter().map(|(name, _)| (*name, 0)).chain(folders).collect();
    let differences = Differences::default();
    in_parallel(cases, |(hidden, mode)| {
        let parent = tempfile::tempdir().expect("/tmp is writable");
        let folder = parent.path().join("etc");
        for (name, text) in tree {
            let path = folder.join(name);
            make(path.parent().expect("it is below the folder"), 0o755, fs::create_dir_all);
            make(&path, 0o644, |path| fs::write(path, text.replace('@', &format!("{}/", folder.display()))));
        }
        make(parent.path(), 0o755, |_| Ok(()));
        make(&folder.join(hidden), mode, |_| Ok(()));
        for option in ["-d", "-t"] {
            let name = format!("{hidden} with mode {mode:o}");
            differences.check_as_nobody(&name, &folder, &[option.to_owned()]);
        }
        make(&folder.join(hidden), 0o755, |_| Ok(()));
    });
    differences.assert_none();
}

fn make<'p>(path: &'p Path, mode: u32, how: impl FnOnce(&'p Path) -> io::Result<()>) {
    let made = how(path).and_then(|()| fs::set_permissions(path, Permissions::from_mode(mode)));
    made.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Every stock action in a jail of its own: as `banaction` of the stock shortcuts, and with typical parameters.
#[test]
fn stock_actions() {
    let uses = [
        "banaction = ACTION",
        "action = ACTION",
        "action = ACTION[name=x, port=\"ssh,http\", protocol=tcp, bantime=5m, dest=a@b, chain=c]\n  \
         ACTION[name=sshd-udp, actionban=\"echo <ip> <known/chain>\"]",
        "action = %(action_mwl)s\nbanaction = ACTION[type=allports]",
    ];
    let cases = Version::ALL.into_iter().flat_map(|version| uses.map(|text| (version, text)));
    let differences = Differences::default();
    in_parallel(cases, |(version, text)| {
        let sandbox = Sandbox::copy_of(&version.configuration());
        let log = sandbox.file("some.log", "");
        let head = format!("enabled = true\nfilter = sshd\nlogpath = {}", log.display());
        let jail = |action: &String| format!("[{action}]\n{head}\n{}\n", text.replace("ACTION", action));
        let jails: String = actions(&version.configuration().join("action.d")).iter().map(jail).collect();
        sandbox.config("jail.local", &jails);
        differences.check(&format!("{} {text}", version.0), &sandbox.configuration(), &["-d".to_owned()]);
    });
    differences.assert_none();
}

/// The names of the actions in a folder.
fn actions(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the tree has actions");
    let names =
        entries.map(|entry| entry.expect("a readable folder").file_name().to_string_lossy().into_owned());
    let mut actions: Vec<String> =
        names.filter_map(|name| Some(name.strip_suffix(".conf")?.to_owned())).collect();
    actions.sort();
    assert!(actions.len() > 50, "{actions:?}");
    actions
}
