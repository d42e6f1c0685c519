//! A failregex, ignoreregex or prefregex: expanded, compiled, with its identifiers known.

use std::fmt;
use std::sync::Arc;

use super::{Captures, Error, Flags, Regex};

/// Whether host names count as hosts when tags are expanded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UseDns {
    /// `<HOST>` also matches host names (`usedns` = yes, warn, raw).
    #[default]
    Yes,
    /// `<HOST>` matches addresses only (`usedns = no`).
    No,
}

/// Where an expression was written, for messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin(pub Arc<str>);

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Groups with a meaning of their own. The first five identify a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Fid,
    Ip4,
    Ip6,
    Dns,
    MlfId,
    Cidr,
    /// Old style `(?P<host>…)`: an address or a name. Not known to upstream ≥ 0.10.
    Host,
    MlfForget,
    MlfGained,
    NoFail,
    Content,
    User,
}

/// Why an expression cannot be used; displays as upstream's sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailRegexError {
    /// Nothing but blanks.
    Empty,
    /// Python's reason.
    Compile { regex: String, reason: Error },
    /// No group that identifies the failure.
    NoFailureId { regex: String },
}

impl fmt::Display for FailRegexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Cannot add empty regex"),
            Self::Compile { regex, reason } => {
                write!(f, "Unable to compile regular expression '{regex}':\n{reason}")
            }
            Self::NoFailureId { regex } => write!(f, "No failure-id group in '{regex}'"),
        }
    }
}

impl std::error::Error for FailRegexError {}

/// A value of a match's data: text, or a tuple (`<F-TUPLE_…>`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupValue<'t> {
    /// A group's text.
    Text(&'t str),
    /// The parts of a tuple; `None` for groups that did not take part.
    Tuple(Vec<Option<&'t str>>),
}

/// A match's data in upstream's order: (key, value); groups without value are left out.
pub type Data<'r, 't> = Vec<(&'r str, GroupValue<'t>)>;

/// An expanded and compiled expression of a filter; cheap to clone.
#[derive(Clone, Debug)]
pub struct FailRegex {
    original: Arc<str>,
    regex: Regex,
    origin: Origin,
}

impl FailRegex {
    /// A failregex: must have a failure identifier of its own or in `prefregex`.
    pub fn new_fail(
        text: &str,
        use_dns: UseDns,
        multiline: bool,
        prefregex: Option<&FailRegex>,
        origin: Origin,
    ) -> Result<FailRegex, FailRegexError> {
        let it = Self::new(text, use_dns, multiline, origin)?;
        let _ = prefregex;
        Ok(it)
    }

    /// An ignoreregex or prefregex (upstream's class `Regex`): no identifier needed.
    pub fn new(
        text: &str,
        use_dns: UseDns,
        multiline: bool,
        origin: Origin,
    ) -> Result<FailRegex, FailRegexError> {
        let expanded = super::expand_tags(text, use_dns);
        if expanded.trim_start().is_empty() {
            return Err(FailRegexError::Empty);
        }
        let flags = Flags { multiline, ..Flags::default() };
        let regex = Regex::new(&expanded, flags)
            .map_err(|reason| FailRegexError::Compile { regex: expanded, reason })?;
        Ok(FailRegex { original: text.into(), regex, origin })
    }

    /// The expanded expression: what `get JAIL failregex` shows.
    pub fn as_str(&self) -> &str {
        self.regex.as_str()
    }

    /// The expression as configured.
    pub fn original(&self) -> &str {
        &self.original
    }

    /// Where it was written.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The compiled expression, to search with.
    pub fn regex(&self) -> &Regex {
        &self.regex
    }

    /// Whether it has one of the groups that identify a failure (fid, ip4, ip6, dns, mlfid, host).
    pub fn has_failure_id(&self) -> bool {
        todo!()
    }

    /// Whether the group exists in this expression.
    pub fn has(&self, role: Role) -> bool {
        let _ = role;
        todo!()
    }

    /// Text of a group with a meaning; `None` if it does not exist or did not take part.
    pub fn text<'t>(&self, role: Role, text: &'t str, caps: &Captures) -> Option<&'t str> {
        let _ = (role, text, caps);
        todo!()
    }

    /// All named groups that took part, in the order they appear in the expression, then those
    /// supplied by `alt_…` and `tuple_…` groups (COMPAT §3.2).
    ///
    /// `text` is the text that was searched, `caps` the successful result.
    pub fn data<'t>(&self, text: &'t str, caps: &Captures) -> Data<'_, 't> {
        let _ = (text, caps);
        todo!()
    }

    /// Texts of the `skiplinesN` groups joined and split into lines.
    pub fn skipped_lines<'t>(&self, text: &'t str, caps: &Captures) -> Vec<&'t str> {
        let _ = (text, caps);
        todo!()
    }
}
