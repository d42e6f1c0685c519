//! The only unsafe code.
//!
//! - [`inherit`]: sockets handed over by systemd
//! - [`process`]: child processes in their own session

pub mod inherit;
pub mod process;
