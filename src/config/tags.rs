//! `<tag>` substitution among the options of a filter or an action (COMPAT §2.4); the server uses it too.

use crate::value::{Exception, Value};
use ecow::EcoString;
use std::ops::Range;

/// How often one tag may be replaced within one value before it counts as recursive.
pub const MAX_TAG_REPLACE_COUNT: i64 = 25;

/// How long a value may become by replacement, tags that were in it included. Tags that contain each other several
/// times grow exponentially; upstream takes all memory.
pub(super) const MAX_VALUE: usize = 4 << 20;

/// Texts of options by name; an option without valid value counts as absent.
pub type Texts<'a> = indexmap::IndexMap<&'a str, Option<EcoString>, foldhash::fast::RandomState>;

/// Asked for the text of a tag that no option has.
pub type Lookup<'a, E> = dyn FnMut(&str) -> Result<Option<EcoString>, E> + 'a;

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

/// Whether a tag has begun in the text that what follows may end.
pub(super) fn is_open(text: &str) -> bool {
    let open = memchr::memrchr(b'<', text.as_bytes());
    open.is_some_and(|at| memchr::memchr2(b' ', b'>', &text.as_bytes()[at..]).is_none())
}

fn count_tags(text: &str) -> usize {
    std::iter::successors(find_tag(text, 0), |found| find_tag(text, found.end)).count()
}

/// Upstream's `substituteRecursiveTags`: resolves tags within all texts by the other texts. Returns those that
/// changed, by index.
///
/// Options named in `ignore` are neither changed nor used. With `conditional` (e.g. `family=inet6`) the
/// option `x?family=inet6` is preferred for `<x>`. A tag that neither an option nor `lookup` knows stays.
/// A self reference is a `ValueError`.
pub fn resolve<E: From<Exception>>(
    mut texts: Texts,
    conditional: &str,
    ignore: &[&str],
    lookup: &mut Lookup<E>,
) -> Result<Vec<(usize, EcoString)>, E> {
    let has_tags = |text: &Option<EcoString>| text.as_ref().is_some_and(|text| find_tag(text, 0).is_some());
    let open = texts.iter().enumerate().filter(|(_, (name, text))| has_tags(text) && !ignore.contains(name));
    // The options that may change, and how often each tag was replaced in them.
    let mut open: Vec<(usize, Counts)> = open.map(|(index, _)| (index, Counts::new())).collect();
    let mut changed = vec![false; texts.len()];
    let (mut out, mut log) = (String::with_capacity(512), Vec::with_capacity(32));
    while !open.is_empty() {
        for (index, counts) in std::mem::take(&mut open) {
            let (name, text) = texts.get_index(index).expect("it was one of them");
            out.clear();
            log.clear();
            let (log, out) = (&mut log, &mut out);
            let mut pass = Pass { name, texts: &texts, conditional, ignore, counts, log, unknown: 0, out };
            pass.replace(text.clone().unwrap_or_default(), lookup)?;
            if pass.log.is_empty() {
                // Nor will it change when others have.
                continue;
            }
            let Pass { counts, unknown, .. } = pass;
            // A tag that came up of parts was not seen: it is counted together with those of the next round.
            if count_tags(out) > unknown {
                open.push((index, counts));
            }
            changed[index] = true;
            texts[index] = Some(out.as_str().into());
        }
    }
    let texts = texts.into_values().enumerate().filter(|(index, _)| changed[*index]);
    Ok(texts.filter_map(|(index, text)| Some((index, text?))).collect())
}

/// How often each tag was replaced in a value, in order of the first time.
type Counts = Vec<(String, i64)>;

/// One replacement of the tags within one value.
///
/// Upstream replaces a tag everywhere in the value at once when it comes to it, and counts that as one. Here the
/// text is gone through only once: a later occurrence counts only if it came up after that.
struct Pass<'a> {
    name: &'a str,
    texts: &'a Texts<'a>,
    conditional: &'a str,
    ignore: &'a [&'a str],
    counts: Counts,
    /// The tags replaced, as indexes of `counts`; the length is the time.
    log: &'a mut Vec<usize>,
    /// How many tags stay because nobody has a text for them.
    unknown: usize,
    out: &'a mut String,
}

/// A text that is gone through: the value, or within it the text for a tag.
struct Part {
    text: EcoString,
    /// How far it was gone through.
    at: usize,
    /// When it would have come up in upstream's value.
    since: usize,
}

impl<'a> Pass<'a> {
    fn replace<E: From<Exception>>(&mut self, value: EcoString, lookup: &mut Lookup<E>) -> Result<(), E> {
        let mut parts = Vec::with_capacity(8);
        parts.push(Part { text: value, at: 0, since: 0 });
        let mut replaced = 0;
        while let Some(part) = parts.last_mut() {
            let Some(found) = find_tag(&part.text, part.at) else {
                self.out.push_str(&part.text[part.at..]);
                parts.pop();
                continue;
            };
            let tag = &part.text[found.start + 1..found.end - 1];
            let counted = self.counts.iter().position(|(counted, _)| counted == tag);
            let earlier = self.log[part.since..].iter().position(|index| Some(*index) == counted);
            let too_often = counted.is_some_and(|index| self.counts[index].1 > MAX_TAG_REPLACE_COUNT);
            if earlier.is_none() && (tag == self.name || too_often) && !self.ignore.contains(&tag) {
                let tag = tag.to_owned();
                return Err(self.recursion(&tag, parts, lookup)?.into());
            }
            let Some(text) = self.text(tag, lookup)? else {
                self.out.push_str(&part.text[part.at..found.end]);
                part.at = found.end;
                self.unknown += 1;
                continue;
            };
            replaced += found.len();
            if self.out.len() + text.len() + replaced > MAX_VALUE {
                return Err(self.growth().into());
            }
            let before = &part.text[part.at..found.start];
            if earlier.is_some() && !text.contains('<') && is_open(before) {
                // Upstream has replaced this already, and finds the tag around it.
                part.text = [before, &text, &part.text[found.end..]].concat().into();
                part.at = 0;
                continue;
            }
            let since = match earlier {
                Some(time) => part.since + time + 1,
                None => self.count(counted, tag),
            };
            self.out.push_str(before);
            part.at = found.end;
            parts.push(Part { text, at: 0, since });
        }
        Ok(())
    }

    /// Counts a tag; the time after that.
    fn count(&mut self, counted: Option<usize>, tag: &str) -> usize {
        let index = counted.unwrap_or_else(|| {
            self.counts.push((tag.to_owned(), 0));
            self.counts.len() - 1
        });
        self.counts[index].1 += 1;
        self.log.push(index);
        self.log.len()
    }

    /// The text for a tag: that of an option, the conditional one first, or else what `lookup` knows.
    fn text<E>(&self, tag: &str, lookup: &mut Lookup<E>) -> Result<Option<EcoString>, E> {
        if self.ignore.contains(&tag) {
            return Ok(None);
        }
        let texts = self.texts;
        let given = |name: &str| texts.get(name)?.clone();
        let conditional = match self.conditional {
            "" => None,
            condition => given(&format!("{tag}?{condition}")),
        };
        match conditional.or_else(|| given(tag)) {
            Some(text) => Ok(Some(text)),
            None => lookup(tag),
        }
    }

    fn growth(&self) -> Exception {
        let text = format!("option '{}' grows beyond {MAX_VALUE} characters by the tags in it", self.name);
        Exception::builtin("ValueError", text)
    }

    fn recursion<E>(&self, tag: &str, parts: Vec<Part>, lookup: &mut Lookup<E>) -> Result<Exception, E> {
        let mut value = self.out.clone();
        for part in parts.iter().rev() {
            let mut rest = part.text[part.at..].to_owned();
            for index in &self.log[part.since..] {
                let tag = &self.counts[*index].0;
                let text = self.text(tag, lookup)?.unwrap_or_default();
                let tag = format!("<{tag}>");
                if value.len() + rest.len() + rest.matches(&tag).count() * text.len() > MAX_VALUE {
                    return Ok(self.growth());
                }
                rest = rest.replace(&tag, &text);
            }
            value.push_str(&rest);
        }
        let counts = self.counts.iter().map(|(tag, count)| (Value::str(tag), Value::Int(*count))).collect();
        Ok(Exception::builtin(
            "ValueError",
            format!(
                "properties contain self referencing definitions and cannot be resolved, \
                 fail tag: {}, found: {tag} in {}, value: {value}",
                self.name,
                Value::Dict(counts),
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn substitute(pairs: &[(&str, &str)], ignore: &[&str], conditional: &str) -> Result<Vec<String>, String> {
        let texts = pairs.iter().map(|(name, text)| (*name, Some(EcoString::from(*text)))).collect();
        let mut none = |_: &str| Ok::<_, Exception>(None);
        let changed = resolve(texts, conditional, ignore, &mut none).map_err(|error| error.message())?;
        let mut texts: Vec<String> = pairs.iter().map(|(_, text)| text.to_string()).collect();
        changed.into_iter().for_each(|(index, text)| texts[index] = text.to_string());
        Ok(texts)
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
        // The second <b> is replaced together with the first one, so that <c-1> is found in the same round.
        let around = substitute(&[("a", "<b> <c-<b>> <d>"), ("b", "1"), ("c-1", "2"), ("d", "<a>")], &[], "");
        assert!(around.is_err_and(|error| error.contains("in {'b': 1, 'c-1': 1, 'd': 1}, value: 1 2 <a>")));
        assert!(substitute(&[("a", "<b>"), ("b", "<c>"), ("c", "<b>")], &[], "").is_err());
        let twice = substitute(&[("a", "<b>"), ("b", "<c><c><c>"), ("c", "<b>")], &[], "");
        assert!(twice.is_err_and(|error| error.contains("grows beyond")));
        let double: Vec<(String, String)> =
            (0..40).map(|i| (format!("t{i}"), format!("<t{0}><t{0}>.", i + 1))).collect();
        let double: Vec<(&str, &str)> = double.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert!(substitute(&double, &[], "").is_err_and(|error| error.contains("grows beyond")));
    }
}
