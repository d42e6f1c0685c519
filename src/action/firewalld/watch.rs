//! Tells when firewalld has forgotten the rules that were only in its memory: it was reloaded, or started anew.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Once};
use std::thread::{Builder, sleep};
use std::time::Duration;

use super::bus::{NAME, REPLY_TIMEOUT};
use super::connection::{BUS, Connection, of_bus};
use super::forms::Argument;
use super::message::{Kind, Message};
use crate::action::ACTIONS;
use crate::action::host::{Event, Host, level};

/// Time between two attempts to find the bus.
const RETRY: Duration = Duration::from_secs(30);

/// Starts to watch, once for all jails: [`Event::FirewalldReset`] tells of each reload and restart.
pub(in crate::action) fn watch(host: &Arc<dyn Host>) {
    static WATCHING: Once = Once::new();
    WATCHING.call_once(|| {
        let listener = host.clone();
        let thread = Builder::new().name("f2b/firewalld".into());
        if let Err(error) = thread.spawn(move || listen_for_ever(&*listener)) {
            host.log(level::ERROR, ACTIONS, &format!("Cannot start thread f2b/firewalld: {error}"));
        }
    });
}

fn listen_for_ever(host: &dyn Host) {
    let mut missed = false;
    loop {
        if let Ok(mut connection) = Connection::open(REPLY_TIMEOUT) {
            // Without a bus nothing is missed but what it would have told; that may be a reset.
            let Err(error) = listen(&mut connection, missed, host);
            host.log(level::DEBUG, ACTIONS, &format!("Signals of firewalld: {error}"));
        }
        missed = true;
        sleep(RETRY);
    }
}

/// Reports resets until the bus is gone.
fn listen(connection: &mut Connection, missed: bool, host: &dyn Host) -> io::Result<Infallible> {
    let reloaded = format!("type='signal',sender='{NAME}',interface='{NAME}',member='Reloaded'");
    let owner =
        format!("type='signal',sender='{BUS}',interface='{BUS}',member='NameOwnerChanged',arg0='{NAME}'");
    connection.send(&of_bus("AddMatch"), &[Argument::Text(reloaded)])?;
    let listening = connection.send(&of_bus("AddMatch"), &[Argument::Text(owner)])?;
    loop {
        let message = connection.receive(None)?;
        if message.kind == Kind::Error {
            return Err(io::Error::other(message.name));
        }
        if is_reset(&message) || (missed && message.answers == Some(listening)) {
            host.notify(Event::FirewalldReset);
        }
    }
}

fn is_reset(message: &Message) -> bool {
    // What was sent to us alone has not been seen by the rules above: anybody may send that.
    if message.kind != Kind::Signal || message.personal {
        return false;
    }
    match message.name.as_str() {
        "Reloaded" => true,
        "NameOwnerChanged" => {
            let change = message.texts().unwrap_or_default();
            matches!(change[..], [name, _, owner] if name == NAME && !owner.is_empty())
        }
        _ => false,
    }
}
