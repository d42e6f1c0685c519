//! A dated line becomes failures: prefregex, failregex, ignoreregex, sessions (COMPAT §5).

pub mod data;

pub use data::{Data, Item, MatchLine};
