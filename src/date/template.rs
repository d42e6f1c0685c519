//! One date template: a regex that finds a date, and the way its groups become a time.

use super::compute::{Field, Parts};
use super::direct::Direct;
use super::pattern::{self, Begin, Years};
use super::zone::LocalZone;
use crate::pattern::{Flags, Regex};
use crate::value::Exception;
use crate::word::float;
use std::fmt;
use std::sync::OnceLock;

/// A Unix time as upstream computes it. The distinction is visible wherever upstream prints the time:
/// a date with a zone gives an `int`, one without a `float`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stamp {
    /// Whole seconds that Python holds as `int`.
    Int(i64),
    /// Seconds that Python holds as `float`.
    Float(f64),
}

impl Stamp {
    /// Seconds since 1970.
    pub fn seconds(self) -> f64 {
        match self {
            Stamp::Int(n) => float(n),
            Stamp::Float(f) => f,
        }
    }
}

/// Why a matched date has no time.
#[derive(Clone, Debug, PartialEq)]
pub enum TimeError {
    /// The text is no valid date (`ValueError`): upstream logs `findFailure failed to parse timeText: TEXT` and
    /// takes the last known time.
    Invalid,
    /// An exception that upstream lets escape (unknown zone abbreviation, month without day); counts as an error
    /// of the jail: `Failed to process line: …, caught exception: …`.
    Raised(Box<Exception>),
}

impl TimeError {
    pub(super) fn raised(class: &'static str, text: &str) -> TimeError {
        TimeError::Raised(Box::new(Exception::builtin(class, text)))
    }
}

/// Why a `datepattern` is not accepted; displays as upstream's exception text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// `TypeError`: a percent sign that is no directive, or the like.
    Format { pattern: String, reason: String },
    /// `ValueError`: the same template twice.
    Duplicate { name: String },
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PatternError::Format { pattern, reason } => write!(
                f,
                "Failed to set datepattern '{pattern}' (may be an invalid format or unescaped percent char): {reason}"
            ),
            PatternError::Duplicate { name } => write!(f, "There is already a template with name {name}"),
        }
    }
}

impl std::error::Error for PatternError {}

/// One date template.
#[derive(Debug)]
pub struct Template {
    /// As `fail2ban-regex` shows it, e.g. `{^LN-BEG}ExYear…`.
    pub name: String,
    /// The datepattern it was made of; epoch and TAI64N templates have none.
    pub pattern: Option<String>,
    /// The complete regex in Python's dialect.
    pub regex: String,
    /// It can match at the start of the line only.
    pub(super) line_begin: bool,
    /// It can match at the end of the line only.
    pub(super) line_end: bool,
    /// Its numbers can be exchanged for others of the same number of digits, see [`Parts::replace`].
    pub(super) regular: bool,
    kind: Kind,
    compiled: OnceLock<Result<Compiled, Exception>>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Directives.
    Fields,
    /// Seconds since 1970 in this group; in the long form perhaps milli- or microseconds.
    Epoch { group: usize, long: bool },
    /// The hexadecimal label of TAI64N.
    Tai64n,
}

/// A template's regex, compiled when it is first needed.
#[derive(Debug)]
pub(super) struct Compiled {
    pub regex: Regex,
    /// The quick form, if the regex has one.
    pub direct: Option<Direct>,
    /// The groups that mean something, in the regex's order.
    pub fields: Vec<(Field, usize)>,
}

/// Patterns whose fields stand apart, so that other numbers change neither where they stand nor what follows.
const REGULAR: [&str; 4] = [
    r"%ExY(?P<_sep>[-/.])%m(?P=_sep)%d(?:T|  ?)%H:%M:%S(?:[.,]%f)?(?:\s*%z)?",
    r"(?:%a )?%b %d %k:%M:%S(?:\.%f)?(?: %ExY)?",
    r"(?:%a )?%b %d %ExY %k:%M:%S(?:\.%f)?",
    r"%d(?P<_sep>[-/])%b(?P=_sep)%ExY[ :]?%H:%M:%S(?:\.%f)?(?: %z)?",
];

const SHORT_EPOCH: &str = r"\d{10,11}\b(?:\.\d{3,6})?";
const LONG_EPOCH: &str = r"\d{10,11}(?:\d{3}(?:\.\d{1,6}|\d{3})?)?";
const EPOCH_WORDS: [&str; 2] = ["{EPOCH}", "{LEPOCH}"];

impl Template {
    /// The template that a pattern without multi-template keywords stands for. `key` is the pattern, in upper case
    /// unless it has a percent sign.
    pub(super) fn parse(pattern: &str, key: &str, years: &Years) -> Result<Template, PatternError> {
        let long = key.contains("LEPOCH");
        if key.contains("EPOCH") {
            let digits = if long { LONG_EPOCH } else { SHORT_EPOCH };
            if let Some(regex) = pattern::replace_keyword(pattern, &EPOCH_WORDS, &format!("({digits})")) {
                return Ok(Self::epoch_within(pattern, regex, long));
            }
        }
        Ok(match key {
            "EPOCH" | "LEPOCH" => Self::epoch(long),
            "{^LN-BEG}EPOCH" | "^EPOCH" | "{^LN-BEG}LEPOCH" | "^LEPOCH" => Self::anchored_epoch(long),
            "TAI64N" => Self::tai64n(Begin::Free),
            "{^LN-BEG}TAI64N" | "^TAI64N" => Self::tai64n(Begin::Line),
            _ => return Self::of_directives(pattern, years),
        })
    }

    /// A pattern of `%` directives.
    fn of_directives(original: &str, years: &Years) -> Result<Template, PatternError> {
        let (mut begin, mut end) = (Begin::Word, true);
        let mut text = original;
        if let Some(rest) = text.strip_prefix("{UNB}") {
            (text, begin, end) = (rest, Begin::Free, false);
        }
        if begin != Begin::Free {
            if let Some(rest) = text.strip_prefix("{^LN-BEG}") {
                (text, begin) = (rest, Begin::Line);
            }
        }
        let (name, mut regex) = pattern::expand(text, years)
            .map_err(|reason| PatternError::Format { pattern: text.to_owned(), reason })?;
        if pattern::has_letters(text) {
            regex.insert_str(0, "(?iu)");
        }
        let mut template = Self::new(name, &regex, begin, end, Kind::Fields);
        template.pattern = Some(original.to_owned());
        template.regular = REGULAR.contains(&original.strip_prefix("{^LN-BEG}").unwrap_or(original));
        Ok(template)
    }

    /// Epoch seconds within other text.
    fn epoch_within(pattern: &str, mut regex: String, long: bool) -> Template {
        if !pattern::has_group(pattern) {
            regex = format!("({regex})");
        }
        Self::new(pattern.to_owned(), &regex, Begin::Word, true, Kind::Epoch { group: 2, long })
    }

    /// Epoch seconds at the start of the line, also in brackets, or in the brackets of SELinux's `audit(…)`.
    fn epoch(long: bool) -> Template {
        let digits = if long { LONG_EPOCH } else { SHORT_EPOCH };
        let regex = format!(
            r"((?:^|(?P<square>(?<=^\[))|(?P<selinux>(?<=\baudit\())){digits})(?:(?(selinux)(?=:\d+\)))|(?(square)(?=\])))"
        );
        Self::new(epoch_name(long), &regex, Begin::Free, true, Kind::Epoch { group: 1, long })
    }

    fn anchored_epoch(long: bool) -> Template {
        let digits = if long { LONG_EPOCH } else { SHORT_EPOCH };
        let regex = format!(r"((?P<square>(?<=^\[))?{digits})(?(square)(?=\]))");
        Self::new(epoch_name(long), &regex, Begin::Line, true, Kind::Epoch { group: 1, long })
    }

    fn tai64n(begin: Begin) -> Template {
        Self::new("TAI64N".to_owned(), "@[0-9a-f]{24}", begin, true, Kind::Tai64n)
    }

    fn new(name: String, regex: &str, begin: Begin, word_end: bool, kind: Kind) -> Template {
        let bounded = pattern::bound(regex, begin, word_end);
        let at_line = begin == Begin::Line && bounded.bound_begin;
        let name = match at_line && !name.starts_with("{^LN-BEG}") {
            true => format!("{{^LN-BEG}}{name}"),
            false => name,
        };
        Template {
            name,
            pattern: None,
            regex: bounded.regex,
            line_begin: at_line || bounded.line_begin,
            line_end: bounded.line_end,
            regular: false,
            kind,
            compiled: OnceLock::new(),
        }
    }

    /// Matches at one place of the line only, so that no better match is looked for.
    pub(super) fn anchored(&self) -> bool {
        self.line_begin || self.line_end
    }

    /// The compiled regex, or what Python raises when it compiles the pattern (it does so with the first line).
    pub(super) fn compiled(&self) -> Result<&Compiled, Exception> {
        let compile = || {
            let regex = Regex::new(&self.regex, Flags::default()).map_err(|e| Exception {
                module: "re",
                class: "error",
                args: vec![crate::value::Value::str(e.to_string())],
            })?;
            let names = regex.group_names().iter().enumerate();
            let fields =
                names.filter_map(|(i, name)| Some((Field::of_group(name.as_deref()?)?, i))).collect();
            Ok(Compiled { regex, direct: Direct::new(&self.regex), fields })
        };
        self.compiled.get_or_init(compile).as_ref().map_err(Clone::clone)
    }

    /// What the matched groups say, as far as it does not depend on the present time.
    pub(super) fn read(
        &self,
        line: &[u8],
        groups: impl Fn(usize) -> Option<(usize, usize)>,
    ) -> Result<Reading, TimeError> {
        let text = |group: usize| {
            let (start, end) = groups(group)?;
            std::str::from_utf8(line.get(start..end)?).ok()
        };
        match self.kind {
            Kind::Epoch { group, long } => Ok(Reading::Done(Stamp::Float(epoch_seconds(text(group), long)?))),
            Kind::Tai64n => {
                let label = text(1).and_then(|label| label.get(2..17));
                let seconds = label.and_then(|label| i64::from_str_radix(label, 16).ok());
                Ok(Reading::Done(Stamp::Int(seconds.ok_or(TimeError::Invalid)?)))
            }
            Kind::Fields => {
                let fields = self.compiled().map(|c| c.fields.as_slice()).unwrap_or_default();
                Ok(Reading::Parts(Parts::read(fields, text)?))
            }
        }
    }
}

/// A date as far as the line alone decides it.
#[derive(Clone, Debug)]
pub(super) enum Reading {
    /// The time.
    Done(Stamp),
    /// Fields that the present time completes.
    Parts(Parts),
}

impl Reading {
    /// The time; see [`Parts::resolve`].
    pub(super) fn resolve(
        &self,
        now: f64,
        local: &mut LocalZone,
        default_zone: Option<i32>,
    ) -> Result<Stamp, TimeError> {
        match self {
            Reading::Done(stamp) => Ok(*stamp),
            Reading::Parts(parts) => parts.resolve(now, local, default_zone),
        }
    }
}

fn epoch_name(long: bool) -> String {
    if long { "LongEpoch".to_owned() } else { "Epoch".to_owned() }
}

/// The number as seconds; in the long form, 13 characters are milli- and 16 digits microseconds.
fn epoch_seconds(text: Option<&str>, long: bool) -> Result<f64, TimeError> {
    let Some(text) = text else {
        return Err(match long {
            true => TimeError::raised("TypeError", "object of type 'NoneType' has no len()"),
            false => TimeError::raised(
                "TypeError",
                "float() argument must be a string or a real number, not 'NoneType'",
            ),
        });
    };
    let length = text.chars().count();
    // digits of other scripts count as well
    let plain: String = text
        .trim()
        .chars()
        .map(|c| super::compute::digit(c).and_then(|d| char::from_digit(d, 10)).unwrap_or(c))
        .collect();
    let number: f64 = plain.parse().map_err(|_| TimeError::Invalid)?;
    Ok(match (long, length) {
        (true, 16..) if !text.contains('.') => number / 1_000_000.0,
        (true, 13..) => number / 1000.0,
        _ => number,
    })
}
