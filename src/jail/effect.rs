//! What a jail wants done.

use super::Pending;
use crate::address::Address;
use crate::level::Level;

/// Something to be done for a jail.
#[derive(Debug)]
pub enum Effect {
    Log {
        level: Level,
        logger: &'static str,
        text: String,
    },
    /// `[JAIL] Found ID - TIME` is to be logged (or `Attempt`): a log line of its own kind, because none is
    /// more frequent.
    Found {
        word: &'static str,
        id: Address,
        time: f64,
    },
    /// The ban was added: run the actions.
    Ban(Address),
    /// A failure of something that is banned: check the actions if it is some time ago.
    AlreadyBanned {
        id: Address,
        check: bool,
    },
    /// Ask the database about earlier bans, and answer with [`Jail::history`].
    AskHistory(Question),
    /// Write the ban to the database.
    Store(Address),
    /// The ban became longer: run `actionprolong` after so many seconds.
    Prolong {
        id: Address,
        delay: f64,
    },
    /// Run `ignorecommand` for this failure, and answer with [`Jail::command_done`].
    AskCommand(Box<Pending<'static>>),
}

/// Why earlier bans are asked for.
#[derive(Clone, Debug)]
pub enum Question {
    /// A failure at that time: does it weigh more?
    Failure { id: Address, time: f64 },
    /// A new ban: how long is it?
    Ban { id: Address },
}

impl Question {
    pub fn id(&self) -> &Address {
        match self {
            Question::Failure { id, .. } | Question::Ban { id } => id,
        }
    }
}
