//! ferroban: fail2ban, drop-in.
#![deny(unsafe_code)]

pub mod action;
pub mod address;
pub mod bans;
pub mod client;
pub mod clock;
pub mod config;
pub mod control;
pub mod date;
pub mod failures;
pub mod file_name;
pub mod filter;
pub mod jail;
pub mod level;
pub mod pattern;
pub mod program;
pub mod regex_tool;
pub mod server;
pub mod source;
pub mod store;
pub mod system;
pub mod text;
pub mod value;
pub mod version;
pub mod word;

/// The version that clients are told: the fail2ban whose behaviour this is.
pub const UPSTREAM_VERSION: &str = "1.1.1";
