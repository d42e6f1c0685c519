//! The actions of a jail as a whole: which commands run, in which order, and what the log says.

mod control;
mod restoring;
mod running;

use super::level::{DEBUG, INFO};
use super::testing::{Folder, TestJail, ban_of};
use super::{Event, JailState, Python, Reply};
use crate::address::Address;
use crate::value::Value;

/// An action that writes down what it does, one word per step.
fn noting(jail: &mut TestJail, name: &str, folder: &Folder, more: &[(&str, &str)]) {
    let note = |what: &str| format!("echo '{name} {what}' >> {}", folder.file("log"));
    jail.add(name, &[]);
    for (property, what) in [
        ("actionstart", "start <family>"),
        ("actionban", "ban <ip> <family>"),
        ("actionunban", "unban <ip> <family>"),
        ("actionstop", "stop <family>"),
    ] {
        jail.set(name, &[(property, &note(what))]);
    }
    jail.set(name, more);
}

fn done(folder: &Folder) -> Vec<String> {
    folder.read("log").lines().map(str::to_owned).collect()
}

#[test]
fn plain_action_starts_with_the_jail() {
    let folder = Folder::new("plain");
    let mut jail = TestJail::new(INFO);
    noting(&mut jail, "a", &folder, &[]);
    jail.actions.start(JailState::default());
    jail.actions.ban(ban_of("192.0.2.1"));
    jail.actions.unban(ban_of("192.0.2.1"));
    // Nothing of IPv6 was banned, so nothing is unbanned.
    jail.actions.unban(ban_of("2001:db8::1"));
    jail.actions.stop(vec![ban_of("192.0.2.2")], JailState::default());
    assert_eq!(
        jail.take_log(),
        [
            "25 [j] Ban 192.0.2.1",
            "25 [j] Unban 192.0.2.1",
            "25 [j] Unban 2001:db8::1",
            "25 [j] Repeal Ban 192.0.2.2"
        ]
    );
    assert_eq!(
        done(&folder),
        [
            "a start ",
            "a ban 192.0.2.1 inet4",
            "a unban 192.0.2.1 inet4",
            "a unban 192.0.2.2 inet4",
            "a stop ",
            "a stop inet4"
        ]
    );
}

#[test]
fn conditional_action_starts_on_demand_per_family() {
    let folder = Folder::new("demand");
    let mut jail = TestJail::new(INFO);
    noting(&mut jail, "a", &folder, &[("x?family=inet6", "six"), ("x", "four")]);
    jail.actions.start(JailState::default());
    jail.actions.ban(ban_of("192.0.2.1"));
    jail.actions.ban(ban_of("192.0.2.2"));
    jail.actions.ban(ban_of("2001:db8::1"));
    jail.actions.stop(Vec::new(), JailState::default());
    jail.settle();
    assert_eq!(
        done(&folder),
        [
            "a start inet4",
            "a ban 192.0.2.1 inet4",
            "a ban 192.0.2.2 inet4",
            "a start inet6",
            "a ban 2001:db8::1 inet6",
            "a stop inet4",
            "a stop inet6"
        ]
    );
}

#[test]
fn an_id_that_is_no_address_starts_all_families() {
    let folder = Folder::new("raw");
    let mut jail = TestJail::new(INFO);
    noting(&mut jail, "a", &folder, &[("x?family=inet6", "six")]);
    let mut user = ban_of("192.0.2.1");
    user.id = Address::Raw("some user".into());
    user.ip = user.id.clone();
    jail.actions.ban(user);
    jail.settle();
    assert_eq!(done(&folder), ["a start inet4", "a start inet6", "a ban some user None"]);
}

#[test]
fn a_command_that_is_the_same_for_both_families_runs_once() {
    let folder = Folder::new("once");
    let mut jail = TestJail::new(INFO);
    let same = format!("echo same >> {}", folder.file("log"));
    noting(
        &mut jail,
        "a",
        &folder,
        &[("x?family=inet6", "six"), ("actionstart", &same), ("actionstop", &same), ("actionflush", &same)],
    );
    for ip in ["192.0.2.1", "2001:db8::1"] {
        jail.actions.ban(ban_of(ip));
    }
    jail.actions.flush(Vec::new(), JailState::default());
    jail.actions.stop(Vec::new(), JailState::default());
    assert_eq!(
        jail.take_log(),
        [
            "25 [j] Ban 192.0.2.1",
            "25 [j] Ban 2001:db8::1",
            "25 [j] Flush ticket(s) with a",
            "25 [j] Flush ticket(s) with a"
        ]
    );
    assert_eq!(done(&folder), ["same", "a ban 192.0.2.1 inet4", "a ban 2001:db8::1 inet6", "same", "same"]);
}

#[test]
fn restored_bans_skip_norestored_actions() {
    let folder = Folder::new("restored");
    let mut jail = TestJail::new(INFO);
    noting(
        &mut jail,
        "a",
        &folder,
        &[("actionban", &format!("echo '<time> <bantime>' >> {}", folder.file("log")))],
    );
    noting(&mut jail, "b", &folder, &[("norestored", "1")]);
    let mut ban = ban_of("192.0.2.1");
    jail.actions.ban(ban.clone());
    ban.restored = true;
    ban.bantime = Some(60);
    jail.actions.ban(ban);
    assert_eq!(jail.take_log(), ["25 [j] Ban 192.0.2.1", "25 [j] Restore Ban 192.0.2.1"]);
    assert_eq!(done(&folder), ["1700000000.0 600", "b ban 192.0.2.1 inet4", "1700000000 60"]);
}

#[test]
fn a_failing_command_is_repeated_and_reported() {
    let mut jail = TestJail::new(INFO);
    jail.add("a", &[("actionban", "echo out; echo 'e\"r' >&2; exit 3")]);
    jail.actions.ban(ban_of("192.0.2.1"));
    let failure = [
        "40 ID -- exec: echo out; echo 'e\"r' >&2; exit 3",
        "40 ID -- stdout: 'out'",
        "40 ID -- stderr: 'e\"r'",
        "40 ID -- returned 3",
    ];
    let mut expected = vec!["25 [j] Ban 192.0.2.1"];
    expected.extend(failure);
    expected.extend(failure);
    expected.push(
        "40 Failed to execute ban jail 'j' action 'a' info 'ActionInfo({'ip': '192.0.2.1', 'family': 'inet4', \
         'fid': <function Actions.ActionInfo.<lambda> at 0x7f0000000000>, \
         'raw-ticket': <function Actions.ActionInfo.<lambda> at 0x7f0000000000>})': Error banning 192.0.2.1",
    );
    assert_eq!(jail.take_log(), expected);
}

#[test]
fn a_failing_start_is_reported() {
    let mut jail = TestJail::new(INFO);
    jail.add("a", &[("actionstart", "exit 1")]);
    jail.add("b", &[("actionstart", "<x>"), ("x", "<y>"), ("y", "<x>")]);
    jail.actions.start(JailState::default());
    let log = jail.take_log();
    assert_eq!(
        log[2],
        "40 Failed to start jail 'j' action 'a': Error starting action Jail('j')/a: 'Script error'"
    );
    assert!(
        log[3].starts_with(
            "40 Failed to start jail 'j' action 'b': Error starting action Jail('j')/b: \
             ValueError(\"properties contain self referencing definitions"
        ),
        "{}",
        log[3]
    );
}

/// A firewall that is a file: banning needs it, starting makes it.
fn with_check(folder: &Folder, more: &[(&str, &str)]) -> TestJail {
    let mut jail = TestJail::new(INFO);
    let state = folder.file("state");
    noting(&mut jail, "a", folder, &[("x?family=inet6", "six")]);
    jail.set(
        "a",
        &[
            ("actionstart", &format!("echo start >> {}; echo > {state}", folder.file("log"))),
            ("actioncheck", &format!("test -f {state}")),
            ("actionban", &format!("test -f {state} && echo 'ban <ip>' >> {}", folder.file("log"))),
            ("actionunban", &format!("test -f {state} && echo 'unban <ip>' >> {}", folder.file("log"))),
        ],
    );
    jail.set("a", more);
    jail.actions.start(JailState::default());
    jail.actions.ban(ban_of("192.0.2.1"));
    jail.settle();
    std::fs::remove_file(state).expect("the action has made it");
    jail
}

fn errors(log: &[String]) -> Vec<&str> {
    let kept = |line: &&str| !line.contains("ID -- ");
    log.iter()
        .map(String::as_str)
        .filter(kept)
        .map(|line| line.split(" info ").next().unwrap_or(line))
        .collect()
}

#[test]
fn a_broken_environment_is_restored_and_earlier_bans_repeated() {
    let folder = Folder::new("repair");
    let mut jail = with_check(&folder, &[]);
    jail.actions.ban(ban_of("192.0.2.2"));
    jail.actions.already_banned(ban_of("192.0.2.1"), false);
    jail.actions.already_banned(ban_of("192.0.2.2"), false);
    jail.actions.already_banned(ban_of("192.0.2.1"), false);
    assert_eq!(
        errors(&jail.take_log()),
        [
            "25 [j] Ban 192.0.2.1",
            "25 [j] Ban 192.0.2.2",
            "40 Invariant check failed. Trying to restore a sane environment",
            "25 [j] Reban 192.0.2.1, action 'a'"
        ]
    );
    assert_eq!(
        done(&folder),
        ["start", "ban 192.0.2.1", "a stop inet4", "start", "ban 192.0.2.2", "ban 192.0.2.1"]
    );
}

#[test]
fn a_check_finds_what_is_broken() {
    let folder = Folder::new("check");
    let mut jail = with_check(&folder, &[]);
    jail.actions.already_banned(ban_of("192.0.2.1"), true);
    jail.settle();
    assert_eq!(done(&folder), ["start", "ban 192.0.2.1", "a stop inet4", "start", "ban 192.0.2.1"]);
}

#[test]
fn repair_command_goes_before_restart() {
    let folder = Folder::new("repair-command");
    let note = format!("echo repair >> {}; echo > {}", folder.file("log"), folder.file("state"));
    let mut jail = with_check(&folder, &[("actionrepair", &note)]);
    jail.actions.ban(ban_of("192.0.2.2"));
    jail.settle();
    assert_eq!(done(&folder), ["start", "ban 192.0.2.1", "repair", "ban 192.0.2.2"]);
}

#[test]
fn what_cannot_be_restored_is_said() {
    let folder = Folder::new("beyond");
    let mut jail = with_check(&folder, &[("actionrepair", "exit 1")]);
    jail.actions.ban(ban_of("192.0.2.2"));
    let log = jail.take_log();
    assert_eq!(
        errors(&log)[1..],
        [
            "25 [j] Ban 192.0.2.2",
            "40 Invariant check failed. Trying to restore a sane environment",
            "50 Unable to restore environment",
            "40 Failed to execute ban jail 'j' action 'a'"
        ]
    );
    assert!(log.last().unwrap().ends_with(": Error banning 192.0.2.2"));
}

#[test]
fn unban_does_not_repair_unless_told_to() {
    let folder = Folder::new("unban");
    let mut jail = with_check(&folder, &[]);
    jail.actions.unban(ban_of("192.0.2.1"));
    assert_eq!(
        errors(&jail.take_log())[1..],
        [
            "25 [j] Unban 192.0.2.1",
            "40 Invariant check failed. Unban is impossible.",
            "40 Failed to execute unban jail 'j' action 'a'"
        ]
    );
    let folder = Folder::new("unban-repair");
    let note = format!("echo repair >> {}; echo > {}", folder.file("log"), folder.file("state"));
    let mut jail = with_check(&folder, &[("actionrepair_on_unban", "1"), ("actionrepair", &note)]);
    jail.actions.unban(ban_of("192.0.2.1"));
    jail.settle();
    assert_eq!(done(&folder), ["start", "ban 192.0.2.1", "repair", "unban 192.0.2.1"]);
}

#[test]
fn flush_replaces_single_unbans() {
    let folder = Folder::new("flush");
    let mut jail = TestJail::new(INFO);
    let flush = format!("echo 'flush <family>' >> {}", folder.file("log"));
    noting(&mut jail, "a", &folder, &[("actionflush", &flush)]);
    noting(&mut jail, "b", &folder, &[]);
    let bans = || vec![ban_of("192.0.2.1"), ban_of("192.0.2.2")];
    bans().into_iter().for_each(|ban| jail.actions.ban(ban));
    jail.actions.flush(bans(), JailState::default());
    assert_eq!(
        jail.take_log()[2..],
        ["25 [j] Flush ticket(s) with a", "25 [j] Unban 192.0.2.1", "25 [j] Unban 192.0.2.2"]
    );
    assert_eq!(done(&folder)[4..], ["flush inet4", "b unban 192.0.2.1 inet4", "b unban 192.0.2.2 inet4"]);
}

#[test]
fn a_failed_flush_at_stop_is_not_repaired() {
    let folder = Folder::new("flush-stop");
    let mut jail = with_check(&folder, &[("actionflush", "exit 1")]);
    jail.actions.stop(vec![ban_of("192.0.2.1")], JailState::default());
    assert_eq!(
        errors(&jail.take_log())[1..],
        [
            "25 [j] Flush ticket(s) with a",
            "40 Failed to flush bans in jail 'j' action 'a': Error flushing action Jail('j')/a: 'Script error'",
            "20 No flush occurred, do consistency check",
            "40 Invariant check failed. Flush is impossible.",
            "25 [j] Repeal Ban 192.0.2.1"
        ]
    );
}

#[test]
fn prolonged_bans_run_their_command_if_there_is_one() {
    let folder = Folder::new("prolong");
    let mut jail = TestJail::new(INFO);
    noting(
        &mut jail,
        "a",
        &folder,
        &[("actionprolong", &format!("echo 'prolong <bantime>' >> {}", folder.file("log")))],
    );
    noting(&mut jail, "b", &folder, &[("actionprolong", " ")]);
    let mut ban = ban_of("192.0.2.1");
    ban.bantime = Some(1200);
    jail.actions.prolong(ban);
    jail.settle();
    assert_eq!(done(&folder), ["prolong 1200"]);
}

#[test]
fn reload_keeps_removes_and_adds() {
    let folder = Folder::new("reload");
    let mut jail = TestJail::new(INFO);
    let reload = format!("echo 'reload <name>' >> {}", folder.file("log"));
    noting(&mut jail, "kept", &folder, &[("actionreload", &reload), ("name", "old")]);
    noting(&mut jail, "gone", &folder, &[]);
    jail.actions.start(JailState::default());
    jail.actions.ban(ban_of("192.0.2.1"));
    jail.actions.reload_begin();
    assert_eq!(jail.actions.add("kept", None, 0), Reply::Now(Ok(Value::str("kept"))));
    jail.set("kept", &[("actionreload", &reload), ("name", "new")]);
    noting(&mut jail, "added", &folder, &[]);
    jail.actions.reload_end(|| vec![ban_of("192.0.2.1")], JailState::default());
    assert_eq!(jail.take_log(), ["25 [j] Ban 192.0.2.1"]);
    assert_eq!(
        done(&folder),
        [
            "kept start ",
            "gone start ",
            "kept ban 192.0.2.1 inet4",
            "gone ban 192.0.2.1 inet4",
            "reload new",
            "gone unban 192.0.2.1 inet4",
            "gone stop ",
            "gone stop inet4",
            "added start "
        ]
    );
    assert_eq!(jail.actions.names(), ["kept", "added"]);
}
