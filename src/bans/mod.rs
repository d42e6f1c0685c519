//! bans
pub mod formula;
