//! Where log lines come from: files, the systemd journal, the kernel (COMPAT §6).
//!
//! [`Sources`] is owned by the engine thread and never blocks. The engine polls its one descriptor
//! ([`AsFd`](std::os::fd::AsFd)), waits no longer than [`Sources::next_timeout`], and calls
//! [`Sources::process`], which hands complete lines to a sink. A file or journal watched by several
//! jails is read once.
//!
//! * [`sources`] the owner of it all
//! * [`lines`] where a line ends; splitting blocks into lines
//! * [`event`] what the sink receives

pub mod event;
pub mod lines;
pub mod sources;

pub use event::{Added, Backend, Error, Event, JailId, Mark, Message, Position, Reader, Stats, Stored};
pub use lines::{LineEnd, split};
pub use sources::Sources;
