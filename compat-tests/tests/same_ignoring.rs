//! Who is never banned, and what becomes of host names: `ignoreip` (addresses, networks, names, files), `ignoreself`,
//! `ignorecommand`, `ignorecache` and `usedns` have the same effect on the same lines.

use std::time::Duration;

use compat_tests::{Sandbox, Server, Side};

/// Comes last in a log: it is known then what became of the others.
const LAST: &str = "203.0.113.255";

/// What the jail `j` says of the hosts, in order: found or ignored, and by what; then what `record` holds.
fn verdicts(side: Side, settings: &str, hosts: &[&str], meanwhile: impl Fn(&Sandbox)) -> Vec<String> {
    let sandbox = Sandbox::empty();
    let log = sandbox.file("app.log", "");
    let record = sandbox.file("record", "");
    sandbox.file(
        "list",
        "# friends\n192.0.2.7\n192.0.2.32/29, 192.0.2.44\n2001:db8:7::/48  ;192.0.2.9\n\nlocalhost\n",
    );
    let settings =
        settings.replace("FOLDER", sandbox.folder().to_str().expect("a temporary folder's name is text"));
    sandbox.config(
        "jail.local",
        &format!(
            "[DEFAULT]\nignoreself = false\nusedns = no\n[j]\nenabled = true\nbackend = polling\nfilter =\nfailregex = ^<F-USER>\\S+</F-USER> from <HOST>$\n\
             datepattern = {{NONE}}\nmaxretry = 1000\nlogpath = {}\n{settings}\n",
            log.display()
        ),
    );
    let server = Server::start(side, &sandbox);
    let mut times = 0;
    for part in hosts.split(|&host| host == "MEANWHILE") {
        if times > 0 {
            meanwhile(&sandbox);
        }
        times += 1;
        let lines: String =
            part.iter().enumerate().map(|(n, host)| format!("user{} from {host}\n", n % 2)).collect();
        sandbox.append("app.log", &format!("{lines}user from {LAST}\n"));
        server.wait_log_times(&format!("[j] Found {LAST}"), times);
    }
    let log = server.normal_log();
    server.stop();
    let about_hosts = |line: &&str| {
        ["] Found ", "] Ignore ", "Determined IP", "Unable to find", "returned 2", "killed"]
            .iter()
            .any(|text| line.contains(text))
    };
    let mut said: Vec<String> = log.lines().filter(about_hosts).map(without_time).collect();
    said.extend(std::fs::read_to_string(record).expect("the record is text").lines().map(str::to_owned));
    said
}

/// `Found HOST - TIME` without the time, and sets of addresses in order.
fn without_time(line: &str) -> String {
    let line = line.split(" - ").next().unwrap_or(line);
    let Some((start, set)) = line.split_once(" = {") else { return line.to_owned() };
    let mut addresses: Vec<&str> = set.trim_end_matches('}').split(", ").collect();
    addresses.sort();
    format!("{start} = {addresses:?}")
}

fn same(settings: &str, hosts: &[&str]) -> Vec<String> {
    same_while(settings, hosts, |_| {})
}

fn same_while(settings: &str, hosts: &[&str], meanwhile: impl Fn(&Sandbox)) -> Vec<String> {
    let [theirs, ours] = Side::BOTH.map(|side| verdicts(side, settings, hosts, &meanwhile));
    let differences: Vec<_> =
        theirs.iter().zip(&ours).filter(|(theirs, ours)| theirs != ours).take(3).collect();
    assert!(theirs == ours, "{settings}: {} and {} lines, {differences:#?}", theirs.len(), ours.len());
    theirs
}

const HOSTS: &[&str] = &[
    "192.0.2.1",
    "192.0.2.2",
    "192.0.2.16",
    "192.0.2.31",
    "192.0.2.32",
    "192.0.2.39",
    "192.0.2.40",
    "192.0.2.44",
    "192.0.2.7",
    "192.0.2.9",
    "192.0.2.101",
    "192.0.2.104",
    "127.0.0.1",
    "127.0.0.2",
    "::1",
    "2001:db8::1",
    "2001:db8:7::1",
    "2001:0DB8:0:0::2",
    "::ffff:192.0.2.1",
    "[2001:db8:9::9]",
    "10.1.2.3",
    "198.51.100.9",
];

#[test]
fn addresses_networks_and_names() {
    let said = same(
        "ignoreip = 192.0.2.1 192.0.2.16/28, 192.0.2.100/255.255.255.252 2001:DB8:7:0::/48 localhost\n\
         \x20  ::ffff:192.0.2.2 192.0.2.999 name.invalid 10.0.0.0/8",
        HOSTS,
    );
    assert!(said.iter().any(|line| line.contains("Ignore 192.0.2.31 by ip")), "{said:#?}");
    same("ignoreip = 192.0.0.0/5", HOSTS);
    same("ignoreip = ::/0", HOSTS);
    same("ignoreip =", HOSTS);
}

#[test]
fn lists_in_files() {
    let hosts: Vec<&str> = [HOSTS, &["MEANWHILE"], HOSTS].concat();
    let said = same_while("ignoreip = 192.0.2.1 file:FOLDER/list file:FOLDER/none", &hosts, |sandbox| {
        sandbox.append("list", "192.0.2.2\n198.51.100.0/24\n");
        // the file is looked at again after a second at the earliest
        std::thread::sleep(Duration::from_millis(1500));
    });
    assert!(said.iter().any(|line| line.contains("Ignore 198.51.100.9")), "{said:#?}");
}

#[test]
fn own_addresses() {
    let said = same("ignoreself = true", HOSTS);
    assert!(said.iter().any(|line| line.contains("Ignore 127.0.0.1 by ignoreself rule")), "{said:#?}");
}

/// A command that writes down how it is called: even last digits are ignored, 7 and 9 are trouble.
const COMMAND: &str = "echo '<ip> <fid> <F-USER> <family> <ip-rev>' >> FOLDER/record; \
    case <ip> in *[02468]) exit 0;; *7) exit 2;; *9) kill -9 $$;; *) exit 1;; esac";

#[test]
fn commands() {
    let said = same(&format!("ignoreip = 192.0.2.16/28\nignorecommand = {COMMAND}"), HOSTS);
    assert!(said.iter().any(|line| line.contains("Ignore 192.0.2.2 by command")), "{said:#?}");
    let hosts: Vec<&str> = HOSTS.iter().copied().take(6).collect();
    same("ignorecommand = test <ip> != 203.0.113.255", &hosts);
    same("ignorecommand = FOLDER/none <ip>", &hosts);
}

#[test]
fn caches() {
    let hosts = [&HOSTS[..6], &["192.0.2.1"], &HOSTS[..6], &["192.0.2.2", "192.0.2.2"]].concat();
    for key in ["<ip>", "<F-USER>", "<ip>-<F-USER>", "same"] {
        let cache = format!("ignorecache = key=\"{key}\", max-count=100, max-time=5m");
        same(&format!("{cache}\nignoreip = 192.0.2.16\nignorecommand = {COMMAND}"), &hosts);
    }
    same(&format!("ignorecache = key=\"<ip>\", max-count=2, max-time=5m\nignorecommand = {COMMAND}"), &hosts);
}

#[test]
fn names_of_hosts() {
    let hosts =
        ["localhost", "192.0.2.1", "name.invalid", "LOCALHOST", "2001:db8::1", "localhost", "a_b", "127.1"];
    for mode in ["yes", "warn", "no", "raw"] {
        same(&format!("usedns = {mode}"), &hosts);
        same(&format!("usedns = {mode}\nignoreip = 127.0.0.1 a_b"), &hosts);
    }
}

/// What fails while a command takes its time waits for it, however much that is.
#[test]
fn a_slow_command_loses_no_failure() {
    let settings = "ignorecommand = sleep 2; exit 1\nignorecache = key=\"<ip>\", max-count=100, max-time=5m";
    let said = same(settings, &vec!["192.0.2.1"; 15_000]);
    let found = said.iter().filter(|line| line.contains("Found 192.0.2.1")).count();
    assert_eq!(found, 15_000);
}
