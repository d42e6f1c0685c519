//! Generated patterns and subjects: [`ferroban::pattern::Regex`] finds the same groups as Python's
//! `re`, and rejects the same patterns with the same words.
//!
//! `F2B_FUZZ_SECONDS` says for how long to generate new ones; without it the same few are compared every time.
//! `F2B_FUZZ_SEED` repeats a run.

mod generate;
mod oracle;

use std::time::{Duration, Instant};

use ferroban::pattern::{Captures, Flags, PatternSet, Regex};
use generate::Generator;
use oracle::{Answer, Oracle, Request};

const SUBJECTS: usize = 400;
const BATCH: usize = 20;
/// What is compared without `F2B_FUZZ_SECONDS`: so many batches, from this seed.
const USUAL_BATCHES: usize = 8;
const USUAL_SEED: u64 = 20_051_124;

#[test]
fn generated_patterns_match_as_in_python() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect(name));
    let budget = number("F2B_FUZZ_SECONDS").map(Duration::from_secs);
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let new = if budget.is_some() { clock.as_micros() as u64 } else { USUAL_SEED };
    let seed = number("F2B_FUZZ_SEED").unwrap_or(new);
    eprintln!("repeat with F2B_FUZZ_SEED={seed}");
    let (mut generator, mut oracle) = (Generator::new(seed), Oracle::start());
    let mut tally = Tally::default();
    let start = Instant::now();
    let mut batches = 0;
    while budget.map_or(batches < USUAL_BATCHES, |budget| start.elapsed() < budget) && tally.differences < 10
    {
        batches += 1;
        let requests: Vec<Request> = (0..BATCH).map(|_| generator.request(SUBJECTS)).collect();
        for (request, answer) in requests.iter().zip(oracle.ask(&requests)) {
            tally.compare(request, &answer);
        }
    }
    eprintln!("{tally:?}");
    assert_eq!(tally.differences, 0);
    assert!(tally.matches > 0 && tally.errors > 0, "the generator makes no interesting cases");
}

#[derive(Debug, Default)]
struct Tally {
    patterns: u64,
    pairs: u64,
    matches: u64,
    /// Patterns rejected, with the same words.
    errors: u64,
    /// Subjects on which Python took too long, or failed.
    late: u64,
    /// Subjects on which ours gave up.
    limited: u64,
    /// Subjects on which the automaton was asked, too.
    linear: u64,
    differences: u64,
}

impl Tally {
    fn compare(&mut self, request: &Request, answer: &Answer) {
        self.patterns += 1;
        let regex = Regex::new(&request.pattern, flags(request.flags));
        match (regex, answer) {
            (Err(ours), Answer::Error(theirs)) if ours.to_string() == *theirs => self.errors += 1,
            (Ok(regex), Answer::Spans(theirs)) => self.compare_spans(request, &regex, theirs),
            (ours, theirs) => {
                self.differences += 1;
                eprintln!(
                    "{:?} flags {}:\n  ours {:?}\n  theirs {theirs:?}",
                    request.pattern,
                    request.flags,
                    ours.map(|_| "compiles")
                );
            }
        }
    }

    fn compare_spans(&mut self, request: &Request, regex: &Regex, theirs: &[oracle::Found]) {
        let mut caps = Captures::new();
        // with several expressions the set looks for their required texts in one pass
        let set = PatternSet::new(&vec![regex.clone(); 5]);
        let mut candidates = Vec::new();
        for (subject, theirs) in request.subjects.iter().zip(theirs) {
            let Some(theirs) = theirs else {
                self.late += 1;
                continue;
            };
            let Ok(found) = regex.search(subject.as_bytes(), 0, &mut caps) else {
                self.limited += 1;
                continue;
            };
            self.pairs += 1;
            self.matches += u64::from(found);
            set.candidates(subject.as_bytes(), &mut candidates);
            let expected = candidates.len() == 5 && regex.may_match(subject.as_bytes());
            if found && !expected {
                self.differences += 1;
                eprintln!("{:?} matches {subject:?}, but the prefilter says no", request.pattern);
                return;
            }
            let mut ours = found.then(|| spans(regex, subject, &caps));
            let is_line = !subject.strip_suffix('\n').unwrap_or(subject).contains('\n');
            if ours == *theirs && is_line {
                let found = regex.search_line(subject.as_bytes(), &mut caps) == Ok(true);
                ours = found.then(|| spans(regex, subject, &caps));
            }
            if ours == *theirs {
                if let Some(found) = regex.search_linear(subject.as_bytes(), 0, &mut caps) {
                    self.linear += 1;
                    ours = found.then(|| spans(regex, subject, &caps));
                }
            }
            if ours != *theirs {
                self.differences += 1;
                let Request { pattern, flags, .. } = request;
                eprintln!("{pattern:?} flags {flags} on {subject:?}:\n  ours {ours:?}\n  theirs {theirs:?}");
                return;
            }
        }
    }
}

/// Groups as Python's `Match.regs` gives them: in characters, -1 for groups that took no part.
fn spans(regex: &Regex, subject: &str, caps: &Captures) -> Vec<(i64, i64)> {
    let chars = |at: usize| subject[..at].chars().count() as i64;
    let span = |i| caps.get(i).map_or((-1, -1), |(start, end)| (chars(start), chars(end)));
    (0..=regex.group_count()).map(span).collect()
}

/// From the bits of Python's `re.I`, `re.M`, `re.S`, `re.X` and `re.A`.
fn flags(bits: u32) -> Flags {
    Flags {
        ignore_case: bits & 2 != 0,
        multiline: bits & 8 != 0,
        dot_all: bits & 16 != 0,
        verbose: bits & 64 != 0,
        ascii: bits & 256 != 0,
    }
}
