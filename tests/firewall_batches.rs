//! Firewall commands that are handed to their tool together leave the same rules, in the same order, as
//! the same commands one by one: with real tools, each time in a network namespace of its own.
//!
//! Each test runs itself again inside `unshare`: as root, by a user namespace, or through sudo.

use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferroban::action::{BanInfo, Event, Host, JailActions, JailState, level};
use ferroban::address::Address;
use ferroban::config::configurator::{Configurator, Request};
use ferroban::config::message::Reporter;
use ferroban::filter::Data;
use ferroban::store::Merged;
use ferroban::value::Value;

/// What surrounds the actions: keeps the log.
struct Surroundings {
    log: Mutex<Vec<String>>,
    events: Mutex<Sender<Event>>,
}

impl Host for Surroundings {
    fn log_level(&self) -> u8 {
        level::DEBUG
    }
    fn log(&self, level: u8, _logger: &str, text: &str) {
        if level >= level::DEBUG {
            self.log.lock().unwrap().push(format!("{level} {text}"));
        }
    }
    fn notify(&self, event: Event) {
        self.events.lock().unwrap().send(event).expect("the test waits");
    }
    fn merged_bans(&self, _ip: &str, _jail: Option<&str>) -> Result<Option<Merged>, String> {
        Ok(None)
    }
    fn host_of(&self, _ip: &str) -> Option<String> {
        None
    }
    fn hostname(&self, _fully_qualified: bool) -> String {
        "box".into()
    }
    fn ipv6_allowed(&self) -> bool {
        true
    }
}

/// A jail's actions, doing what they are given one by one or all together.
struct Jail {
    actions: JailActions,
    surroundings: Arc<Surroundings>,
    events: Receiver<Event>,
    together: bool,
}

impl Jail {
    fn new(action: &str, together: bool) -> Self {
        let (sender, events) = channel();
        let surroundings = Arc::new(Surroundings { log: Mutex::default(), events: Mutex::new(sender) });
        let mut actions = JailActions::new("web", surroundings.clone());
        for command in commands(action) {
            let words = command.items().expect("a list");
            if words.len() < 3 || words[1] != Value::str("web") {
                continue;
            }
            match (words[2].as_str().unwrap_or(""), &words[3..]) {
                ("addaction", [name]) => {
                    actions.add(name.as_str().unwrap(), None, 0);
                }
                ("action", [name, pairs]) => {
                    for pair in pairs.items().expect("pairs") {
                        let pair = pair.items().expect("a pair");
                        let (property, value) = (pair[0].as_str().unwrap(), pair[1].clone());
                        actions.set(name.as_str().unwrap(), property, value, 0);
                    }
                }
                _ => {}
            }
        }
        // Keeps the worker busy while more work is queued, and does nothing for bans.
        actions.add("pause", None, 0);
        actions.set("pause", "actionstart", Value::str("sleep 0.3"), 0);
        actions.start(JailState::default());
        Jail { actions, surroundings, events, together }
    }

    /// Does something for each of these ids.
    fn each(&mut self, what: fn(&mut JailActions, BanInfo), ids: &[&str]) {
        if self.together {
            self.actions.call("pause", "start", None, 9);
        }
        for id in ids {
            what(&mut self.actions, ban_of(id));
            if !self.together {
                self.settle();
            }
        }
        self.settle();
    }

    fn settle(&mut self) {
        self.actions.barrier(1);
        loop {
            let event = self.events.recv_timeout(Duration::from_secs(60)).expect("the worker answers");
            if matches!(event, Event::Done { token: 1, .. }) {
                return;
            }
        }
    }

    fn log(&self) -> String {
        self.surroundings.log.lock().unwrap().join("\n")
    }
}

fn ban_of(id: &str) -> BanInfo {
    let id = Address::parse(id).expect("an address or a name");
    BanInfo {
        ip: id.clone(),
        id,
        time: 1.0,
        bantime: None,
        bancount: 1,
        failures: 1,
        matches: Vec::new(),
        data: Data::default(),
        restored: false,
        jail: JailState { bantime: 600, ..JailState::default() },
    }
}

/// The command stream of a jail with this action of the project's own.
fn commands(action: &str) -> Vec<Value> {
    let folder = std::env::temp_dir().join(format!("ferroban-batches-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("filter.d")).expect("a temporary folder");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("action.d");
    let _ = std::os::unix::fs::symlink(own, folder.join("action.d"));
    let jail = format!(
        "[web]\nenabled = true\nfilter =\nfailregex = x <HOST>\nbackend = polling\naction = {action}\n"
    );
    std::fs::write(folder.join("jail.conf"), jail).expect("a writable folder");
    let general = "[Definition]\nloglevel = INFO\n";
    std::fs::write(folder.join("fail2ban.conf"), general).expect("a writable folder");
    let mut messages = Vec::new();
    let mut sink = |message| messages.push(message);
    let mut reporter = Reporter { level: 30, sink: &mut sink };
    let mut configurator = Configurator::new(&folder.to_string_lossy(), None);
    let request = Request { allow_no_files: true, ..Request::default() };
    let reading = configurator.read(&request, &mut reporter);
    std::fs::remove_dir_all(folder).expect("own folder");
    reading.stream.unwrap_or_else(|| panic!("{action}: {messages:?}")).commands
}

/// All rules and sets of this namespace, without what changes from one look to the next.
fn firewall() -> String {
    let list = |words: &str| {
        let output = Command::new("sh").args(["-c", words]).output().expect("a shell");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let mut rules = String::new();
    for tool in ["iptables-nft-save", "ip6tables-nft-save", "iptables-legacy-save", "ip6tables-legacy-save"] {
        rules += &list(&format!("{tool} 2>/dev/null | grep -v '^#' | sed 's/\\[[0-9:]*\\]//'"));
    }
    rules += &list("nft list tables | grep f2b && nft list table inet f2b-table");
    // The order within a hash set means nothing.
    rules + &list("ipset list | grep -v '^Size in memory' | sed 's/ initval .*//' | sort")
}

const BREAK: &str = "for t in iptables ip6tables iptables-legacy ip6tables-legacy; do
        $t -S INPUT | sed -n 's/^-A/-D/p' | while read r; do $t $r; done; for c in f2b-web f2b-web-log; do $t -F $c; done;
        for c in f2b-web f2b-web-log; do $t -X $c; done; done
    ipset destroy f2b-web; ipset destroy f2b-web6; nft delete table inet f2b-table";

/// A jail's life: what the firewall was at each step.
fn life(action: &str, together: bool) -> (Vec<String>, String) {
    let mut jail = Jail::new(action, together);
    let mut steps = Vec::new();
    let four: Vec<String> = (1..30).map(|n| format!("192.0.2.{n}")).collect();
    let six: Vec<String> = (1..12).map(|n| format!("2001:db8::{n:x}")).collect();
    let mut all: Vec<&str> = four.iter().map(String::as_str).collect();
    six.iter().enumerate().for_each(|(n, id)| all.insert(n * 3, id));
    let mut step = |jail: &mut Jail, what: fn(&mut JailActions, BanInfo), ids: &[&str]| {
        jail.each(what, ids);
        steps.push(firewall());
    };
    step(&mut jail, JailActions::ban, &all);
    // Twice the same, a network, an id that no firewall takes.
    step(
        &mut jail,
        JailActions::ban,
        &["192.0.2.1", "198.51.100.0/24", "198.51.100.1", "nonsense", "198.51.102.1", "192.0.2.1"],
    );
    // One that is not banned amid others.
    step(
        &mut jail,
        JailActions::unban,
        &["192.0.2.2", "192.0.2.3", "203.0.113.9", "192.0.2.1", "2001:db8::1", "192.0.2.5"],
    );
    let broken = Command::new("sh").args(["-c", BREAK]).output().expect("a shell");
    assert!(broken.status.code().is_some());
    step(
        &mut jail,
        JailActions::ban,
        &["203.0.113.1", "203.0.113.2", "2001:db8::2:1", "203.0.113.3", "2001:db8::2:2"],
    );
    jail.actions.flush(vec![ban_of("203.0.113.1")], JailState::default());
    jail.settle();
    steps.push(firewall());
    jail.each(JailActions::ban, &all);
    jail.each(JailActions::unban, &all);
    steps.push(firewall());
    jail.each(JailActions::ban, &all[..9]);
    let tickets = all[..9].iter().map(|id| ban_of(id)).collect();
    jail.actions.stop(tickets, JailState::default());
    jail.settle();
    steps.push(firewall());
    (steps, jail.log())
}

/// What separates the steps in the file that a life in a namespace leaves behind.
const SEPARATOR: &str = "\u{1e}";

/// What enters a new network namespace here: root may, others by a user namespace or, where that is forbidden
/// (Ubuntu), through sudo.
fn entering() -> Command {
    let by_user_namespace = || {
        let probe = Command::new("unshare").args(["-rn", "true"]).output().expect("unshare of util-linux");
        probe.status.success()
    };
    if rustix::process::geteuid().is_root() {
        let mut command = Command::new("unshare");
        command.arg("-n");
        command
    } else if by_user_namespace() {
        let mut command = Command::new("unshare");
        command.arg("-rn");
        command
    } else {
        let mut command = Command::new("sudo");
        command.args(["-n", "unshare", "-n"]);
        command
    }
}

/// Runs the test again inside a network namespace and returns its steps and its log.
fn in_own_namespace(test: &str, together: bool) -> (Vec<String>, String) {
    let program = std::env::current_exe().expect("the test's own program");
    // a folder of our own: what root writes in it can be removed by whoever runs the test
    let folder = std::env::temp_dir().join(format!("ferroban-{test}-{together}-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("a new folder");
    let result = folder.join("result");
    let output = entering()
        .arg("env")
        .arg(format!("FERROBAN_TEST_RESULT={}", result.display()))
        .arg(format!("FERROBAN_TEST_TOGETHER={}", u8::from(together)))
        .arg(program)
        .args(["--exact", test, "--nocapture"])
        .output()
        .expect("unshare of util-linux");
    let text = std::fs::read_to_string(&result);
    std::fs::remove_dir_all(&folder).expect("own folder");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = text.expect("the result of the run inside");
    let mut parts: Vec<String> = text.split(SEPARATOR).map(str::to_owned).collect();
    let log = parts.pop().unwrap_or_default();
    (parts, log)
}

fn same_rules(test: &str, action: &str, batch: &str) {
    if let Some(result) = std::env::var_os("FERROBAN_TEST_RESULT") {
        let (steps, log) =
            life(action, std::env::var("FERROBAN_TEST_TOGETHER").is_ok_and(|value| value == "1"));
        std::fs::write(result, steps.join(SEPARATOR) + SEPARATOR + &log)
            .expect("a writable temporary folder");
        return;
    }
    let (singly, _) = in_own_namespace(test, false);
    let (together, log) = in_own_namespace(test, true);
    let names = [
        "banned",
        "odd ones banned",
        "some unbanned",
        "banned after a break",
        "flushed",
        "unbanned",
        "stopped",
    ];
    for ((name, singly), together) in names.iter().zip(&singly).zip(&together) {
        assert!(
            singly == together,
            "{action}, {name}: together\n{together}\n--- one by one\n{singly}\n{log}"
        );
    }
    assert!(singly[0].contains("192.0.2.29"), "{}", singly[0]);
    let batches = log.lines().filter(|line| line.contains("commands at once by") && line.ends_with(batch));
    assert!(batches.count() >= 4, "{action}: nothing went together\n{log}");
}

macro_rules! same_rules {
    ($($name:ident: $action:literal, $batch:literal;)*) => {
        $(#[test] fn $name() { same_rules(stringify!($name), $action, $batch); })*
    };
}

same_rules! {
    iptables: r#"iptables[type=multiport, port="80,443"]"#, "iptables-restore";
    iptables_nft: r#"iptables-allports[iptables="iptables-nft <lockingopt>", iptables?family=inet6="ip6tables-nft <lockingopt>"]"#, "ip6tables-nft-restore";
    iptables_legacy: r#"iptables-multiport[iptables="iptables-legacy <lockingopt>", iptables?family=inet6="ip6tables-legacy <lockingopt>"]"#, "iptables-legacy-restore";
    iptables_log: "iptables-multiport-log[blocktype=DROP]", "iptables-restore";
    ipset: "iptables-ipset[type=allports]", "ipset restore";
    ipset_net: r#"iptables-ipset[type=allports, ipsettype="hash:net"]"#, "ipset restore";
    nftables: "nftables[type=multiport]", "nft -f";
    nftables_simple: r#"nftables-allports[blocktype=drop, addr_options=""]"#, "nft -f";
}
