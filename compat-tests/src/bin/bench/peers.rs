//! Programs of others on the same SYN flood log, those that are installed.
use compat_tests::Output;
use compat_tests::workload::Workload;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::measure;

/// What the others search for: the flood's expression, with what stands for a host put in words they know.
const EXPRESSION: &str = r"kernel:.*?SRC=\S+ DST.*?SYN";

struct Peer {
    program: &'static str,
    /// What it does with the log, which is less than a server does.
    does: &'static str,
    /// Its arguments, given the log.
    arguments: fn(&Path) -> Vec<String>,
    /// Whether it prints the number of matching lines.
    counts: bool,
}

const PEERS: &[Peer] = &[
    Peer {
        program: "fail2ban-rs",
        does: "dry-run: reads a finished log, dates and counts failures; no server, no log of its own",
        arguments: |log| {
            let configuration = log.with_extension("toml").display().to_string();
            ["--config", &configuration, "dry-run", "--jail", "synflood", &log.display().to_string()]
                .map(str::to_owned)
                .to_vec()
        },
        counts: false,
    },
    Peer {
        program: "rg",
        does: "-c: counts lines that match; no dates, no hosts",
        arguments: |log| ["-c", EXPRESSION, &log.display().to_string()].map(str::to_owned).to_vec(),
        counts: true,
    },
    Peer {
        program: "grep",
        does: "-cP: the same",
        arguments: |log| ["-cP", EXPRESSION, &log.display().to_string()].map(str::to_owned).to_vec(),
        counts: true,
    },
    Peer {
        program: "wc",
        does: "-l: counts lines",
        arguments: |log| vec!["-l".to_owned(), log.display().to_string()],
        counts: true,
    },
];

/// One line of the table: the program and what it does, and lines per second.
pub struct Row {
    pub name: String,
    pub rate: f64,
}

/// Every peer that is installed, `rounds` times, alternating, on `lines` lines.
pub fn rows(rounds: usize, lines: usize) -> Vec<Row> {
    let folder = tempfile::tempdir().expect("/tmp is writable");
    let log = folder.path().join("kern.log");
    std::fs::write(&log, (Workload::FLOOD.lines)(lines)).expect("the folder is ours");
    std::fs::write(log.with_extension("toml"), configuration(folder.path())).expect("the folder is ours");
    let (installed, missing): (Vec<&Peer>, _) = PEERS.iter().partition(|peer| installed(peer));
    for peer in missing {
        eprintln!("not installed, so not measured: {}", peer.program);
    }
    let mut seconds = vec![Vec::new(); installed.len()];
    for _ in 0..rounds {
        for (peer, seconds) in installed.iter().zip(&mut seconds) {
            seconds.push(run(peer, &log, lines));
        }
    }
    let rates = seconds.into_iter().map(|seconds| lines as f64 / measure::median(seconds));
    let row = |(peer, rate): (&&Peer, f64)| Row { name: format!("`{}` {}", peer.program, peer.does), rate };
    installed.iter().zip(rates).map(row).collect()
}

/// Seconds that `peer` needs for the log.
fn run(peer: &Peer, log: &Path, lines: usize) -> f64 {
    let mut command = Command::new(peer.program);
    command.args((peer.arguments)(log)).env("LC_ALL", "C");
    let start = Instant::now();
    let said = Output::of(&mut command);
    let seconds = start.elapsed().as_secs_f64();
    let said = said.success();
    let all = said.split_whitespace().next() == Some(&lines.to_string());
    assert!(all || !peer.counts, "{} is to find all {lines} lines, and says: {said}", peer.program);
    seconds
}

fn installed(peer: &Peer) -> bool {
    Command::new(peer.program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// The flood's jail in the words of fail2ban-rs.
fn configuration(folder: &Path) -> String {
    let place = |name: &str| folder.join(name).display().to_string();
    format!(
        "[global]\nstate_file = '{}'\nsocket_path = '{}'\n\n[jail.synflood]\nlog_path = '{}'\n\
         date_format = 'syslog'\nfilter = ['kernel:.*?SRC=<HOST> DST.*?SYN']\nport = ['22']\nprotocol = 'tcp'\n\
         max_retry = 1000000\nfind_time = '10m'\nban_time = '1h'\nbackend = 'nftables'\n",
        place("state"),
        place("socket"),
        place("kern.log"),
    )
}
