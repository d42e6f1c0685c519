//! Generated input: for how long, and from which seed.
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a generator runs: `F2B_FUZZ_SECONDS` (`make compat-fuzz`), or a few seconds as part of the tests.
///
/// # Panics
/// When the variable is not a number.
pub fn budget() -> Duration {
    let seconds = std::env::var("F2B_FUZZ_SECONDS").unwrap_or_else(|_| "5".to_owned());
    Duration::from_secs(seconds.parse().expect("F2B_FUZZ_SECONDS must be a whole number of seconds"))
}

/// The seed of runs that are part of the tests.
const USUAL_SEED: u64 = 20_051_124;

/// A small reproducible generator (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From `F2B_FUZZ_SEED`, or from the clock in a run that is told its time, or the same every time as part of
    /// the tests; prints the seed, so that a failure can be repeated.
    pub fn new() -> Random {
        let seed = match std::env::var("F2B_FUZZ_SEED") {
            Ok(seed) => seed.parse().expect("F2B_FUZZ_SEED must be a whole number"),
            Err(_) if std::env::var_os("F2B_FUZZ_SECONDS").is_none() => USUAL_SEED,
            Err(_) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                now.expect("the clock is past 1970").as_micros() as u64
            }
        };
        eprintln!("repeat with F2B_FUZZ_SEED={seed}");
        Random::with_seed(seed)
    }

    pub fn with_seed(seed: u64) -> Random {
        Random(seed)
    }

    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, which must not be 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next_u64() % end as u64) as usize
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of `choices`, which must not be empty.
    pub fn pick<'c, T>(&mut self, choices: &'c [T]) -> &'c T {
        &choices[self.below(choices.len())]
    }
}

impl Default for Random {
    fn default() -> Random {
        Random::new()
    }
}
