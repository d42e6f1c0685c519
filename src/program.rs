//! The multicall entry: the exact name under which the binary was called chooses the program.
use std::ffi::OsString;
use std::process::ExitCode;

pub fn main(_argv: Vec<OsString>) -> ExitCode {
    ExitCode::from(255)
}
