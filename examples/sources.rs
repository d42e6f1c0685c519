//! Shows what the log sources deliver:
//!
//!     cargo run --example sources -- [--from UNIX-SECONDS] [--once] BACKEND [NAME=VALUE…] [-- ARGUMENT…]
//!
//! `pyinotify` and `polling` take file names as arguments, `systemd` journal matches (one alternative per
//! argument, its words separated by blanks), `kmsg` and `nflog` none. `--once` ends when nothing is left.
//! An entry is printed as `TIME in|op DATE|TEXT`, a line of a file as `FILE in|op|TEXT`; messages go to stderr.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use ferroban::source::{Backend, Event, JailId, Reader, Sources};
use rustix::event::{PollFd, PollFlags, poll};

const JAIL: JailId = JailId(0);

#[derive(Default)]
struct Arguments {
    from: f64,
    once: bool,
    backend: String,
    options: Vec<(String, String)>,
    rest: Vec<String>,
}

fn arguments() -> Arguments {
    let mut parsed = Arguments::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--from" => parsed.from = arguments.next().and_then(|t| t.parse().ok()).unwrap_or(0.0),
            "--once" => parsed.once = true,
            "--" => parsed.rest = arguments.by_ref().collect(),
            _ => match argument.split_once('=') {
                Some((name, value)) => parsed.options.push((name.to_owned(), value.to_owned())),
                None => parsed.backend = argument,
            },
        }
    }
    parsed
}

fn main() -> ExitCode {
    match run(&arguments()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let mut sources = Sources::new()?;
    let files = match arguments.backend.as_str() {
        "pyinotify" => Some(Backend::Inotify),
        "polling" => Some(Backend::Polling),
        other => {
            sources.add_entries(JAIL, other, &arguments.options, None)?;
            None
        }
    };
    for argument in &arguments.rest {
        match files {
            Some(backend) => drop(sources.add_file(JAIL, Path::new(argument), backend, false, None)?),
            None => {
                let words: Vec<String> = argument.split(' ').map(str::to_owned).collect();
                sources.add_journal_match(JAIL, &words)?;
            }
        }
    }
    sources.start(JAIL, arguments.from, now(), &mut |_| None);
    let mut quiet = Duration::ZERO;
    loop {
        let mut events = 0;
        while sources.process(now(), &mut |event| {
            events += 1;
            print(&event);
        }) {}
        for message in sources.take_messages() {
            eprintln!("{} {} {}", message.level, message.logger, message.text);
        }
        std::io::stdout().flush()?;
        let mut wait = sources.next_timeout(now());
        if arguments.once {
            if events == 0 && quiet >= Duration::from_millis(300) {
                return Ok(());
            }
            quiet = if events == 0 { quiet + Duration::from_millis(100) } else { Duration::ZERO };
            wait = Some(Duration::from_millis(100));
        }
        let wait = wait.map(rustix::event::Timespec::try_from).transpose()?;
        poll(&mut [PollFd::new(&sources, PollFlags::IN)], wait.as_ref())?;
    }
}

fn print(event: &Event<'_>) {
    let state = |readers: &[Reader]| if readers[0].in_operation { "op" } else { "in" };
    let mut out = std::io::stdout().lock();
    let written = match event {
        Event::Entry { readers, time, date, text, .. } => {
            writeln!(out, "{time:.6} {} {date}|{text}", state(readers))
        }
        Event::Lines { path, readers, block, .. } => block.lines().try_for_each(|line| {
            writeln!(out, "{} {}|{}", path.display(), state(readers), String::from_utf8_lossy(line))
        }),
    };
    // The reader of the output has gone.
    if written.is_err() {
        std::process::exit(0);
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |t| t.as_secs_f64())
}
