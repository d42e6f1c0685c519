//! What the kernel itself says, without a log file in between.
//!
//! * [`kmsg`] its messages · [`nflog`] packets that the firewall logs · [`packet`] a packet as text
//! * [`kind`] which of them · [`feeds`] which jails listen, and where they begin

mod feeds;
mod kind;
mod kmsg;
mod nflog;
mod packet;

pub use feeds::Feeds;
