//! Time expressions: `1d 12h`, `1h+5`, `2*3600` (COMPAT §1.1).
//!
//! Upstream rewrites the abbreviations and hands the rest to Python's `eval`; here it goes to a
//! calculator that knows numbers, parentheses and `+ - * / // % **`, nothing else.

use super::arithmetic;
use crate::value::{Exception, Value, float_repr};
use std::fmt;

/// A Python number: `1h` is an int, `1mo` a float, and both show (in replies, in `--str2sec`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    pub fn as_f64(self) -> f64 {
        match self {
            Number::Int(number) => number as f64,
            Number::Float(number) => number,
        }
    }

    /// An int where it fits, else the nearest float.
    pub(super) fn int(number: i128) -> Self {
        i64::try_from(number).map_or(Number::Float(number as f64), Number::Int)
    }
}

/// Python's `str(number)`.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Int(number) => number.fmt(f),
            Number::Float(number) => f.write_str(&float_repr(*number)),
        }
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        match number {
            Number::Int(number) => Value::Int(number),
            Number::Float(number) => Value::Float(number),
        }
    }
}

/// Seconds of a time expression. The exception is Python's, e.g. `NameError: name 'foo' is not defined`.
pub fn str2seconds(text: &str) -> Result<Number, Exception> {
    let expression = join_groups(&replace_units(&separate(text)));
    arithmetic::evaluate(&expression)
}

/// The abbreviations of a unit, and its length as it is written into the expression.
const UNITS: [(&[&str], &str); 7] = [
    (&["day", "days", "da", "d", "dd"], "*86400"),
    (&["week", "weeks", "we", "wee", "w", "ww"], "*604800"),
    (&["month", "months", "mo", "mon"], "*2629800.0"),
    (&["year", "years", "ye", "yea", "y", "yy"], "*31557600.0"),
    (&["second", "seconds", "se", "sec", "s", "ss"], "*1"),
    (&["minute", "minutes", "mi", "min", "m", "mm"], "*60"),
    (&["hour", "hours", "ho", "hou", "h", "hh"], "*3600"),
];

/// `1d12h` → `1d 12h`.
fn separate(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut last = ' ';
    for c in text.chars() {
        if c.is_ascii_digit() && last.is_ascii_alphabetic() {
            out.push(' ');
        }
        out.push(c);
        last = c;
    }
    out
}

/// `1d 12h` → `1*86400 12*3600`: a unit must follow a digit or white space and be a whole word.
fn replace_units(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    let mut last = 'x';
    while let Some(c) = rest.chars().next() {
        let word_len = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let ends = !rest[word_len..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
        if word_len > 0 && ends && (last.is_numeric() || last.is_whitespace()) {
            let word = rest[..word_len].to_ascii_lowercase();
            if let Some((_, length)) = UNITS.iter().find(|(names, _)| names.contains(&word.as_str())) {
                out.push_str(length);
                rest = &rest[word_len..];
                last = '0';
                continue;
            }
        }
        let step = word_len.max(c.len_utf8());
        out.push_str(&rest[..step]);
        last = rest[..step].chars().next_back().unwrap_or(c);
        rest = &rest[step..];
    }
    out
}

/// `1*86400 12*3600` → `1*86400+12*3600`: white space between two digits becomes a plus. A digit serves
/// only one side (`5 5 5` is `5+5 5`, and thus an error, as upstream).
fn join_groups(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut free_digit = false;
    while let Some(c) = chars.next() {
        if free_digit && c.is_whitespace() {
            let mut gap = String::from(c);
            while let Some(space) = chars.next_if(|c| c.is_whitespace()) {
                gap.push(space);
            }
            free_digit = false;
            match chars.next_if(char::is_ascii_digit) {
                Some(digit) => out.extend(['+', digit]),
                None => out.push_str(&gap),
            }
        } else {
            free_digit = c.is_ascii_digit();
            out.push(c);
        }
    }
    out
}

/// Upstream's short text for a number of seconds: at most three groups, rounded the more the longer
/// (`1y 3w 4d`, `59m 50s`).
pub fn seconds2str(seconds: f64) -> String {
    let grouped = |unit: f64, groups: &[(i64, &str)]| {
        let mut left = (seconds / unit).round_ties_even() as i64;
        let mut words = Vec::new();
        for (i, &(size, name)) in groups.iter().enumerate() {
            if left >= size && (i == 0 || left > 0) {
                words.push(format!("{}{name}", left / size));
                left %= size;
            }
        }
        words.join(" ")
    };
    match seconds {
        s if s >= 31_536_000.0 => grouped(86400.0, &[(365, "y"), (7, "w"), (1, "d")]),
        s if s >= 604_800.0 => grouped(3600.0, &[(168, "w"), (24, "d"), (1, "h")]),
        s if s >= 86400.0 => grouped(60.0, &[(1440, "d"), (60, "h"), (1, "m")]),
        s if s >= 3595.0 => grouped(10.0, &[(360, "h"), (6, "m")]),
        _ => short_text(seconds),
    }
}

/// Below an hour nothing is rounded (a float shows its fraction).
fn short_text(seconds: f64) -> String {
    let number = |value: f64| if value.fract() == 0.0 { format!("{value:.0}") } else { float_repr(value) };
    let mut words = Vec::new();
    let mut left = seconds;
    if left >= 60.0 {
        words.push(format!("{}m", number((left / 60.0).floor())));
        left %= 60.0;
    }
    if left != 0.0 {
        words.push(format!("{}s", number(left)));
    } else if seconds == 0.0 {
        words.push("0".into());
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        let cases = [
            ("1d12h30m", "131400"),
            ("1mo", "2629800.0"),
            ("1.5h", "5400.0"),
            ("1h+5", "3605"),
            ("2*3600", "7200"),
            ("1 2", "3"),
            ("7//2", "3"),
            ("-7//2", "-4"),
            ("7//-2", "-4"),
            ("-8//-2", "4"),
            ("7%-3", "-2"),
            ("2**3", "8"),
            ("2**-1", "0.5"),
            ("-2**2", "-4"),
            ("1_000", "1000"),
            ("00", "0"),
            ("1.", "1.0"),
            (".5", "0.5"),
            ("1 hour 30 min", "5400"),
            ("--1", "1"),
            ("1y6mo", "47336400.0"),
            ("1h\n2m", "3720"),
            ("1D", "86400"),
            ("1d 1d1d", "259200"),
            ("10m5", "605"),
            ("3 months 1", "7889401.0"),
            ("1 1.5", "2.5"),
            ("1h # comment", "3600"),
            ("5e-5", "5e-05"),
            ("( 1h + 2 )*3", "10806"),
            (" 1h ", "3600"),
            ("4/2", "2.0"),
        ];
        for (text, seconds) in cases {
            assert_eq!(str2seconds(text).map(|n| n.to_string()), Ok(seconds.to_owned()), "{text}");
        }
    }

    #[test]
    fn mistakes() {
        let cases = [
            ("foo", "name 'foo' is not defined"),
            ("1m+foo", "name 'foo' is not defined"),
            ("h", "name 'h' is not defined"),
            ("", "invalid syntax (<string>, line 0)"),
            ("1d-", "invalid syntax (<string>, line 1)"),
            ("5 5 5 5", "invalid syntax (<string>, line 1)"),
            ("a b", "invalid syntax (<string>, line 1)"),
            ("(1", "'(' was never closed (<string>, line 1)"),
            ("1/0", "division by zero"),
            ("1//0", "integer division or modulo by zero"),
            ("1%0", "integer modulo by zero"),
            ("1e3", "invalid decimal literal (<string>, line 1)"),
            ("5x", "invalid decimal literal (<string>, line 1)"),
            ("1h5x", "invalid decimal literal (<string>, line 1)"),
            (
                "010",
                "leading zeros in decimal integer literals are not permitted; \
                 use an 0o prefix for octal integers (<string>, line 1)",
            ),
        ];
        for (text, message) in cases {
            assert_eq!(str2seconds(text).map_err(|e| e.message()), Err(message.to_owned()), "{text}");
        }
    }

    #[test]
    fn short_texts() {
        let cases = [
            (86400.0 * 390.0, "1y 3w 4d"),
            (86400.0 * 368.0, "1y 3d"),
            (86400.0 * 365.5, "1y 1d"),
            (86400.0 * 2.0 + 3600.0 * 7.0 + 60.0 * 15.0, "2d 7h 15m"),
            (86400.0 * 2.0 + 3599.0, "2d 1h"),
            (3595.0, "1h"),
            (3590.0, "59m 50s"),
            (59.0, "59s"),
            (0.0, "0"),
            (60.0, "1m"),
            (1.5, "1.5s"),
        ];
        for (seconds, text) in cases {
            assert_eq!(seconds2str(seconds), text, "{seconds}");
        }
    }
}
