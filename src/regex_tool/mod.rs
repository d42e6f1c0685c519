//! fail2ban-regex: tries filters and regexes on logs (COMPAT §1.4).
//!
//! - `options` – the command line
//! - `regexes` – which regexes: literal ones, a filter, a jail
//! - `input` – which lines: a text, a file, the journal
//! - `tester` – line by line through the filter, with counts
//! - `messages` – what `--log-level` lets through
//! - `output` – `-o`: what is printed of each failure
//! - `report` – the results at the end
//! - `profile` – what each regex costs

mod input;
mod messages;
mod options;
mod output;
mod profile;
mod regexes;
mod report;
mod tester;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use options::Options;
use tester::Tester;

/// How the program ends, and what it says then.
#[derive(Debug, Default)]
struct Exit {
    status: u8,
    stdout: String,
    stderr: String,
}

impl Exit {
    fn ok(stdout: String) -> Exit {
        Exit { stdout, ..Exit::default() }
    }

    /// Something is wrong with what was asked for; the message has been printed.
    fn failed() -> Exit {
        Exit { status: 255, ..Exit::default() }
    }

    /// What upstream leaves as an exception without handler.
    fn raised(text: impl Into<String>) -> Exit {
        Exit { status: 1, stderr: text.into() + "\n", ..Exit::default() }
    }
}

/// Standard output, collected into larger writes. When nobody reads it any more, the program ends quietly.
struct Out(BufWriter<io::Stdout>);

impl Out {
    fn line(&mut self, text: &str) {
        let result = self.0.write_all(text.as_bytes()).and_then(|()| self.0.write_all(b"\n"));
        Self::check(result);
    }

    fn flush(&mut self) {
        let result = self.0.flush();
        Self::check(result);
    }

    fn check(result: io::Result<()>) {
        if result.is_err() {
            std::process::exit(0);
        }
    }
}

/// Runs fail2ban-regex, called `name`, with the arguments `args`.
pub fn main(name: &str, args: &[String]) -> ExitCode {
    let mut out = Out(BufWriter::with_capacity(1 << 16, io::stdout()));
    let exit = match run(name, args, &mut out) {
        Ok(()) => Exit::default(),
        Err(exit) => exit,
    };
    if !exit.stdout.is_empty() {
        out.line(exit.stdout.trim_end_matches('\n'));
    }
    out.flush();
    eprint!("{}", exit.stderr);
    ExitCode::from(exit.status)
}

fn run(name: &str, args: &[String], out: &mut Out) -> Result<(), Exit> {
    let (options, words) = options::parse(name, args)?;
    check(name, &options, &words)?;
    if options.out.is_none() {
        for line in ["", "Running tests", "=============", ""] {
            out.line(line);
        }
    }
    let mut tester = Tester::new(options, out)?;
    tester.start(&words)
}

/// Complaints about the command line come with the whole help.
fn check(name: &str, options: &Options, words: &[String]) -> Result<(), Exit> {
    let mut errors = String::new();
    for (kind, conflict) in [
        ("missed", options.print_no_missed && options.print_all_missed),
        ("ignored", options.print_no_ignored && options.print_all_ignored),
    ] {
        if conflict {
            errors += &format!("ERROR: --print-no-{kind} and --print-all-{kind} are mutually exclusive.\n");
        }
    }
    if !(2..=3).contains(&words.len()) {
        errors += "ERROR: provide both <LOG> and <REGEX>.\n";
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(Exit { status: 255, stdout: options::help(name), stderr: format!("\n{errors}") })
}
