//! Control commands, one after another: a command that has to wait for workers (a jail that stops, an
//! unban) holds up the next ones, as upstream's single control thread does, but never the engine.

use std::collections::{HashSet, VecDeque};

use crate::value::{Exception, Value};

/// What a client asked for, on its way through the engine.
pub(super) struct Task {
    /// The connection to answer; `None` for the engine's own tasks.
    pub connection: Option<u64>,
    /// The request, for the log if it fails.
    pub request: Value,
    pub steps: VecDeque<Step>,
    /// The answer so far: that of the last command, or the first failure.
    pub reply: Result<Value, Exception>,
    /// Tokens of workers that must report before the next step.
    pub awaited: HashSet<u64>,
    /// Not before this time (`sleep`), Unix seconds.
    pub not_before: f64,
}

/// One step of a task.
pub(super) enum Step {
    Command(Value),
    /// A command of a stream: the rest of the stream is given up if it fails.
    Quiet(Value),
    ReloadBegin {
        jail: String,
        options: Vec<String>,
    },
    /// Ends a reload, whether it went well or not.
    ReloadEnd,
    /// Sets the reply if nothing failed.
    Reply(Value),
    /// Everything has stopped: the server may end.
    Quit,
}

impl Task {
    pub(super) fn new(connection: Option<u64>, request: Value) -> Self {
        let steps = VecDeque::from([Step::Command(request.clone())]);
        Task { connection, request, steps, reply: Ok(Value::None), awaited: HashSet::new(), not_before: 0.0 }
    }

    /// Whether it brings the configuration of all jails, or of some.
    pub(super) fn is_configuration(&self) -> bool {
        let Value::List(words) = &self.request else { return false };
        words.first().and_then(Value::as_str).is_some_and(|word| ["server-stream", "reload"].contains(&word))
    }

    /// Whether the next step can be taken.
    pub(super) fn is_ready(&self, now: f64) -> bool {
        self.awaited.is_empty() && now >= self.not_before
    }

    /// Takes the next step. After a failure only the steps that clean up are left.
    pub(super) fn next_step(&mut self) -> Option<Step> {
        loop {
            match self.steps.pop_front()? {
                Step::Quiet(_) | Step::Reply(_) | Step::ReloadBegin { .. } if self.reply.is_err() => {}
                step => return Some(step),
            }
        }
    }

    /// Puts steps before those that are left.
    pub(super) fn prepend(&mut self, steps: impl IntoIterator<Item = Step, IntoIter: DoubleEndedIterator>) {
        for step in steps.into_iter().rev() {
            self.steps.push_front(step);
        }
    }
}
