//! Actions: what a jail does when it starts, bans, unbans and stops (COMPAT §8).
//!
//! The engine owns one [`JailActions`] per jail. Every method returns at once: the work is queued and
//! done in order by the jail's own worker thread, which exists only while there is work. So a slow mail
//! in one jail never delays a ban in another.
//!
//! - `host`: what the actions need from the program around them (log, clock-free look-ups, replies)
//! - `info`: the facts about one ban, and their lazy form as tags
//! - `growth`: those that the database still has to tell
//! - `jail_actions`: the engine's side: ordered actions, their properties, the queue's handle
//! - `properties`: what a command action consists of
//! - `queue`, `job`, `worker`: the jail's thread and what it does for each kind of work
//! - `command`: one command action: started or not, check and repair
//! - `tags`: from an action's text to the command
//! - `run`, `turn`: running a command, and whose turn it is
//! - `shell`, `batch`, `plan`: many simple commands in one run of their tool
//! - `firewalld`: its commands as calls over D-Bus; bans survive its reload
//! - `ignore`: the command that decides whether a failure counts
//! - `python`: actions written in Python

mod batch;
mod command;
#[cfg(feature = "firewalld")]
mod firewalld;
mod growth;
mod host;
mod ignore;
mod info;
mod jail_actions;
mod job;
mod plan;
mod properties;
mod python;
mod queue;
mod run;
mod shell;
mod tags;
mod turn;
mod worker;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use growth::{Grown, growth};
pub use host::{Event, Host, level};
pub use ignore::run_ignore_command;
pub use info::{BanInfo, JailState};
pub use jail_actions::{JailActions, Python, Reply, parse_arguments};

/// The logger of a jail's actions; other programs read its lines (trap 26).
const ACTIONS: &str = "fail2ban.actions";
