//! The multicall entry: the exact name under which the binary was called chooses the program.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use crate::client::cli::Program;
use crate::client::console;
use crate::{client, file_name, regex_tool, version};

const USAGE: &str = "\
Usage: ferroban <PROGRAM> [ARGUMENTS]

Programs (also chosen by the name of the binary):
    server    fail2ban-server: the daemon
    client    fail2ban-client: talks to the daemon
    regex     fail2ban-regex: tries filters on logs

    ferroban <PROGRAM> --help    says more about each
    ferroban --version           prints ferroban's own version";

/// Runs the program that `argv` asks for; its exit status.
pub fn main(argv: Vec<OsString>) -> ExitCode {
    let argv: Vec<String> = argv.into_iter().map(|word| file_name::decode(&word)).collect();
    let called = argv.first().map_or("ferroban", String::as_str);
    let base = Path::new(called).file_name().and_then(|name| name.to_str()).unwrap_or(called).to_owned();
    if let Some(program) = base.strip_prefix("fail2ban-").filter(|name| NAMES.contains(name)) {
        return run(program, &base, argv);
    }
    match argv.get(1).map(String::as_str) {
        Some(program) if NAMES.contains(&program) => {
            let program = program.to_owned();
            run(&program, &format!("ferroban {program}"), argv[1..].to_vec())
        }
        Some("-V" | "--version") => {
            console::print(&format!("ferroban {}", version::FERROBAN));
            ExitCode::SUCCESS
        }
        Some("-h" | "--help") => {
            console::print(USAGE);
            ExitCode::SUCCESS
        }
        _ => {
            console::print(USAGE);
            ExitCode::from(255)
        }
    }
}

const NAMES: [&str; 3] = ["server", "client", "regex"];

/// Runs `program`, which calls itself `name`, with the words behind the first of `argv`.
fn run(program: &str, name: &str, argv: Vec<String>) -> ExitCode {
    match program {
        "server" => client::main(Program::Server, name, &argv[1..]),
        "client" => client::main(Program::Client, name, &argv[1..]),
        _ => regex_tool::main(name, &argv[1..]),
    }
}
