//! All stock actions resolve to the same commands, and hand the same arguments and input to the same programs,
//! whatever a log contains: values from tickets never become code of the shell.
use std::fs;
use std::path::Path;
use std::process::Command;

use compat_tests::side::checkout;
use compat_tests::{Output, Version};

/// Programs that stock actions run and that must not be the real ones here: each notes its arguments and its input.
const PROGRAMS: &str = "abuseipdb apf apprise afctl csf curl date dig fail2ban-client firewall-cmd geoiplookup host \
                        hostname ip ip6tables ipf ipfw ipset iptables iptables-legacy jq kill logger mail mailx nft \
                        nginx npfctl nslookup nsupdate pfctl pgrep ping rm sendmail service shorewall shorewall6 \
                        sleep ssh systemctl ufw uname wget whois";

const STUB: &str = r#"#!/bin/sh
{ printf '%s' "${0##*/}"; for word; do printf '\037%s' "$word"; done; printf '\036'; cat; printf '\035\n'; } >> "$NOTES/$$"
"#;

/// What a side printed: its commands; and what the programs were given.
struct Run {
    commands: Vec<String>,
    notes: Vec<String>,
}

#[test]
fn stock_actions_run_the_same_commands() {
    let folder = tempfile::tempdir().expect("/tmp is writable");
    let stubs = folder.path().join("stubs");
    fs::create_dir(&stubs).expect("the folder is ours");
    for name in PROGRAMS.split_whitespace() {
        fs::write(stubs.join(name), STUB).expect("the folder is ours");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(stubs.join(name), mode).expect("the file is ours");
    }
    let input = folder.path().join("input.json");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/same_action_commands/original.py");
    let mut original = Version::BASELINE.python(&fs::read_to_string(script).expect("part of the checkout"));
    original.arg(Version::BASELINE.configuration()).arg(&input);
    let theirs = run(original, folder.path(), "theirs");
    let ours = run(example(&input), folder.path(), "ours");
    assert!(theirs.commands.len() > 800, "{}", theirs.commands.len());
    same(&ours.commands, &theirs.commands);
    assert!(theirs.notes.len() > 100, "{}", theirs.notes.len());
    same(&ours.notes, &theirs.notes);
}

/// ferroban's example of the same purpose, built if need be.
fn example(input: &Path) -> Command {
    let mut build = Command::new("cargo");
    build.args(["build", "--quiet", "--example", "action_commands"]).current_dir(checkout());
    Output::of(&mut build).success();
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| checkout().join("target"), Into::into);
    let mut command = Command::new(target.join("debug/examples/action_commands"));
    command.arg(input);
    command
}

/// Keeps what the commands do away from the machine.
const CONFINE: &str = "mount --bind /etc /etc && mount -o remount,ro,bind /etc && mount -t tmpfs none /run && \
                       mount -t tmpfs none /var && exec \"$0\" \"$@\"";

/// Runs a side in a folder of its own.
fn run(program: Command, folder: &Path, side: &str) -> Run {
    let place = folder.join(side);
    fs::create_dir(&place).expect("the folder is ours");
    let notes = place.join("notes");
    fs::create_dir(&notes).expect("the folder is ours");
    let mut command = Command::new("unshare");
    command.args(["-mn", "/bin/sh", "-c", CONFINE]).arg(program.get_program()).args(program.get_args());
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(&place).env("NOTES", &notes).env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
    command.env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", folder.join("stubs").display()));
    let output = Output::of(command.stdin(std::process::Stdio::null()));
    let commands: Vec<String> = output.success().lines().map(str::to_owned).collect();
    assert!(!place.join("canary").exists(), "{side}: a value from a log was executed");
    let texts = fs::read_dir(notes).expect("the folder is ours").flatten();
    let texts = texts.map(|entry| fs::read_to_string(entry.path()).expect("values are UTF-8"));
    let mut notes: Vec<String> = texts.flat_map(|text| split_notes(&text)).collect();
    notes.sort();
    Run { commands, notes }
}

/// What each run of a program noted.
fn split_notes(text: &str) -> Vec<String> {
    text.split("\u{1d}\n").filter(|note| !note.is_empty()).map(str::to_owned).collect()
}

fn same(ours: &[String], theirs: &[String]) {
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!(ours == theirs, "ours\n{ours}\n--- theirs\n{theirs}");
    }
    assert_eq!(ours.len(), theirs.len());
}
