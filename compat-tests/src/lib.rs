//! The harness of the compatibility tests: the same tests run against the original fail2ban and against
//! ferroban, chosen by `F2B_UNDER_TEST=theirs|ours` (default: the original, so that a test is first proved
//! right). See README.md for how to write one.
//!
//! - [`Side`] — which program is under test, and its commands
//! - [`original`] — the three genuine packages: configuration trees, programs, sample logs
//! - [`Sandbox`] — a private configuration directory with its own socket, pidfile, database and logs
//! - [`clients`] — third-party programs that use the client, the socket or the log
//! - [`Server`] — a server running in a sandbox, and waiting for what it logs
//! - [`story`] — steps in the life of a server, told on both sides
//! - [`Witness`] — an action that tells when the actions before it are done
//! - [`Namespace`] — a network namespace of one's own, and what the kernel lists in it
//! - [`normalise`] — log lines and listings without what differs from run to run
//! - [`journald`] — a private journal
//! - [`database`] — the database's content as text
//! - [`flood`] — log lines of hosts that misbehave, dated now
//! - [`journal`] — journal files with given entries
//! - [`samples`] — upstream's sample logs with their filters
//! - [`regex_tool`] — output of fail2ban-regex without what differs from run to run
//! - [`fuzz`] — generated input: seed and time budget
//! - [`workload`], [`logs`] — what measurements are made with
//! - [`instructions`] — instructions that a line costs
#![forbid(unsafe_code)]

pub mod clients;
pub mod database;
pub mod flood;
pub mod fuzz;
pub mod instructions;
pub mod journal;
pub mod journald;
pub mod logs;
pub mod namespace;
pub mod normalise;
pub mod original;
pub mod output;
pub mod regex_tool;
pub mod samples;
pub mod sandbox;
pub mod server;
pub mod side;
pub mod story;
pub mod wait;
pub mod witness;
pub mod workload;

pub use namespace::Namespace;
pub use original::Version;
pub use output::Output;
pub use sandbox::Sandbox;
pub use server::Server;
pub use side::Side;
pub use witness::Witness;
