//! The pieces of work, each with what it measures.
use compat_tests::workload::{Workload, jail};
use compat_tests::{Namespace, Output, Sandbox, Server, Side, Version, flood, instructions, logs};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::measure;

pub struct Work {
    pub name: &'static str,
    /// How much of it the original and ours get.
    pub size: (usize, usize),
    pub run: fn(Side, usize) -> Vec<f64>,
    /// What `run` returns: name, unit, and whether more is better.
    pub results: &'static [(&'static str, &'static str, bool)],
}

pub const ALL: &[Work] = &[
    Work {
        name: "SYN flood",
        size: (20_000, 1_000_000),
        run: syn_flood,
        results: &[
            ("SYN flood log, server", "lines/s", true),
            ("— processor time per line", "µs", false),
            ("— its memory, at most", "MiB", false),
            ("— and some seconds afterwards", "MiB", false),
        ],
    },
    Work {
        name: "instructions of a flood",
        size: (1_000, 20_000),
        run: |side, size| instructions(side, size, &Workload::FLOOD),
        results: &[("— instructions per line (callgrind, slope between two sizes)", "", false)],
    },
    Work {
        name: "sshd log",
        size: (20_000, 1_000_000),
        run: sshd_log,
        results: &[("mixed auth.log with the stock sshd filter, server", "lines/s", true)],
    },
    Work {
        name: "instructions of an sshd log",
        size: (1_000, 20_000),
        run: |side, size| instructions(side, size, &Workload::SSHD),
        results: &[("— instructions per line", "", false)],
    },
    Work {
        name: "live",
        size: (400, 400),
        run: live,
        results: &[
            ("40 lines/s live", "% of one CPU", false),
            ("— a thread that only wakes as often", "% of one CPU", false),
        ],
    },
    Work {
        name: "bans",
        size: (200, 10_000),
        run: bans,
        results: &[
            ("new bans until the last rule is in the kernel", "bans/s", true),
            ("the same after a restart", "bans/s", true),
        ],
    },
    Work {
        name: "start",
        size: (1, 1),
        run: start,
        results: &[
            ("20 stock jails: until ready", "ms", false),
            ("— memory", "MiB", false),
            ("— threads", "", false),
        ],
    },
    Work {
        name: "configuration",
        size: (1, 1),
        run: configuration,
        results: &[("every stock jail: fail2ban-client -d", "ms", false)],
    },
];

const MIB: f64 = 1024.0;

/// Ours gives memory back when it saves how far it has read, every ten seconds.
const UNTIL_POSITIONS_ARE_SAVED: Duration = Duration::from_secs(12);

/// 40 lines a second.
const BETWEEN_LINES: Duration = Duration::from_millis(25);

/// Appends `size` lines to the log of a running server at once: the lines per second, from when they are there until the
/// last is found.
fn lines_per_second(server: &Server, workload: &Workload, size: usize) -> f64 {
    let text = (workload.lines)(size);
    server.sandbox.append(workload.log, &text);
    let start = Instant::now();
    let found = format!("Found {}", logs::LAST);
    size as f64 / measure::seconds_until(start, || server.logged_last(&found))
}

fn syn_flood(side: Side, size: usize) -> Vec<f64> {
    let sandbox = Workload::FLOOD.sandbox();
    let server = Server::start(side, &sandbox);
    let before = measure::cpu_seconds(&server);
    let rate = lines_per_second(&server, &Workload::FLOOD, size);
    let per_line = (measure::cpu_seconds(&server) - before) / size as f64 * 1e6;
    let most = measure::status(&server, "VmHWM") / MIB;
    std::thread::sleep(UNTIL_POSITIONS_ARE_SAVED);
    let afterwards = measure::status(&server, "VmRSS") / MIB;
    server.stop();
    vec![rate, per_line, most, afterwards]
}

fn instructions(side: Side, size: usize, workload: &Workload) -> Vec<f64> {
    let server = || instructions::callgrind(&side.server());
    vec![instructions::per_line(side, workload, [size / 2, size / 2 + size], &server)]
}

fn sshd_log(side: Side, size: usize) -> Vec<f64> {
    let sandbox = Workload::SSHD.sandbox();
    let server = Server::start(side, &sandbox);
    let rate = lines_per_second(&server, &Workload::SSHD, size);
    server.stop();
    vec![rate]
}

fn live(side: Side, size: usize) -> Vec<f64> {
    let sandbox = Workload::FLOOD.sandbox();
    let server = Server::start(side, &sandbox);
    sandbox.append("kern.log", &flood::line("203.0.113.7"));
    measure::settle(&server);
    let (start, used) = (Instant::now(), measure::cpu_seconds(&server));
    let line = flood::line("203.0.113.7");
    let waker = std::thread::spawn(move || {
        (0..size).for_each(|_| std::thread::sleep(BETWEEN_LINES));
        measure::thread_seconds(Path::new("/proc/thread-self")) / start.elapsed().as_secs_f64()
    });
    for i in 0..size {
        sandbox.append("kern.log", &line);
        std::thread::sleep((BETWEEN_LINES * (i as u32 + 1)).saturating_sub(start.elapsed()));
    }
    let share = (measure::cpu_seconds(&server) - used) / start.elapsed().as_secs_f64();
    let woken = waker.join().expect("it only sleeps");
    server.stop();
    vec![share * 100.0, woken * 100.0]
}

fn bans(side: Side, size: usize) -> Vec<f64> {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    let log = sandbox.file("app.log", "");
    let settings = "filter =\nfailregex = refused <HOST>$\nport = 22\naction = iptables-multiport\n";
    sandbox.config("jail.local", &jail("app", &log, settings));
    let namespace = Namespace::new();
    let hosts: Vec<String> = (0..size).map(|i| format!("10.3.{}.{}", i / 250, i % 250 + 1)).collect();
    let all_there = || {
        let rules = namespace.shell("iptables -S f2b-app 2>/dev/null || true");
        rules.lines().filter(|line| line.contains("REJECT")).count() == size
    };
    let server = Server::start_in(side, &sandbox, &namespace);
    let start = Instant::now();
    let words: Vec<&str> =
        ["set", "app", "banip"].into_iter().chain(hosts.iter().map(String::as_str)).collect();
    server.client(&words).success();
    let banned = measure::seconds_until(start, all_there);
    server.stop();
    let start = Instant::now();
    let server = Server::start_in(side, &sandbox, &namespace);
    let restored = measure::seconds_until(start, all_there);
    server.stop();
    vec![size as f64 / banned, size as f64 / restored]
}

/// Jails whose filters are of every kind: simple, with sessions, with many expressions.
const JAILS: [&str; 20] = [
    "sshd",
    "dropbear",
    "apache-auth",
    "apache-badbots",
    "apache-noscript",
    "apache-overflows",
    "apache-nohome",
    "apache-botsearch",
    "nginx-http-auth",
    "nginx-limit-req",
    "nginx-botsearch",
    "php-url-fopen",
    "proftpd",
    "pure-ftpd",
    "vsftpd",
    "postfix",
    "dovecot",
    "exim",
    "recidive",
    "named-refused",
];

fn start(side: Side, _: usize) -> Vec<f64> {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    let log = sandbox.file("some.log", "");
    sandbox.config("jail.local", &JAILS.map(|name| jail(name, &log, "action =\n")).concat());
    let start = Instant::now();
    let server = Server::start(side, &sandbox);
    let ready = start.elapsed().as_secs_f64() * 1000.0;
    measure::settle(&server);
    let (memory, threads) = (measure::status(&server, "VmRSS") / MIB, measure::status(&server, "Threads"));
    server.stop();
    vec![ready, memory, threads]
}

fn configuration(side: Side, _: usize) -> Vec<f64> {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    let log = sandbox.file("some.log", "");
    let text = std::fs::read_to_string(sandbox.configuration().join("jail.conf")).expect("it was copied");
    let names = text.lines().filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'));
    let names = names.filter(|name| !["DEFAULT", "INCLUDES"].contains(name));
    sandbox.config("jail.local", &names.map(|name| jail(name, &log, "")).collect::<String>());
    let mut command = side.client();
    let start = Instant::now();
    let dump = Output::of(sandbox.confine(&mut command, &["-d"])).success();
    assert!(dump.lines().count() > 500, "that is not every jail: {dump}");
    vec![start.elapsed().as_secs_f64() * 1000.0]
}
