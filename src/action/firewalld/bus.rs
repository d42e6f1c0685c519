//! firewalld on the system bus.

use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;
use zbus::message::Message;
use zbus::zvariant::{StructureBuilder, Value};

use super::forms::{Argument, Call};

pub(super) const NAME: &str = "org.fedoraproject.FirewallD1";
const PATH: &str = "/org/fedoraproject/FirewallD1";

/// The error by which firewalld itself refuses something.
const REFUSAL: &str = "org.fedoraproject.FirewallD1.Exception";

/// How long a reply may take: what `firewall-cmd` has from libdbus.
const REPLY_TIMEOUT: Duration = Duration::from_secs(25);

/// Why a call did not succeed.
pub(super) enum Failure {
    /// firewalld refused, with these words.
    Refused(String),
    /// firewalld did not answer in time; it may have done what was asked, or may yet.
    Silent,
    /// There is no bus, no firewalld on it, or no right to ask it: nothing was done.
    Unavailable,
}

/// Kept from call to call, for all jails.
static CONNECTION: Mutex<Option<Connection>> = Mutex::new(None);

/// Makes a call and waits for the reply.
pub(super) fn call(call: &Call) -> Result<Message, Failure> {
    let connection = connection().ok_or(Failure::Unavailable)?;
    let body = body_of(call).ok_or(Failure::Unavailable)?;
    match connection.call_method(Some(NAME), PATH, Some(call.interface), call.method, &body) {
        Ok(reply) => Ok(reply),
        Err(zbus::Error::MethodError(name, text, _)) if name.as_str() == REFUSAL => {
            Err(Failure::Refused(text.unwrap_or_default()))
        }
        Err(zbus::Error::MethodError(..)) => Err(Failure::Unavailable),
        Err(zbus::Error::InputOutput(error)) if error.kind() == std::io::ErrorKind::TimedOut => {
            Err(Failure::Silent)
        }
        Err(_) => {
            // The bus itself is gone: the next call looks for it again.
            *CONNECTION.lock().unwrap_or_else(PoisonError::into_inner) = None;
            Err(Failure::Unavailable)
        }
    }
}

fn body_of(call: &Call) -> Option<zbus::zvariant::Structure<'_>> {
    let fields = call.arguments.iter().map(|argument| match argument {
        Argument::Text(text) => Value::from(text.as_str()),
        Argument::Number(number) => Value::from(*number),
        Argument::Words(words) => Value::from(words.iter().map(String::as_str).collect::<Vec<_>>()),
    });
    fields.fold(StructureBuilder::new(), StructureBuilder::append_field).build().ok()
}

fn connection() -> Option<Connection> {
    let mut kept = CONNECTION.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.is_none() {
        *kept = connect();
    }
    kept.clone()
}

/// A new connection to the system bus, or `None` if there is no bus that greets us in time.
pub(super) fn connect() -> Option<Connection> {
    // The handshake has no time limit of its own.
    let (sender, connected) = sync_channel(1);
    let open = || Builder::system()?.method_timeout(REPLY_TIMEOUT).build();
    let thread = std::thread::Builder::new().name("f2b/dbus".into());
    thread.spawn(move || sender.send(open())).ok()?;
    connected.recv_timeout(REPLY_TIMEOUT).ok()?.ok()
}
