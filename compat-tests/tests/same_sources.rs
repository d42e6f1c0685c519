//! Where lines come from: real journal files, a real journald, the real logrotate, and (what the original
//! does not have) packets that a real firewall logs.
use std::process::Command;
use std::time::Duration;

use compat_tests::journal::{self, Entry};
use compat_tests::{Namespace, Output, Sandbox, Server, Side, journald, wait};

/// A jail that finds all that ends in an address, and never bans.
fn jail(settings: &str) -> String {
    format!(
        "[j]\nenabled = true\nfilter =\nfailregex = from <HOST>\nmaxretry = 1000000\nfindtime = 1000w\nusedns = no\nignoreself = false\n\
         {settings}\n"
    )
}

fn found(server: &Server) -> Vec<String> {
    let log = server.log();
    let found = log.lines().filter_map(|line| Some(line.split_once("[j] Found ")?.1.to_owned()));
    found.collect()
}

fn wait_found(server: &Server, count: usize) -> Vec<String> {
    let enough = || Some(found(server)).filter(|found| found.len() >= count);
    wait::until(wait::PATIENCE, enough)
        .unwrap_or_else(|| panic!("not {count} found:\n{}", server.everything_said()))
}

/// A journal file with `count` entries of several programs, two seconds apart, the last one second ago.
fn journal_file(sandbox: &Sandbox, count: u64) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let entry = |n: u64| {
        let time = (now - 2 * (count - n) + 1) * 1_000_000 + n * 1000;
        let entry = Entry::at(time);
        let entry = match n % 5 {
            0 => entry
                .with("_COMM", "sshd")
                .with("SYSLOG_IDENTIFIER", "sshd")
                .with("_SYSTEMD_UNIT", "ssh.service")
                .with("_PID", "77"),
            1 => entry
                .with("_COMM", "sshd")
                .with("_SYSTEMD_UNIT", "sshd.service")
                .with("_SOURCE_REALTIME_TIMESTAMP", (time - 55).to_string()),
            2 => entry.with("SYSLOG_IDENTIFIER", "kernel").with("_TRANSPORT", "kernel"),
            3 => entry.with("_COMM", "sshd").with("_SYSTEMD_UNIT", "other.service"),
            _ => entry.with("_COMM", "other").with("SYSLOG_PID", "abc"),
        };
        entry.with("_HOSTNAME", "host").with("MESSAGE", format!("two\nlines from 192.0.2.{n}"))
    };
    let entries: Vec<Entry> = (0..count).map(entry).collect();
    journal::write(&sandbox.path("journal/system.journal"), &entries);
}

/// The row of table `logs`.
fn stored(sandbox: &Sandbox) -> String {
    let script = "import sqlite3, sys\n\
                  print(sqlite3.connect(sys.argv[1]).execute('select path, firstlinemd5, lastfilepos from logs').fetchall())";
    let mut command = Command::new("/usr/bin/python3");
    Output::of(command.args(["-c", script]).arg(sandbox.database())).success()
}

#[test]
fn journal_files_are_read_alike() {
    let matches = [
        "",
        "journalmatch = _SYSTEMD_UNIT=ssh.service",
        "journalmatch = _SYSTEMD_UNIT=ssh.service _SYSTEMD_UNIT=sshd.service _COMM=sshd",
        "journalmatch = _SYSTEMD_UNIT=ssh.service + SYSLOG_IDENTIFIER=kernel _TRANSPORT=kernel\n _COMM=other",
    ];
    for journalmatch in matches {
        let sandboxes = Side::BOTH.map(|side| (side, Sandbox::empty()));
        let mut results = Vec::new();
        journal_file(&sandboxes[0].1, 60);
        for (side, sandbox) in &sandboxes {
            let path = sandboxes[0].1.path("journal");
            sandbox.config(
                "jail.local",
                &jail(&format!("backend = systemd[journalpath={}]\n{journalmatch}", path.display())),
            );
            let server = Server::start(*side, sandbox);
            server.wait_log("[j] Jail is in operation now (process new journal entries)");
            let found = found(&server);
            assert!(found.len() >= 12, "{}", server.everything_said());
            server.stop();
            // A position that the other one stored is a position.
            results.push((found, stored(sandbox)));
        }
        assert_eq!(results[0], results[1], "{journalmatch}");
    }
}

#[test]
fn the_original_goes_on_where_ours_stopped_in_the_journal_and_back() {
    let sandbox = Sandbox::empty();
    journal_file(&sandbox, 20);
    let path = sandbox.path("journal");
    sandbox.config(
        "jail.local",
        &jail(&format!("backend = systemd[journalpath={}]\njournalmatch = _COMM=sshd", path.display())),
    );
    let mut seen = 0;
    for side in [Side::Ours, Side::Theirs, Side::Ours] {
        let server = Server::start(side, &sandbox);
        server.wait_log_times("Jail is in operation now", 1 + usize::from(seen > 0));
        let found = found(&server).len();
        // Like the original, the entry at the stored time is read once more.
        assert!(if seen == 0 { found == 12 } else { found <= seen + 1 }, "{side:?}: {found} after {seen}");
        seen = found;
        server.stop();
    }
}

fn log_lines(server: &Server, first: usize, count: usize) {
    let line = "logger -u /run/systemd/journal/dev-log -t sshd -- \"refused from 192.0.2.$n\"";
    journald::shell(server, &format!("for n in $(seq {first} {}); do {line}; done", first + count - 1));
}

#[test]
fn a_live_journal_is_followed() {
    for side in Side::BOTH {
        let sandbox = Sandbox::empty();
        sandbox.config("jail.local", &jail("backend = systemd\njournalmatch = SYSLOG_IDENTIFIER=sshd"));
        let server = Server::start_with(side, &sandbox, journald::beside(side.server()));
        server.wait_log("Jail is in operation now");
        log_lines(&server, 1, 5);
        let found = wait_found(&server, 5);
        assert!(found[4].starts_with("192.0.2.5 - "), "{side:?}: {found:?}");
        server.stop();
    }
}

/// The original loses entries that it has not read before a rotation.
#[test]
fn no_entry_is_lost_when_journald_rotates() {
    let sandbox = Sandbox::empty();
    sandbox.config("jail.local", &jail("backend = systemd\njournalmatch = SYSLOG_IDENTIFIER=sshd"));
    let server = Server::start_with(Side::Ours, &sandbox, journald::beside(Side::Ours.server()));
    server.wait_log("Jail is in operation now");
    for round in 0..3 {
        log_lines(&server, 1 + 40 * round, 20);
        journald::shell(&server, "kill -USR2 $(cat /run/journald.pid)");
        log_lines(&server, 21 + 40 * round, 20);
    }
    let found = wait_found(&server, 120);
    let hosts: Vec<&str> = found.iter().filter_map(|line| line.split(' ').next()).collect();
    let expected: Vec<String> = (1..=120).map(|n| format!("192.0.2.{n}")).collect();
    assert_eq!(hosts, expected);
    server.stop();
}

/// A program that logs 3000 lines in two seconds or so and opens its file again at SIGHUP.
const WRITER: &str = "import signal, sys, time\n\
    path, pid, f = sys.argv[1], sys.argv[2], None\n\
    again = True\n\
    def hup(*_):\n    global again\n    again = True\n\
    signal.signal(signal.SIGHUP, hup)\n\
    import os; open(pid, 'w').write(str(os.getpid()))\n\
    for n in range(3000):\n\
    \x20   if again: f, again = open(path, 'ab', buffering=0), False\n\
    \x20   f.write(b'%d refused ' % n); f.write(b'from 192.0.2.%d\\n' % (n % 250)); time.sleep(0.0007)\n";

/// Runs logrotate five times while a program logs; how many lines were found.
fn found_under_logrotate(side: Side, backend: &str, directives: &str) -> usize {
    let sandbox = Sandbox::empty();
    let log = sandbox.file("app.log", "");
    let pid = sandbox.path("writer.pid");
    let directives = directives.replace("HUP", &format!("kill -HUP $(cat {})", pid.display()));
    let rules = format!("{} {{\n rotate 9\n su root root\n{directives}\n}}\n", log.display());
    let rules = sandbox.file("logrotate.conf", &rules);
    sandbox.config(
        "jail.local",
        &jail(&format!("backend = {backend}\nlogpath = {}\ndatepattern = {{NONE}}", log.display())),
    );
    let server = Server::start(side, &sandbox);
    let mut writer = Command::new("/usr/bin/python3");
    let mut writer = writer.args(["-c", WRITER]).arg(&log).arg(&pid).spawn().unwrap();
    for _ in 0..5 {
        std::thread::sleep(Duration::from_millis(450));
        let mut logrotate = Command::new("logrotate");
        logrotate.args(["-f", "-s"]).arg(sandbox.path("logrotate.state")).arg(&rules);
        Output::of(&mut logrotate).success();
    }
    writer.wait().unwrap();
    // Until nothing more comes.
    let mut last = usize::MAX;
    wait::until(wait::PATIENCE, || {
        std::thread::sleep(Duration::from_millis(2500));
        let now = found(&server).len();
        (std::mem::replace(&mut last, now) == now).then_some(())
    });
    server.stop();
    last
}

#[test]
fn every_line_is_found_under_logrotate() {
    let create = " create 0644 root root\n postrotate\n  HUP\n endscript";
    let compress = " nocreate\n compress\n postrotate\n  sleep 0.05; HUP\n endscript";
    for backend in ["pyinotify", "polling"] {
        for directives in [create, compress] {
            assert_eq!(
                found_under_logrotate(Side::Ours, backend, directives),
                3000,
                "{backend} {directives}"
            );
        }
    }
    // What is written between the copy and the truncation is lost to everybody.
    let copied = found_under_logrotate(Side::Ours, "pyinotify", " copytruncate");
    assert!((2900..=3000).contains(&copied), "{copied}");
}

/// Twelve connection attempts from `host`.
fn connect(from: &Namespace, host: &str) {
    let script = format!(
        "import socket\nfor n in range(12):\n s = socket.socket()\n s.bind(('{host}', 0)); s.settimeout(0.05)\n \
         try: s.connect(('198.51.100.1', 22))\n except OSError: pass\n s.close()"
    );
    from.run("/usr/bin/python3", &["-c", &script]).success();
}

/// New: `backend = nflog`.
#[test]
fn packets_of_nflog_lead_to_a_ban_without_a_log_file() {
    let (here, attacker) = (Namespace::new(), Namespace::new());
    here.link(&attacker, "v0", ("198.51.100.1/24", "198.51.100.2/24"));
    attacker.shell("ip address add 198.51.100.3/24 dev v0");
    here.shell(
        "iptables -A INPUT -p tcp --syn -m hashlimit --hashlimit-name syn --hashlimit-mode srcip \
         --hashlimit-above 1/min --hashlimit-burst 2 -j NFLOG --nflog-group 5 --nflog-prefix 'SYN flood: '",
    );
    let sandbox = Sandbox::empty();
    sandbox.config("action.d/drop.conf", "[Definition]\nactionban = iptables -I INPUT -s <ip> -j DROP\n");
    sandbox.config(
        "jail.local",
        "[flood]\nenabled = true\nbackend = nflog[group=5]\nignoreself = false\nfilter =\nmaxretry = 3\nbantime = 1h\n\
         failregex = kernel: \\[\\s*[\\d.]+\\] SYN flood: IN=\\S* OUT= MAC=\\S* SRC=<HOST> DST=\\S+ .* PROTO=TCP .* SYN\n\
         action = drop\n",
    );
    let server = Server::start_in(Side::Ours, &sandbox, &here);
    connect(&attacker, "198.51.100.2");
    server.wait_log("[flood] Ban 198.51.100.2");
    here.wait_for(Namespace::iptables, |rules| rules.contains("-A INPUT -s 198.51.100.2/32 -j DROP"));
    assert!(!server.log().contains("198.51.100.3"), "{}", server.log());
    assert!(!server.log().contains("ERROR"), "{}", server.log());
    server.stop();
}

/// New: a source that cannot be had is an error of its jail; the others run.
#[test]
fn a_taken_nflog_group_concerns_only_its_jail() {
    let here = Namespace::new();
    let sandboxes = [Sandbox::empty(), Sandbox::empty()];
    let servers = sandboxes.each_ref().map(|sandbox| {
        let log = sandbox.file("app.log", "");
        let other = format!(
            "[other]\nenabled = true\nfilter =\nfailregex = from <HOST>\nlogpath = {}\n",
            log.display()
        );
        sandbox.config(
            "jail.local",
            &format!(
                "[flood]\nenabled = true\nfilter =\nfailregex = SRC=<HOST>\nbackend = nflog[group=7]\n{other}"
            ),
        );
        let server = Server::start_in(Side::Ours, sandbox, &here);
        server.wait_log("Jail 'other' started");
        server
    });
    servers[1].wait_log("ERROR   [flood] Unable to listen to nflog group 7: ");
    servers[1].wait_log("another program listens to it already");
}

/// What sources count is told in the flavour that the original does not have, and nowhere else.
#[test]
fn counters_stand_in_the_verbose_status_only() {
    let sandbox = Sandbox::genuine(compat_tests::Version::BASELINE);
    let log = sandbox.file("app.log", "");
    sandbox.config("jail.local", &jail(&format!("logpath = {}\naction =", log.display())));
    let server = Server::start(Side::Ours, &sandbox);
    let line = format!("{} app: from 192.0.2.9\n", compat_tests::flood::now("%Y-%m-%d %H:%M:%S"));
    sandbox.append("app.log", &line.repeat(3));
    wait_found(&server, 3);
    let verbose = server.client(&["status", "j", "--verbose"]).success();
    for text in [format!("Bytes read:\t{}", 3 * line.len()), "Lines read:\t3".to_owned(), "Lag:\t".to_owned()]
    {
        assert!(verbose.contains(&text), "{text}: {verbose}");
    }
    let plain = server.client(&["status", "j"]).success();
    assert!(!plain.contains("Lines read") && plain.contains("Total failed:\t3"), "{plain}");
    server.stop();
}
