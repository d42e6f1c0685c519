//! Which regex matches a line, and what that says: the filter's main path (COMPAT §5).

use ecow::EcoString;

use super::dating::Split;
use super::identify::{fid_tuple, identify};
use super::{Data, Failure, Filter, Id, Item, MatchLine, Matches, Note, UseDns, multiline};
use crate::address::Address;
use crate::date::Stamp;
use crate::level;
use crate::pattern::{Captures, FailRegex, GroupValue, PatternSet, Role};

/// The line at hand, what is known of it, and where the results go.
pub(super) struct Line<'a> {
    pub split: Split<'a>,
    /// The line as it was read, if it is the split one in one piece (and not dated like an earlier one).
    pub whole: Option<&'a str>,
    /// `before + after` with its line end, where that stands in one piece somewhere.
    pub raw: Option<&'a str>,
    pub time: Option<Stamp>,
    /// Whether the time is not the line's own.
    pub undated: bool,
    pub now: f64,
    /// Whether the groups of a failure of this address are wanted. (They are not where the address has
    /// failed before, and collecting them costs more than finding them.)
    pub wants_groups: &'a dyn Fn(&Address) -> bool,
    pub failures: &'a mut Vec<Failure>,
    pub notes: &'a mut Vec<Note>,
    /// The buffered lines that line numbers refer to; only kept where regexes span lines.
    pub buffered: Vec<MatchLine>,
}

impl Line<'_> {
    fn kept(&self) -> MatchLine {
        let Split { before, date, after } = self.split;
        MatchLine::new(before, date, after)
    }

    /// The line by itself.
    fn alone(&self) -> Matches {
        let start = self.split.before.len() as u32;
        match self.whole {
            Some(_) => Matches::This { date: (start, start + self.split.date.len() as u32) },
            None => Matches::Lines(vec![self.kept()]),
        }
    }

    /// The lines that a match used, and those that stay for later.
    fn partition(&self, hit: &Hit) -> (Matches, Vec<MatchLine>) {
        match self.buffered.is_empty() {
            true => (self.alone(), Vec::new()),
            false => {
                let (used, rest) = multiline::partition(&self.buffered, hit.regex, hit.text, hit.captures);
                (Matches::Lines(used), rest)
            }
        }
    }

    /// The line just searched, as [`Matches::This`] means it.
    fn searched(&self) -> &str {
        self.whole.unwrap_or_default()
    }
}

/// A regex that matched a text.
#[derive(Clone, Copy)]
struct Hit<'a> {
    regex: &'a FailRegex,
    text: &'a str,
    captures: &'a Captures,
}

/// What a match comes to.
enum Outcome {
    Failure(Failure),
    /// It is kept for its session.
    Waits,
    /// The regex matched, but none of its identifying groups did.
    Nobody,
}

impl Filter {
    /// Searches a line that has been taken apart.
    pub(super) fn find(&mut self, line: &mut Line) {
        if self.max_lines > 1 {
            self.buffer.push(line.kept());
            let surplus = self.buffer.len().saturating_sub(self.max_lines);
            self.buffer.drain(..surplus);
            line.buffered = self.buffer.clone();
            let text = multiline::join(&self.buffer);
            return self.find_in(&text, line);
        }
        match line.raw {
            Some(text) => self.find_in(text, line),
            None => self.find_in(&[line.split.before, line.split.after, "\n"].concat(), line),
        }
    }

    #[inline]
    fn find_in(&mut self, text: &str, line: &mut Line) {
        let early = !self.ignoreregex.is_empty() && self.ignoreregex.len() + 2 < self.failregex.len();
        if early && self.is_ignored(text, None, line) {
            return;
        }
        match self.prefregex.take() {
            Some(pre) => {
                self.find_behind(&pre, text, line);
                self.prefregex = Some(pre);
            }
            None => self.try_all(text, None, line),
        }
    }

    /// Lets the failregexes see what the prefregex makes of the text.
    fn find_behind(&mut self, pre: &FailRegex, text: &str, line: &mut Line) {
        let mut captures = std::mem::take(&mut self.pre_captures);
        let found = self.search(pre, text, &mut captures, line);
        if self.mode.keep_prefix {
            self.prefix = found.then(|| groups_of(Hit { regex: pre, text, captures: &captures }));
        }
        if found {
            let hit = Hit { regex: pre, text, captures: &captures };
            match pre.text(Role::Content, text, &captures).filter(|content| !content.is_empty()) {
                Some(content) => {
                    let buffer = [content, "\n"].concat();
                    if self.max_lines > 1 {
                        self.buffer = vec![MatchLine::new("", "", content)];
                    }
                    self.try_all(&buffer, Some(hit), line);
                }
                None => self.try_all(text, Some(hit), line),
            }
        }
        self.pre_captures = captures;
    }

    /// Tries the failregexes in order. `pre` is the match of the prefregex.
    #[inline]
    fn try_all(&mut self, text: &str, pre: Option<Hit>, line: &mut Line) {
        let mut candidates = std::mem::take(&mut self.candidates);
        self.candidates_of(text, &mut candidates);
        let mut captures = std::mem::take(&mut self.captures);
        // Taken out, so that the rest of the filter can be changed meanwhile.
        let regexes = std::mem::take(&mut self.failregex);
        let mut replaced: Option<String> = None;
        for (index, regex) in regexes.iter().enumerate() {
            if replaced.is_none() && !candidates.contains(&index) {
                continue;
            }
            let text = replaced.as_deref().unwrap_or(text);
            if !self.search(regex, text, &mut captures, line) {
                continue;
            }
            if self.matched(index, Hit { regex, text, captures: &captures }, pre, line) {
                break;
            }
            if self.max_lines > 1 {
                replaced = Some(multiline::join(&self.buffer));
            }
        }
        self.failregex = regexes;
        self.captures = captures;
        self.candidates = candidates;
    }

    #[inline]
    fn candidates_of(&mut self, text: &str, candidates: &mut Vec<usize>) {
        if self.failregex.len() <= 1 {
            // A single regex looks for its literals itself.
            candidates.clear();
            candidates.extend(0..self.failregex.len());
            return;
        }
        let failregex = &self.failregex;
        let set = self.prefilter.get_or_insert_with(|| {
            let regexes: Vec<_> = failregex.iter().map(|regex| regex.regex().clone()).collect();
            PatternSet::new(&regexes)
        });
        set.candidates(text.as_bytes(), candidates);
    }

    /// A failregex matched: whether the line is done with.
    #[inline]
    fn matched(&mut self, index: usize, hit: Hit, pre: Option<Hit>, line: &mut Line) -> bool {
        let check_all = self.mode.check_all;
        if !self.ignoreregex.is_empty() && self.is_ignored(hit.text, Some(hit), line) {
            return !check_all;
        }
        let (lines, rest) = line.partition(&hit);
        if line.undated {
            self.warn_undated(line, &lines);
            if line.time.is_none() && self.mode.check_find_time {
                return false;
            }
        }
        if self.max_lines > 1 {
            self.buffer = rest;
        }
        let alone = pre.is_none_or(|pre| pre.regex.has_only(Role::Content))
            && !hit.regex.has(Role::MlfId)
            && !hit.regex.has_tuples();
        let outcome = match alone {
            true => self.plain_failure(index, hit, lines, line),
            false => self.merged_failure(index, hit, pre, lines, line),
        };
        match outcome {
            Outcome::Failure(failure) => {
                line.failures.push(failure);
                !check_all
            }
            Outcome::Waits => true,
            Outcome::Nobody => {
                let regex = crate::value::Value::str(hit.regex.as_str());
                let text = format!("No group found in '{}' using 're.compile({regex})'", hit.text);
                line.notes.push(Note::Log { level: level::ERROR, jail: false, text });
                false
            }
        }
    }

    /// The failure of a regex that stands for itself: no groups of a prefregex, no session.
    #[inline]
    fn plain_failure(&self, index: usize, hit: Hit, matches: Matches, line: &Line) -> Outcome {
        let found = identify(self.raw_host(), |role| hit.regex.text(role, hit.text, hit.captures), None);
        let Some((id, beside)) = found else { return Outcome::Nobody };
        let wanted = beside.is_some() || !matches!(&id, Id::Known(id) if !(line.wants_groups)(id));
        let mut data = if wanted { groups_of(hit) } else { Data::default() };
        set_beside(&mut data, beside);
        Outcome::Failure(Failure { regex: index, id, time: line.time, data, matches })
    }

    /// The failure that the session's lines make together; `None` if there is none yet.
    fn merged_failure(
        &mut self,
        index: usize,
        hit: Hit,
        pre: Option<Hit>,
        lines: Matches,
        line: &Line,
    ) -> Outcome {
        let check_all = self.mode.check_all;
        let mut fail = groups(hit, pre);
        let Some(Item::Text(mlfid)) = fail.get("mlfid").cloned() else {
            let tuple = fid_tuple(&fail);
            let found = identify(self.raw_host(), |role| fail.text(role.name()), tuple.as_deref());
            let Some((id, beside)) = found else { return Outcome::Nobody };
            set_beside(&mut fail, beside);
            return Outcome::Failure(Failure {
                regex: index,
                id,
                time: line.time,
                data: fail,
                matches: lines,
            });
        };
        let raw_host = self.raw_host();
        let session = self.sessions.merge(&mlfid, fail, lines, line.searched(), line.now);
        if session.data.is_set("nofail") && !check_all {
            return Outcome::Waits;
        }
        let tuple = fid_tuple(&session.data);
        let (id, beside) = match identify(raw_host, |role| session.data.text(role.name()), tuple.as_deref()) {
            Some(found) => found,
            None => {
                session.wait(line.searched());
                if !check_all && self.mode.ignore_pending {
                    return Outcome::Waits;
                }
                (Id::Pending, None)
            }
        };
        let keep = check_all || id == Id::Pending;
        let matches = session.hand_over(keep, line.searched());
        let wanted = beside.is_some() || !matches!(&id, Id::Known(id) if !(line.wants_groups)(id));
        set_beside(&mut session.data, beside);
        let data = if wanted { session.data.clone() } else { Data::default() };
        Outcome::Failure(Failure { regex: index, id, time: line.time, data, matches })
    }

    /// Whether an ignoreregex matches: the lines of the match where regexes span lines, else the text.
    fn is_ignored(&mut self, text: &str, hit: Option<Hit>, line: &mut Line) -> bool {
        let parts = hit.filter(|_| self.max_lines > 1).map(|hit| line.partition(&hit));
        let narrowed = parts.as_ref().map(|(lines, _)| multiline::join(&lines.clone().into_lines("")));
        let text = narrowed.as_deref().unwrap_or(text);
        let mut found = false;
        let mut captures = Captures::new();
        let regexes = std::mem::take(&mut self.ignoreregex);
        for (index, regex) in regexes.iter().enumerate() {
            if !self.search(regex, text, &mut captures, line) {
                continue;
            }
            found = true;
            line.notes.push(Note::Ignored(index));
            if let Some((_, rest)) = &parts {
                self.buffer = rest.clone();
            }
            if !self.mode.check_all {
                break;
            }
        }
        self.ignoreregex = regexes;
        found
    }

    fn warn_undated(&mut self, line: &mut Line, lines: &Matches) {
        if !self.warned_undated.is_due(line.now) {
            return;
        }
        let lines = lines.clone().into_lines(line.searched());
        let lines: Vec<&str> = lines.iter().map(|line| &*line.text).collect();
        for text in [
            format!(
                "Found a match but no valid date/time found for {}.",
                crate::value::Value::str(line.split.date)
            ),
            format!("Match without a timestamp: {}", lines.join("\n")),
            "Please try setting a custom date pattern (see man page jail.conf(5)).".to_owned(),
        ] {
            line.notes.push(Note::Log { level: level::WARNING, jail: true, text });
        }
    }

    /// Whether identifiers are taken as they stand.
    fn raw_host(&self) -> bool {
        self.use_dns == UseDns::Raw || self.mode.raw_host
    }
}

fn set_beside(data: &mut Data, address: Option<Address>) {
    if let Some(address) = address {
        data.set("ip", Item::Address(address));
    }
}

/// The groups of a match: those of the prefregex, overlaid by those of the failregex.
fn groups(hit: Hit, pre: Option<Hit>) -> Data {
    let Some(pre) = pre else { return groups_of(hit) };
    let mut data = groups_of(pre);
    data.take("content");
    if data.is_empty() {
        return groups_of(hit);
    }
    if hit.regex.collects() {
        data.update(&groups_of(hit));
    } else {
        for (name, text) in texts_of(hit) {
            if let Some(text) = text {
                data.set(name, Item::Text(text.into()));
            }
        }
    }
    data
}

/// The named groups and what they matched.
fn texts_of<'h>(hit: Hit<'h>) -> impl Iterator<Item = (&'h EcoString, Option<&'h str>)> {
    hit.regex
        .names()
        .iter()
        .map(move |(group, name)| (name, hit.regex.group_text(*group, hit.text, hit.captures)))
}

fn groups_of(hit: Hit) -> Data {
    // some room for what sessions add
    let mut data = Data::with_capacity(hit.regex.names().len() + 4);
    for (name, text) in texts_of(hit) {
        data.push(name.clone(), text.map_or(Item::None, |text| Item::Text(text.into())));
    }
    if hit.regex.collects() {
        for (key, value) in hit.regex.data(hit.text, hit.captures) {
            data.set(key, item(value));
        }
    }
    data
}

fn item(value: GroupValue<'_>) -> Item {
    match value {
        GroupValue::Text(text) => Item::Text(text.into()),
        GroupValue::Tuple(parts) => Item::Tuple(
            parts.into_iter().map(|part| part.map_or(Item::None, |text| Item::Text(text.into()))).collect(),
        ),
    }
}
