//! Python's pickle format, as far as fail2ban's control protocol uses it (COMPAT §9).
//!
//! [`dumps`] writes protocol 5 byte for byte as CPython does. [`loads_request`] reads what clients in any language
//! send, protocols 0 to 5, but nothing that names a class or a function: a pickle from the wire can never
//! execute anything. [`loads_reply`] additionally knows the exceptions and text objects of a fail2ban server.

mod exceptions;
mod opcode;
mod read;
mod text;
mod write;

pub use read::{Error, loads_reply, loads_request};
pub use write::dumps;

#[cfg(test)]
mod tests;
