//! The whole way from a log line to the kernel's rules and back, with the stock actions of the three genuine
//! configuration trees: after each step the kernel lists the same for ours and theirs.
use std::path::Path;
use std::process::Command;

use compat_tests::{Namespace, Sandbox, Server, Side, Version, Witness, flood, namespace, side};

const ATTACKER: &str = "203.0.113.7";
const ATTACKER6: &str = "2001:db8::7";
const INNOCENT: &str = "198.51.100.1";

fn jail(sandbox: &Sandbox, action: &str) -> String {
    format!(
        "[synflood]\nenabled = true\nfilter = synflood\nlogpath = {}\nbackend = auto\nport = 8032,9000:9010\n\
         maxretry = 3\nfindtime = 60\nbantime = 600\naction = {action}\n",
        sandbox.file("kern.log", "").display()
    )
}

/// What the kernel lists after each step of a jail's life.
fn steps(side: Side, version: Version, action: &str, tools: Option<&Path>) -> Vec<(&'static str, String)> {
    let sandbox = Sandbox::genuine(version);
    let witness = Witness::new(&sandbox);
    sandbox.config("filter.d/synflood.conf", &format!("[Definition]\nfailregex = {}\n", flood::TODAYS_REGEX));
    sandbox.config("jail.local", &jail(&sandbox, &witness.of(action)));
    let namespace = Namespace::new();
    let server = Server::start_with(side, &sandbox, namespace.enter(with_tools(side.server(), tools)));
    let client = |words: &[&str]| server.client(words).success();
    let mut steps = vec![("started", firewall(&namespace))];
    let mut step = |name| steps.push((name, firewall(&namespace)));

    sandbox.append("kern.log", &(flood::lines(ATTACKER, 2) + &flood::lines(INNOCENT, 2)));
    server.wait_log_times("Found", 4);
    step("failed twice");
    sandbox.append("kern.log", &flood::line(ATTACKER));
    witness.wait(&format!("ban {ATTACKER}"), 1);
    step("banned");
    sandbox.append("kern.log", &flood::lines(ATTACKER6, 3));
    witness.wait(&format!("ban {ATTACKER6}"), 1);
    step("banned IPv6");
    client(&["set", "synflood", "banip", "192.0.2.99"]);
    witness.wait("ban 192.0.2.99", 1);
    step("banned by hand");
    client(&["set", "synflood", "unbanip", ATTACKER]);
    witness.wait(&format!("unban {ATTACKER}"), 1);
    step("unbanned");
    // the jail's time counts for the bans that are there as well, from the next ban on
    client(&["set", "synflood", "bantime", "1"]);
    client(&["set", "synflood", "banip", ATTACKER]);
    witness.wait(&format!("unban {ATTACKER}"), 2);
    witness.wait(&format!("unban {ATTACKER6}"), 1);
    witness.wait("unban 192.0.2.99", 1);
    step("expired");

    assert!(!server.log().contains("ERROR"), "{}", server.log());
    server.stop();
    steps.push(("stopped", firewall(&namespace)));
    check(&steps);
    steps
}

/// The steps do what their names say, so that the comparison compares something.
fn check(steps: &[(&str, String)]) {
    let banned = |step: &str, address: &str| {
        let (_, rules) = steps.iter().find(|(name, _)| *name == step).expect("one of the steps");
        rules.split(|c: char| c.is_whitespace() || [',', '/'].contains(&c)).any(|word| word == address)
    };
    assert!(!banned("failed twice", ATTACKER));
    assert!(banned("banned", ATTACKER) && banned("banned IPv6", ATTACKER6));
    assert!(banned("banned by hand", "192.0.2.99") && !banned("unbanned", ATTACKER));
    assert!(!banned("expired", "192.0.2.99") && !banned("expired", ATTACKER6));
    assert!(steps.iter().all(|(step, _)| !banned(step, INNOCENT)), "banned the innocent: {steps:?}");
}

/// `command` with `tools` before everything else in PATH.
fn with_tools(mut command: Command, tools: Option<&Path>) -> Command {
    if let Some(tools) = tools {
        command.env("PATH", side::path_with(tools));
    }
    command
}

/// Everything the kernel lists, of both iptables interfaces.
fn firewall(namespace: &Namespace) -> String {
    namespace.firewall() + "\nlegacy:\n" + &namespace.iptables_legacy()
}

fn same_steps(version: Version, action: &str, tools: Option<&Path>) {
    let [theirs, ours] = Side::BOTH.map(|side| steps(side, version, action, tools));
    for ((step, ours), (_, theirs)) in ours.iter().zip(&theirs) {
        assert!(ours == theirs, "{action} of {}, {step}: ours\n{ours}\n--- theirs\n{theirs}", version.0);
    }
}

fn on_every_tree(action: &str) {
    for version in Version::ALL {
        same_steps(version, action, None);
    }
}

/// The parameters that jail.conf gives to every ban action.
const PARAMETERS: &str = r#"[port="%(port)s", protocol="%(protocol)s", chain="INPUT"]"#;

#[test]
fn iptables_multiport() {
    on_every_tree(&format!("iptables-multiport{PARAMETERS}"));
}

#[test]
fn iptables_allports() {
    on_every_tree(&format!("iptables-allports{PARAMETERS}"));
}

#[test]
fn iptables_ipset_proto6() {
    on_every_tree(&format!("iptables-ipset-proto6{PARAMETERS}"));
}

#[test]
fn nftables_multiport() {
    on_every_tree("nftables-multiport[port=\"%(port)s\"]");
}

#[test]
fn iptables_ipset() {
    for version in [Version("1.1.0"), Version("1.1.1")] {
        same_steps(version, &format!("iptables-ipset[type=multiport]{PARAMETERS}"), None);
    }
}

#[test]
fn nftables() {
    for version in [Version("1.1.0"), Version("1.1.1")] {
        same_steps(version, "nftables[type=multiport, port=\"%(port)s\"]", None);
        same_steps(version, "nftables[type=allports, protocol=\"tcp,udp\", blocktype=drop]", None);
    }
}

#[test]
fn legacy_iptables() {
    let tools = tempfile::tempdir().expect("/tmp is writable");
    namespace::legacy_tools(tools.path());
    for action in ["iptables-multiport", "iptables-allports"] {
        same_steps(Version::BASELINE, &format!("{action}{PARAMETERS}"), Some(tools.path()));
    }
}

/// Two actions in one jail, and two jails with one action: each keeps its own rules.
#[test]
fn several_actions() {
    let both = format!(
        "iptables-multiport{PARAMETERS}\n         nftables[type=multiport, name=second, actname=second]"
    );
    same_steps(Version::BASELINE, &both, None);
}
