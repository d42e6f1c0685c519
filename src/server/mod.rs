//! The daemon.

pub mod logging;
