//! The regexes of a filter, and which of them can match a text at all.

use std::cell::OnceCell;

use super::UseDns;
use crate::pattern::{FailRegex, FailRegexError, Gate, Origin, PatternSet, Regex};

/// The regexes of one jail and what their reading depends on.
pub(super) struct Rules {
    pub prefregex: Option<FailRegex>,
    pub failregex: Vec<FailRegex>,
    pub ignoreregex: Vec<FailRegex>,
    /// Which failregexes can match at all; built when it is needed first.
    prefilter: OnceCell<PatternSet>,
    /// Whether any can match; built likewise.
    gate: OnceCell<Option<Gate>>,
    pub use_dns: UseDns,
    /// Number of lines a failregex may span, at least 1.
    pub max_lines: usize,
}

impl Rules {
    pub fn new() -> Rules {
        Rules {
            prefregex: None,
            failregex: Vec::new(),
            ignoreregex: Vec::new(),
            prefilter: OnceCell::new(),
            gate: OnceCell::new(),
            use_dns: UseDns::default(),
            max_lines: 1,
        }
    }

    pub fn set_prefregex(&mut self, text: &str, origin: Origin) -> Result<(), FailRegexError> {
        self.changed();
        self.prefregex = match text {
            "" => None,
            text => Some(FailRegex::new(text, self.use_dns.in_pattern(), false, origin)?),
        };
        Ok(())
    }

    pub fn add_failregex(&mut self, text: &str, origin: Origin) -> Result<(), FailRegexError> {
        let multiline = self.max_lines > 1;
        let use_dns = self.use_dns.in_pattern();
        let regex = FailRegex::new_fail(text, use_dns, multiline, self.prefregex.as_ref(), origin)?;
        self.failregex.push(regex);
        self.changed();
        Ok(())
    }

    pub fn add_ignoreregex(&mut self, text: &str, origin: Origin) -> Result<(), FailRegexError> {
        self.ignoreregex.push(FailRegex::new(text, self.use_dns.in_pattern(), false, origin)?);
        Ok(())
    }

    pub fn remove_failregex(&mut self, index: i64) -> bool {
        self.changed();
        remove_at(&mut self.failregex, index)
    }

    pub fn remove_ignoreregex(&mut self, index: i64) -> bool {
        remove_at(&mut self.ignoreregex, index)
    }

    pub fn clear(&mut self) {
        self.failregex.clear();
        self.ignoreregex.clear();
        self.changed();
    }

    /// Puts the indexes of the failregexes that may match into `candidates`, in order.
    #[inline]
    pub fn candidates(&self, text: &str, candidates: &mut Vec<usize>) {
        if self.failregex.len() <= 1 {
            // a single regex looks for its literals itself
            candidates.clear();
            candidates.extend(0..self.failregex.len());
            return;
        }
        let build = || PatternSet::new(&self.searched());
        self.prefilter.get_or_init(build).candidates(text.as_bytes(), candidates);
    }

    /// What to look for in a line before anything else.
    pub fn gate(&self) -> Option<&Gate> {
        let build = || Gate::new(self.prefregex.as_ref().map(FailRegex::regex), &self.searched());
        self.gate.get_or_init(build).as_ref()
    }

    /// The failregexes in the form that is searched.
    fn searched(&self) -> Vec<Regex> {
        self.failregex.iter().map(|regex| regex.regex().clone()).collect()
    }

    /// What was learned from the regexes is to be learned anew.
    fn changed(&mut self) {
        self.prefilter.take();
        self.gate.take();
    }

    /// Whether ignoreregexes are to be searched before failregexes: where they are far fewer.
    pub fn ignores_first(&self) -> bool {
        !self.ignoreregex.is_empty() && self.ignoreregex.len() + 2 < self.failregex.len()
    }
}

/// Removes an element; `false` if there is none of that index. Negative ones count from the end.
fn remove_at<T>(list: &mut Vec<T>, index: i64) -> bool {
    let at = if index < 0 { index + list.len() as i64 } else { index };
    let valid = (0..list.len() as i64).contains(&at);
    if valid {
        list.remove(at as usize);
    }
    valid
}
