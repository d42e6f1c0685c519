//! Log levels by Python's numbers (COMPAT §11).

pub type Level = u8;

pub const CRITICAL: Level = 50;
pub const ERROR: Level = 40;
pub const WARNING: Level = 30;
pub const NOTICE: Level = 25;
pub const INFO: Level = 20;
pub const MSG: Level = 18;
pub const DEBUG: Level = 10;
pub const TRACE: Level = 7;
pub const HEAVY: Level = 5;

/// The level that a configuration value names: a name in any case, or a number.
pub fn parse(text: &str) -> Option<Level> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(text.parse().unwrap_or(Level::MAX));
    }
    Some(match text.to_uppercase().as_str() {
        "CRITICAL" | "FATAL" => CRITICAL,
        "ERROR" => ERROR,
        "WARNING" | "WARN" => WARNING,
        "NOTICE" => NOTICE,
        "INFO" => INFO,
        "MSG" => MSG,
        "DEBUG" => DEBUG,
        "TRACEDEBUG" => TRACE,
        "HEAVYDEBUG" => HEAVY,
        "NOTSET" => 0,
        _ => return None,
    })
}

/// The name that log lines show.
pub fn name(level: Level) -> std::borrow::Cow<'static, str> {
    match level {
        CRITICAL => "CRITICAL".into(),
        ERROR => "ERROR".into(),
        WARNING => "WARNING".into(),
        NOTICE => "NOTICE".into(),
        INFO => "INFO".into(),
        MSG => "MSG".into(),
        DEBUG => "DEBUG".into(),
        TRACE => "TRACE".into(),
        HEAVY => "HEAVY".into(),
        0 => "NOTSET".into(),
        other => format!("#{other:02}-Lev.").into(),
    }
}
