//! The firewalld actions of the genuine trees with the real firewalld: the original starts `firewall-cmd`, ours
//! calls over D-Bus; rules and logs are the same. And what the original does not do: bans survive a reload of
//! firewalld.
#[path = "same_firewalld/daemon.rs"]
mod daemon;

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use compat_tests::{Sandbox, Server, Side, Version, Witness, side, wait};
use daemon::Firewalld;

const ATTACKER: &str = "203.0.113.7";
const ATTACKER6: &str = "2001:db8::7";
const BOTH_JAILS: [&str; 2] = ["one", "two"];

/// How the server may reach firewalld.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Any,
    /// Ours only over D-Bus: its client fails when it is started.
    Bus,
}

/// Two jails with one action of one name, so that the second meets what the first has done.
fn configure(sandbox: &Sandbox, action: &str) {
    let witness = Witness::new(sandbox);
    sandbox.config("filter.d/f.conf", "[Definition]\nfailregex = refused <HOST>$\n");
    let jails = BOTH_JAILS.map(|jail| {
        let log = sandbox.file("app.log", "");
        let action = witness.of(action);
        format!(
            "[{jail}]\nenabled = true\nfilter = f\nlogpath = {}\nbackend = polling\naction = {action}\n",
            log.display()
        )
    });
    sandbox.config("jail.local", &jails.concat());
}

fn start<'s>(side: Side, sandbox: &'s Sandbox, firewalld: &Firewalld, way: Way) -> Server<'s> {
    let command = match (side, way) {
        (Side::Ours, Way::Bus) => firewalld.enter_without_client(side.server()),
        _ => firewalld.enter(side.server()),
    };
    Server::start_with(side, sandbox, command)
}

type Steps = Vec<(&'static str, String)>;

/// What firewalld and the kernel list after each step; and the log.
fn steps(side: Side, version: Version, action: &str, way: Way) -> (Steps, String) {
    let sandbox = Sandbox::genuine(version);
    configure(&sandbox, action);
    let firewalld = Firewalld::start(&sandbox);
    let server = start(side, &sandbox, &firewalld, way);
    let mut steps = vec![("started", firewalld.listing())];
    let (mut bans, mut unbans) = (0, 0);
    let mut tell = |jail: &str, what: &str, address: &str| {
        // ours for both: it needs no start of Python
        sandbox.client(Side::Ours, &["set", jail, &format!("{what}ip"), address]).success();
        let count = if what == "ban" { &mut bans } else { &mut unbans };
        *count += 1;
        let line = format!("[{jail}] {}{} {address}", what[..1].to_uppercase(), &what[1..]);
        server.wait_log(&line);
        // the witness comes after the action of the same jail
        let seen = || {
            let text = std::fs::read_to_string(sandbox.path("witnessed")).unwrap_or_default();
            (text.lines().filter(|line| line.split(' ').next() == Some(what)).count() == *count).then_some(())
        };
        wait::until(wait::PATIENCE, seen).unwrap_or_else(|| panic!("{line}: {}", server.everything_said()));
    };
    tell("one", "ban", ATTACKER);
    steps.push(("banned", firewalld.listing()));
    tell("one", "ban", ATTACKER6);
    steps.push(("banned IPv6", firewalld.listing()));
    for address in [ATTACKER, ATTACKER6, "192.0.2.99"] {
        tell("two", "ban", address);
    }
    steps.push(("banned again by the other jail", firewalld.listing()));
    tell("one", "unban", ATTACKER);
    steps.push(("unbanned", firewalld.listing()));
    tell("two", "unban", ATTACKER);
    steps.push(("unbanned what is not there", firewalld.listing()));
    let log = server.normal_log();
    server.stop();
    steps.push(("stopped", firewalld.listing()));
    check(&steps);
    (steps, log)
}

/// The steps do what their names say, so that the comparison compares something.
fn check(steps: &[(&str, String)]) {
    let has =
        |step: &str, text: &str| steps.iter().any(|(name, listing)| *name == step && listing.contains(text));
    assert!(!has("started", ATTACKER) && has("banned", ATTACKER), "{steps:?}");
    assert!(has("banned IPv6", ATTACKER6) && has("banned again by the other jail", "192.0.2.99"));
    assert!(!has("unbanned", ATTACKER) && has("unbanned", ATTACKER6));
    assert!(!has("stopped", ATTACKER6) && !has("stopped", "192.0.2.99") && !has("stopped", "f2b-"));
}

fn same_steps(version: Version, action: &str, way: Way) {
    let [(theirs, their_log), (ours, our_log)] = Side::BOTH.map(|side| steps(side, version, action, way));
    for ((step, ours), (_, theirs)) in ours.iter().zip(&theirs) {
        assert!(ours == theirs, "{action} of {}, {step}:\n{}", version.0, difference(ours, theirs));
    }
    assert_eq!(of_jails(&our_log), of_jails(&their_log), "{action} of {}", version.0);
}

/// The lines that only one side has.
fn difference(ours: &str, theirs: &str) -> String {
    let only = |a: &str, b: &str| {
        a.lines()
            .filter(|line| !b.lines().any(|other| other == *line))
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    format!("only ours:\n{}only theirs:\n{}", only(ours, theirs), only(theirs, ours))
}

/// The lines about bans, commands and errors, jail by jail: the two work at the same time.
fn of_jails(log: &str) -> String {
    let of = |word: &'static str| log.lines().filter(move |line| line.contains(word));
    let lines = of("fail2ban.actions").chain(of("fail2ban.utils")).chain(of("fail2ban.CommandAction"));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn rich_rules() {
    // 1.1.0 has the action of 1.0.2
    for version in [Version("1.0.2"), Version::BASELINE] {
        same_steps(version, "firewallcmd-rich-rules[port=\"22,8032\", protocol=tcp, name=x]", Way::Bus);
    }
}

#[test]
fn rich_logging() {
    same_steps(Version::BASELINE, "firewallcmd-rich-logging[port=22, protocol=tcp, name=x]", Way::Bus);
}

#[test]
fn multiport() {
    same_steps(Version::BASELINE, "firewallcmd-multiport[port=\"22,9000:9010\", name=x]", Way::Bus);
}

#[test]
fn new() {
    same_steps(Version::BASELINE, "firewallcmd-new[port=22, protocol=tcp, name=x, blocktype=DROP]", Way::Bus);
}

#[test]
fn allports() {
    same_steps(Version::BASELINE, "firewallcmd-allports[name=x]", Way::Bus);
}

/// Its bans are ipset's; starting and stopping is of both tools and left to the shell.
#[test]
fn ipset() {
    same_steps(Version::BASELINE, "firewallcmd-ipset[port=22, name=x]", Way::Any);
}

/// What firewalld refuses, and when there is none: the same errors, repairs and exit codes in the log.
#[test]
fn refusals() {
    let [theirs, ours] = Side::BOTH.map(refused);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert!(theirs.contains("Error: ") || theirs.contains("FirewallD is not running"), "{theirs}");
        assert_eq!(ours, theirs);
    }
}

/// What each action logs of its commands.
fn refused(side: Side) -> Vec<String> {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    sandbox.config("fail2ban.d/zz.local", "[Definition]\nloglevel = DEBUG\ndbfile = None\n");
    let mut firewalld = Firewalld::start(&sandbox);
    let mut logs: Vec<String> = [
        "firewallcmd-rich-rules[port=\"22:24,80\", protocol=tcp]",
        "firewallcmd-rich-rules[port=\"80,22:24\", protocol=tcp]",
        "firewallcmd-rich-rules[port=22, protocol=tcp, zone=nowhere]",
        "firewallcmd-multiport[name=x, chain=NOWHERE]",
        "firewallcmd-allports[name=y, blocktype=NOTHING]",
    ]
    .iter()
    .map(|action| commands_of(side, &sandbox, &firewalld, action, Way::Bus))
    .collect();
    firewalld.stop();
    logs.push(commands_of(side, &sandbox, &firewalld, "firewallcmd-allports[name=z]", Way::Any));
    logs
}

fn commands_of(side: Side, sandbox: &Sandbox, firewalld: &Firewalld, action: &str, way: Way) -> String {
    configure(sandbox, action);
    sandbox.file("witnessed", "");
    sandbox.file("fail2ban.log", "");
    let server = start(side, sandbox, firewalld, way);
    for what in ["banip", "unbanip"] {
        sandbox.client(Side::Ours, &["set", "one", what, ATTACKER]).success();
    }
    Witness::at(sandbox).wait(&format!("unban {ATTACKER}"), 1);
    let log = server.normal_log();
    server.stop();
    let commands = log.lines().filter(|line| line.contains("fail2ban.utils") && !line.contains("over D-Bus"));
    format!("{action}\n{}", commands.map(|line| format!("{line}\n")).collect::<String>())
}

/// When firewalld answers nobody, a ban fails after the time that its client would wait for each call, and nothing
/// else is held up. (The original's client waits twice, since it asks first what there is to ask.)
#[test]
fn firewalld_does_not_answer() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    configure(&sandbox, "firewallcmd-rich-rules[port=22, protocol=tcp]");
    let firewalld = Firewalld::start(&sandbox);
    let server = start(Side::Ours, &sandbox, &firewalld, Way::Bus);
    firewalld.signal("STOP");
    server.client(&["set", "one", "banip", ATTACKER]).success();
    server.wait_log(&format!("[one] Ban {ATTACKER}"));
    let asked = Instant::now();
    assert_eq!(server.client(&["ping"]).success(), "Server replied: pong");
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    server.wait_log("stderr: 'Error: Did not receive a reply. Possible causes include: ");
    server.wait_log("(return code: 254)");
    firewalld.signal("CONT");
    // the second attempt, which every failed command gets
    Witness::at(&sandbox).wait(&format!("ban {ATTACKER}"), 1);
    assert!(firewalld.listing().contains(ATTACKER));
    server.stop();
}

/// A client that stands before the distribution's is the admin's own and is run.
#[test]
fn the_admins_own_client() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    configure(&sandbox, "firewallcmd-rich-rules[port=22, protocol=tcp]");
    let firewalld = Firewalld::start(&sandbox);
    let notes = sandbox.path("own-client-ran");
    let own = format!("#!/bin/sh\necho >>{}\nexec /usr/bin/firewall-cmd \"$@\"\n", notes.display());
    let path = sandbox.file("own/firewall-cmd", &own);
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("the sandbox is ours");
    let mut program = Side::Ours.server();
    program.env("PATH", side::path_with(&sandbox.path("own")));
    let server = Server::start_with(Side::Ours, &sandbox, firewalld.enter(program));
    server.client(&["set", "one", "banip", ATTACKER]).success();
    Witness::at(&sandbox).wait(&format!("ban {ATTACKER}"), 1);
    assert!(notes.exists() && firewalld.listing().contains(ATTACKER));
    server.stop();
}

/// What the original does not do (docs/differences.md): when firewalld is reloaded or restarted it forgets all
/// these rules, and ours tells it again, once.
#[test]
fn bans_survive_a_reset_of_firewalld() {
    for (action, way) in [
        ("firewallcmd-rich-rules[port=22, protocol=tcp, name=x]", Way::Bus),
        ("firewallcmd-multiport[port=22, name=x]", Way::Bus),
        ("firewallcmd-ipset[port=22, name=x]", Way::Any),
    ] {
        let sandbox = Sandbox::genuine(Version::BASELINE);
        configure(&sandbox, action);
        let mut firewalld = Firewalld::start(&sandbox);
        let server = start(Side::Ours, &sandbox, &firewalld, way);
        for (jail, address) in [("one", ATTACKER), ("one", ATTACKER6), ("two", "192.0.2.99")] {
            server.client(&["set", jail, "banip", address]).success();
        }
        let witness = Witness::at(&sandbox);
        witness.wait(&format!("ban {ATTACKER6}"), 1);
        witness.wait("ban 192.0.2.99", 1);
        let before = sorted(&firewalld.listing());
        assert!([ATTACKER, ATTACKER6].iter().all(|address| before.contains(address)), "{before}");
        firewalld.client(&["--reload"]);
        restored(&server, &firewalld, &before, 1);
        firewalld.client(&["--complete-reload"]);
        restored(&server, &firewalld, &before, 2);
        firewalld.settings("FlushAllOnReload=no\n");
        firewalld.restart();
        restored(&server, &firewalld, &before, 3);
        // now it keeps some of them: none may be there twice
        firewalld.client(&["--reload"]);
        restored(&server, &firewalld, &before, 4);
        server.client(&["set", "one", "unbanip", ATTACKER]).success();
        witness.wait(&format!("unban {ATTACKER}"), 1);
        let after = firewalld.listing();
        assert!(!after.contains(ATTACKER), "{action}: {after}\n{}", server.everything_said());
        assert!(!server.log().contains("ERROR"), "{}", server.log());
        server.stop();
        assert!(!firewalld.listing().contains("f2b-x"));
    }
}

/// Bans come back in another order, which makes no difference.
fn sorted(listing: &str) -> String {
    let mut lines: Vec<&str> = listing.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// Both jails have noticed the `nth` reset, and everything is as it was.
fn restored(server: &Server, firewalld: &Firewalld, before: &str, nth: usize) {
    for jail in BOTH_JAILS {
        server.wait_log_times(&format!("[{jail}] Restore"), nth);
    }
    let mut last = String::new();
    let same = || {
        last = sorted(&firewalld.listing());
        (last == before).then_some(())
    };
    let found = wait::until(wait::PATIENCE, same);
    assert!(found.is_some(), "reset {nth}:\n{}", difference(&last, before));
}
