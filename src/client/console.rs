//! What the command-line programs print: results on stdout, log lines on stderr (COMPAT §1.1).

use std::io::{self, BufWriter, Write};
use std::time::Instant;

use crate::file_name;
use crate::level::{self, Level};

/// A line on stdout. When nobody reads it any more there is nobody to tell either.
pub fn print(text: &str) {
    write(&format!("{text}\n"));
}

/// Text on stdout at once, without a newline.
pub fn write(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// What is written piece by piece, on stdout.
pub fn write_pieces(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
    let mut stdout = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    let _ = write(&mut stdout).and_then(|()| stdout.flush());
}

/// Whether stdout takes UTF-8: it does unless the locale names another encoding.
pub fn is_utf8() -> bool {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
    let Some((_, encoding)) = locale.split_once('.') else { return true };
    let encoding = encoding.split('@').next().unwrap_or(encoding);
    encoding.replace('-', "").eq_ignore_ascii_case("utf8")
}

/// The name of a log level, of which replies know more than there are.
pub fn level_name(level: i64) -> String {
    match Level::try_from(level) {
        Ok(level @ ..=level::CRITICAL) => level::name(level).into_owned(),
        _ => format!("Level {level}"),
    }
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
    pub fn level(&self) -> Level {
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
    pub fn log(&self, level: Level, logger: &str, text: &str) {
        if level < self.level() {
            return;
        }
        let line = format!("{}\n", self.format(level, logger, &file_name::shown(text)));
        // Without stderr there is no place left for complaints.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }

    fn format(&self, level: Level, logger: &str, text: &str) -> String {
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
    fn levels_have_names() {
        assert_eq!(level_name(7), "TRACE");
        assert_eq!(level_name(9), "#09-Lev.");
        assert_eq!(level_name(77), "Level 77");
    }
}
