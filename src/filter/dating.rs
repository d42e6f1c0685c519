//! Which time a line has: its own, that of the line before, or now (COMPAT §4.6).

use super::find::Line;
use super::{Filter, Note, Sink, trimmed};
use crate::config::duration::seconds2str;
use crate::date::{Stamp, TimeError};
use crate::level;
use crate::value::Exception;
use crate::word::equal;

const DAY: f64 = 86_400.0;

/// A warning that is given at most once a day.
#[derive(Debug, Default)]
pub(super) struct OncePerDay {
    next: f64,
}

impl OncePerDay {
    pub(super) fn is_due(&mut self, now: f64) -> bool {
        let due = now >= self.next;
        if due {
            self.next = now + DAY;
        }
        due
    }
}

/// What is remembered of the dates of earlier lines.
#[derive(Debug, Default)]
pub(super) struct Memory {
    text: String,
    time: Option<Stamp>,
    warned_odd: OncePerDay,
    warned_old: OncePerDay,
}

impl Memory {
    pub(super) fn last_time(&self) -> Option<Stamp> {
        self.time
    }

    /// The last date if it is recent enough to stand in for a missing one.
    fn recent(&self, now: f64) -> Option<Stamp> {
        self.time.filter(|time| time.seconds() != 0.0 && time.seconds() > now - 60.0)
    }
}

/// A line whose date is known beforehand, as the journal delivers it.
#[derive(Clone, Copy, Debug)]
pub struct Dated<'a> {
    pub before: &'a str,
    pub date: &'a str,
    pub after: &'a str,
    /// Unix seconds.
    pub time: f64,
}

/// A line taken apart: the regexes see `before` + `after`.
#[derive(Clone, Copy)]
pub(super) struct Split<'a> {
    pub before: &'a str,
    pub date: &'a str,
    pub after: &'a str,
}

impl Filter {
    /// Finds the failures of one line of a log.
    ///
    /// `line` is decoded text; its line end may be included (which spares a copy). Failures and notes
    /// go to `failures` and `notes`.
    ///
    /// The error is an exception that upstream would raise for this line.
    pub fn process_line(
        &mut self,
        line: &str,
        now: f64,
        failures: &mut impl Sink,
        notes: &mut Vec<Note>,
    ) -> Result<(), Exception> {
        let one_line = !trimmed(line).contains('\n');
        self.process(line, one_line, now, failures, notes)
    }

    /// As [`Filter::process_line`], for a line with no line feed inside.
    #[inline]
    pub fn process_one_line(
        &mut self,
        line: &str,
        now: f64,
        failures: &mut impl Sink,
        notes: &mut Vec<Note>,
    ) -> Result<(), Exception> {
        self.process(line, true, now, failures, notes)
    }

    #[inline]
    fn process(
        &mut self,
        line: &str,
        one_line: bool,
        now: f64,
        failures: &mut impl Sink,
        notes: &mut Vec<Note>,
    ) -> Result<(), Exception> {
        let text = trimmed(line);
        let found = match &mut self.detector {
            Some(detector) => detector.find(text.as_bytes(), now).map_err(|e| *e)?,
            None => None,
        };
        if !self.announced_dates {
            self.announced_dates = true;
            let messages = self.detector.as_mut().map(|detector| detector.take_messages());
            notes.extend(messages.into_iter().flatten().map(Note::Dates));
        }
        let mut memory = std::mem::take(&mut self.dating.text);
        let (mut split, mut time) = (Split { before: "", date: "", after: text }, None);
        if let Some(found) = found {
            let (start, end) = (found.span.start, found.span.end);
            split = Split { before: &text[..start], date: &text[start..end], after: &text[end..] };
            if start == end {
                // An empty match: the date is optional and not there.
                time = self.dating.recent(now).or(Some(Stamp::Float(now)));
                if self.dating.recent(now).is_some() {
                    split = Split { before: "", date: &memory, after: text };
                }
            } else {
                match found.time {
                    Ok(stamp) => {
                        time = Some(stamp);
                        self.dating.time = time;
                        if !equal(memory.as_bytes(), split.date.as_bytes()) {
                            memory.clear();
                            memory.push_str(split.date);
                        }
                    }
                    Err(TimeError::Raised(exception)) => {
                        self.dating.text = memory;
                        return Err(*exception);
                    }
                    Err(TimeError::Invalid) => notes.push(Note::Log {
                        level: level::ERROR,
                        jail: false,
                        text: format!("findFailure failed to parse timeText: {}", split.date),
                    }),
                }
            }
        }
        let undated = time.is_none();
        if undated {
            match self.dating.recent(now) {
                Some(recent) => {
                    time = Some(recent);
                    split = Split { before: "", date: &memory, after: text };
                }
                None if self.mode.check_find_time && self.in_operation => time = Some(Stamp::Float(now)),
                None => {}
            }
        }
        let raw = (split.before.is_empty() && line.len() == text.len() + 1 && line.ends_with('\n'))
            .then(|| &line[line.len() - split.after.len() - 1..]);
        if let Some(time) = self.plausible(text, time, now, notes).filter(|_| !self.is_stopped(&split)) {
            let whole =
                (split.before.len() + split.date.len() + split.after.len() == text.len()).then_some(line);
            self.find(Line { split, whole, raw, one_line, time, undated, now, failures, notes });
        }
        self.dating.text = memory;
        Ok(())
    }

    /// Finds the failures of a line whose date is known.
    pub fn process_dated(
        &mut self,
        line: Dated<'_>,
        now: f64,
        failures: &mut impl Sink,
        notes: &mut Vec<Note>,
    ) {
        self.dating.text = line.date.to_owned();
        let time = Some(Stamp::Float(line.time));
        self.dating.time = time;
        let split = Split { before: line.before, date: line.date, after: line.after };
        let text = [line.before, line.date, line.after].concat();
        if let Some(time) = self.plausible(&text, time, now, notes).filter(|_| !self.is_stopped(&split)) {
            let (whole, raw, undated) = (None, None, false);
            let one_line = false;
            self.find(Line { split, whole, raw, one_line, time, undated, now, failures, notes });
        }
    }

    /// The time under which the line counts: `None` if the line is too old to count at all.
    fn plausible(
        &mut self,
        line: &str,
        time: Option<Stamp>,
        now: f64,
        notes: &mut Vec<Note>,
    ) -> Option<Option<Stamp>> {
        let Some(date) = time.filter(|_| self.mode.check_find_time).map(Stamp::seconds) else {
            return Some(time);
        };
        let mut warn = |text: String| notes.push(Note::Log { level: level::WARNING, jail: true, text });
        if self.in_operation {
            let delta = date - now;
            // whole seconds count
            if delta.abs() < 61.0 {
                return Some(time);
            }
            let delta = delta.trunc();
            if self.dating.warned_odd.is_due(now) {
                let side = if delta < 0.0 { "before" } else { "after" };
                let cause = if (-3300.0..0.0).contains(&delta) { "latency" } else { "timezone" };
                warn(format!(
                    "Detected a log entry {} {side} the current time in operation mode. This looks like a \
                     {cause} problem. Treating such entries as if they just happened.",
                    seconds2str(delta.abs()),
                ));
                warn(format!("Please check a jail for a timing issue. Line with odd timestamp: {line}"));
            }
            self.dating.time = Some(Stamp::Float(now));
            return Some(self.dating.time);
        }
        if date >= now - self.find_time {
            return Some(time);
        }
        if self.dating.warned_old.is_due(now) {
            warn(format!(
                "Ignoring all log entries older than {}s; these are probably messages generated while \
                 fail2ban was not running.",
                self.find_time,
            ));
            warn(format!("Please check a jail for a timing issue. Line with odd timestamp: {line}"));
        }
        None
    }
}
