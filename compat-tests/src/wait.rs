//! Waiting for something to become true, with a limit.
use std::time::{Duration, Instant};

/// How long tests wait for what should come at once: generous, since it only matters when they fail.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks `found` every 10 ms until it answers, for at most `limit`.
pub fn until<T>(limit: Duration, mut found: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(it) = found() {
            return Some(it);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
