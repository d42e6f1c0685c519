//! `<tag>` substitution among the options of a filter or an action (COMPAT §2.4); the server uses it too.

use super::options::OptionMap;
use crate::value::Exception;
use std::collections::HashSet;

/// How often one tag may be replaced within one value before it counts as recursive.
pub const MAX_TAG_REPLACE_COUNT: u32 = 25;

/// The first `<name>` at or after byte `from` (a name has no space and no angle bracket): its range
/// including the brackets.
pub fn find_tag(_text: &str, _from: usize) -> Option<std::ops::Range<usize>> {
    todo!()
}

/// Upstream's `substituteRecursiveTags`: resolves tags within all values by the other values.
///
/// Options named in `ignore` are neither changed nor used. With `conditional` (e.g. `family=inet6`) the
/// option `x?family=inet6` is preferred for `<x>`. A tag that no option has is asked of `lookup`; if that
/// knows none either, the tag stays. A self reference is a `ValueError`.
pub fn substitute_recursive_tags<E: From<Exception>>(
    _tags: &OptionMap,
    _conditional: &str,
    _ignore: &HashSet<String>,
    _lookup: &mut dyn FnMut(&str) -> Result<Option<String>, E>,
) -> Result<OptionMap, E> {
    todo!()
}
