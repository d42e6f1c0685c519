//! A jail's queue of work and the thread that exists while there is some.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::ACTIONS;
use super::host::{Host, level};
use super::job::Job;
use super::worker::Worker;

struct State {
    jobs: VecDeque<Job>,
    /// The worker while it rests; a running thread has it.
    resting: Option<Box<Worker>>,
    /// Whether a thread works or is about to.
    active: bool,
}

/// The engine's end of the queue.
pub(super) struct Queue {
    state: Arc<Mutex<State>>,
    /// Name of the thread, as upstream names it.
    thread: String,
    host: Arc<dyn Host>,
}

impl Queue {
    pub fn new(jail: &str, host: Arc<dyn Host>) -> Self {
        let worker = Box::new(Worker::new(jail, host.clone()));
        let state = State { jobs: VecDeque::new(), resting: Some(worker), active: false };
        Queue { state: Arc::new(Mutex::new(state)), thread: format!("f2b/a.{jail}"), host }
    }

    /// Adds a job and sees to it that somebody does it.
    pub fn push(&self, job: Job) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.jobs.push_back(job);
        if std::mem::replace(&mut state.active, true) {
            return;
        }
        let shared = self.state.clone();
        let host = self.host.clone();
        let thread = std::thread::Builder::new().name(self.thread.clone());
        // The thread takes the worker itself, so that a thread that cannot start leaves everything as it was.
        if let Err(error) = thread.spawn(move || work(&shared, &*host)) {
            state.active = false;
            self.host.log(level::ERROR, ACTIONS, &format!("Cannot start thread {}: {error}", self.thread));
        }
    }
}

/// Does jobs until there are none.
fn work(shared: &Mutex<State>, host: &dyn Host) {
    let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(mut worker) = lock().resting.take() else { return };
    loop {
        let mut jobs = {
            let mut state = lock();
            if state.jobs.is_empty() {
                state.resting = Some(worker);
                state.active = false;
                return;
            }
            std::mem::take(&mut state.jobs)
        };
        while !jobs.is_empty() {
            // A bug in handling one job must not silence the jail's actions for good.
            if catch_unwind(AssertUnwindSafe(|| worker.perform(&mut jobs))).is_err() {
                host.log(level::CRITICAL, ACTIONS, "Internal error in an action; going on with the next");
            }
        }
    }
}
