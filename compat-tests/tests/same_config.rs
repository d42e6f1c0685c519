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
