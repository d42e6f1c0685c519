//! Finding the date in a log line and turning it into Unix time (COMPAT §4).
//!
//! - [`DateDetector`]: the templates of one `datepattern` (or the defaults); finds the date of each line and
//!   keeps them in the order that suits the log, exactly as upstream does.
//! - [`Found`]: what to cut out of the line, and its [`Stamp`].
//! - [`LocalZone`]: the system's time zone (looked up once), [`check_zone`]: the words `logtimezone` understands.
//! - [`Years`]: which years `%ExY` accepts.
//!
//! Nothing here asks for the current time; `now` is always given.

mod compute;
mod detector;
mod direct;
mod direct_code;
mod direct_parse;
mod library;
mod memo;
mod pattern;
mod place;
mod template;
mod zone;

#[cfg(test)]
mod tests;

pub use detector::{DateDetector, Entry, Found, MatchError};
pub use pattern::Years;
pub use template::{PatternError, Stamp, Template, TimeError};
pub use zone::{LocalZone, ZoneError, check_zone};
