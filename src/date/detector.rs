//! The templates of one `datepattern` and the search for the one that fits a line (COMPAT §4.4).

use super::Years;
use super::library;
use super::template::{PatternError, Reading, Stamp, Template, TimeError};
use super::zone::{LocalZone, ZoneError, check_zone};
use crate::pattern::Captures;
use crate::value::{Exception, Value};
use std::ops::Range;
use std::sync::Arc;

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
    pub template: Arc<Template>,
    /// Lines it won.
    pub hits: u64,
    /// What a hit counts.
    weight: f64,
    /// Unix time of the last hit.
    last_used: f64,
    /// Characters before its last match.
    distance: usize,
}

impl Entry {
    fn weight(&self) -> f64 {
        self.hits as f64 * self.weight / self.distance.max(1) as f64
    }
}

/// Farther than any line is long: the distance of a template that never matched.
const FAR: usize = 0x7fff_ffff;

/// A template not used for this many seconds gives up its place.
const UNUSED: f64 = 300.0;

/// Where the last match stood, and what stood around it. Positions count characters, as in Python.
#[derive(Clone, Debug)]
struct Last {
    template: usize,
    start: usize,
    end: usize,
    /// The characters before and at the start.
    around_start: [Option<char>; 2],
    /// The characters before and at the end.
    around_end: [Option<char>; 2],
}

/// Finds dates in the lines of one log (or of all logs of one jail).
#[derive(Clone, Debug)]
pub struct DateDetector {
    years: Years,
    local: LocalZone,
    /// `logtimezone` in minutes east of UTC.
    default_zone: Option<i32>,
    entries: Vec<Entry>,
    messages: Vec<String>,
    last: Option<Last>,
    /// Entries before this one have hits.
    first_unused: usize,
    caps: Captures,
}

/// A match of one template.
struct Hit {
    entry: usize,
    /// Whole match and group 1, in bytes.
    whole: Range<usize>,
    group: Option<(usize, usize)>,
    /// Whole match in characters.
    start: usize,
    end: usize,
    reading: Result<Reading, TimeError>,
}

impl DateDetector {
    /// A detector without templates: it takes the default templates when the first line comes.
    pub fn new(years: Years, zone: LocalZone) -> Self {
        DateDetector {
            years,
            local: zone,
            default_zone: None,
            entries: Vec::new(),
            messages: Vec::new(),
            last: None,
            first_unused: 0,
            caps: Captures::new(),
        }
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
    pub fn append_template(&mut self, pattern: &str) -> Result<(), PatternError> {
        let key = library::key_of(pattern);
        if key == "{^LN-BEG}" {
            let anchored =
                library::defaults(&self.years)?.into_iter().filter(|(t, _)| t.line_begin).collect();
            return self.add_all(anchored, "  default filtered date pattern");
        }
        if key == "{DEFAULT}" {
            // upstream's filter for this keyword lets nothing through
            return self.add_all(Vec::new(), "  default filtered date pattern");
        }
        if key.contains("{DATE}") {
            let templates = library::defaults_within(pattern, &self.years)?;
            return self.add_all(templates, &format!("  default date pattern for `{}`", Value::str(pattern)));
        }
        let template = match key.as_str() {
            "{NONE}" => library::no_date(&self.years)?,
            _ => library::template(pattern, &self.years)?,
        };
        let shown = template.pattern.as_deref().unwrap_or_default();
        self.messages.push(format!("  date pattern `{shown}`: `{}`", template.name));
        self.add(template, 1.0, false)
    }

    fn add_all(&mut self, templates: Vec<(Arc<Template>, f64)>, message: &str) -> Result<(), PatternError> {
        let message = format!("{message}: {} template(s)", templates.len());
        let skip_known = !self.entries.is_empty();
        for (template, weight) in templates {
            self.add(template, weight, skip_known)?;
        }
        self.messages.push(message);
        Ok(())
    }

    fn add(&mut self, template: Arc<Template>, weight: f64, skip_known: bool) -> Result<(), PatternError> {
        if self.entries.iter().any(|e| e.template.name == template.name) {
            return match skip_known {
                true => Ok(()),
                false => Err(PatternError::Duplicate { name: template.name.clone() }),
            };
        }
        self.entries.push(Entry { template, hits: 0, weight, last_used: 0.0, distance: FAR });
        Ok(())
    }

    /// Sets `logtimezone`: the zone of dates without an own one; `None` is the system's zone.
    pub fn set_default_tz(&mut self, tz: Option<&str>) -> Result<(), ZoneError> {
        self.default_zone = tz.map(check_zone).transpose()?;
        Ok(())
    }

    /// What `get JAIL datepattern` reports: pattern (if it has one) and name of the only or first of two templates,
    /// or `(None, "Default Detectors")`.
    pub fn pattern(&self) -> (Option<&str>, &str) {
        match self.entries.as_slice() {
            [first] | [first, _] => (first.template.pattern.as_deref(), &first.template.name),
            _ => (None, "Default Detectors"),
        }
    }

    /// The templates in their present order.
    pub fn templates(&self) -> &[Entry] {
        &self.entries
    }

    /// Messages that upstream logs at INFO (logger `fail2ban.datedetector`) when templates are added, the
    /// defaults with the first line; each is returned once.
    pub fn take_messages(&mut self) -> Vec<String> {
        std::mem::take(&mut self.messages)
    }

    /// Finds the date of a line (valid UTF-8, without line end). Counts the hit, and may re-order the templates.
    ///
    /// `now` is the Unix time: it decides the year of year-less dates, and which templates are long unused.
    pub fn find(&mut self, line: &[u8], now: f64) -> Result<Option<Found>, MatchError> {
        if self.entries.is_empty() {
            let defaults = library::defaults(&self.years).map_err(pattern_exception)?;
            self.add_all(defaults, "  default date pattern").map_err(pattern_exception)?;
        }
        let text = Text::new(line);
        let hit = match self.try_last(&text)? {
            Tried::Won(hit) => Some(hit),
            Tried::Candidate { hit, searched } => self.search(&text, Some(hit), searched)?,
            Tried::Nothing { searched } => self.search(&text, None, searched)?,
        };
        let Some(hit) = hit else { return Ok(None) };
        let time = match &hit.reading {
            Ok(reading) => reading.resolve(now, &mut self.local, self.default_zone),
            Err(e) => Err(e.clone()),
        };
        let template = self.win(&text, &hit, now)?;
        // a group that took no part is, by Python's negative index, empty before the last character
        let before_last = text.byte_of(text.chars().saturating_sub(1));
        let (start, end) = hit.group.unwrap_or((before_last, before_last));
        Ok(Some(Found { span: start..end, whole: hit.whole, template, time }))
    }

    /// Tries the last winner, at the same place if the neighbouring characters allow.
    fn try_last(&mut self, text: &Text<'_>) -> Result<Tried, MatchError> {
        let Some(last) = self.last.clone().filter(|l| l.template < self.entries.len()) else {
            return Ok(Tried::Nothing { searched: usize::MAX });
        };
        let anchored = self.entries[last.template].template.anchored();
        let in_place = !anchored && last.neighbours_fit(text);
        let hit = match in_place {
            true => self.try_entry(text, last.template, text.byte_of(last.start)..text.byte_of(last.end))?,
            false => self.try_entry(text, last.template, 0..text.bytes.len())?,
        };
        // after a search within the old place only, the whole line is still to be searched
        let searched = if in_place { usize::MAX } else { last.template };
        Ok(match hit {
            Some(hit)
                if self.entries.len() == 1 || anchored || (hit.start, hit.end) == (last.start, last.end) =>
            {
                Tried::Won(hit)
            }
            Some(hit) => Tried::Candidate { hit, searched },
            None => Tried::Nothing { searched },
        })
    }

    /// Searches all templates (but `skip`) for the best match.
    fn search(
        &mut self,
        text: &Text<'_>,
        mut best: Option<Hit>,
        skip: usize,
    ) -> Result<Option<Hit>, MatchError> {
        let last_start = self.last.as_ref().map_or(1, |l| l.start);
        for i in (0..self.entries.len()).filter(|i| *i != skip) {
            let Some(hit) = self.try_entry(text, i, 0..text.bytes.len())? else { continue };
            let entry = &self.entries[i];
            let final_one = i + 1 >= self.entries.len() || entry.template.anchored();
            // farther right than before: it may be a date somewhere in the message
            if !final_one && (hit.start > entry.distance || hit.start > last_start) {
                if best.as_ref().is_none_or(|best| hit.start < best.start) {
                    best = Some(hit);
                }
                continue;
            }
            return Ok(Some(hit));
        }
        Ok(best)
    }

    fn try_entry(
        &mut self,
        text: &Text<'_>,
        i: usize,
        range: Range<usize>,
    ) -> Result<Option<Hit>, MatchError> {
        let template = &self.entries[i].template;
        let compiled = template.compiled()?;
        let within = &text.bytes[..range.end];
        // a search given up for its length counts as no match
        if !compiled.regex.search(within, range.start, &mut self.caps).unwrap_or(false) {
            return Ok(None);
        }
        let (start, end) = self.caps.get(0).unwrap_or_default();
        Ok(Some(Hit {
            entry: i,
            whole: start..end,
            group: self.caps.get(1),
            start: text.index_of(start),
            end: text.index_of(end),
            reading: template.read(within, &self.caps),
        }))
    }

    /// Books a win; returns the winner's new place.
    fn win(&mut self, text: &Text<'_>, hit: &Hit, now: f64) -> Result<usize, MatchError> {
        let entry = &mut self.entries[hit.entry];
        entry.hits += 1;
        entry.last_used = now;
        entry.distance = hit.start;
        if self.first_unused == hit.entry {
            self.first_unused += 1;
        }
        let before_last = last_template(&self.last);
        let last = Last::at(text, hit)
            .ok_or_else(|| Exception::builtin("IndexError", "string index out of range"))?;
        let place = match hit.entry {
            0 => 0,
            i if Some(i) == before_last => i,
            i => self.bubble_up(i),
        };
        self.last = Some(Last { template: place, ..last });
        Ok(place)
    }

    /// Moves a template towards the front if it earned that: to the first unused one, half way, or one place.
    fn bubble_up(&mut self, i: usize) -> usize {
        let weight = self.entries[i].weight();
        let long_ago = self.entries[i].last_used - UNUSED;
        let gives_way = |other: &Entry| weight > other.weight() || long_ago > other.last_used;
        let far = if self.first_unused < i { self.first_unused } else { i / 2 };
        let Some(place) = [far, i - 1].into_iter().find(|place| gives_way(&self.entries[*place])) else {
            return i;
        };
        self.entries[place..=i].rotate_right(1);
        while self.entries.get(self.first_unused).is_some_and(|e| e.hits > 0) {
            self.first_unused += 1;
        }
        place
    }
}

fn last_template(last: &Option<Last>) -> Option<usize> {
    last.as_ref().map(|l| l.template)
}

fn pattern_exception(error: PatternError) -> Exception {
    Exception::builtin("ValueError", error.to_string())
}

/// What came of trying the last winner; `searched` needs no further search.
enum Tried {
    /// It matched where it did before.
    Won(Hit),
    /// It matched elsewhere; another template may be better.
    Candidate { hit: Hit, searched: usize },
    /// No match.
    Nothing { searched: usize },
}

impl Last {
    /// Where this hit stands; `None` if there is no character at its start or before its end.
    fn at(text: &Text<'_>, hit: &Hit) -> Option<Last> {
        // before the start of the line Python's index -1 finds the last character
        let before_end = if hit.end == 0 { text.chars().checked_sub(1)? } else { hit.end - 1 };
        Some(Last {
            template: hit.entry,
            start: hit.start,
            end: hit.end,
            around_start: [text.before(hit.start), Some(text.at(hit.start)?)],
            around_end: [Some(text.at(before_end)?), text.at(hit.end)],
        })
    }

    /// Outside of the old place stand the same characters; inside they need only be the same if they are
    /// letters or digits.
    fn neighbours_fit(&self, text: &Text<'_>) -> bool {
        let same_sign =
            |now: Option<char>, then: Option<char>| now == then && !then.is_some_and(char::is_alphanumeric);
        let [before, at] = self.around_start;
        let [inside, after] = self.around_end;
        (text.before(self.start) == before || same_sign(text.at(self.start), at))
            && (text.at(self.end) == after || same_sign(text.before(self.end), inside))
    }
}

/// A line with Python's positions, which count characters.
struct Text<'l> {
    bytes: &'l [u8],
    /// Characters are bytes.
    ascii: bool,
}

impl<'l> Text<'l> {
    fn new(bytes: &'l [u8]) -> Self {
        Text { bytes, ascii: bytes.is_ascii() }
    }

    /// Length in characters.
    fn chars(&self) -> usize {
        self.index_of(self.bytes.len())
    }

    /// The byte at which a character starts; the end for those beyond.
    fn byte_of(&self, index: usize) -> usize {
        match self.ascii {
            true => index.min(self.bytes.len()),
            false => self.starts().nth(index).unwrap_or(self.bytes.len()),
        }
    }

    /// The number of characters before a byte.
    fn index_of(&self, byte: usize) -> usize {
        if self.ascii { byte } else { self.starts().take_while(|start| *start < byte).count() }
    }

    /// Where characters start.
    fn starts(&self) -> impl Iterator<Item = usize> + '_ {
        self.bytes.iter().enumerate().filter(|(_, b)| (**b & 0xc0) != 0x80).map(|(i, _)| i)
    }

    fn at(&self, index: usize) -> Option<char> {
        let start = self.byte_of(index);
        let end = self.byte_of(index + 1);
        let bytes = self.bytes.get(start..end)?;
        std::str::from_utf8(bytes).ok()?.chars().next()
    }

    /// The character before a position; none before the first.
    fn before(&self, index: usize) -> Option<char> {
        self.at(index.checked_sub(1)?)
    }
}
