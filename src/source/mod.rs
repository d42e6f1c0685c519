//! Where log lines come from: files, the systemd journal, the kernel (COMPAT §6).
//!
//! [`Sources`] is owned by the engine thread and never blocks. The engine polls its one descriptor
//! ([`AsFd`](std::os::fd::AsFd)), waits no longer than [`Sources::next_timeout`], and calls
//! [`Sources::process`], which hands complete lines to a sink. A file or journal watched by several
//! jails is read once.
//!
//! * [`sources`] the owner of it all
//! * `files` all watched files · `serving` what has changed, read in turn · `tailed` one file by name · `file` one inode · `watch` what the kernel reports
//! * `journal` the systemd journal · `kernel` the kernel's messages and packet logs
//! * `seek` where the first read begins
//! * [`lines`] where a line ends; splitting blocks into lines
//! * [`event`] what the sink receives

mod book;
pub mod event;
mod file;
mod files;
mod journal;
mod kernel;
pub mod lines;
#[cfg(test)]
mod model;
mod seek;
mod serving;
pub mod sources;
mod tailed;
#[cfg(test)]
mod tests;
mod watch;

pub use event::{Added, Backend, Error, Event, JailId, Mark, Message, Position, Reader, Stats, Stored};
pub use lines::{Block, LineEnd};
pub use sources::Sources;
