//! One command at a time, as upstream's global lock has it — but nobody waits long for a slow one.
//!
//! Scripts may rely on never running twice at once (appending to a file that another rewrites), so
//! commands of all jails take turns. Upstream lets a mail server that does not answer hold up every ban of
//! the machine; here a command keeps its turn for a quarter of a second at most, and an action that was slow
//! last time runs beside the others from the start.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a running command may keep the others waiting.
pub(super) const GRACE: Duration = Duration::from_millis(250);

struct State {
    /// Number of the latest turn.
    turn: u64,
    /// When it began, while it lasts.
    since: Option<Instant>,
}

static STATE: Mutex<State> = Mutex::new(State { turn: 0, since: None });
static FREE: Condvar = Condvar::new();

/// A turn that lasts until it is dropped or somebody has waited long enough.
pub(super) struct Turn(u64);

impl Turn {
    /// Waits for a turn.
    pub fn take() -> Turn {
        let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(left) = state.since.and_then(|since| GRACE.checked_sub(since.elapsed())) {
            state = FREE.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.turn += 1;
        state.since = Some(Instant::now());
        Turn(state.turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
        if state.turn == self.0 {
            state.since = None;
            FREE.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_command_delays_the_next_only_so_long() {
        let slow = Turn::take();
        let start = Instant::now();
        let next = std::thread::spawn(Turn::take).join().expect("no panic");
        assert!(start.elapsed() >= GRACE - Duration::from_millis(50));
        drop(slow);
        assert!(STATE.lock().unwrap().since.is_some(), "the late end of the slow one ends no other's turn");
        drop(next);
    }
}
