//! `ignorecommand`: a command with tags decides whether a failure counts (COMPAT §5).

use super::host::{Host, level};
use super::info::{ActionInfo, BanInfo};
use super::run::execute_for;
use super::tags::replace_ticket;
use crate::value::Value;

/// Seconds that the command may take.
const TIMEOUT: Value = Value::Int(60);

/// Runs the command for a failure: exit code 0 means "ignore it", 1 "it counts", all else is logged as an
/// error and counts. Blocks until the command ends.
pub fn run_ignore_command(command: &str, info: &BanInfo, jail: &str, host: &dyn Host) -> bool {
    let command = replace_ticket(command, &mut ActionInfo::new(info, jail, host), host);
    match execute_for(&command, &TIMEOUT, &[0, 1], host) {
        Ok(code) => code == Some(0),
        Err(exception) => {
            host.log(level::ERROR, "fail2ban.filter", &exception.message());
            false
        }
    }
}
