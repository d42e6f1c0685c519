//! Time zones: the words that stand for a fixed offset, and the system's own zone.

use std::fmt;

/// A `logtimezone` value (or a zone in a line) that means nothing; displays as upstream's `ValueError`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneError(pub(super) String);

impl fmt::Display for ZoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unknown or unsupported time zone: {}", crate::value::Value::str(&*self.0))
    }
}

impl std::error::Error for ZoneError {}

/// Offset in minutes east of UTC that a `logtimezone` value such as `UTC`, `CET+0100` or `-04:30` stands for.
pub fn check_zone(_text: &str) -> Result<i32, ZoneError> {
    todo!()
}

/// The zone in which log times without an own zone are read, and in which "today" is reckoned.
#[derive(Clone, Debug)]
pub struct LocalZone {
    zone: jiff::tz::TimeZone,
}

impl LocalZone {
    /// The zone of the environment (`TZ`, also as POSIX rule, else `/etc/localtime`, else UTC).
    pub fn system() -> Self {
        todo!()
    }

    /// The zone that a value of the environment variable `TZ` stands for (`Europe/Berlin`, `CET-1CEST,M3.5.0,M10.5.0/3`).
    pub fn named(_tz: &str) -> Self {
        todo!()
    }

    /// Seconds east of UTC at this Unix time.
    pub fn offset_at(&self, _unix: i64) -> i32 {
        let _ = &self.zone;
        todo!()
    }
}
