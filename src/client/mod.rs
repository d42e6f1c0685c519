//! fail2ban-client, and the command line of fail2ban-server (COMPAT §1.1–1.3).
//!
//! - [`cli`]: the options that both programs share, from one table,
//! - [`commands`]: the server's commands as the help lists them, from one table,
//! - [`console`]: output, and log lines on stderr,
//! - [`session`]: settings from command line and configuration, and what options alone ask for,
//! - [`send`]: requests and their replies,
//! - [`beautify`]: replies as text for humans,
//! - [`dispatch`]: what the client itself does about a command,
//! - [`start`]: starting the server and waiting for it,
//! - [`strict`]: what `--strict` finds wrong with a configuration,
//! - [`interactive`]: the prompt.

pub mod beautify;
pub mod cli;
pub mod commands;
pub mod console;
mod dispatch;
mod exchange;
mod interactive;
mod python;
mod send;
mod session;
mod settings;
mod start;
mod strict;
mod table;
mod wait;

use std::process::ExitCode;

/// Runs fail2ban-client or fail2ban-server, called `name`, with the arguments `args`.
pub fn main(program: cli::Program, name: &str, args: &[String]) -> ExitCode {
    let success = session::Session::new(program, name, args).run();
    if success { ExitCode::SUCCESS } else { ExitCode::from(255) }
}
