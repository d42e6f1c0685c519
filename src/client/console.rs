//! What the command-line programs print: results on stdout, log lines on stderr (COMPAT §1.1).

use std::io::Write;
use std::time::Instant;

/// Python's and fail2ban's log levels, as far as the client uses them.
pub mod level {
    pub const ERROR: u8 = 40;
    pub const WARNING: u8 = 30;
    pub const INFO: u8 = 20;
    pub const DEBUG: u8 = 10;
    /// `HEAVYDEBUG`.
    pub const HEAVY: u8 = 5;
}

/// A line on stdout. When nobody reads it any more there is nobody to tell either.
pub fn print(text: &str) {
    write(&format!("{text}\n"));
}

/// Text on stdout at once, without a newline.
pub fn write(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Whether stdout takes UTF-8: it does unless the locale names another encoding.
pub fn is_utf8() -> bool {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
    let Some((_, encoding)) = locale.split_once('.') else { return true };
    let encoding = encoding.split('@').next().unwrap_or(encoding);
    encoding.replace('-', "").eq_ignore_ascii_case("utf8")
}

/// The name of a log level, as log lines show it.
pub fn level_name(level: i64) -> String {
    match level {
        50 => "CRITICAL".into(),
        40 => "ERROR".into(),
        30 => "WARNING".into(),
        25 => "NOTICE".into(),
        20 => "INFO".into(),
        18 => "MSG".into(),
        10 => "DEBUG".into(),
        7 => "TRACE".into(),
        5 => "HEAVY".into(),
        0 => "NOTSET".into(),
        1..=49 => format!("#{level:02}-Lev."),
        _ => format!("Level {level}"),
    }
}

/// The number of a level given by name or number; `None` for an unknown name.
pub fn level_number(name: &str) -> Option<i64> {
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
        return name.parse().ok();
    }
    Some(match name.to_uppercase().as_str() {
        "CRITICAL" | "FATAL" => 50,
        "ERROR" => 40,
        "WARNING" | "WARN" => 30,
        "NOTICE" => 25,
        "INFO" => 20,
        "MSG" => 18,
        "DEBUG" => 10,
        "TRACEDEBUG" => 7,
        "HEAVYDEBUG" => 5,
        "NOTSET" => 0,
        _ => return None,
    })
}

/// Log lines on stderr, more and in more detail the higher the verbosity.
#[derive(Clone, Debug)]
pub struct Console {
    /// `None` until the command line is read: until then only the bare text of warnings and errors is shown.
    verbosity: Option<i32>,
    started: Instant,
}

impl Default for Console {
    fn default() -> Self {
        Console { verbosity: None, started: Instant::now() }
    }
}

impl Console {
    /// Sets the verbosity: 1 by default, one more for every `-v`, one less for every `-q`.
    pub fn set_verbosity(&mut self, verbosity: i32) {
        self.verbosity = Some(verbosity);
    }

    /// The least level that is shown.
    pub fn level(&self) -> u8 {
        match self.verbosity {
            None | Some(1) => level::WARNING,
            Some(2) => level::INFO,
            Some(3) => level::DEBUG,
            Some(verbosity) if verbosity <= 0 => level::ERROR,
            Some(_) => level::HEAVY,
        }
    }

    pub fn error(&self, text: &str) {
        self.log(level::ERROR, "fail2ban", text);
    }

    /// Writes one log line, if its level is shown.
    pub fn log(&self, level: u8, logger: &str, text: &str) {
        if level < self.level() {
            return;
        }
        let line = format!("{}\n", self.format(level, logger, text));
        // Without stderr there is no place left for complaints.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }

    fn format(&self, level: u8, logger: &str, text: &str) -> String {
        let Some(verbosity) = self.verbosity else { return text.to_owned() };
        let pid = std::process::id();
        let name = level_name(level.into());
        let elapsed = self.started.elapsed().as_millis();
        match verbosity {
            ..=2 => format!("{} {logger:<24}[{pid}]: {name:<7} {text}", now()),
            3 => format!(" {:<15} {pid:X} {name:<5.5} {text}", now()),
            4 => format!(" +{elapsed:5} {pid:X} {logger:<25.25} {name:<5.5} {text}"),
            _ => format!(
                " +{elapsed:5} {pid:X} {logger:<25.25} {name:<5.5} | {logger:<15.15}-{level:<2} | {text}"
            ),
        }
    }
}

/// Local time as Python's logging writes it.
fn now() -> String {
    let now = jiff::Zoned::now();
    format!("{},{:03}", now.strftime("%Y-%m-%d %H:%M:%S"), now.millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_form_of_their_verbosity() {
        let mut console = Console::default();
        assert_eq!(console.format(level::ERROR, "fail2ban", "x"), "x");
        console.set_verbosity(1);
        let line = console.format(level::ERROR, "fail2ban", "x");
        let pid = std::process::id();
        assert_eq!(&line[23..], format!(" fail2ban                [{pid}]: ERROR   x"));
        assert_eq!((line.as_bytes()[10], line.as_bytes()[19]), (b' ', b','));
        assert_eq!(console.level(), level::WARNING);
    }

    #[test]
    fn levels_have_names_and_numbers() {
        assert_eq!(level_name(7), "TRACE");
        assert_eq!(level_name(9), "#09-Lev.");
        assert_eq!(level_name(77), "Level 77");
        assert_eq!(level_number("heavydebug"), Some(5));
        assert_eq!(level_number("15"), Some(15));
        assert_eq!(level_number(""), None);
        assert_eq!(level_number("trace"), None);
    }
}
