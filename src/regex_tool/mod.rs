//! regex_tool

use std::process::ExitCode;

/// Runs fail2ban-regex, called `name`, with the arguments `args`.
pub fn main(name: &str, _args: &[String]) -> ExitCode {
    eprintln!("{name}: not available in this build");
    ExitCode::from(255)
}
