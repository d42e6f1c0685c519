//! The templates of one `datepattern` and the search for the one that fits a line.

use super::{LocalZone, PatternError, Stamp, Template, TimeError, Years, ZoneError};
use crate::value::Exception;
use std::ops::Range;

/// The date found in a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Bytes of the line that are the date: what is cut out before the failregex sees it. Empty if the template
    /// matched nothing (date is optional, e.g. `{NONE}`): then upstream uses the last known time or now.
    pub span: Range<usize>,
    /// Bytes of the whole match, which can be wider than `span`.
    pub whole: Range<usize>,
    /// Index of the winner in [`DateDetector::templates`] at this moment.
    pub template: usize,
    /// The time; to be ignored by line processing if `span` is empty.
    pub time: Result<Stamp, TimeError>,
}

/// What upstream raises while searching (a template that does not compile, an empty line with an empty match).
pub type MatchError = Exception;

/// One template and how it fared so far.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The template; shared between detectors.
    pub template: std::sync::Arc<Template>,
    /// Lines it won.
    pub hits: u64,
}

/// Finds dates in the lines of one log (or of all logs of one jail).
#[derive(Clone, Debug)]
pub struct DateDetector {
    entries: Vec<Entry>,
}

impl DateDetector {
    /// A detector without templates: it takes the default templates when the first line comes.
    pub fn new(_years: Years, _zone: LocalZone) -> Self {
        todo!()
    }

    /// A detector for a `datepattern` value: its non-empty lines are one template each.
    pub fn from_patterns(years: Years, zone: LocalZone, value: &str) -> Result<Self, PatternError> {
        let mut detector = Self::new(years, zone);
        for line in value.split('\n').map(str::trim).filter(|line| !line.is_empty()) {
            detector.append_template(line)?;
        }
        Ok(detector)
    }

    /// Adds a template, or several if the pattern is a keyword (COMPAT §4.2).
    pub fn append_template(&mut self, _pattern: &str) -> Result<(), PatternError> {
        todo!()
    }

    /// Sets `logtimezone`: the zone of dates without an own one; `None` is the system's zone.
    pub fn set_default_tz(&mut self, _tz: Option<&str>) -> Result<(), ZoneError> {
        todo!()
    }

    /// What `get JAIL datepattern` reports: pattern (if it has one) and name of the only or first of two templates,
    /// or `(None, "Default Detectors")`.
    pub fn pattern(&self) -> (Option<&str>, &str) {
        todo!()
    }

    /// Finds the date of a line (valid UTF-8, without line end). Counts the hit, and may re-order the templates.
    ///
    /// `now` is the Unix time: it decides the year of year-less dates, and which templates are long unused.
    pub fn find(&mut self, _line: &[u8], _now: f64) -> Result<Option<Found>, MatchError> {
        todo!()
    }

    /// The templates in their present order.
    pub fn templates(&self) -> &[Entry] {
        &self.entries
    }

    /// Messages that upstream logs at INFO (logger `fail2ban.datedetector`) when templates are added, the
    /// defaults with the first line; each is returned once.
    pub fn take_messages(&mut self) -> Vec<String> {
        todo!()
    }
}
