//! `<tag>` substitution among the options of a filter or an action (COMPAT §2.4); the server uses it too.

use super::options::OptionMap;
use crate::value::{Exception, Value};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// How often one tag may be replaced within one value before it counts as recursive.
pub const MAX_TAG_REPLACE_COUNT: i64 = 25;

/// How long a value may become by replacement. Tags that contain each other several times grow exponentially;
/// upstream takes all memory.
pub(super) const MAX_VALUE: usize = 4 << 20;

/// The first `<name>` at or after byte `from` (a name has no space and no angle bracket): its range
/// including the brackets.
pub fn find_tag(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut start = from + memchr::memchr(b'<', bytes.get(from..)?)?;
    loop {
        let name = start + 1;
        let end = name + memchr::memchr3(b'<', b'>', b' ', &bytes[name..])?;
        match bytes[end] {
            b'>' if end > name => return Some(start..end + 1),
            b'<' => start = end,
            _ => start = end + memchr::memchr(b'<', &bytes[end..])?,
        }
    }
}

/// Upstream's `substituteRecursiveTags`: resolves tags within all values by the other values.
///
/// Options named in `ignore` are neither changed nor used. With `conditional` (e.g. `family=inet6`) the
/// option `x?family=inet6` is preferred for `<x>`. A tag that no option has is asked of `lookup`; if that
/// knows none either, the tag stays. A self reference is a `ValueError`.
pub fn substitute_recursive_tags<E: From<Exception>>(
    mut tags: OptionMap,
    conditional: &str,
    ignore: &HashSet<String>,
    lookup: &mut dyn FnMut(&str) -> Result<Option<String>, E>,
) -> Result<OptionMap, E> {
    let mut counts: HashMap<usize, OptionMap> = HashMap::new();
    let mut done = vec![false; tags.len()];
    loop {
        let mut again = false;
        for index in 0..tags.len() {
            let (name, value) = tags.get_index(index).expect("index below the length");
            if done[index] || ignore.contains(name) {
                continue;
            }
            let original = match value {
                Value::Str(text) => Cow::Borrowed(text.as_str()),
                other => Cow::Owned(other.to_text()),
            };
            if find_tag(&original, 0).is_none() {
                done[index] = !original.contains('<');
                continue;
            }
            let original = original.into_owned();
            let mut pass = Pass {
                name: name.clone(),
                tags: &tags,
                conditional,
                ignore,
                counts: counts.get(&index).cloned().unwrap_or_default(),
            };
            let replaced = pass.replace(original.clone(), lookup)?;
            let used = pass.counts;
            done[index] = !replaced.contains('<');
            if replaced == original {
                continue;
            }
            // A new tag may have come up: counted together with those of the next round.
            if find_tag(&replaced, 0).is_some() {
                counts.insert(index, used);
                again = true;
            }
            tags[index] = Value::Str(replaced);
        }
        if !again {
            return Ok(tags);
        }
    }
}

/// The replacement of tags within one value.
struct Pass<'a> {
    name: String,
    tags: &'a OptionMap,
    conditional: &'a str,
    ignore: &'a HashSet<String>,
    /// How often each tag was replaced in this value.
    counts: OptionMap,
}

impl Pass<'_> {
    fn replace<E: From<Exception>>(
        &mut self,
        mut value: String,
        lookup: &mut dyn FnMut(&str) -> Result<Option<String>, E>,
    ) -> Result<String, E> {
        let mut next = find_tag(&value, 0);
        while let Some(found) = next {
            let tag = value[found.start + 1..found.end - 1].to_owned();
            if self.ignore.contains(&tag) {
                next = find_tag(&value, found.end);
                continue;
            }
            let count = self.count(&tag);
            if tag == self.name || count.unwrap_or(1) > MAX_TAG_REPLACE_COUNT {
                return Err(self.recursion(&tag, &value).into());
            }
            let replacement = match self.option(&tag) {
                Some(text) => text.into_owned(),
                None => match lookup(&tag)? {
                    Some(text) => text,
                    None => {
                        next = find_tag(&value, found.end);
                        continue;
                    }
                },
            };
            let (replaced, at) = replace_all(&value, found, &replacement);
            value = replaced;
            if value.len() > MAX_VALUE {
                return Err(self.growth().into());
            }
            self.counts.insert(tag, Value::Int(count.unwrap_or(0) + 1));
            next = find_tag(&value, at);
        }
        Ok(value)
    }

    fn count(&self, tag: &str) -> Option<i64> {
        match self.counts.get(tag) {
            Some(Value::Int(count)) => Some(*count),
            _ => None,
        }
    }

    /// The value of an option, the conditional one first. `None` values count as absent.
    fn option(&self, tag: &str) -> Option<Cow<'_, str>> {
        let given = |name: &str| self.tags.get(name).filter(|value| **value != Value::None);
        let conditional = match self.conditional {
            "" => None,
            condition => given(&format!("{tag}?{condition}")),
        };
        conditional.or_else(|| given(tag)).map(|value| match value {
            Value::Str(text) => Cow::Borrowed(text.as_str()),
            other => Cow::Owned(other.to_text()),
        })
    }

    fn growth(&self) -> Exception {
        let text = format!("option '{}' grows beyond {MAX_VALUE} characters by the tags in it", self.name);
        Exception::builtin("ValueError", text)
    }

    fn recursion(&self, tag: &str, value: &str) -> Exception {
        let counts = self.counts.iter().map(|(tag, count)| (Value::str(tag), count.clone())).collect();
        Exception::builtin(
            "ValueError",
            format!(
                "properties contain self referencing definitions and cannot be resolved, \
                 fail tag: {}, found: {tag} in {}, value: {value}",
                self.name,
                Value::Dict(counts),
            ),
        )
    }
}

/// Replaces every occurrence of the tag found; also returns where the search continues. That is, as upstream, at
/// the tag's character index, whatever was replaced before it (where only a replacement can have put the tag).
fn replace_all(value: &str, found: Range<usize>, replacement: &str) -> (String, usize) {
    let tag = &value.as_bytes()[found.clone()];
    let mut out = String::with_capacity(value.len() + replacement.len());
    let mut copied = 0;
    for at in memchr::memmem::find_iter(value.as_bytes(), tag) {
        out.push_str(&value[copied..at]);
        out.push_str(replacement);
        copied = at + tag.len();
    }
    out.push_str(&value[copied..]);
    let before = &value[..found.start];
    if out.starts_with(before) {
        return (out, found.start);
    }
    let index = before.chars().count();
    let at = out.char_indices().nth(index).map_or(out.len(), |(at, _)| at);
    (out, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn substitute(pairs: &[(&str, &str)], ignore: &[&str], conditional: &str) -> Result<Vec<String>, String> {
        let tags = pairs.iter().map(|(name, value)| (name.to_string(), Value::str(*value))).collect();
        let ignore = ignore.iter().map(|name| name.to_string()).collect();
        let mut none = |_: &str| Ok::<_, Exception>(None);
        let result = substitute_recursive_tags(tags, conditional, &ignore, &mut none);
        result.map(|tags| tags.values().map(Value::to_text).collect()).map_err(|error| error.message())
    }

    #[test]
    fn nested_tags_resolve_inside_out() {
        let tags = [("a", "<b>_3"), ("b", "3"), ("c", "<x-<b>> <STDIN> < no> <>"), ("x-3", "deep")];
        assert_eq!(
            substitute(&tags, &[], ""),
            Ok(vec!["3_3".into(), "3".into(), "deep <STDIN> < no> <>".into(), "deep".into()])
        );
    }

    #[test]
    fn ignored_and_conditional_tags() {
        let tags = [("a", "<b> <c>"), ("b", "1"), ("c", "2"), ("c?family=inet6", "6")];
        assert_eq!(substitute(&tags, &["b"], "").map(|v| v[0].clone()), Ok("<b> 2".into()));
        assert_eq!(substitute(&tags, &[], "family=inet6").map(|v| v[0].clone()), Ok("1 6".into()));
    }

    #[test]
    fn recursion_is_an_error() {
        assert_eq!(
            substitute(&[("a", "<b>"), ("b", "x <a>")], &[], ""),
            Err("properties contain self referencing definitions and cannot be resolved, \
                 fail tag: a, found: a in {'b': 1}, value: x <a>"
                .into())
        );
        assert!(substitute(&[("a", "<b>"), ("b", "<c>"), ("c", "<b>")], &[], "").is_err());
        let double: Vec<(String, String)> =
            (0..40).map(|i| (format!("t{i}"), format!("<t{0}><t{0}>.", i + 1))).collect();
        let double: Vec<(&str, &str)> = double.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert!(substitute(&double, &[], "").is_err_and(|error| error.contains("grows beyond")));
    }
}
