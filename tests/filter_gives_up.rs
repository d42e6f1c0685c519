//! A line on which a failregex takes too many steps: no match of that regex, a warning that says where it stands, and
//! everything else goes on.

use ferroban::filter::{Failure, Filter, Id, Note};
use ferroban::level;
use ferroban::pattern::Origin;

const NOW: f64 = 1_124_013_600.0;
const DAY: f64 = 86_400.0;

/// The hosts that failed, and the warnings (not those about missing dates).
fn process(filter: &mut Filter, line: &str, now: f64) -> (Vec<String>, Vec<String>) {
    let (mut failures, mut notes) = (Vec::new(), Vec::new());
    filter.process_line(line, now, &mut failures, &mut notes).expect("the line is in order");
    let host = |failure: &Failure| match &failure.id {
        Id::Known(address) => address.to_string(),
        other => panic!("{other:?}"),
    };
    let warnings = notes.into_iter().filter_map(|note| match note {
        Note::Log { level: level::WARNING, text, .. } => Some(text).filter(|text| text.starts_with("Regex ")),
        _ => None,
    });
    (failures.iter().map(host).collect(), warnings.collect())
}

#[test]
fn a_warning_a_day_names_the_regex() {
    let mut filter = Filter::new(None);
    filter.set_use_dns(ferroban::filter::UseDns::No);
    let origin = |text: &str| Origin(text.into());
    filter.add_failregex("(?!x)(a+)+b from <HOST>$", origin("jail app, failregex")).expect("it compiles");
    filter.add_failregex("a! from <HOST>, b from ", origin("jail app, failregex")).expect("it compiles");
    // all that the cheap checks look for is there
    let hostile = format!("{}! from 192.0.2.1, b from ", "a".repeat(60_000));

    let (hosts, warnings) = process(&mut filter, &hostile, NOW);
    assert_eq!(hosts, ["192.0.2.1"], "by the second regex");
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(warning.contains("too many steps"), "{warning}");
    assert!(warning.ends_with("'(?!x)(a+)+b from <HOST>$' (jail app, failregex)"), "{warning}");

    assert_eq!(process(&mut filter, &hostile, NOW + DAY - 1.0).1, Vec::<String>::new());
    assert_eq!(process(&mut filter, "aaab from 192.0.2.2", NOW + DAY - 1.0).0, ["192.0.2.2"]);
    assert_eq!(process(&mut filter, &hostile, NOW + DAY).1.len(), 1);
}
