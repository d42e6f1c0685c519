//! A failregex, ignoreregex or prefregex: expanded, compiled, with its identifiers known.

use std::fmt;
use std::sync::Arc;

use super::name::{Name, Role};
use super::tags::key_of;
use super::{Captures, Error, Flags, Regex};
use crate::text::{self, strip};

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

/// Why an expression cannot be used; displays as upstream's sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailRegexError {
    /// Nothing but blanks.
    Empty,
    /// Not an expression Python accepts.
    Compile {
        /// The expanded expression.
        regex: String,
        /// Python's reason.
        reason: Error,
    },
    /// No group that identifies the failure.
    NoFailureId {
        /// The expanded expression.
        regex: String,
    },
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
pub struct FailRegex(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    original: String,
    regex: Regex,
    origin: Origin,
    roles: [Option<usize>; Role::ALL.len()],
    /// The named groups: number and name.
    names: Vec<(usize, Name)>,
    /// `alt_…` groups sorted by name: (group, key supplied).
    alternatives: Vec<(usize, String)>,
    /// `tuple_…` groups sorted by name: (group, key collected).
    tuples: Vec<(usize, String)>,
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
        match it.has_failure_id() || prefregex.is_some_and(FailRegex::has_failure_id) {
            true => Ok(it),
            false => Err(FailRegexError::NoFailureId { regex: it.as_str().to_owned() }),
        }
    }

    /// An ignoreregex or prefregex (upstream's class `Regex`): no identifier needed.
    pub fn new(
        text: &str,
        use_dns: UseDns,
        multiline: bool,
        origin: Origin,
    ) -> Result<FailRegex, FailRegexError> {
        let expanded = super::tags::expand_tags(text, use_dns);
        if strip(&expanded).is_empty() {
            return Err(FailRegexError::Empty);
        }
        let flags = Flags { multiline, ..Flags::default() };
        let regex = Regex::new(&expanded, flags)
            .map_err(|reason| FailRegexError::Compile { regex: expanded, reason })?;
        Ok(FailRegex(Arc::new(Inner {
            original: text.to_owned(),
            roles: Role::ALL.map(|role| regex.group_index(role.name())),
            names: named_groups(&regex),
            alternatives: collecting_groups(&regex, "alt_"),
            tuples: collecting_groups(&regex, "tuple_"),
            regex,
            origin,
        })))
    }

    /// The expanded expression: what `get JAIL failregex` shows.
    pub fn as_str(&self) -> &str {
        self.0.regex.as_str()
    }

    /// The expression as configured.
    pub fn original(&self) -> &str {
        &self.0.original
    }

    /// Where it was written.
    pub fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// The compiled expression, to search with.
    pub fn regex(&self) -> &Regex {
        &self.0.regex
    }

    /// Whether it has one of the groups that identify a failure (fid, ip4, ip6, dns, mlfid, host).
    pub fn has_failure_id(&self) -> bool {
        Role::IDENTIFIERS.iter().any(|role| self.has(*role))
    }

    /// Whether the group exists in this expression.
    pub fn has(&self, role: Role) -> bool {
        self.0.roles[role as usize].is_some()
    }

    /// Whether this is its only named group.
    pub fn has_only(&self, role: Role) -> bool {
        self.has(role) && self.0.names.len() == 1
    }

    /// The named groups, in order: number and name.
    pub fn names(&self) -> &[(usize, Name)] {
        &self.0.names
    }

    /// Whether it has `alt_…` or `tuple_…` groups, which supply others.
    pub fn collects(&self) -> bool {
        !self.0.alternatives.is_empty() || !self.0.tuples.is_empty()
    }

    /// Text of a group by its number; `None` if it did not take part.
    pub fn group_text<'t>(&self, group: usize, text: &'t str, caps: &Captures) -> Option<&'t str> {
        group_text(group, text, caps)
    }

    /// Text of a group with a meaning; `None` if it does not exist or did not take part.
    pub fn text<'t>(&self, role: Role, text: &'t str, caps: &Captures) -> Option<&'t str> {
        group_text(self.0.roles[role as usize]?, text, caps)
    }

    /// The IPv4 address of a match in whose group `ip4` the matcher has read it, where no other group can change what
    /// that group says.
    #[inline]
    pub fn v4(&self, caps: &Captures) -> Option<u32> {
        if self.has(Role::Fid) || self.has(Role::Cidr) {
            return None;
        }
        caps.v4(self.0.roles[Role::Ip4 as usize]?)
    }

    /// All named groups that took part, in the order they appear in the expression, then those
    /// supplied by `alt_…` and `tuple_…` groups (COMPAT §3.2).
    ///
    /// `text` is the text that was searched, `caps` the successful result.
    pub fn data<'t>(&self, text: &'t str, caps: &Captures) -> Data<'_, 't> {
        let names = self.0.regex.group_names().iter().enumerate();
        let mut data: Vec<(&str, Option<GroupValue<'t>>)> = names
            .filter_map(|(i, name)| Some((name.as_deref()?, group_text(i, text, caps).map(GroupValue::Text))))
            .collect();
        for (group, key) in &self.0.alternatives {
            let slot = slot(&mut data, key);
            match group_text(*group, text, caps) {
                Some(value) if !value.is_empty() && is_falsy(slot) => *slot = Some(GroupValue::Text(value)),
                _ => {}
            }
        }
        for (group, key) in &self.0.tuples {
            let part = group_text(*group, text, caps);
            let slot = slot(&mut data, key);
            *slot = Some(GroupValue::Tuple(match slot.take() {
                None => vec![None, part],
                Some(GroupValue::Text(first)) => vec![Some(first), part],
                Some(GroupValue::Tuple(mut parts)) => {
                    parts.push(part);
                    parts
                }
            }));
        }
        data.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }

    /// Whether several groups make one value (`<F-TUPLE_NAME>`).
    pub fn has_tuples(&self) -> bool {
        !self.0.tuples.is_empty()
    }

    /// The lines that the `<SKIPLINES>` tags of a successful match stepped over.
    pub fn skipped_lines<'t>(&self, buffer: &'t str, caps: &Captures) -> Vec<&'t str> {
        (0..)
            .map_while(|n| self.0.regex.group_index(&format!("skiplines{n}")))
            .filter_map(|group| group_text(group, buffer, caps))
            .flat_map(text::lines)
            .collect()
    }
}

fn group_text<'t>(group: usize, text: &'t str, caps: &Captures) -> Option<&'t str> {
    let (start, end) = caps.get(group)?;
    text.get(start..end)
}

/// The value under `key`, added at the end if there is none yet.
fn slot<'a, 'r, 't>(
    data: &'a mut Vec<(&'r str, Option<GroupValue<'t>>)>,
    key: &'r str,
) -> &'a mut Option<GroupValue<'t>> {
    let at = data.iter().position(|(k, _)| *k == key).unwrap_or_else(|| {
        data.push((key, None));
        data.len() - 1
    });
    &mut data[at].1
}

fn is_falsy(value: &Option<GroupValue<'_>>) -> bool {
    matches!(value, None | Some(GroupValue::Text("")))
}

fn named_groups(regex: &Regex) -> Vec<(usize, Name)> {
    let names = regex.group_names().iter().enumerate();
    names.filter_map(|(group, name)| Some((group, Name::from(name.as_deref()?)))).collect()
}

/// Groups named `PREFIX key [_digits]`, sorted by name, with the key.
fn collecting_groups(regex: &Regex, prefix: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(&str, usize, String)> = Vec::new();
    for (i, name) in regex.group_names().iter().enumerate() {
        let Some(name) = name.as_deref().filter(|n| n.len() > "alt_".len()) else { continue };
        let Some(rest) = name.strip_prefix(prefix) else { continue };
        let key = match rest.rsplit_once('_') {
            Some((key, n)) if !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) => key,
            _ => rest,
        };
        found.push((name, i, key_of(key)));
    }
    found.sort();
    found.into_iter().map(|(_, i, key)| (i, key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;

    fn fail(text: &str) -> Result<FailRegex, FailRegexError> {
        FailRegex::new_fail(text, UseDns::Yes, false, None, Origin::default())
    }

    fn data(text: &str, line: &str) -> Vec<(String, String)> {
        let regex = fail(text).unwrap();
        let mut caps = Captures::new();
        assert!(regex.regex().search(line.as_bytes(), 0, &mut caps).unwrap(), "{text} on {line}");
        let show = |v: GroupValue<'_>| match v {
            GroupValue::Text(t) => t.to_owned(),
            GroupValue::Tuple(t) => format!("{t:?}"),
        };
        regex.data(line, &caps).into_iter().map(|(k, v)| (k.to_owned(), show(v))).collect()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
    }

    #[test]
    fn identifiers_are_required() {
        let message = |text| fail(text).unwrap_err().to_string();
        assert_eq!(message(" \n"), "Cannot add empty regex");
        assert_eq!(message("a(b)"), "No failure-id group in 'a(b)'");
        assert!(message("(<HOST>").starts_with("Unable to compile regular expression '("));
        assert!(fail("(?P<host>x)").is_ok());
        let prefix = FailRegex::new("^<HOST>", UseDns::No, false, Origin::default()).unwrap();
        assert!(FailRegex::new_fail("x", UseDns::Yes, false, Some(&prefix), Origin::default()).is_ok());
    }

    #[test]
    fn alternatives_and_tuples() {
        assert_eq!(
            data(r"<F-ID/> <F-USER>\w*</F-USER> <F-ALT_USER_1>\w+</F-ALT_USER_1>", "x  bob"),
            pairs(&[("fid", "x"), ("user", "bob"), ("alt_user_1", "bob")])
        );
        assert_eq!(
            data(r"<F-ID/> <F-ALT_USER1>\w+</F-ALT_USER1>", "x bob"),
            pairs(&[("fid", "x"), ("alt_user1", "bob"), ("user1", "bob")])
        );
        assert_eq!(
            data(r"<F-ID>\d</F-ID>(?P<tuple_id_2>c)?(?P<tuple_id_1>b)?", "1c"),
            pairs(&[("fid", r#"[Some("1"), None, Some("c")]"#), ("tuple_id_2", "c")])
        );
    }

    #[test]
    fn addresses_are_read_as_they_stand() {
        let read = |regex: &FailRegex, line: &str| {
            let mut caps = Captures::new();
            assert!(regex.regex().search(line.as_bytes(), 0, &mut caps).unwrap(), "{line}");
            (regex.v4(&caps), regex.text(Role::Ip4, line, &caps).map(Address::v4_group))
        };
        let host = fail("from <HOST>(?: |$)").unwrap();
        for octets in ["1.2.3.4", "0.0.0.0", "255.255.255.255", "10.20.30.100", "9.99.199.249"] {
            for line in [format!("from {octets}"), format!("from {octets} and a text after it")] {
                let (bits, address) = read(&host, &line);
                assert_eq!(bits.map(|bits| Address::V4 { bits, prefix: 32 }), address, "{line}");
                assert!(address.is_some());
            }
        }
        for octets in ["1.2.3.256", "01.2.3.4", "1.2.3.00", "999.1.1.1"] {
            let (bits, address) = read(&host, &format!("from {octets} "));
            assert_eq!((bits, address), (None, Some(Address::Name(octets.into()))));
        }
        // the way that was given up was of another address
        let last = fail("^(?:<ADDR> )+(?:<F-X>b</F-X>|[\\d.]+ c)").unwrap();
        let (bits, address) = read(&last, "1.2.3.4 5.6.7.8 c");
        assert!(bits.is_none_or(|bits| bits == 0x0102_0304));
        assert_eq!(address, Some(Address::host("1.2.3.4")));
        // an identifier of its own comes first
        assert_eq!(read(&fail("^<HOST> <F-ID>x</F-ID>").unwrap(), "1.2.3.4 x").0, None);
    }

    #[test]
    fn skipped_lines_are_those_between() {
        let regex = fail(r"^a<SKIPLINES>b <HOST>").unwrap();
        let (text, mut caps) = ("a\nx\ny\u{2028}z\nb 1.2.3.4\n", Captures::new());
        assert!(regex.regex().search(text.as_bytes(), 0, &mut caps).unwrap());
        assert_eq!(regex.skipped_lines(text, &caps), ["x", "y", "z"]);
        assert_eq!(regex.text(Role::Ip4, text, &caps), Some("1.2.3.4"));
        assert_eq!(regex.text(Role::Dns, text, &caps), None);
    }
}
