//! Hostile lines: into upstream's sample logs, and into lines that the filters' regexes were made for, go names,
//! agents and free text that an attacker could choose. fail2ban-regex finds the same failures in them – of the same
//! hosts at the same times by the same regexes – and so nobody is banned that the original would not ban.
//!
//! `F2B_FUZZ_CONFIG=FOLDER` takes the filters of another configuration instead of the stock ones.

#[path = "same_fuzz_lines/hostile.rs"]
mod hostile;
#[path = "same_fuzz_lines/oracle.rs"]
mod oracle;

use std::path::PathBuf;
use std::time::Instant;

use compat_tests::fuzz::{self, Random};
use compat_tests::{Output, Sandbox, Side, Version, regex_tool, samples};
use oracle::{Answer, Oracle};

/// Lines of one run.
const LINES: usize = 120;
/// Of those that are very long.
const LONG_LINES: usize = 3;
/// Seconds that the original has for one run. Some of its expressions take forever.
const PATIENCE: u64 = 20;

/// What the runs differ in: how names are taken, and what is printed.
const OPTIONS: &[&[&str]] = &[
    &["-r", "-o", "row"],
    &["-r", "-v", "--print-all-matched", "--print-all-ignored", "--print-no-missed"],
    &["--usedns", "no", "-o", "<ip>|<fid>|<family>|<F-*>"],
    &["--usedns", "raw", "-v", "--no-check-all", "--print-all-missed"],
    &["--usedns", "no", "-D", "--print-all-matched"],
    &["-r", "-i", "-o", "msg"],
];

/// A filter with lines that are meant for it.
struct Subject {
    filter: String,
    lines: Vec<Vec<u8>>,
}

#[test]
fn filters_of_1_0_2() {
    compare(Version("1.0.2"));
}

#[test]
fn filters_of_1_1_0() {
    compare(Version("1.1.0"));
}

#[test]
fn filters_of_1_1_1() {
    compare(Version("1.1.1"));
}

/// The filters of the advisory GHSA-33wh-ccjc-p397, as they were before 1.1.1, on which the original never ends.
#[test]
fn lines_that_hang_the_original() {
    let cases = [
        (
            "domino-smtp",
            "smtp: LENGTHauthentication failure using internet password",
            "a ",
            "08-09-2014 06:14:27   smtp: postmaster [192.0.2.1] authentication failure using internet password",
        ),
        (
            "dovecot",
            "host dovecot: imap-login: DisconnectedLENGTH (auth failed, 1 attempts): user=<a>, rip=1, x>",
            ": a",
            "2005-01-01 00:00:00 host dovecot: imap-login: Disconnected (auth failed, 1 attempts): user=<a>, \
             method=PLAIN, rip=192.0.2.1, lip=192.0.2.2",
        ),
    ];
    for version in [Version("1.0.2"), Version("1.1.0")] {
        for (filter, hostile, unit, real) in cases {
            let hostile = hostile.replace("LENGTH", &unit.repeat(65_536 / unit.len()));
            let sandbox = Sandbox::empty();
            let log = sandbox.file("app.log", &format!("{hostile}\n{real}\n{hostile}\n"));
            let mut command = Side::Ours.regex();
            command.arg("-c").arg(version.configuration()).args(["-o", "ip"]).arg(log);
            // the steps of each line are limited, so this ends, however slow the machine
            let output = Output::of(command.arg(format!("filter.d/{filter}.conf")));
            assert_eq!(output.success(), "192.0.2.1", "{filter} of {}", version.0);
        }
    }
}

fn compare(version: Version) {
    let started = Instant::now();
    let mut run = Run::new(version);
    let subjects = run.subjects(version);
    let all: Vec<Vec<u8>> = subjects.iter().flat_map(|subject| subject.lines.iter().cloned()).collect();
    // every filter once, then whatever time there is
    while run.compared < subjects.len() || started.elapsed() < fuzz::budget() {
        let subject = &subjects[run.compared % subjects.len()];
        let long = run.random.one_in(40);
        let known = if subject.lines.is_empty() || run.random.one_in(4) { &all } else { &subject.lines };
        let count = if long { LONG_LINES } else { LINES };
        let mut lines = run.examples(&subject.filter, count / 3);
        lines.extend((lines.len()..count).map(|_| run.random.pick(known).clone()));
        for line in &mut lines {
            *line = hostile::line(&mut run.random, line, &all);
            if long {
                hostile::lengthen(&mut run.random, line);
            }
        }
        let options = *run.random.pick(OPTIONS);
        run.compare(&subject.filter, options, &lines);
    }
    eprintln!(
        "{}: {} runs with {} lines, {} rows alike; too slow for the original: {}",
        version.0, run.compared, run.lines, run.rows, run.given_up
    );
    assert!(run.rows * 20 > run.lines, "the lines hardly match");
    assert!(run.wrong.is_empty(), "{} runs differ:\n{}", run.wrong.len(), run.wrong.join("\n"));
}

struct Run {
    random: Random,
    sandbox: Sandbox,
    oracle: Oracle,
    configuration: PathBuf,
    compared: usize,
    lines: usize,
    rows: usize,
    given_up: usize,
    wrong: Vec<String>,
}

impl Run {
    fn new(version: Version) -> Run {
        Run {
            random: Random::new(),
            sandbox: Sandbox::empty(),
            oracle: Oracle::start(),
            configuration: other_configuration().unwrap_or_else(|| version.configuration()),
            compared: 0,
            lines: 0,
            rows: 0,
            given_up: 0,
            wrong: Vec::new(),
        }
    }

    /// The filters that have sample logs, with their options, and those that have none.
    fn subjects(&mut self, version: Version) -> Vec<Subject> {
        let mut subjects = Vec::new();
        if other_configuration().is_none() {
            for sample in samples::of(version) {
                let log = std::fs::read(&sample.log).expect("a sample log can be read");
                let lines = log.split(|&b| b == b'\n').filter(|line| !line.is_empty() && line[0] != b'#');
                let lines = lines.map(<[u8]>::to_vec).collect();
                subjects.push(Subject { filter: sample.filter, lines });
            }
        }
        let mut names: Vec<String> = (self.configuration.join("filter.d").read_dir())
            .expect("the configuration has filters")
            .filter_map(|entry| entry.expect("a folder can be read").file_name().into_string().ok())
            .filter(|name| name.ends_with(".conf") && !name.contains("common"))
            .collect();
        names.sort();
        for name in names {
            let filter = format!("filter.d/{name}");
            if !subjects.iter().any(|subject| subject.filter == filter) {
                let lines = self.examples(&filter, LINES);
                subjects.push(Subject { filter, lines });
            }
        }
        subjects
    }

    fn arguments(&self, options: &[&str], log: &str, filter: &str) -> Vec<String> {
        let conf = self.configuration.to_str().expect("the checkout's name is text");
        ["-c", conf].iter().chain(options).chain(&[log, filter]).map(|&word| word.to_owned()).collect()
    }

    fn examples(&mut self, filter: &str, count: usize) -> Vec<Vec<u8>> {
        let seed = self.random.next_u64();
        let arguments = self.arguments(&[], "log", filter);
        self.oracle.examples(seed, count, &arguments).into_iter().map(String::into_bytes).collect()
    }

    fn compare(&mut self, filter: &str, options: &[&str], lines: &[Vec<u8>]) {
        self.compared += 1;
        self.lines += lines.len();
        match self.outputs(filter, options, lines) {
            None => self.given_up += 1,
            Some((theirs, ours)) if theirs == ours => {
                self.rows +=
                    theirs.lines().filter(|line| line.contains("192.0.2.") || line.starts_with('[')).count();
            }
            Some(_) => self.report(filter, options, lines),
        }
    }

    /// What both sides print; nothing if the original takes too long.
    fn outputs(&mut self, filter: &str, options: &[&str], lines: &[Vec<u8>]) -> Option<(String, String)> {
        let log = self.sandbox.file("hostile.log", "");
        let mut text = lines.join(&b'\n');
        text.push(b'\n');
        std::fs::write(&log, text).expect("the sandbox is writable");
        let arguments = self.arguments(options, log.to_str().expect("the sandbox's name is text"), filter);
        let Answer { code: Some(code), out: theirs } = self.oracle.run(PATIENCE, &arguments) else {
            return None;
        };
        let ours = Output::of(Side::Ours.regex().args(&arguments).env("TZ", regex_tool::ZONE));
        // what Python says in a traceback, we say on standard error
        let said = if ours.code == 1 { &*ours.stderr } else { "" };
        let ours = format!("{}\n{}{said}", ours.code, ours.stdout);
        Some((regex_tool::normal(&format!("{code}\n{theirs}")), regex_tool::normal(&ours)))
    }

    /// Notes the difference, with as few lines as show it.
    fn report(&mut self, filter: &str, options: &[&str], lines: &[Vec<u8>]) {
        let mut lines = lines.to_vec();
        let mut step = lines.len().div_ceil(2);
        while step > 0 {
            let mut at = 0;
            while at < lines.len() && lines.len() > 1 {
                let mut fewer = lines.clone();
                fewer.drain(at..(at + step).min(lines.len()));
                match self.outputs(filter, options, &fewer) {
                    Some((theirs, ours)) if theirs != ours => lines = fewer,
                    _ => at += step,
                }
            }
            step = if step == 1 { 0 } else { step.div_ceil(2) };
        }
        let Some((theirs, ours)) = self.outputs(filter, options, &lines) else { return };
        let pairs = theirs.lines().map(Some).chain([None]).zip(ours.lines().map(Some).chain([None]));
        let (theirs, ours) = pairs.into_iter().find(|(a, b)| a != b).unwrap_or_default();
        let common = theirs.into_iter().flat_map(str::chars).zip(ours.into_iter().flat_map(str::chars));
        let common = common.take_while(|(a, b)| a == b).count().saturating_sub(80);
        let tail =
            |line: Option<&str>| line.map(|line| line.chars().skip(common).take(400).collect::<String>());
        let show = |bytes: &Vec<u8>| bytes.escape_ascii().to_string().chars().take(2000).collect::<String>();
        let shown: Vec<String> = lines.iter().take(5).map(show).collect();
        let difference = format!(
            "{filter} {options:?}\n  lines  {}\n  theirs {:?}\n  ours   {:?}",
            shown.join("\n         "),
            tail(theirs),
            tail(ours)
        );
        eprintln!("{difference}");
        self.wrong.push(difference);
    }
}

fn other_configuration() -> Option<PathBuf> {
    std::env::var_os("F2B_FUZZ_CONFIG").map(PathBuf::from)
}
