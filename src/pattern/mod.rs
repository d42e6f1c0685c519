//! Regular expressions with Python's dialect and Python's results (COMPAT §3).
//!
//! - [`Regex`], [`Captures`], [`Flags`]: one compiled expression, searched on valid UTF-8 bytes.
//! - [`FailRegex`]: a `failregex`, `ignoreregex` or `prefregex`: tags expanded, identifiers known.
//! - [`Gate`]: whether any of a jail's expressions can match a line; [`PatternSet`]: which of them.

mod ast;
mod chars;
mod charset;
mod choices;
mod compile;
mod failregex;
mod first;
mod follow;
mod gate;
mod linear;
mod link;
mod literal;
mod literals;
mod name;
mod parse;
mod prefilter;
mod program;
mod regex;
mod search;
mod specialise;
mod tags;
mod unicode;
mod unicode_tables;
mod vm;

pub use failregex::{Data, FailRegex, FailRegexError, GroupValue, Origin, UseDns};
pub use gate::Gate;
pub use name::{Name, Role};
pub use prefilter::PatternSet;
pub use regex::{Captures, Engine, Error, Flags, Info, Regex, StepLimit};
pub use tags::replace_tags;
