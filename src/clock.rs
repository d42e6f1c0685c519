//! The wall clock, and times as people read them.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix seconds now, with fractions.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Unix seconds now, and the milliseconds beyond them.
pub fn now_parts() -> (i64, u32) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_secs() as i64, since.subsec_millis())
}

/// The second of an instant. (`floor` is a call into the C library, which costs more than the rest.)
#[inline]
pub fn whole_seconds(unix: f64) -> i64 {
    // until 2106; small processors convert longer numbers without an instruction for it
    if (0.0..=f64::from(u32::MAX)).contains(&unix) {
        return i64::from(unix as u32);
    }
    let truncated = unix as i64;
    truncated.saturating_sub(i64::from((truncated as f64) > unix))
}

/// `YYYY-MM-DD HH:MM:SS` in local time. The far future is the last second of the year 9999, as
/// upstream shows permanent bans.
pub fn local_text(unix: f64) -> String {
    if unix >= 253_402_214_400.0 {
        return "9999-12-31 23:59:59".to_owned();
    }
    local(unix).map_or_else(
        || "1970-01-01 00:00:00".to_owned(),
        |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

/// The local time of an instant; `None` beyond the calendar.
pub fn local(unix: f64) -> Option<jiff::Zoned> {
    let stamp = jiff::Timestamp::from_second(unix.floor() as i64).ok()?;
    Some(stamp.to_zoned(zone().clone()))
}

/// `Sat Jan 01 00:00:00 2005` in local time; `None` where the year does not fit the C library's calendar.
pub fn ctime(unix: f64) -> Option<String> {
    /// The calendar repeats after 400 years, on the same days of the week.
    const CYCLE: i64 = 146_097 * 86_400;
    let seconds = unix.floor() as i64;
    let (time, cycles) = match local(unix) {
        Some(time) => (time, 0),
        // in the cycle after the present one only the zone's present rules apply
        None => (local((CYCLE + seconds.rem_euclid(CYCLE)) as f64)?, seconds.div_euclid(CYCLE) - 1),
    };
    let year = i64::from(time.year()) + 400 * cycles;
    i32::try_from(year - 1900).ok()?;
    Some(format!("{} {year}", time.strftime("%a %b %d %H:%M:%S")))
}

/// The present time as log lines begin: `YYYY-MM-DD HH:MM:SS,mmm`.
pub fn log_time() -> String {
    let now = now();
    format!("{},{:03}", local_text(now), (now.fract() * 1000.0) as u32)
}

/// The present year.
pub fn local_year() -> i32 {
    local(now()).map_or(1970, |time| time.year().into())
}

/// The system's time zone, looked up once.
fn zone() -> &'static jiff::tz::TimeZone {
    static ZONE: std::sync::OnceLock<jiff::tz::TimeZone> = std::sync::OnceLock::new();
    ZONE.get_or_init(jiff::tz::TimeZone::system)
}
