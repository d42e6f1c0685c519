//! `--profile`: what each regex costs on this log, for the person who tunes a filter.

use std::time::{Duration, Instant};

use crate::filter::Filter;
use crate::pattern::{Captures, Engine, FailRegex, PatternSet};

/// What one regex cost.
#[derive(Clone, Default)]
struct Cost {
    time: Duration,
    /// Lines that the cheap check could not rule out.
    let_through: u64,
    matched: u64,
}

/// The costs of all regexes.
#[derive(Default)]
pub struct Profile {
    lines: u64,
    dates: Duration,
    costs: Vec<Cost>,
    prefix: Cost,
    set: Option<PatternSet>,
    captures: Captures,
    candidates: Vec<usize>,
}

impl Profile {
    /// Searches the line once more with each regex, by the clock. Regexes get what the filter gives them: the line, or the
    /// part of it that the prefregex leaves.
    pub fn measure(&mut self, filter: &Filter, line: &str) {
        self.lines += 1;
        let mut text = self.undated(filter, line) + "\n";
        if let Some(pre) = filter.prefregex() {
            self.prefix.let_through += 1;
            if !Self::search(pre, &text, &mut self.captures, &mut self.prefix) {
                return;
            }
            let content = pre.text(crate::pattern::Role::Content, &text, &self.captures);
            if let Some(content) = content.filter(|content| !content.is_empty()) {
                text = format!("{content}\n");
            }
        }
        let regexes = filter.failregexes();
        self.costs.resize(regexes.len(), Cost::default());
        let set = self.set.get_or_insert_with(|| {
            PatternSet::new(&regexes.iter().map(|regex| regex.regex().clone()).collect::<Vec<_>>())
        });
        set.candidates(text.as_bytes(), &mut self.candidates);
        for (i, regex) in regexes.iter().enumerate() {
            self.costs[i].let_through += u64::from(self.candidates.contains(&i));
            Self::search(regex, &text, &mut self.captures, &mut self.costs[i]);
        }
    }

    /// The line without its date.
    fn undated(&mut self, filter: &Filter, line: &str) -> String {
        let started = Instant::now();
        let found =
            filter.detector.clone().and_then(|mut detector| detector.find(line.as_bytes(), 0.0).ok()?);
        self.dates += started.elapsed();
        match found {
            Some(found) => [&line[..found.span.start], &line[found.span.end..]].concat(),
            None => line.to_owned(),
        }
    }

    fn search(regex: &FailRegex, text: &str, captures: &mut Captures, cost: &mut Cost) -> bool {
        let started = Instant::now();
        let found = regex.regex().search(text.as_bytes(), 0, captures).unwrap_or(false);
        cost.time += started.elapsed();
        cost.matched += u64::from(found);
        found
    }

    /// The table, most expensive first.
    pub fn report(&self, filter: &Filter) -> Vec<String> {
        let mut rows: Vec<(String, &Cost, &FailRegex)> = filter
            .failregexes()
            .iter()
            .zip(&self.costs)
            .enumerate()
            .map(|(i, (regex, cost))| (format!("{:2})", i + 1), cost, regex))
            .collect();
        if let Some(pre) = filter.prefregex() {
            rows.push(("pre".to_owned(), &self.prefix, pre));
        }
        rows.sort_by_key(|row| std::cmp::Reverse(row.1.time));
        let total: f64 = rows.iter().map(|row| row.1.time.as_secs_f64()).sum();
        let mut lines = vec![
            "\nProfile:".to_owned(),
            "|-  #) time share, of each line, lines let through (matched), engine, required literals"
                .to_owned(),
        ];
        for (name, cost, regex) in rows {
            let seconds = cost.time.as_secs_f64();
            let info = regex.regex().info();
            let engine = match info.engine {
                Engine::Linear => "linear automaton",
                Engine::Backtracking => "bounded backtracking",
            };
            lines.push(format!(
                "|  {name} {:5.1} %, {:.2} µs, {} ({}), {engine}, {}",
                if total > 0.0 { seconds / total * 100.0 } else { 0.0 },
                seconds * 1e6 / self.lines.max(1) as f64,
                cost.let_through,
                cost.matched,
                literals(&info.required_literals),
            ));
            lines.push(format!("|        {}", regex.original()));
        }
        let dates = self.dates.as_secs_f64() * 1e6 / self.lines.max(1) as f64;
        lines.push(format!("|  finding the date of each line: {dates:.2} µs"));
        lines.push("`-".to_owned());
        lines
    }
}

fn literals(literals: &[String]) -> String {
    match literals {
        [] => "no literals".to_owned(),
        literals => literals.iter().map(|l| format!("{l:?}")).collect::<Vec<_>>().join(" | "),
    }
}
