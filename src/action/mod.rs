//! Actions: what a jail does when it starts, bans, unbans and stops (COMPAT §8).
//!
//! The engine owns one [`JailActions`] per jail. Every method returns at once: the work is queued and
//! done in order by the jail's own worker thread, which exists only while there is work. So a slow mail
//! in one jail never delays a ban in another.
//!
//! - `host`: what the actions need from the program around them (log, clock-free look-ups, replies)
//! - `info`: the facts about one ban, and their lazy form as tags
//! - `jail_actions`: the engine's side: ordered actions, their properties, the queue's handle

mod host;
mod info;
mod jail_actions;

pub use host::{Event, Host, Merged, level};
pub use info::{BanInfo, Family, JailState};
pub use jail_actions::{JailActions, Python, Reply};
