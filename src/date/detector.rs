//! The templates of one `datepattern` and the search for the one that fits a line (COMPAT §4.4).

use super::Years;
use super::direct::{Answer, Scratch};
use super::library;
use super::memo::{Memo, Way};
use super::place::{Last, Text};
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
pub type MatchError = Box<Exception>;

/// One template and how it fared so far.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The template; shared between detectors.
    pub template: Arc<Template>,
    /// Lines it won.
    pub hits: u64,
    /// What a hit counts.
    hit_weight: f64,
    /// Unix time of the last hit.
    last_used: f64,
    /// Characters before its last match.
    distance: usize,
}

impl Entry {
    /// What a hit counts.
    pub fn hit_weight(&self) -> f64 {
        self.hit_weight
    }

    /// What decides about its place: the hits by their weight, less for matches far from the start of the line.
    pub fn weight(&self) -> f64 {
        self.hits as f64 * self.hit_weight / self.distance.max(1) as f64
    }
}

/// Farther than any line is long: the distance of a template that never matched.
const FAR: usize = 0x7fff_ffff;

/// A template not used for this many seconds gives up its place.
const UNUSED: f64 = 300.0;

/// Finds dates in the lines of one log (or of all logs of one jail).
#[derive(Clone, Debug)]
pub struct DateDetector {
    years: Years,
    local: LocalZone,
    /// `logtimezone` in minutes east of UTC.
    default_zone: Option<i32>,
    entries: Vec<Entry>,
    /// What hits of the default templates count; empty until these are needed.
    weights: Vec<(Arc<Template>, f64)>,
    messages: Vec<String>,
    last: Option<Last>,
    /// Entries before this one have hits.
    first_unused: usize,
    caps: Captures,
    scratch: Scratch,
    memo: Memo,
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
    /// The last byte on which the match depends, if known.
    reach: Option<usize>,
    /// Searched at the place of the last match only.
    in_place: bool,
}

impl DateDetector {
    /// A detector without templates: it takes the default templates when the first line comes.
    pub fn new(years: Years, zone: LocalZone) -> Self {
        DateDetector {
            years,
            local: zone,
            default_zone: None,
            entries: Vec::new(),
            weights: Vec::new(),
            messages: Vec::new(),
            last: None,
            first_unused: 0,
            caps: Captures::new(),
            scratch: Scratch::default(),
            memo: Memo::default(),
        }
    }

    /// A detector for a `datepattern` value: its non-empty lines are one template each.
    pub fn from_patterns(years: Years, zone: LocalZone, value: &str) -> Result<Self, PatternError> {
        let mut detector = Self::new(years, zone);
        detector.append_patterns(value)?;
        Ok(detector)
    }

    /// Adds the templates of a `datepattern` value: its non-empty lines.
    pub fn append_patterns(&mut self, value: &str) -> Result<(), PatternError> {
        let mut lines = value.split('\n').map(str::trim).filter(|line| !line.is_empty());
        lines.try_for_each(|line| self.append_template(line))
    }

    /// Adds a template, or several if the pattern is a keyword (COMPAT §4.2).
    pub fn append_template(&mut self, pattern: &str) -> Result<(), PatternError> {
        self.memo.forget();
        let key = library::key_of(pattern);
        if key == "{^LN-BEG}" || key == "{DEFAULT}" {
            // upstream's filter for the latter lets nothing through
            let wanted = |template: &Template| template.line_begin && key == "{^LN-BEG}";
            let anchored = self.load_defaults()?.filter(|template| wanted(template)).collect();
            return self.add_all(anchored, "  default filtered date pattern");
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
        self.add(template, false)
    }

    /// The default templates. Those that are preferred among them are so from now on wherever they stand.
    fn load_defaults(&mut self) -> Result<impl Iterator<Item = Arc<Template>> + use<>, PatternError> {
        self.weights = library::defaults(&self.years)?;
        for entry in &mut self.entries {
            entry.hit_weight = weight_of(&self.weights, &entry.template);
        }
        Ok(self.weights.clone().into_iter().map(|(template, _)| template))
    }

    fn add_all(&mut self, templates: Vec<Arc<Template>>, message: &str) -> Result<(), PatternError> {
        let message = format!("{message}: {} template(s)", templates.len());
        let skip_known = !self.entries.is_empty();
        for template in templates {
            self.add(template, skip_known)?;
        }
        self.messages.push(message);
        Ok(())
    }

    fn add(&mut self, template: Arc<Template>, skip_known: bool) -> Result<(), PatternError> {
        if self.entries.iter().any(|e| e.template.name == template.name) {
            return match skip_known {
                true => Ok(()),
                false => Err(PatternError::Duplicate { name: template.name.clone() }),
            };
        }
        let hit_weight = weight_of(&self.weights, &template);
        self.entries.push(Entry { template, hits: 0, hit_weight, last_used: 0.0, distance: FAR });
        Ok(())
    }

    /// Sets `logtimezone`: the zone of dates without an own one; `None` is the system's zone.
    pub fn set_default_tz(&mut self, tz: Option<&str>) -> Result<(), ZoneError> {
        self.memo.forget();
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
            let defaults = self.load_defaults().map_err(pattern_exception)?.collect();
            self.add_all(defaults, "  default date pattern").map_err(pattern_exception)?;
        }
        if let Some(found) = self.find_again(line, now) {
            return Ok(Some(found));
        }
        let text = Text::new(line);
        let (hit, same) = match self.try_last(&text)? {
            Tried::Won(hit) => (Some(hit), true),
            Tried::Candidate { hit, searched } => (self.search(&text, Some(hit), searched)?, false),
            Tried::Nothing { searched } => (self.search(&text, None, searched)?, false),
        };
        let Some(hit) = hit else { return Ok(None) };
        let time = self.resolve(&hit.reading, now);
        let template = self.win(&text, &hit, now)?;
        // a group that took no part is, by Python's negative index, empty before the last character
        let before_last = || text.byte_of(text.chars().saturating_sub(1));
        let (start, end) = hit.group.unwrap_or_else(|| (before_last(), before_last()));
        let found = Found { span: start..end, whole: hit.whole, template, time };
        let known_way = hit.in_place || self.entries[template].template.anchored();
        match hit.reach {
            Some(reach) if same && known_way => {
                self.memo.keep(&text, &found, hit.reading, Way { reach, in_place: hit.in_place });
                self.learn_numbers(&found, hit.in_place)?;
            }
            _ => self.memo.forget(),
        }
        Ok(Some(found))
    }

    /// The date of a line that has it in common with the line before.
    fn find_again(&mut self, line: &[u8], now: f64) -> Option<Found> {
        if !self.memo.fits(line) && !self.memo.follow(line) {
            return None;
        }
        self.memo.refresh(now, &mut self.local, self.default_zone);
        let found = self.memo.found.clone()?;
        self.count(found.template, now);
        Some(found)
    }

    /// After a match by the quick matcher: where the memo has numbers.
    fn learn_numbers(&mut self, found: &Found, in_place: bool) -> Result<(), MatchError> {
        let template = &self.entries[found.template].template;
        if template.regular && !in_place {
            let fields = template.compiled()?.fields.iter();
            let scratch = &self.scratch;
            self.memo.learn(fields.filter_map(|(field, group)| Some((*field, scratch.group(*group)?))));
        }
        Ok(())
    }

    fn resolve(&mut self, reading: &Result<Reading, TimeError>, now: f64) -> Result<Stamp, TimeError> {
        match reading {
            Ok(reading) => reading.resolve(now, &mut self.local, self.default_zone),
            Err(e) => Err(e.clone()),
        }
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
        let answer = compiled.direct.as_ref().map(|d| d.search(within, range.start, &mut self.scratch));
        let (groups, reach): (&dyn Fn(usize) -> Option<(usize, usize)>, _) = match answer {
            Some(Answer::None) => return Ok(None),
            Some(Answer::Match { reach }) => (&|group| self.scratch.group(group), Some(reach)),
            Some(Answer::Unknown) | None => {
                // a search given up for its length counts as no match
                if !compiled.regex.search(within, range.start, &mut self.caps).unwrap_or(false) {
                    return Ok(None);
                }
                (&|group| self.caps.get(group), None)
            }
        };
        let (start, end) = groups(0).unwrap_or_default();
        Ok(Some(Hit {
            entry: i,
            whole: start..end,
            group: groups(1),
            start: text.index_of(start),
            end: text.index_of(end),
            reading: template.read(within, groups),
            reach,
            in_place: range.len() < text.bytes.len(),
        }))
    }

    /// Books a win; returns the winner's new place.
    fn win(&mut self, text: &Text<'_>, hit: &Hit, now: f64) -> Result<usize, MatchError> {
        self.count(hit.entry, now);
        self.entries[hit.entry].distance = hit.start;
        let mut last = Last::new(text, hit.entry, hit.start, hit.end)
            .ok_or_else(|| Box::new(Exception::builtin("IndexError", "string index out of range")))?;
        let again = self.last.as_ref().is_some_and(|l| l.template == hit.entry);
        let place = if hit.entry == 0 || again { hit.entry } else { self.bubble_up(hit.entry) };
        last.template = place;
        self.last = Some(last);
        Ok(place)
    }

    fn count(&mut self, i: usize, now: f64) {
        let entry = &mut self.entries[i];
        entry.hits += 1;
        entry.last_used = now;
        if self.first_unused == i {
            self.first_unused += 1;
        }
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

fn weight_of(weights: &[(Arc<Template>, f64)], template: &Arc<Template>) -> f64 {
    weights.iter().find(|(known, _)| Arc::ptr_eq(known, template)).map_or(1.0, |(_, weight)| *weight)
}

fn pattern_exception(error: PatternError) -> MatchError {
    Box::new(Exception::builtin("ValueError", error.to_string()))
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
