//! Tells when firewalld has forgotten the rules that were only in its memory: it was reloaded, or started anew.

use std::sync::{Arc, Once};
use std::thread::{Builder, sleep};
use std::time::Duration;

use zbus::blocking::fdo::DBusProxy;
use zbus::blocking::{Connection, MessageIterator};
use zbus::match_rule::MatchRule;
use zbus::message::{Message, Type};

use super::bus::{self, NAME};
use crate::action::ACTIONS;
use crate::action::host::{Event, Host, level};

/// Time between two attempts to find the bus.
const RETRY: Duration = Duration::from_secs(30);

/// The bus itself, as sender of its signals.
const BUS: &str = "org.freedesktop.DBus";

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
        if let Some(connection) = bus::connect() {
            // Without a bus nothing is missed but what it would have told; that may be a reset.
            if let Err(error) = listen(&connection, missed, host) {
                host.log(level::DEBUG, ACTIONS, &format!("Signals of firewalld: {error}"));
            }
        }
        missed = true;
        sleep(RETRY);
    }
}

/// Reports resets until the bus is gone.
fn listen(connection: &Connection, missed: bool, host: &dyn Host) -> zbus::Result<()> {
    let messages = MessageIterator::from(connection);
    let bus = DBusProxy::new(connection)?;
    let reloaded =
        MatchRule::builder().msg_type(Type::Signal).sender(NAME)?.interface(NAME)?.member("Reloaded")?;
    bus.add_match_rule(reloaded.build())?;
    let owner = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender(BUS)?
        .interface(BUS)?
        .member("NameOwnerChanged")?;
    bus.add_match_rule(owner.arg(0, NAME)?.build())?;
    if missed {
        host.notify(Event::FirewalldReset);
    }
    for message in messages {
        if is_reset(&message?) {
            host.notify(Event::FirewalldReset);
        }
    }
    Ok(())
}

fn is_reset(message: &Message) -> bool {
    let header = message.header();
    // What was sent to us alone has not been seen by the rules above: anybody may send that.
    if header.message_type() != Type::Signal || header.destination().is_some() {
        return false;
    }
    match header.member().map(|member| member.as_str()) {
        Some("Reloaded") => true,
        Some("NameOwnerChanged") => {
            let change = message.body().deserialize::<(String, String, String)>();
            change.is_ok_and(|(name, _, owner)| name == NAME && !owner.is_empty())
        }
        _ => false,
    }
}
