//! Configuration: the files an admin wrote become the command stream that configures the server.
//!
//! ```text
//! files ─ ini ─► raw ─ interpolate ─► jail, filter, action ─ tags ─► stream ─ dump
//! ```
//!
//! `tags` replaces tags as upstream does; `tags_once` does it quicker where nothing is recursive, and for all jails at once.
//!
//! Everything here follows upstream's reader to the letter, messages included (COMPAT §2): the same
//! directory must give the same stream.

mod action;
mod arithmetic;
pub mod configurator;
mod definition;
pub mod dump;
pub mod duration;
mod encoding;
mod filter;
mod folders;
mod general;
mod glob;
mod ini;
#[cfg(test)]
mod ini_tests;
mod interpolate;
mod jail;
mod library;
pub mod message;
pub mod options;
mod origins;
mod paths;
mod raw;
mod setting;
pub mod split;
mod strict;
pub mod tags;
mod tags_once;

pub use configurator::{
    Configurator, Early, FilterError, FilterPlace, Overrides, Reading, Request, Single, Stream,
};
pub use dump::{dump, dump_pretty};
pub use general::log_level;
pub use message::{Error, Message, Origin, Reporter};
pub use options::OptionMap;
pub use setting::Setting;
