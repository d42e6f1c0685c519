//! Which regex matches a line, and what that says: the filter's main path (COMPAT §5).

use super::dating::{OncePerDay, Split};
use super::identify::{fid_tuple, identify};
use super::rules::Rules;
use super::session::Sessions;
use super::{Data, Failure, Filter, Id, Item, MatchLine, Matches, Mode, Note, Sink, UseDns, Work, multiline};
use crate::address::Address;
use crate::date::Stamp;
use crate::level;
use crate::pattern::{Captures, FailRegex, GroupValue, Name, Role, StepLimit};
use crate::value::Value;

/// What is remembered of earlier lines.
#[derive(Default)]
pub(super) struct Memory {
    /// The lines that a multi-line regex may still need.
    pub buffer: Vec<MatchLine>,
    /// What that was when the search began: the lines that line numbers refer to.
    searched: Vec<MatchLine>,
    sessions: Sessions,
    warned_undated: OncePerDay,
    warned_steps: OncePerDay,
    /// Groups of the last match of the prefregex; none if its last search found nothing.
    pub prefix: Option<Data>,
}

/// The line at hand, what is known of it, and where the results go.
pub(super) struct Line<'a, S> {
    pub split: Split<'a>,
    /// The line as it was read, if it is the split one in one piece (and not dated like an earlier one).
    pub whole: Option<&'a str>,
    /// `before + after` with its line end, where that stands in one piece somewhere.
    pub raw: Option<&'a str>,
    /// Whether there is certainly no line feed inside.
    pub one_line: bool,
    pub time: Option<Stamp>,
    /// Whether the time is not the line's own.
    pub undated: bool,
    pub now: f64,
    pub failures: &'a mut S,
    pub notes: &'a mut Vec<Note>,
}

impl<S> Line<'_, S> {
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
    /// A failure was found.
    Failure,
    /// It is kept for its session.
    Waits,
    /// The regex matched, but none of its identifying groups did.
    Nobody,
}

impl Filter {
    /// Searches a line that has been taken apart.
    #[inline]
    pub(super) fn find(&mut self, line: Line<impl Sink>) {
        let Filter { rules, mode, memory, work, .. } = self;
        Search { rules, mode: *mode, memory, line }.find(work);
    }
}

/// The search of one line.
struct Search<'f, 'l, S> {
    rules: &'f Rules,
    mode: Mode,
    memory: &'f mut Memory,
    line: Line<'l, S>,
}

impl<S: Sink> Search<'_, '_, S> {
    #[inline]
    fn find(&mut self, work: &mut Work) {
        let joined;
        let text = match self.line.raw {
            Some(text) if self.rules.max_lines == 1 => text,
            _ => {
                joined = self.joined();
                &joined
            }
        };
        if self.rules.ignores_first() && self.is_ignored(text, None) {
            return;
        }
        let Work { captures, candidates, pre_captures, content } = work;
        let (mut text, mut hit) = (text, None);
        if let Some(pre) = &self.rules.prefregex {
            let found = self.search(pre, text, pre_captures);
            let prefix = Hit { regex: pre, text, captures: pre_captures };
            if self.mode.keep_prefix {
                self.memory.prefix = found.then(|| groups_of(prefix));
            }
            if !found {
                return;
            }
            text = self.content_of(prefix, content).unwrap_or(text);
            hit = Some(prefix);
        }
        self.try_all(text, hit, candidates, captures);
    }

    /// The text that regexes are to see, where it does not stand in one piece in the log.
    #[inline(never)]
    fn joined(&mut self) -> String {
        if self.rules.max_lines == 1 {
            return [self.line.split.before, self.line.split.after, "\n"].concat();
        }
        let buffer = &mut self.memory.buffer;
        buffer.push(self.line.kept());
        let surplus = buffer.len().saturating_sub(self.rules.max_lines);
        buffer.drain(..surplus);
        self.memory.searched.clone_from(buffer);
        self.line.one_line = false;
        multiline::join(buffer)
    }

    /// What the failregexes are to see of a text in which the prefregex has found something, put into
    /// `content`; `None`: all of it.
    fn content_of<'c>(&mut self, pre: Hit, content: &'c mut String) -> Option<&'c str> {
        let found = pre.regex.text(Role::Content, pre.text, pre.captures).filter(|text| !text.is_empty())?;
        if self.rules.max_lines > 1 {
            self.memory.buffer = vec![MatchLine::new("", "", found)];
        }
        // another follows
        self.line.one_line &= !found.ends_with('\n');
        content.clear();
        content.push_str(found);
        content.push('\n');
        Some(content)
    }

    /// Tries the failregexes in order. `pre` is the match of the prefregex.
    #[inline]
    fn try_all(
        &mut self,
        text: &str,
        pre: Option<Hit>,
        candidates: &mut Vec<usize>,
        captures: &mut Captures,
    ) {
        let rules = self.rules;
        rules.candidates(text, candidates);
        for &index in candidates.iter() {
            let regex = &rules.failregex[index];
            if self.search(regex, text, captures) {
                if self.matched(index, Hit { regex, text, captures }, pre) {
                    break;
                }
                if rules.max_lines > 1 {
                    self.try_later(index + 1, pre, captures);
                    break;
                }
            }
        }
    }

    /// Tries the failregexes from the one of number `next` on, after one that spans lines has matched: all others may
    /// match what the lines are now.
    #[cold]
    fn try_later(&mut self, next: usize, pre: Option<Hit>, captures: &mut Captures) {
        let rules = self.rules;
        let mut text = multiline::join(&self.memory.buffer);
        for index in next..rules.failregex.len() {
            let regex = &rules.failregex[index];
            if self.search(regex, &text, captures) {
                if self.matched(index, Hit { regex, text: &text, captures }, pre) {
                    break;
                }
                text = multiline::join(&self.memory.buffer);
            }
        }
    }

    /// A search that treats "too many steps" as no match and says so once a day.
    #[inline]
    fn search(&mut self, regex: &FailRegex, text: &str, captures: &mut Captures) -> bool {
        let found = match self.line.one_line {
            true => regex.regex().search_line(text.as_bytes(), captures),
            false => regex.regex().search(text.as_bytes(), 0, captures),
        };
        match found {
            Ok(found) => found,
            Err(StepLimit) => {
                self.gave_up(regex, text);
                false
            }
        }
    }

    #[cold]
    fn gave_up(&mut self, regex: &FailRegex, text: &str) {
        if self.memory.warned_steps.is_due(self.line.now) {
            let message = format!(
                "Regex gives up on a line of {} bytes after too many steps, counted as no match: {} ({})",
                text.len(),
                Value::str(regex.original()),
                regex.origin(),
            );
            self.line.notes.push(Note::Log { level: level::WARNING, jail: true, text: message });
        }
    }

    /// A failregex matched: whether the line is done with.
    #[inline]
    fn matched(&mut self, index: usize, hit: Hit, pre: Option<Hit>) -> bool {
        let check_all = self.mode.check_all;
        if !self.rules.ignoreregex.is_empty() && self.is_ignored(hit.text, Some(hit)) {
            return !check_all;
        }
        let (lines, rest) = match self.rules.max_lines {
            1 => (self.line.alone(), None),
            _ => {
                let (used, rest) = self.partition(&hit);
                (used, Some(rest))
            }
        };
        if self.line.undated {
            self.warn_undated(&lines);
            if self.line.time.is_none() && self.mode.check_find_time {
                return false;
            }
        }
        if let Some(rest) = rest {
            self.memory.buffer = rest;
        }
        let alone = pre.is_none_or(|pre| pre.regex.has_only(Role::Content))
            && !hit.regex.has(Role::MlfId)
            && !hit.regex.has_tuples();
        let outcome = match alone {
            true => self.plain_failure(index, hit, lines),
            false => self.merged_failure(index, hit, pre, lines),
        };
        match outcome {
            Outcome::Failure => !check_all,
            Outcome::Waits => true,
            Outcome::Nobody => {
                let regex = Value::str(hit.regex.as_str());
                let text = format!("No group found in '{}' using 're.compile({regex})'", hit.text);
                self.line.notes.push(Note::Log { level: level::ERROR, jail: false, text });
                false
            }
        }
    }

    /// The lines that a match used, and those that stay for later.
    fn partition(&self, hit: &Hit) -> (Matches, Vec<MatchLine>) {
        let (used, rest) = multiline::partition(&self.memory.searched, hit.regex, hit.text, hit.captures);
        (Matches::Lines(used), rest)
    }

    /// The failure of a regex that stands for itself: no groups of a prefregex, no session.
    #[inline]
    fn plain_failure(&mut self, regex: usize, hit: Hit, matches: Matches) -> Outcome {
        let line = &mut self.line;
        let (id, beside) = match hit.regex.v4(hit.captures) {
            Some(bits) => (Id::Known(Address::V4 { bits, prefix: 32 }), None),
            None => {
                let raw_host = is_raw(self.rules, self.mode);
                let found = identify(raw_host, |role| hit.regex.text(role, hit.text, hit.captures), None);
                let Some(found) = found else { return Outcome::Nobody };
                found
            }
        };
        let wanted = beside.is_some() || !matches!(&id, Id::Known(id) if !line.failures.wants_groups(id));
        let mut data = if wanted { groups_of(hit) } else { Data::default() };
        set_beside(&mut data, beside);
        line.failures.take(Failure { regex, id, time: line.time, data, matches }, line.notes);
        Outcome::Failure
    }

    /// The failure that the session's lines make together, if they do.
    fn merged_failure(&mut self, regex: usize, hit: Hit, pre: Option<Hit>, lines: Matches) -> Outcome {
        let check_all = self.mode.check_all;
        let raw_host = is_raw(self.rules, self.mode);
        let line = &mut self.line;
        let mut fail = groups(hit, pre);
        let Some(Item::Text(mlfid)) = fail.get(Role::MlfId).cloned() else {
            let tuple = fid_tuple(&fail);
            let found = identify(raw_host, |role| fail.text(role), tuple.as_deref());
            let Some((id, beside)) = found else { return Outcome::Nobody };
            set_beside(&mut fail, beside);
            line.failures
                .take(Failure { regex, id, time: line.time, data: fail, matches: lines }, line.notes);
            return Outcome::Failure;
        };
        let session = self.memory.sessions.merge(&mlfid, fail, lines, line.searched(), line.now);
        if session.data.is_set(Role::NoFail) && !check_all {
            return Outcome::Waits;
        }
        let tuple = fid_tuple(&session.data);
        let (id, beside) = match identify(raw_host, |role| session.data.text(role), tuple.as_deref()) {
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
        let wanted = beside.is_some() || !matches!(&id, Id::Known(id) if !line.failures.wants_groups(id));
        set_beside(&mut session.data, beside);
        let data = if wanted { session.data.clone() } else { Data::default() };
        line.failures.take(Failure { regex, id, time: line.time, data, matches }, line.notes);
        Outcome::Failure
    }

    /// Whether an ignoreregex matches: the lines of the match where regexes span lines, else the text.
    fn is_ignored(&mut self, text: &str, hit: Option<Hit>) -> bool {
        let parts = hit.filter(|_| self.rules.max_lines > 1).map(|hit| self.partition(&hit));
        let narrowed = parts.as_ref().map(|(lines, _)| multiline::join(&lines.clone().into_lines("")));
        let text = narrowed.as_deref().unwrap_or(text);
        let mut found = false;
        let mut captures = Captures::new();
        let rules = self.rules;
        for (index, regex) in rules.ignoreregex.iter().enumerate() {
            if !self.search(regex, text, &mut captures) {
                continue;
            }
            found = true;
            self.line.notes.push(Note::Ignored(index));
            if let Some((_, rest)) = &parts {
                self.memory.buffer = rest.clone();
            }
            if !self.mode.check_all {
                break;
            }
        }
        found
    }

    #[cold]
    fn warn_undated(&mut self, lines: &Matches) {
        if !self.memory.warned_undated.is_due(self.line.now) {
            return;
        }
        let lines = lines.clone().into_lines(self.line.searched());
        let lines: Vec<&str> = lines.iter().map(|line| &*line.text).collect();
        for text in [
            format!("Found a match but no valid date/time found for {}.", Value::str(self.line.split.date)),
            format!("Match without a timestamp: {}", lines.join("\n")),
            "Please try setting a custom date pattern (see man page jail.conf(5)).".to_owned(),
        ] {
            self.line.notes.push(Note::Log { level: level::WARNING, jail: true, text });
        }
    }
}

/// Whether identifiers are taken as they stand.
fn is_raw(rules: &Rules, mode: Mode) -> bool {
    rules.use_dns == UseDns::Raw || mode.raw_host
}

fn set_beside(data: &mut Data, address: Option<Address>) {
    if let Some(address) = address {
        data.set(Name::Ip, Item::Address(address));
    }
}

/// The groups of a match: those of the prefregex, overlaid by those of the failregex.
fn groups(hit: Hit, pre: Option<Hit>) -> Data {
    let Some(pre) = pre.filter(|pre| !pre.regex.has_only(Role::Content)) else { return groups_of(hit) };
    let mut data = Data::with_capacity(pre.regex.names().len() + room_for(hit));
    collect_groups(pre, &mut data, Some(Role::Content));
    if data.is_empty() {
        return groups_of(hit);
    }
    if hit.regex.collects() {
        data.update(groups_of(hit));
    } else {
        for (name, text) in texts_of(hit) {
            if let Some(text) = text {
                data.set(name.clone(), Item::Text(text.into()));
            }
        }
    }
    data
}

/// The named groups and what they matched.
fn texts_of<'h>(hit: Hit<'h>) -> impl Iterator<Item = (&'h Name, Option<&'h str>)> {
    hit.regex
        .names()
        .iter()
        .map(move |(group, name)| (name, hit.regex.group_text(*group, hit.text, hit.captures)))
}

fn groups_of(hit: Hit) -> Data {
    let mut data = Data::with_capacity(room_for(hit));
    collect_groups(hit, &mut data, None);
    data
}

/// Groups there may be, with some room for what sessions add.
fn room_for(hit: Hit) -> usize {
    hit.regex.names().len() + 4
}

/// Adds all groups but one.
fn collect_groups(hit: Hit, data: &mut Data, without: Option<Role>) {
    for (name, text) in texts_of(hit) {
        if without.is_none_or(|role| *name != Name::Role(role)) {
            data.push(name.clone(), text.map_or(Item::None, |text| Item::Text(text.into())));
        }
    }
    if hit.regex.collects() {
        for (key, value) in hit.regex.data(hit.text, hit.captures) {
            if without.is_none_or(|role| key != role.name()) {
                data.set(key, item(value));
            }
        }
    }
}

fn item(value: GroupValue<'_>) -> Item {
    match value {
        GroupValue::Text(text) => Item::Text(text.into()),
        GroupValue::Tuple(parts) => Item::Tuple(
            parts.into_iter().map(|part| part.map_or(Item::None, |text| Item::Text(text.into()))).collect(),
        ),
    }
}
