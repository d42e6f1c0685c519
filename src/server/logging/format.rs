//! The layout of a log line: Python's `%(name)-24s` formats, taken apart once.

use std::collections::HashMap;

use crate::level::{self, Level};

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Field { field: Field, width: i32, precision: Option<usize>, number: Option<char> },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Field {
    Time,
    Logger,
    Process,
    Level,
    LevelNumber,
    Message,
    Thread,
    ThreadName,
    Module,
    Function,
    Relative,
}

/// How a line is put together.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    parts: Vec<Part>,
    /// The parts of the last line with everything filled in that depends on level, logger and process only:
    /// most lines are like the one before.
    filled: Filled,
}

/// What a log line says.
pub(super) struct Line<'l> {
    pub level: Level,
    pub logger: &'l str,
    pub text: &'l str,
    pub pid: u32,
    /// Its time as text.
    pub stamp: &'l str,
}

#[derive(Clone, Debug, Default)]
struct Filled {
    level: Level,
    logger: String,
    pid: u32,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
enum Piece {
    Bytes(Vec<u8>),
    Time,
    Message,
    /// What has to be made anew for every line.
    Other(Part),
}

impl Layout {
    pub(super) const fn plain() -> Layout {
        let filled = Filled { level: 0, logger: String::new(), pid: 0, pieces: Vec::new() };
        Layout { parts: Vec::new(), filled }
    }

    /// The layout for a target with its options `format`, `datetime`, `padding`.
    pub(super) fn of(name: &str, options: &HashMap<String, String>, verbosity: u32) -> Layout {
        let is_on = |text: &String| matches!(text.to_lowercase().as_str(), "1" | "on" | "true" | "yes");
        let upper = name.to_uppercase();
        let time = options.get("datetime").map_or(upper != "SYSLOG" && upper != "SYSOUT", is_on);
        let padding = options.get("padding").map_or(upper != "SYSLOG", is_on);
        let format = match options.get("format").filter(|format| !format.is_empty()) {
            Some(format) => format.clone(),
            None => standard(if verbosity > 2 { verbosity - 1 } else { 0 }, time),
        };
        Layout {
            parts: parse(&format, padding || options.get("format").is_some_and(|f| !f.is_empty())),
            ..Layout::plain()
        }
    }

    /// Appends one line, without its line end.
    pub(super) fn line(&mut self, out: &mut Vec<u8>, line: &Line) {
        if !self.filled.suits(line) {
            self.fill(line);
        }
        for piece in &self.filled.pieces {
            match piece {
                Piece::Bytes(bytes) => out.extend_from_slice(bytes),
                Piece::Message => out.extend_from_slice(line.text.as_bytes()),
                Piece::Time => out.extend_from_slice(line.stamp.as_bytes()),
                Piece::Other(part) => part.write(out, line),
            }
        }
    }

    /// What stands before and after the message of such a line; `None` if that is not all that lines of this time
    /// differ in.
    pub(super) fn around_message(&mut self, line: &Line) -> Option<(Vec<u8>, Vec<u8>)> {
        if !self.filled.suits(line) {
            self.fill(line);
        }
        let sides: Vec<_> = self.filled.pieces.split(|piece| matches!(piece, Piece::Message)).collect();
        let [before, after] = sides[..] else { return None };
        let side = |pieces: &[Piece]| {
            pieces.iter().try_fold(Vec::new(), |mut out, piece| {
                match piece {
                    Piece::Bytes(bytes) => out.extend_from_slice(bytes),
                    Piece::Time => out.extend_from_slice(line.stamp.as_bytes()),
                    Piece::Message | Piece::Other(_) => return None,
                }
                Some(out)
            })
        };
        Some((side(before)?, side(after)?))
    }

    /// Fills in what lines of this level and logger have in common.
    fn fill(&mut self, line: &Line) {
        let mut pieces: Vec<Piece> = Vec::new();
        for part in &self.parts {
            let piece = match part {
                Part::Field { field: Field::Message, width: 0, precision: None, .. } => Piece::Message,
                Part::Field { field: Field::Time, width, precision: None, .. } if *width <= 0 => Piece::Time,
                Part::Field { field: Field::Message | Field::Time | Field::ThreadName, .. } => {
                    Piece::Other(part.clone())
                }
                constant => {
                    let mut bytes = Vec::new();
                    constant.write(&mut bytes, line);
                    Piece::Bytes(bytes)
                }
            };
            match (pieces.last_mut(), piece) {
                (Some(Piece::Bytes(before)), Piece::Bytes(bytes)) => before.extend(bytes),
                (_, piece) => pieces.push(piece),
            }
        }
        self.filled = Filled { level: line.level, logger: line.logger.to_owned(), pid: line.pid, pieces };
    }
}

impl Filled {
    /// Whether the line differs from the last one in time and message only.
    fn suits(&self, line: &Line) -> bool {
        self.level == line.level
            && self.pid == line.pid
            && self.logger == line.logger
            && !self.pieces.is_empty()
    }
}

impl Part {
    fn write(&self, out: &mut Vec<u8>, line: &Line) {
        match self {
            Part::Text(text) => out.extend_from_slice(text.as_bytes()),
            Part::Field { field, width, precision, number } => {
                pad(out, &field.value(line, *number), *width, *precision);
            }
        }
    }
}

impl Field {
    fn value(self, line: &Line, number: Option<char>) -> String {
        let Line { level, logger, text, pid, stamp } = *line;
        match self {
            Field::Time => stamp.to_owned(),
            Field::Logger => logger.to_owned(),
            Field::Process if number == Some('X') => format!("{pid:X}"),
            Field::Process => pid.to_string(),
            Field::Level => level::name(level).into_owned(),
            Field::LevelNumber => level.to_string(),
            Field::Message => text.to_owned(),
            Field::Thread => format!("{pid:X}"),
            Field::ThreadName => std::thread::current().name().unwrap_or("MainThread").to_owned(),
            Field::Module => logger.rsplit('.').next().unwrap_or(logger).to_owned(),
            Field::Function => String::new(),
            Field::Relative => "0".to_owned(),
        }
    }
}

fn pad(out: &mut Vec<u8>, value: &str, width: i32, precision: Option<usize>) {
    let end = precision.and_then(|max| value.char_indices().nth(max)).map_or(value.len(), |(at, _)| at);
    let value = &value[..end];
    let missing = (width.unsigned_abs() as usize).saturating_sub(value.chars().count());
    let blanks = std::iter::repeat_n(b' ', missing);
    if width > 0 {
        out.extend(blanks.clone());
    }
    out.extend_from_slice(value.as_bytes());
    if width < 0 {
        out.extend(blanks);
    }
}

/// Upstream's layouts by verbosity; 0 and 1 are the normal one.
fn standard(verbosity: u32, time: bool) -> String {
    let stamp = |format: &str| if time { format.to_owned() } else { String::new() };
    match verbosity {
        0 | 1 => stamp("%(asctime)s ") + "%(name)-24s[%(process)d]: %(levelname)-7s %(message)s",
        2 => stamp(" %(asctime)-15s") + " %(thread)X %(levelname)-5.5s %(message)s",
        3 => " +%(relativeCreated)5d %(thread)X %(name)-25.25s %(levelname)-5.5s %(message)s".to_owned(),
        _ => " +%(relativeCreated)5d %(thread)X %(name)-25.25s %(levelname)-5.5s | %(module)15.15s-%(levelno)-2d: \
              %(funcName)-20.20s | %(message)s"
            .to_owned(),
    }
}

/// Takes a format apart; unknown fields stay text. Without `padding` widths are dropped.
fn parse(format: &str, padding: bool) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("%%") {
            text.push('%');
            rest = after;
        } else if let Some((part, length)) = field(rest, padding) {
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            parts.push(part);
            rest = &rest[length..];
        } else {
            text.push('%');
            rest = &rest[1..];
        }
    }
    text.push_str(rest);
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    parts
}

/// One `%(name)-24.24s` at the start of `text`, and its length.
fn field(text: &str, padding: bool) -> Option<(Part, usize)> {
    let (name, rest) = text.strip_prefix("%(")?.split_once(')')?;
    let spec = rest.find(|c: char| c.is_ascii_alphabetic())?;
    let (flags, kind) = (&rest[..spec], rest[spec..].chars().next()?);
    let (width, precision) = match flags.split_once('.') {
        Some((width, precision)) => (width, precision.parse().ok()),
        None => (flags, None),
    };
    let field = match name {
        "asctime" => Field::Time,
        "name" => Field::Logger,
        "process" => Field::Process,
        "levelname" => Field::Level,
        "levelno" => Field::LevelNumber,
        "message" => Field::Message,
        "thread" => Field::Thread,
        "threadName" => Field::ThreadName,
        "module" | "filename" => Field::Module,
        "funcName" => Field::Function,
        "relativeCreated" => Field::Relative,
        _ => return None,
    };
    let keep = padding || kind != 's';
    let width = if keep { width.parse().unwrap_or(0) } else { 0 };
    let precision = precision.filter(|_| keep);
    let length = text.len() - rest.len() + spec + kind.len_utf8();
    // Python pads on the left unless the width is negative.
    let part = Part::Field { field, width, precision, number: (kind != 's').then_some(kind) };
    Some((part, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(target: &str, options: &[(&str, &str)]) -> String {
        let options = options.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let mut out = Vec::new();
        Layout::of(target, &options, 0)
            .line(&mut out, &said(level::NOTICE, "fail2ban.actions", "[j2] Ban x", 42));
        String::from_utf8(out).unwrap()
    }

    fn said<'l>(level: Level, logger: &'l str, text: &'l str, pid: u32) -> Line<'l> {
        Line { level, logger, text, pid, stamp: "2026-01-01 00:00:00,000" }
    }

    #[test]
    fn a_file_gets_padded_columns() {
        let line = line("/var/log/f.log", &[]);
        assert_eq!(&line[19..20], ",");
        assert_eq!(&line[23..], " fail2ban.actions        [42]: NOTICE  [j2] Ban x");
    }

    #[test]
    fn lines_do_not_inherit_from_the_line_before() {
        let mut layout = Layout::of("STDOUT", &HashMap::from([("datetime".into(), "off".into())]), 0);
        let mut out = Vec::new();
        layout.line(&mut out, &said(level::INFO, "fail2ban.filter", "a", 1));
        layout.line(&mut out, &said(level::ERROR, "fail2ban.filter", "b", 1));
        layout.line(&mut out, &said(level::ERROR, "fail2ban.jail", "c", 12));
        let lines = "fail2ban.filter         [1]: INFO    afail2ban.filter         [1]: ERROR   bfail2ban.jail           \
                     [12]: ERROR   c";
        assert_eq!(String::from_utf8(out).unwrap(), lines);
    }

    #[test]
    fn syslog_gets_neither_time_nor_padding() {
        assert_eq!(line("SYSLOG", &[]), "fail2ban.actions[42]: NOTICE [j2] Ban x");
        assert_eq!(line("SYSOUT", &[]), "fail2ban.actions        [42]: NOTICE  [j2] Ban x");
        assert_eq!(line("STDOUT", &[("format", "%(levelname)s|%(message)s|%%")]), "NOTICE|[j2] Ban x|%");
        assert_eq!(
            line("STDOUT", &[("datetime", "off"), ("padding", "off")]),
            "fail2ban.actions[42]: NOTICE [j2] Ban x"
        );
    }
}
