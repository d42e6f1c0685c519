//! The database: bans and log positions that outlive the server, in upstream's SQLite schema (COMPAT §10).
//!
//! One worker thread owns the connection. Writes are messages that it commits in batches; reads are answered by
//! [`Reply`] messages to the engine, or, where the caller may wait, by a blocking call. A full disk or a locked
//! database therefore delays writes and answers, and nothing else.
//!
//! * `rows` – what goes in and comes out
//! * `handle` – asking, from any thread
//! * `worker` – the thread: batches, retries
//! * `queries` – the statements
//! * `json` – ticket data as text
//! * `connect`, `schema`, `salvage` – opening, versions, damaged files

mod connect;
mod handle;
mod json;
mod queries;
mod rows;
mod salvage;
mod schema;
#[cfg(test)]
mod tests;
mod worker;

pub use handle::{Log, Store};
pub use rows::{BanRow, Error, History, Merged, Reply, RestoreQuery};
