//! The control channel between client and server (COMPAT §9): Python pickles over a Unix stream socket.
//!
//! - [`pickle`] turns [`crate::value::Value`] into Python's pickle format and back,
//! - [`frame`] cuts the byte stream into messages,
//! - [`socket`] is the server's side: a listening socket and its connections, made for a poll loop.
//!
//! What the commands mean is decided by the server, how they look to a human by the client.

pub mod frame;
pub mod pickle;
pub mod socket;
