//! The only unsafe code.
//!
//! - [`inherit`]: sockets handed over by systemd
//! - [`names`]: host names and this machine's addresses
//! - [`process`]: becoming a daemon

pub mod inherit;
pub mod names;
pub mod process;
