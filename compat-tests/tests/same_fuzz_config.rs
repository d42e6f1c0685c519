//! Random but plausible configuration trees: `fail2ban-client -d`, `--dp` and `-t` of both programs agree.
//!
//! A difference prints the seed of its tree; `F2B_FUZZ_SEED` makes it again as the first. Whoever fixes one
//! adds it, made small, to config-corpus.
#[path = "same_fuzz_config/batch.rs"]
mod batch;
#[path = "same_fuzz_config/generate.rs"]
mod generate;

use batch::Batch;
use compat_tests::fuzz::{Random, budget};
use compat_tests::{Output, Side, normalise};
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

#[test]
fn random_trees() {
    let start = Instant::now();
    let folder = tempfile::tempdir().expect("/tmp is writable");
    let mut original = Batch::start();
    let mut seed = first_seed();
    let mut trees = 0;
    while trees == 0 || start.elapsed() < budget() {
        let configuration = folder.path().join(trees.to_string());
        let mode = generate::tree(&mut Random::with_seed(seed), &configuration);
        let options = [mode.to_owned(), "-c".to_owned(), configuration.display().to_string()];
        let theirs = original.run(&options);
        let ours = ours(&options);
        assert!(
            theirs == ours || is_too_long(&theirs, &ours),
            "F2B_FUZZ_SEED={seed}\n{theirs:?}\n=== ours\n{ours:?}"
        );
        std::fs::remove_dir_all(&configuration).expect("it was just made");
        trees += 1;
        seed = seed.wrapping_add(1);
    }
    eprintln!("{trees} trees, no difference");
}

/// Whether options grew so long by the tags in them that the original was stopped, or ours refused them (see
/// docs/differences.md).
fn is_too_long(theirs: &Output, ours: &Output) -> bool {
    theirs.stdout == "too long"
        || theirs.stderr.contains("Failed during configuration: \n")
        || ours.stderr.contains("grows beyond")
}

/// `F2B_FUZZ_SEED`, or one from the clock.
fn first_seed() -> u64 {
    match std::env::var("F2B_FUZZ_SEED") {
        Ok(seed) => seed.parse().expect("F2B_FUZZ_SEED must be a whole number"),
        Err(_) => {
            SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_micros() as u64
        }
    }
}

/// Our output, as [`Batch`] gives the original's: without what the client adds after reading.
fn ours(options: &[String]) -> Output {
    let mut command = Side::Ours.client();
    command.args(options).env("FERROBAN_VENDOR_DIR", "/nonexistent");
    let output = Output::of(&mut command);
    let log = normalise::log(&output.stderr, Path::new("/no/such/sandbox"));
    let added = |line: &&str| !line.ends_with("ERROR   Init of command line failed");
    let stderr = log.lines().filter(added).map(|line| format!("{line}\n")).collect();
    batch::without_depth(Output { stderr, ..output })
}
