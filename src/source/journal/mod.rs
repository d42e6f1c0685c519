//! The systemd journal (`backend = systemd`, COMPAT §6).
//!
//! * [`options`] which journal files · [`matches`] which entries · [`entry`] an entry as a line
//! * [`handle`] libsystemd, or [`ctl`] `journalctl` where that is absent
//! * [`reader`] one reading position, shared by jails · [`journals`] all of them

mod ctl;
mod entry;
mod handle;
mod journals;
mod matches;
mod options;
mod reader;

pub use entry::iso_date;
pub use journals::Journals;
pub use options::Options;
