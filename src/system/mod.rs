//! The only unsafe code.
//!
//! - [`inherit`]: sockets handed over by systemd

pub mod inherit;
