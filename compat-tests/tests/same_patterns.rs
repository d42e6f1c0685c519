//! Every expression that the original compiles for its own sample logs, in every mode the samples ask for,
//! finds the same groups with ferroban's matcher and its automaton as with Python's `re` – on every text that
//! the original searches in these samples, also those of other filters.

use compat_tests::Version;
use ferroban::pattern::{Captures, Flags, PatternSet, Regex};
use serde_json::Value;

/// Runs the original's sample tests, noting expressions and texts, then searches each text with each
/// expression. Prints the texts; and for each expression its flags and the texts it matches, with groups.
const RECORD: &str = include_str!("same_patterns/record.py");

#[test]
fn stock_expressions_of_1_0_2() {
    compare(Version("1.0.2"));
}

#[test]
fn stock_expressions_of_1_1_0() {
    compare(Version("1.1.0"));
}

#[test]
fn stock_expressions_of_1_1_1() {
    compare(Version("1.1.1"));
}

fn compare(version: Version) {
    let mut python = version.python(RECORD);
    python.arg(version.root()).env("FAIL2BAN_CONFIG_DIR", version.configuration());
    let output = python.output().expect("/usr/bin/python3 runs");
    let recorded: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let subjects: Vec<&str> = list(&recorded["subjects"]).iter().map(text).collect();
    let patterns = list(&recorded["patterns"]);
    assert!(patterns.len() > 200 && subjects.len() > 1000, "{} on {}", patterns.len(), subjects.len());
    let mut wrong = Vec::new();
    for pattern in patterns {
        wrong.extend(differences(pattern, &subjects));
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}

fn differences(recorded: &Value, subjects: &[&str]) -> Vec<String> {
    let pattern = text(&recorded[0]);
    let regex = match Regex::new(pattern, flags(recorded[1].as_u64().expect("flags"))) {
        Ok(regex) => regex,
        Err(reason) => return vec![format!("{pattern}: {reason}")],
    };
    let mut matches = list(&recorded[2]).iter().peekable();
    let set = PatternSet::new(&vec![regex.clone(); 5]);
    let (mut caps, mut candidates, mut wrong) = (Captures::new(), Vec::new(), Vec::new());
    for (i, subject) in subjects.iter().enumerate() {
        let theirs = matches.next_if(|m| m[0] == i).map(|m| m[1].clone());
        let bytes = subject.as_bytes();
        let found = regex.search(bytes, 0, &mut caps).expect("no stock expression takes many steps");
        let ours = found.then(|| spans(&regex, subject, &caps));
        let automaton = regex.search_linear(bytes, 0, &mut caps);
        let automaton = automaton.map(|found| found.then(|| spans(&regex, subject, &caps)));
        set.candidates(bytes, &mut candidates);
        let let_through = regex.may_match(bytes) && candidates.len() == 5;
        if ours != theirs || automaton.is_some_and(|ours| ours != theirs) || (found && !let_through) {
            wrong.push(format!("{pattern} on {subject:?}: theirs {theirs:?}, ours {ours:?}"));
        }
    }
    wrong
}

/// Groups as Python's `Match.regs` gives them: in characters, -1 for groups that took no part.
fn spans(regex: &Regex, subject: &str, caps: &Captures) -> Value {
    let chars = |at: usize| subject[..at].chars().count() as i64;
    let span = |i| caps.get(i).map_or([-1, -1], |(start, end)| [chars(start), chars(end)]);
    (0..=regex.group_count()).map(span).map(|span| Value::from(span.to_vec())).collect()
}

/// From the bits of Python's `re.I`, `re.M`, `re.S`, `re.X` and `re.A`.
fn flags(bits: u64) -> Flags {
    Flags {
        ignore_case: bits & 2 != 0,
        multiline: bits & 8 != 0,
        dot_all: bits & 16 != 0,
        verbose: bits & 64 != 0,
        ascii: bits & 256 != 0,
    }
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
