//! A table of Python's answers: `tests/data/python_re.jsonl`, one JSON list a line:
//! pattern, flags, subject, and the groups' places in characters (null: no match);
//! or pattern, flags, and the reason why Python rejects it.
//!
//! `python3` wrote the answers; the cases are chosen to have every construct of the dialect.

use ferroban::pattern::{Captures, Flags, Regex};
use serde_json::{Value, json};

#[test]
fn constructs_mean_what_they_mean_in_python() {
    let cases: Vec<Value> = include_str!("data/python_re.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect("every line is JSON"))
        .collect();
    assert!(cases.len() > 300);
    let wrong: Vec<String> = cases.iter().filter_map(difference).collect();
    assert!(wrong.is_empty(), "{} of {} cases differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn difference(case: &Value) -> Option<String> {
    let text = |i: usize| case[i].as_str().expect("a text");
    let bits = case[1].as_u64().expect("flags");
    let regex = Regex::new(text(0), flags(bits));
    let (ours, theirs) = match (&regex, case.get(3)) {
        (Err(reason), None) => (json!(reason.to_string()), &case[2]),
        (Err(reason), Some(spans)) => (json!(reason.to_string()), spans),
        (Ok(_), None) => (json!("compiles"), &case[2]),
        (Ok(regex), Some(theirs)) => {
            let subject = text(2);
            let by_automaton = spans(subject, regex, |caps| regex.search_linear(subject.as_bytes(), 0, caps));
            let ours = spans(subject, regex, |caps| regex.search(subject.as_bytes(), 0, caps).ok());
            let ours = ours.expect("no case takes many steps");
            if by_automaton.as_ref().is_some_and(|spans| *spans != ours) {
                return Some(format!("{case}: automaton {by_automaton:?}, matcher {ours}"));
            }
            (ours, theirs)
        }
    };
    (ours != *theirs).then(|| format!("{case}: ours {ours}"))
}

fn spans(subject: &str, regex: &Regex, search: impl FnOnce(&mut Captures) -> Option<bool>) -> Option<Value> {
    let mut caps = Captures::new();
    if !search(&mut caps)? {
        return Some(Value::Null);
    }
    let chars = |at: usize| subject[..at].chars().count() as i64;
    let span = |i| caps.get(i).map_or([-1, -1], |(start, end)| [chars(start), chars(end)]);
    Some(json!((0..=regex.group_count()).map(span).collect::<Vec<_>>()))
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
