//! What workers tell the engine, and how they wake it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, mpsc};

use super::resolver::Answer;
use crate::{action, store};

/// One message to the engine.
#[derive(Debug)]
pub enum Message {
    Action(action::Event),
    Store(store::Reply),
    Resolved(Answer),
    /// `ignorecommand` of a jail has been run: whether the failure is to be ignored.
    Command {
        jail: String,
        ignored: bool,
    },
}

/// The workers' end: sending wakes the engine.
#[derive(Clone)]
pub struct Sender {
    channel: mpsc::Sender<Message>,
    wake: Arc<OwnedFd>,
}

impl Sender {
    pub fn send(&self, message: Message) {
        // The engine is gone only when the process ends; nobody is left to be told then.
        if self.channel.send(message).is_ok() {
            let _ = rustix::io::write(&*self.wake, &1_u64.to_ne_bytes());
        }
    }
}

/// The engine's end.
pub struct Inbox {
    channel: mpsc::Receiver<Message>,
    wake: Arc<OwnedFd>,
}

impl Inbox {
    pub fn new() -> std::io::Result<(Sender, Inbox)> {
        use rustix::event::{EventfdFlags, eventfd};
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let (sender, channel) = mpsc::channel();
        Ok((Sender { channel: sender, wake: wake.clone() }, Inbox { channel, wake }))
    }

    /// All messages that have come.
    pub fn take(&self) -> Vec<Message> {
        let mut count = [0; 8];
        // Nothing to read means nothing to clear.
        let _ = rustix::io::read(&*self.wake, &mut count);
        self.channel.try_iter().collect()
    }
}

impl AsFd for Inbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}
