//! Generated date patterns, logs, clocks and time zones: ferroban's date detector finds the same dates with the same
//! templates, in the same order and with the same counts, and computes the same times.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Instant;

use compat_tests::{Version, fuzz};
use ferroban::date::{DateDetector, Entry, LocalZone, Stamp, TimeError, Years};
use serde_json::{Value, json};

const ORACLE: &str = include_str!("same_fuzz_dates/oracle.py");

/// Jobs that one run of the original answers.
const JOBS: usize = 200;

#[test]
fn dates() {
    let (mut random, started) = (fuzz::Random::new(), Instant::now());
    let (mut dates, mut lines) = (0, 0);
    while lines == 0 || started.elapsed() < fuzz::budget() {
        let seed = random.below(1 << 30);
        let mut oracle = Version::BASELINE.python(ORACLE);
        oracle.arg(seed.to_string()).arg(JOBS.to_string()).stdout(Stdio::piped());
        let mut oracle = oracle.spawn().expect("/usr/bin/python3 runs");
        let answers = BufReader::new(oracle.stdout.take().expect("stdout is a pipe"));
        for line in answers.lines() {
            let line = line.expect("the original writes text");
            let line: Value = serde_json::from_str(&line).expect("the original writes JSON");
            let (job, theirs) = (&line["job"], &line["answer"]);
            let ours = answer(job);
            assert_same(job, theirs, &ours);
            let found = theirs["found"].as_array().expect("a list");
            lines += found.len();
            dates += found.iter().filter(|found| found.get(5).is_some_and(Value::is_number)).count();
        }
        assert!(oracle.wait().expect("the original ends").success(), "the oracle fails with seed {seed}");
    }
    eprintln!("{dates} dates in {lines} lines");
    assert!(dates * 4 > lines, "the generator finds too few dates");
}

fn assert_same(job: &Value, theirs: &Value, ours: &Value) {
    if theirs == ours {
        return;
    }
    let pairs =
        theirs["found"].as_array().into_iter().flatten().zip(ours["found"].as_array().into_iter().flatten());
    for (i, (theirs, ours)) in pairs.enumerate().filter(|(_, (theirs, ours))| theirs != ours).take(3) {
        eprintln!("{}\n  theirs {theirs}\n  ours   {ours}", job["lines"][i]);
    }
    for part in ["errors", "templates"] {
        if theirs[part] != ours[part] {
            eprintln!("{part}\n  theirs {}\n  ours   {}", theirs[part], ours[part]);
        }
    }
    panic!("different with {} in {} at {}, {}", job["patterns"], job["zone"], job["now"], job["tz"]);
}

fn answer(job: &Value) -> Value {
    let zone = LocalZone::named(text(&job["zone"]));
    let years = Years::around(job["year"].as_i64().expect("a year") as i32);
    let now = job["now"].as_f64().expect("a number");
    let mut detector = DateDetector::new(years, zone);
    let mut errors = Vec::new();
    for pattern in job["patterns"].as_array().expect("a list") {
        errors.extend(detector.append_template(text(pattern)).err().map(|e| e.to_string()));
    }
    errors.extend(detector.set_default_tz(job["tz"].as_str()).err().map(|e| e.to_string()));
    let lines = job["lines"].as_array().expect("a list").iter().map(text);
    let found: Vec<Value> = lines.map(|line| dated(&mut detector, line, now)).collect();
    let shown = |entry: &Entry| {
        let template = &entry.template;
        json!([template.name, template.pattern, template.regex, entry.hits])
    };
    let templates: Vec<Value> = detector.templates().iter().map(shown).collect();
    json!({ "errors": errors, "found": found, "templates": templates })
}

fn dated(detector: &mut DateDetector, line: &str, now: f64) -> Value {
    let found = match detector.find(line.as_bytes(), now) {
        Err(error) => return json!(["raises", error.class]),
        Ok(None) => return Value::Null,
        Ok(Some(found)) => found,
    };
    let time = match found.time {
        Ok(Stamp::Int(seconds)) => json!(seconds),
        Ok(Stamp::Float(seconds)) => json!(seconds),
        Err(TimeError::Invalid) => json!("invalid"),
        Err(TimeError::Raised(error)) => json!(error.class),
    };
    let entry = &detector.templates()[found.template];
    json!([
        line[..found.span.start],
        line[found.span],
        line[found.whole],
        entry.template.name,
        entry.hits,
        time
    ])
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
