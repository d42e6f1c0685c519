//! Lines go through the filter, and what comes of them is counted.

use std::collections::HashMap;
use std::time::Instant;

use super::input::{self, Line};
use super::messages::DATES;
use super::options::Options;
use super::output::Format;
use super::profile::Profile;
use super::{Exit, Out};
use crate::address::Address;
use crate::clock;
use crate::config::Configurator;
use crate::date::{DateDetector, LocalZone, Stamp, Years};
use crate::filter::{Data, Filter, Id, MatchLine, Mode, UseDns};
use crate::level::{self, Level};
use crate::server::resolver;
use crate::value::Value;

/// One regex and what it matched.
pub struct Regex {
    /// As it was written.
    pub text: String,
    pub hits: u64,
    /// Each match, kept with `-v` only.
    pub matches: Vec<Matched>,
}

/// A match of a failregex.
pub struct Matched {
    pub id: String,
    pub time: Option<Stamp>,
    /// Others of the same line came before it.
    pub multiple: bool,
}

/// A failure with its address known.
#[derive(Clone, Debug)]
pub struct Hit {
    pub regex: usize,
    pub id: Option<Address>,
    pub time: Option<Stamp>,
    pub data: Data,
    pub matches: Vec<MatchLine>,
}

/// Lines of one kind.
#[derive(Default)]
pub struct Kind {
    pub count: i64,
    /// Those that may be shown.
    pub lines: Vec<String>,
}

/// All lines.
#[derive(Default)]
pub struct Lines {
    pub tested: i64,
    pub matched: Kind,
    pub missed: Kind,
    pub ignored: Kind,
}

/// One run of the program.
pub struct Tester<'o> {
    pub options: Options,
    pub out: &'o mut Out,
    pub filter: Filter,
    pub failregex: Vec<Regex>,
    pub ignoreregex: Vec<Regex>,
    pub journalmatch: Option<Vec<String>>,
    pub backend: &'static str,
    pub lines: Lines,
    /// Lines that the prefregex let through, and its groups with `-v`.
    pub prefix_hits: u64,
    pub prefixes: Vec<String>,
    pub elapsed: f64,
    pub profile: Option<Profile>,
    pub log_level: Level,
    pub started: Instant,
    maxlines_set: bool,
    datepattern_set: bool,
    timezone: Option<String>,
    names: HashMap<String, Vec<Address>>,
    /// The reader of the configuration directory that the command line names, once it has read something.
    pub configurator: Option<Configurator>,
}

impl<'o> Tester<'o> {
    pub fn new(options: Options, out: &'o mut Out) -> Result<Self, Exit> {
        let log_level = level::parse(&options.log_level).ok_or_else(|| {
            Exit::raised(format!("ValueError: Invalid log level {}", Value::str(&*options.log_level)))
        })?;
        let mut filter = Filter::new(None);
        filter.mode = Mode {
            check_all: !options.no_check_all && options.out.is_none(),
            check_find_time: false,
            ignore_pending: options.out.is_some(),
            raw_host: options.raw,
            keep_prefix: options.out.is_none(),
        };
        let mut tester = Tester {
            profile: options.profile.then(Profile::default),
            out,
            filter,
            failregex: Vec::new(),
            ignoreregex: Vec::new(),
            journalmatch: None,
            backend: "auto",
            lines: Lines::default(),
            prefix_hits: 0,
            prefixes: Vec::new(),
            elapsed: 0.0,
            log_level,
            started: Instant::now(),
            maxlines_set: false,
            datepattern_set: false,
            timezone: None,
            names: HashMap::new(),
            configurator: None,
            options,
        };
        tester.filter.detector = Some(tester.new_detector());
        if let Err(text) = tester.apply_options() {
            tester.out.line(&format!("ERROR: {text}"));
            return Err(Exit::failed());
        }
        Ok(tester)
    }

    fn apply_options(&mut self) -> Result<(), String> {
        if self.options.maxlines != 0 {
            self.set_max_lines(self.options.maxlines)?;
        }
        if let Some(text) = &self.options.journalmatch {
            self.journalmatch = Some(crate::config::split::shell_split(text).map_err(|e| e.to_string())?);
        }
        if let Some(zone) = self.options.timezone.clone().filter(|zone| !zone.is_empty()) {
            self.timezone = Some(zone);
            let mut detector = self.new_detector();
            detector.set_default_tz(self.timezone.as_deref()).map_err(|e| e.to_string())?;
            self.filter.detector = Some(detector);
        }
        if let Some(pattern) = self.options.datepattern.clone().filter(|pattern| !pattern.is_empty()) {
            self.set_date_pattern(&pattern)?;
        }
        if let Some(value) = self.options.usedns.clone().filter(|value| !value.is_empty()) {
            let use_dns = UseDns::parse(&value).unwrap_or_else(|| {
                let text =
                    format!("Incorrect value {} specified for usedns. Using safe 'no'", Value::str(&*value));
                self.log(level::ERROR, "fail2ban.filter", &text);
                UseDns::No
            });
            self.filter.set_use_dns(use_dns);
        }
        Ok(())
    }

    fn new_detector(&self) -> DateDetector {
        let zone = LocalZone::system();
        let year = clock::local_year();
        DateDetector::new(Years::around(year), zone)
    }

    /// What is printed unless `-o` asks for failures only.
    pub fn say(&mut self, text: &str) {
        if self.options.out.is_none() {
            self.out.line(text);
        }
    }

    /// The first value counts: the command line's, else the filter's.
    pub fn set_max_lines(&mut self, lines: i64) -> Result<(), String> {
        if self.maxlines_set {
            return Ok(());
        }
        let valid = usize::try_from(lines).ok().filter(|lines| *lines > 0);
        self.filter.set_max_lines(valid.ok_or("maxlines must be integer greater than zero")?);
        self.maxlines_set = true;
        self.log(level::INFO, "fail2ban.filter", &format!("  maxLines: {lines}"));
        self.say(&format!("Use         maxlines : {lines}"));
        Ok(())
    }

    /// Likewise.
    pub fn set_date_pattern(&mut self, pattern: &str) -> Result<(), String> {
        if self.datepattern_set {
            return Ok(());
        }
        let mut detector = self.new_detector();
        detector.set_default_tz(self.timezone.as_deref()).map_err(|e| e.to_string())?;
        detector.append_patterns(pattern).map_err(|e| e.to_string())?;
        let name = detector.pattern().1.to_owned();
        for text in detector.take_messages() {
            self.log(level::INFO, DATES, &text);
        }
        self.filter.detector = Some(detector);
        self.datepattern_set = true;
        self.say(&format!("Use      datepattern : {pattern} : {name}"));
        Ok(())
    }

    /// Journal entries have their own times.
    pub fn without_date_pattern(&mut self) {
        if !self.datepattern_set {
            self.filter.detector = None;
            self.datepattern_set = true;
        }
    }

    /// Reads the regexes, then the lines, and reports.
    pub fn start(&mut self, words: &[String]) -> Result<(), Exit> {
        if words[0].starts_with("systemd-journal") {
            self.backend = "systemd";
        }
        self.read_failregex(&words[1])?;
        if let Some(text) = words.get(2) {
            self.read_ignoreregex(text)?;
        }
        let lines = input::open(self, &words[0])?;
        self.say("");
        let format = self.options.out.as_deref().map(Format::parse);
        let started = Instant::now();
        for line in lines {
            self.process(line.map_err(|e| Exit::raised(e.to_string()))?, format.as_ref())?;
        }
        self.elapsed = started.elapsed().as_secs_f64();
        if self.options.out.is_none() {
            self.report()?;
        }
        Ok(())
    }

    fn process(&mut self, line: Line, format: Option<&Format>) -> Result<(), Exit> {
        let text = line.text();
        if let Line::Warning(text) = &line {
            self.log(level::WARNING, "fail2ban.filter", text);
            return Ok(());
        }
        if matches!(line, Line::Log(_)) && (text.starts_with('#') || text.is_empty()) {
            return Ok(());
        }
        let before = self.filter.buffered_lines().to_vec();
        let (found, ignored) = self.find(&line)?;
        if let Some(profile) = &mut self.profile {
            profile.measure(&self.filter, &text);
        }
        if let Some(format) = format {
            self.print(format, found, ignored, text);
            return Ok(());
        }
        let hits = self.count_regexes(&found);
        let ignored = ignored || hits < found.len();
        self.count_prefix();
        let mut earlier = self.count_buffered(&before);
        let text = match earlier.is_empty() {
            true => text,
            false => {
                let last = found.last().and_then(|hit| hit.matches.last());
                earlier.push(last.map_or_else(|| text.to_string(), MatchLine::undated));
                earlier.join("\n").into()
            }
        };
        let all =
            [self.options.print_all_ignored, self.options.print_all_matched, self.options.print_all_missed];
        let limit = self.limit() + 1;
        let (kind, shown, all) = if ignored {
            (&mut self.lines.ignored, !self.options.print_no_ignored, all[0])
        } else if hits > 0 {
            (&mut self.lines.matched, all[1], all[1])
        } else {
            (&mut self.lines.missed, !self.options.print_no_missed, all[2])
        };
        kind.count += 1;
        if shown && (all || kind.count <= limit) {
            kind.lines.push(text.into_owned());
        }
        self.lines.tested += 1;
        Ok(())
    }

    /// The failures of a line, and whether an ignoreregex matched.
    fn find(&mut self, line: &Line) -> Result<(Vec<Hit>, bool), Exit> {
        let (mut failures, mut notes) = (Vec::new(), Vec::new());
        let now = clock::now();
        let result = match line {
            Line::Log(text) => self.filter.process_line(text, now, &mut failures, &mut notes),
            Line::Dated { .. } | Line::Warning(_) => {
                if let Some(dated) = line.dated() {
                    self.filter.process_dated(dated, now, &mut failures, &mut notes);
                }
                Ok(())
            }
        };
        let ignored = self.take_notes(notes);
        result.map_err(|e| Exit::raised(format!("{}: {}", e.class, e.message())))?;
        let searched = if let Line::Log(text) = line { text } else { "" };
        let mut hits = Vec::new();
        for failure in failures {
            let ids = match failure.id {
                Id::Known(address) => vec![Some(address)],
                Id::Pending => vec![None],
                Id::Host(name) => self.resolve(&name).into_iter().map(Some).collect(),
            };
            hits.extend(ids.into_iter().map(|id| Hit {
                regex: failure.regex,
                id,
                time: failure.time,
                data: failure.data.clone(),
                matches: failure.matches.clone().into_lines(searched),
            }));
        }
        Ok((hits, ignored))
    }

    /// The addresses of a host name, if names are to be resolved.
    fn resolve(&mut self, name: &str) -> Vec<Address> {
        if !matches!(self.filter.use_dns(), UseDns::Yes | UseDns::Warn) {
            return Vec::new();
        }
        if !self.names.contains_key(name) {
            let mut addresses =
                resolver::look_up(name, resolver::kernel_has_ipv6()).unwrap_or_else(|text: String| {
                    self.log(level::WARNING, "fail2ban.ipdns", &text);
                    Vec::new()
                });
            // each address once, and in a definite order
            addresses.sort_by_key(Address::to_string);
            addresses.dedup();
            self.names.insert(name.to_owned(), addresses);
        }
        let addresses = self.names[name].clone();
        if self.filter.use_dns() == UseDns::Warn && !addresses.is_empty() {
            let set = Value::Set(addresses.iter().map(|a| Value::str(a.to_string())).collect());
            let text = format!("Determined IP using DNS Lookup: {name} = {set}");
            self.log(level::WARNING, "fail2ban.ipdns", &text);
        }
        addresses
    }

    /// Counts each match for its regex; how many of them are failures.
    fn count_regexes(&mut self, found: &[Hit]) -> usize {
        let mut failures = 0;
        for hit in found {
            let regex = &mut self.failregex[hit.regex];
            regex.hits += 1;
            if self.options.verbose > 0 {
                let id = hit.id.as_ref().map_or("None".to_owned(), Address::to_string);
                regex.matches.push(Matched { id, time: hit.time, multiple: failures > 1 });
            }
            failures += usize::from(!hit.data.is_set("nofail"));
        }
        failures
    }

    fn count_prefix(&mut self) {
        let Some(groups) = self.filter.prefix() else { return };
        self.prefix_hits += 1;
        if self.options.verbose == 0 {
            return;
        }
        let limit = self.limit();
        match (self.prefixes.len() as i64).cmp(&limit) {
            std::cmp::Ordering::Less => {
                let pairs = groups.iter().map(|(key, item)| (Value::str(key), item.value())).collect();
                self.prefixes.push(Value::Dict(pairs).to_string());
            }
            std::cmp::Ordering::Equal => self.prefixes.push("...".to_owned()),
            std::cmp::Ordering::Greater => {}
        }
    }

    /// Lines that waited in the buffer and now belong to a match are matched, not missed. Returns what is to be shown of
    /// them together with the line that completed the match (for debuggex only).
    fn count_buffered(&mut self, before: &[MatchLine]) -> Vec<String> {
        let max_lines = self.filter.max_lines();
        let mut together = Vec::new();
        if max_lines <= 1 {
            return together;
        }
        let dropped = usize::from(before.len() >= max_lines);
        for line in before.iter().skip(dropped) {
            if self.filter.buffered_lines().contains(line) {
                continue;
            }
            let debuggex = self.options.debuggex;
            let shown = if debuggex { line.undated() } else { line.text.to_string() };
            if let Some(at) = self.lines.missed.lines.iter().position(|missed| *missed == shown) {
                self.lines.missed.lines.remove(at);
            }
            match (self.options.print_all_matched, debuggex) {
                (true, true) => together.push(shown),
                (true, false) => self.lines.matched.lines.push(shown),
                (false, _) => {}
            }
            self.lines.matched.count += 1;
            self.lines.missed.count -= 1;
        }
        together
    }

    /// How many lines of a kind are shown at most.
    pub fn limit(&self) -> i64 {
        if self.options.maxlines != 0 { self.options.maxlines } else { 20 }
    }
}
