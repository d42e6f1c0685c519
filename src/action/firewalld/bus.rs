//! firewalld on the system bus.

use std::io::ErrorKind;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::forms::Call;
use super::message::{Kind, Message, Target};

pub(super) const NAME: &str = "org.fedoraproject.FirewallD1";
const PATH: &str = "/org/fedoraproject/FirewallD1";

/// The error by which firewalld itself refuses something.
const REFUSAL: &str = "org.fedoraproject.FirewallD1.Exception";

/// How long a reply may take: what `firewall-cmd` has from libdbus.
pub(super) const REPLY_TIMEOUT: Duration = Duration::from_secs(25);

/// Why a call did not succeed.
pub(super) enum Failure {
    /// firewalld refused, with these words.
    Refused(String),
    /// firewalld did not answer in time; it may have done what was asked, or may yet.
    Silent,
    /// There is no bus, no firewalld on it, or no right to ask it: nothing was done.
    Unavailable,
}

/// Those that nobody uses now: jails call at the same time, each over its own.
static IDLE: Mutex<Vec<Connection>> = Mutex::new(Vec::new());

/// Makes a call and waits for the reply.
pub(super) fn call(call: &Call) -> Result<Message, Failure> {
    let idle = || IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = idle().pop();
    let mut connection = match kept {
        Some(connection) => connection,
        None => Connection::open(REPLY_TIMEOUT).map_err(|_| Failure::Unavailable)?,
    };
    let target = Target { service: NAME, path: PATH, interface: call.interface, method: call.method };
    match connection.ask(&target, &call.arguments, Instant::now() + REPLY_TIMEOUT) {
        Ok(reply) => {
            idle().push(connection);
            of_reply(reply)
        }
        Err(error) if error.kind() == ErrorKind::TimedOut => Err(Failure::Silent),
        Err(_) => {
            // The bus itself is gone: the next call looks for it again.
            idle().clear();
            Err(Failure::Unavailable)
        }
    }
}

fn of_reply(reply: Message) -> Result<Message, Failure> {
    match (reply.kind, reply.name.as_str()) {
        (Kind::Reply, _) => Ok(reply),
        (Kind::Error, REFUSAL) => {
            let words = reply.texts().and_then(|texts| texts.first().map(|text| (*text).to_owned()));
            Err(Failure::Refused(words.unwrap_or_default()))
        }
        _ => Err(Failure::Unavailable),
    }
}
