//! firewalld's actions without a process per ban: what `firewall-cmd` would be started for, a fifth of a
//! second of Python each time, is one call over D-Bus.
//!
//! - `forms`: which commands are understood, and the calls they stand for
//! - `bus`: firewalld on the system bus
//! - `client`: what `firewall-cmd` would have said
//! - `watch`: firewalld forgot its rules

mod bus;
mod client;
mod forms;
mod watch;

pub(super) use client::{Said, execute};
pub(super) use watch::watch;
