//! ferroban: fail2ban, drop-in.
#![deny(unsafe_code)]

pub mod action;
pub mod address;
pub mod bans;
pub mod client;
pub mod config;
pub mod control;
pub mod date;
pub mod failures;
pub mod filter;
pub mod jail;
pub mod pattern;
pub mod program;
pub mod regex_tool;
pub mod server;
pub mod source;
pub mod store;
pub mod system;
pub mod value;
