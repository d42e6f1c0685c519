//! How long a ban will be, and the how many-th it is, once the database has told of earlier ones.
//!
//! Upstream's actions read both when their command is put together, a moment after the ban; by then its observer
//! has usually increased them. Here the worker waits that moment.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::info::BanInfo;

/// A ban does not wait longer than this for the database.
const PATIENCE: Duration = Duration::from_millis(100);
/// After one has waited in vain, the next ones do not wait for so long.
const PAUSE: Duration = Duration::from_secs(10);

/// Increased values of a ban.
#[derive(Clone, Copy, Debug)]
pub struct Grown {
    /// Seconds, −1 permanent; `None` for the jail's.
    pub bantime: Option<i64>,
    pub bancount: i64,
}

/// The worker's end: brings the values once. Nothing comes when the other end is dropped.
#[derive(Debug)]
pub struct Growth(Receiver<Grown>);

/// The two ends.
pub fn growth() -> (Sender<Grown>, Growth) {
    let (sender, receiver) = channel();
    (sender, Growth(receiver))
}

impl Growth {
    /// Takes the values over if they are there; whether there is nothing to wait for.
    pub(super) fn take(&self, info: &mut BanInfo) -> bool {
        use std::sync::mpsc::TryRecvError;
        match self.0.try_recv() {
            Ok(grown) => apply(grown, info),
            Err(TryRecvError::Disconnected) => {}
            Err(TryRecvError::Empty) => return false,
        }
        true
    }
}

fn apply(grown: Grown, info: &mut BanInfo) {
    info.bantime = grown.bantime;
    info.bancount = grown.bancount;
}

/// Waits for values, as long as that is worth while.
#[derive(Default)]
pub(super) struct Patience {
    /// Nothing is waited for until then.
    exhausted: Option<Instant>,
}

impl Patience {
    pub fn wait(&mut self, growth: &Growth, info: &mut BanInfo) {
        if self.exhausted.is_some_and(|until| Instant::now() < until) {
            return;
        }
        use std::sync::mpsc::RecvTimeoutError;
        match growth.0.recv_timeout(PATIENCE) {
            Ok(grown) => apply(grown, info),
            Err(RecvTimeoutError::Disconnected) => {}
            Err(RecvTimeoutError::Timeout) => self.exhausted = Some(Instant::now() + PAUSE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::testing::ban_of;

    #[test]
    fn values_come_before_or_while_one_waits_or_not_at_all() {
        let grown = Grown { bantime: Some(77), bancount: 3 };
        let mut info = ban_of("192.0.2.1");
        let (sender, early) = growth();
        assert!(!early.take(&mut info));
        sender.send(grown).unwrap();
        assert!(early.take(&mut info));
        assert_eq!((info.bantime, info.bancount), (Some(77), 3));

        let mut patience = Patience::default();
        let (sender, late) = growth();
        let teller = std::thread::spawn(move || sender.send(Grown { bancount: 4, ..grown }));
        patience.wait(&late, &mut info);
        assert_eq!(info.bancount, 4);
        teller.join().unwrap().unwrap();

        let (sender, never) = growth();
        patience.wait(&never, &mut info);
        assert!(patience.exhausted.is_some());
        let begin = Instant::now();
        patience.wait(&never, &mut info);
        assert!(begin.elapsed() < PATIENCE);
        drop(sender);
        assert!(never.take(&mut info));
        assert_eq!(info.bancount, 4);
    }
}
