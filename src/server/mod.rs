//! The daemon: one engine thread owns every jail and source; whatever may block runs on a worker and
//! comes back as a message.
//!
//! - `daemon` – becoming one, and ending: process, pid file, signals
//! - `engine` – the loop: wait, read, decide, act
//! - `feed` – from the sources to the jails; `found` – the log line of a failure
//! - `effects` – from the jails to actions, database and timers
//! - `clients` – connections and their commands
//! - `running` – a jail with its actions, and how bans look to actions and database
//! - `task` – control commands one after another, also those that take time
//! - `commands` – what each control command does
//! - `resolver`, `host`, `message` – workers and how they report
//! - `logging` – the server's log

pub mod logging;

mod clients;
mod commands;
mod daemon;
mod effects;
mod engine;
mod feed;
mod found;
mod host;
mod message;
pub mod resolver;
mod running;
mod task;

pub use commands::Checker;
pub use daemon::{Configured, Start, run};
