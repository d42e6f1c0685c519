//! Work for a jail's worker.

use std::sync::Arc;

use super::growth::Growth;
use super::info::{BanInfo, JailState};
use super::properties::Properties;
use crate::value::Value;

/// One action as the engine had it when the work was queued.
#[derive(Clone)]
pub(super) struct Spec {
    /// Distinguishes an action from a later one of the same name.
    pub id: u64,
    pub name: Arc<str>,
    pub kind: SpecKind,
}

#[derive(Clone)]
pub(super) enum SpecKind {
    Command(Properties),
    Python(Arc<super::Python>),
}

/// Work with the actions that are to do it.
pub(super) struct Job {
    pub actions: Arc<Vec<Spec>>,
    pub work: Work,
}

pub(super) enum Work {
    /// Starts all actions, or only those with these numbers.
    Start {
        only: Option<Vec<u64>>,
        jail: JailState,
    },
    Ban {
        info: Box<BanInfo>,
        /// What the ban waits for a moment.
        growth: Option<Growth>,
    },
    AlreadyBanned {
        info: Box<BanInfo>,
        check: bool,
    },
    Prolong(Box<BanInfo>),
    /// Tells firewalld again what it has forgotten.
    Restore {
        tickets: Vec<BanInfo>,
        jail: JailState,
    },
    Unban(Box<BanInfo>),
    Flush {
        tickets: Vec<BanInfo>,
        jail: JailState,
    },
    Stop {
        tickets: Vec<BanInfo>,
        jail: JailState,
    },
    Reload {
        survivors: Vec<u64>,
        obsolete: Vec<u64>,
        tickets: Vec<BanInfo>,
        jail: JailState,
    },
    Call {
        action: u64,
        call: Call,
        token: u64,
    },
    Barrier(u64),
}

/// A control command that only the worker can answer.
pub(super) enum Call {
    /// The action's module is loaded; answers its name.
    Load,
    Method {
        name: String,
        arguments: String,
    },
    Get(String),
    Set(String, Value),
    Properties,
    Methods,
}
