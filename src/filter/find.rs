//! Which regex matches a line, and what that says: the filter's main path (COMPAT §5).

use super::dating::Split;
use super::{Data, Failure, Filter, Id, Item, MatchLine, Note, UseDns, multiline};
use crate::address::Address;
use crate::date::Stamp;
use crate::level;
use crate::pattern::{Captures, FailRegex, GroupValue, PatternSet, Role};

/// The line at hand and what surrounds it.
struct Context<'a> {
    split: Split<'a>,
    time: Option<Stamp>,
    undated: bool,
    now: f64,
    /// The buffered lines that line numbers refer to; only kept where regexes span lines.
    lines: Vec<MatchLine>,
}

impl Context<'_> {
    fn partition(
        &self,
        regex: &FailRegex,
        text: &str,
        captures: &Captures,
    ) -> (Vec<MatchLine>, Vec<MatchLine>) {
        match self.lines.is_empty() {
            true => {
                let Split { before, date, after } = self.split;
                (vec![MatchLine::new(before.as_bytes(), date.as_bytes(), after.as_bytes())], Vec::new())
            }
            false => multiline::partition(&self.lines, regex, text, captures),
        }
    }
}

impl Filter {
    /// Searches a line that has been taken apart. `raw` is `before + after` with its line end, where
    /// that stands in one piece somewhere.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn find(
        &mut self,
        split: Split<'_>,
        raw: Option<&str>,
        time: Option<Stamp>,
        undated: bool,
        now: f64,
        failures: &mut Vec<Failure>,
        notes: &mut Vec<Note>,
    ) {
        let mut context = Context { split, time, undated, now, lines: Vec::new() };
        if self.max_lines > 1 {
            let Split { before, date, after } = split;
            self.buffer.push(MatchLine::new(before.as_bytes(), date.as_bytes(), after.as_bytes()));
            let surplus = self.buffer.len().saturating_sub(self.max_lines);
            self.buffer.drain(..surplus);
            context.lines = self.buffer.clone();
            let text = multiline::join(&self.buffer);
            return self.find_in(&text, &context, failures, notes);
        }
        match raw {
            Some(text) => self.find_in(text, &context, failures, notes),
            None => self.find_in(&[split.before, split.after, "\n"].concat(), &context, failures, notes),
        }
    }

    fn find_in(&mut self, text: &str, context: &Context, failures: &mut Vec<Failure>, notes: &mut Vec<Note>) {
        let early = !self.ignoreregex.is_empty() && self.ignoreregex.len() + 2 < self.failregex.len();
        if early && self.is_ignored(text, None, context, notes) {
            return;
        }
        let Some(pre) = self.prefregex.clone() else {
            return self.try_all(text, None, context, failures, notes);
        };
        let mut captures = std::mem::take(&mut self.pre_captures);
        let warned = &mut self.warned_steps;
        let found = Self::search(&pre, text, &mut captures, warned, context.now, notes);
        if self.mode.keep_prefix {
            self.prefix = found.then(|| groups_of(&pre, text, &captures));
        }
        if found {
            match pre.text(Role::Content, text, &captures).filter(|content| !content.is_empty()) {
                Some(content) => {
                    let buffer = [content, "\n"].concat();
                    if self.max_lines > 1 {
                        self.buffer = vec![MatchLine::new(b"", b"", content.as_bytes())];
                    }
                    self.try_all(&buffer, Some((&pre, text, &captures)), context, failures, notes);
                }
                None => self.try_all(text, Some((&pre, text, &captures)), context, failures, notes),
            }
        }
        self.pre_captures = captures;
    }

    /// Tries the failregexes in order. `pre` is the prefregex with the text it matched.
    fn try_all(
        &mut self,
        text: &str,
        pre: Option<(&FailRegex, &str, &Captures)>,
        context: &Context,
        failures: &mut Vec<Failure>,
        notes: &mut Vec<Note>,
    ) {
        let mut candidates = std::mem::take(&mut self.candidates);
        self.candidates_of(text, &mut candidates);
        let mut captures = std::mem::take(&mut self.captures);
        let mut replaced: Option<String> = None;
        for index in 0..self.failregex.len() {
            if replaced.is_none() && !candidates.contains(&index) {
                continue;
            }
            let text = replaced.as_deref().unwrap_or(text);
            let regex = self.failregex[index].clone();
            if !Self::search(&regex, text, &mut captures, &mut self.warned_steps, context.now, notes) {
                continue;
            }
            let done = self.matched(index, &regex, text, &captures, pre, context, failures, notes);
            if done {
                break;
            }
            if self.max_lines > 1 {
                replaced = Some(multiline::join(&self.buffer));
            }
        }
        self.captures = captures;
        self.candidates = candidates;
    }

    fn candidates_of(&mut self, text: &str, candidates: &mut Vec<usize>) {
        let failregex = &self.failregex;
        let set = self.prefilter.get_or_insert_with(|| {
            let regexes: Vec<_> = failregex.iter().map(|regex| regex.regex().clone()).collect();
            PatternSet::new(&regexes)
        });
        set.candidates(text.as_bytes(), candidates);
    }

    /// A failregex matched: whether the line is done with.
    #[allow(clippy::too_many_arguments)]
    fn matched(
        &mut self,
        index: usize,
        regex: &FailRegex,
        text: &str,
        captures: &Captures,
        pre: Option<(&FailRegex, &str, &Captures)>,
        context: &Context,
        failures: &mut Vec<Failure>,
        notes: &mut Vec<Note>,
    ) -> bool {
        let check_all = self.mode.check_all;
        if !self.ignoreregex.is_empty() && self.is_ignored(text, Some((regex, captures)), context, notes) {
            return !check_all;
        }
        let (lines, rest) = context.partition(regex, text, captures);
        if context.undated {
            self.warn_undated(context, &lines, notes);
            if context.time.is_none() && self.mode.check_find_time {
                return false;
            }
        }
        if self.max_lines > 1 {
            self.buffer = rest;
        }
        let fail = groups(regex, text, captures, pre);
        let mlfid = fail.text("mlfid").map(str::to_owned);
        let (mut data, matches) = match &mlfid {
            Some(mlfid) => {
                let session = self.sessions.merge(mlfid, fail, lines, context.now);
                if session.data.is_set("nofail") && !check_all {
                    return true;
                }
                (session.data, session.matches.unwrap_or_default())
            }
            None => (fail, lines),
        };
        let id = match self.identify(&mut data) {
            Some(id) => id,
            None => {
                if let Some(mlfid) = &mlfid {
                    self.sessions.set_pending(mlfid);
                }
                if !check_all && self.mode.ignore_pending {
                    return true;
                }
                Id::Pending
            }
        };
        failures.push(Failure { regex: index, id, time: context.time, data, matches });
        !check_all
    }

    /// Whether an ignoreregex matches: the lines of the match where regexes span lines, else the text.
    fn is_ignored(
        &mut self,
        text: &str,
        matched: Option<(&FailRegex, &Captures)>,
        context: &Context,
        notes: &mut Vec<Note>,
    ) -> bool {
        let multi = self.max_lines > 1;
        let parts =
            matched.filter(|_| multi).map(|(regex, captures)| context.partition(regex, text, captures));
        let narrowed = parts.as_ref().map(|(lines, _)| multiline::join(lines));
        let text = narrowed.as_deref().unwrap_or(text);
        let mut found = false;
        let mut captures = Captures::new();
        for (index, regex) in self.ignoreregex.iter().enumerate() {
            if !Self::search(regex, text, &mut captures, &mut self.warned_steps, context.now, notes) {
                continue;
            }
            found = true;
            notes.push(Note::Ignored(index));
            if let Some((_, rest)) = &parts {
                self.buffer = rest.clone();
            }
            if !self.mode.check_all {
                break;
            }
        }
        found
    }

    fn warn_undated(&mut self, context: &Context, lines: &[MatchLine], notes: &mut Vec<Note>) {
        if !self.warned_undated.is_due(context.now) {
            return;
        }
        let lines: Vec<&str> = lines.iter().map(|line| &*line.text).collect();
        for text in [
            format!(
                "Found a match but no valid date/time found for {}.",
                crate::value::Value::str(context.split.date)
            ),
            format!("Match without a timestamp: {}", lines.join("\n")),
            "Please try setting a custom date pattern (see man page jail.conf(5)).".to_owned(),
        ] {
            notes.push(Note::Log { level: level::WARNING, jail: true, text });
        }
    }

    /// Who failed, from the groups; `None` if no group says so yet.
    fn identify(&self, data: &mut Data) -> Option<Id> {
        let raw_host = self.use_dns == UseDns::Raw || self.mode.raw_host;
        let literal = |text: &str| match raw_host {
            true => Address::Raw(text.into()),
            false => Address::parse(text).unwrap_or_else(|_| Address::Name(text.into())),
        };
        let (name, ip) = [("ip4", "ip4"), ("ip6", "ip6"), ("dns", "dns"), ("host", "dns")]
            .into_iter()
            .find_map(|(group, kind)| data.text(group).map(|text| (Some(kind), Some(text.to_owned()))))
            .unwrap_or((None, None));
        let fid = data.text("fid").map(str::to_owned);
        let Some(ip) = ip else { return fid.map(|fid| Id::Known(literal(&fid))) };
        if name == Some("dns") && !raw_host {
            return Some(self.host(&ip));
        }
        let cidr = data.text("cidr").filter(|cidr| !cidr.is_empty()).and_then(|cidr| cidr.parse().ok());
        let address = match (name, cidr) {
            (Some("ip4" | "ip6"), Some(prefix)) => Address::with_prefix(&ip, prefix),
            (Some("ip4"), None) => Address::v4_group(&ip),
            (Some("ip6"), None) => Address::v6_group(&ip),
            _ => literal(&ip),
        };
        match fid.filter(|fid| *fid != ip) {
            None => Some(Id::Known(address)),
            Some(fid) => {
                data.set("ip", Item::Address(address));
                Some(Id::Known(literal(&fid)))
            }
        }
    }

    /// A host name, unless the text is a plain address after all.
    fn host(&self, text: &str) -> Id {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        match Address::host(bare) {
            Address::Name(_) => Id::Host(text.into()),
            address => Id::Known(address),
        }
    }
}

/// The groups of a match: those of the prefregex, overlaid by those of the failregex.
fn groups(
    regex: &FailRegex,
    text: &str,
    captures: &Captures,
    pre: Option<(&FailRegex, &str, &Captures)>,
) -> Data {
    let own = groups_of(regex, text, captures);
    match pre {
        Some((pre, pre_text, pre_captures)) => {
            let mut data = groups_of(pre, pre_text, pre_captures);
            data.take("content");
            if data.is_empty() {
                return own;
            }
            data.update(&own);
            data
        }
        None => own,
    }
}

fn groups_of(regex: &FailRegex, text: &str, captures: &Captures) -> Data {
    let names = regex.regex().group_names().iter().flatten();
    let mut data: Data = names.map(|name| (name.as_str().into(), Item::None)).collect();
    for (key, value) in regex.data(text, captures) {
        data.set(key, item(value));
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
