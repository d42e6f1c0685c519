//! The only unsafe code.
//!
//! - [`detach`]: becoming a daemon
//! - [`inherit`]: sockets handed over by systemd
//! - [`journal`]: libsystemd, loaded at run time
//! - [`memory`]: memory that is no longer needed
//! - [`names`]: host names and this machine's addresses
//! - [`process`]: child processes in their own session
//! - [`text`]: bytes that are text for certain

pub mod detach;
pub mod inherit;
pub mod journal;
pub mod memory;
pub mod names;
pub mod process;
pub mod text;
