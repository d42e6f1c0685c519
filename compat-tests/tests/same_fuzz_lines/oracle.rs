//! The original's fail2ban-regex in a process that stays, asked line by line.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use compat_tests::{Version, regex_tool};
use serde_json::{Value, json};

const SCRIPT: &str = include_str!("oracle.py");

pub struct Oracle {
    process: Child,
    jobs: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// How a run ended (`None`: it took too long), and what it printed.
pub struct Answer {
    pub code: Option<i64>,
    pub out: String,
}

impl Oracle {
    pub fn start() -> Oracle {
        let mut python = Version::BASELINE.python(SCRIPT);
        python.env("TZ", regex_tool::ZONE).env("COLUMNS", "80").env("PYTHONHASHSEED", "0");
        python.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = python.spawn().expect("/usr/bin/python3 runs");
        let jobs = process.stdin.take().expect("stdin is a pipe");
        let answers = BufReader::new(process.stdout.take().expect("stdout is a pipe"));
        Oracle { process, jobs, answers }
    }

    /// Runs fail2ban-regex for at most that many seconds.
    pub fn run(&mut self, seconds: u64, arguments: &[String]) -> Answer {
        let answer = self.ask(json!(["run", seconds]), arguments);
        let out = answer[1].as_str().expect("the output is text").to_owned();
        Answer { code: answer[0].as_i64(), out }
    }

    /// Lines that the regexes of the filter were made for.
    pub fn examples(&mut self, seed: u64, count: usize, arguments: &[String]) -> Vec<String> {
        let answer = self.ask(json!(["examples", seed, count]), arguments);
        serde_json::from_value(answer).expect("examples are a list of texts")
    }

    fn ask(&mut self, job: Value, arguments: &[String]) -> Value {
        let mut job = job;
        job.as_array_mut().expect("jobs are lists").extend(arguments.iter().map(|word| json!(word)));
        writeln!(self.jobs, "{job}").expect("the oracle reads");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the oracle writes text");
        serde_json::from_str(&line).expect("the oracle writes JSON")
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // it may have ended already
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
