//! Tags where nothing is recursive, as nearly everywhere: every option is resolved once, after those it refers
//! to; and once for all jails in which everything that got into it has the same text.
//!
//! Upstream resolves the same tag again in every value that it gets into, and counts. The count and the order
//! only show in the error about a recursion. So whatever might become one, and whatever is odd otherwise (a tag
//! made of parts that have tags themselves), is left to [`super::tags::resolve`], which follows upstream step by
//! step.

use super::definition::KNOWN;
use super::tags::{Lookup, MAX_TAG_REPLACE_COUNT, MAX_VALUE, Texts, find_tag, is_open};
use ecow::EcoString;
use indexmap::IndexMap;

/// How many replacements within one value, those within the replacements included, are looked at.
const MAX_REPLACED: usize = 1000;

/// Something is recursive or odd.
pub struct Odd;

/// What became of the options of a filter or an action: the next jail that uses it mostly has the same.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// Names of the options, whose nodes come first, and whether they had a valid value.
    names: Vec<(EcoString, bool)>,
    /// Tags that are no options, and their nodes.
    others: IndexMap<EcoString, usize, foldhash::fast::RandomState>,
    nodes: Vec<Node>,
    /// How often options were resolved; the times of nodes.
    now: u32,
}

/// An option, or another text that a tag stands for.
#[derive(Clone, Debug, Default)]
struct Node {
    /// As given; `None`: its tags stay as they are.
    raw: Option<EcoString>,
    /// With its tags replaced, if it has any and that was done.
    text: Option<EcoString>,
    has_tags: bool,
    /// Being resolved: who comes here again goes round in circles.
    is_open: bool,
    /// When it was last given, last given another text, and last resolved.
    given: u32,
    changed: u32,
    resolved: u32,
    /// The nodes that were put in place of tags, those within them included.
    replaced: Vec<usize>,
    /// The nodes without text, whose tags stayed.
    left: Vec<usize>,
}

impl Node {
    /// Takes the text of this time.
    fn give(&mut self, raw: Option<EcoString>, now: u32) {
        if self.given == 0 || self.raw != raw {
            let has_tags = raw.as_ref().is_some_and(|text| find_tag(text, 0).is_some());
            *self = Node { text: raw.clone(), raw, has_tags, changed: now, ..Node::default() };
        }
        self.given = now;
    }
}

impl Resolved {
    /// The texts that change, by index, as [`super::tags::resolve`] returns them.
    pub fn resolve<E>(
        &mut self,
        texts: &Texts,
        ignore: &[&str],
        lookup: &mut Lookup<E>,
    ) -> Result<Vec<(usize, EcoString)>, Odd> {
        let is_same = |((name, is_valid), (other, text)): (&(EcoString, bool), (&&str, &Option<_>))| {
            name == *other && *is_valid == text.is_some()
        };
        if self.names.len() != texts.len() || !self.names.iter().zip(texts).all(is_same) {
            *self = Resolved::default();
            self.names = texts.iter().map(|(name, text)| ((*name).into(), text.is_some())).collect();
            self.nodes.resize_with(texts.len(), Node::default);
        }
        self.now += 1;
        for (node, (name, text)) in self.nodes.iter_mut().zip(texts) {
            node.give(text.clone().filter(|_| !ignore.contains(name)), self.now);
        }
        let mut pass = Pass { texts, ignore, lookup, all: self };
        let mut changed = Vec::new();
        for index in 0..texts.len() {
            let same = pass.same(index);
            pass.close(same)?;
            let node = &pass.all.nodes[same];
            if !node.replaced.is_empty() {
                changed.extend(node.text.clone().map(|text| (index, text)));
            }
        }
        Ok(changed)
    }
}

/// One time of resolving.
struct Pass<'a, 'l, E> {
    texts: &'a Texts<'a>,
    ignore: &'a [&'a str],
    lookup: &'a mut Lookup<'l, E>,
    all: &'a mut Resolved,
}

impl<E> Pass<'_, '_, E> {
    /// The option whose earlier value this one keeps, if it still has that; else the option itself.
    fn same(&self, index: usize) -> usize {
        let name = self.all.names[index].0.strip_prefix(KNOWN);
        let original = name.and_then(|name| self.texts.get_index_of(name));
        let raw = |index: usize| &self.all.nodes[index].raw;
        original.filter(|original| raw(*original) == raw(index)).unwrap_or(index)
    }

    /// Resolves all tags of a node.
    fn close(&mut self, index: usize) -> Result<(), Odd> {
        let now = self.all.now;
        let node = &self.all.nodes[index];
        if node.is_open {
            return Err(Odd);
        }
        if !node.has_tags || node.resolved == now {
            return Ok(());
        }
        if !self.is_kept(index)? {
            let node = &mut self.all.nodes[index];
            node.is_open = true;
            let mut text = node.raw.clone().unwrap_or_default();
            let (mut replaced, mut left) = (Vec::new(), Vec::new());
            // Again as long as tags may have come up of parts.
            while self.replace(&mut text, &mut replaced, &mut left)? {
                self.check(&replaced)?;
            }
            self.check(&replaced)?;
            let node = &mut self.all.nodes[index];
            *node = Node { text: Some(text), is_open: false, replaced, left, ..std::mem::take(node) };
        }
        self.all.nodes[index].resolved = now;
        Ok(())
    }

    /// Whether a node was resolved before, and everything in it has the same text as then.
    fn is_kept(&mut self, index: usize) -> Result<bool, Odd> {
        let node = &mut self.all.nodes[index];
        let resolved = node.resolved;
        if resolved == 0 {
            return Ok(false);
        }
        let (replaced, left) = (std::mem::take(&mut node.replaced), std::mem::take(&mut node.left));
        let mut same = true;
        for other in replaced.iter().chain(&left) {
            self.give(*other)?;
            same &= self.all.nodes[*other].changed <= resolved;
        }
        let node = &mut self.all.nodes[index];
        (node.replaced, node.left) = (replaced, left);
        Ok(same)
    }

    /// Replaces the tags in a text; whether others may have come up of parts.
    fn replace(
        &mut self,
        text: &mut EcoString,
        replaced: &mut Vec<usize>,
        left: &mut Vec<usize>,
    ) -> Result<bool, Odd> {
        let mut out = String::new();
        let (mut at, mut from, mut again) = (0, 0, false);
        while let Some(found) = find_tag(text, from) {
            from = found.end;
            let index = self.node(&text[found.start + 1..found.end - 1])?;
            if self.all.nodes[index].raw.is_none() {
                left.push(index);
                continue;
            }
            self.close(index)?;
            let node = &self.all.nodes[index];
            let inner = node.text.as_deref().unwrap_or_default();
            if at == 0 {
                out.reserve(text.len() + inner.len());
            }
            out.push_str(&text[at..found.start]);
            at = found.end;
            if is_open(&out) {
                again = true;
                if memchr::memchr2(b'<', b'>', inner.as_bytes()).is_some() {
                    return Err(Odd);
                }
            }
            if is_open(inner) {
                return Err(Odd);
            }
            out.push_str(inner);
            replaced.push(index);
            replaced.extend(&node.replaced);
            left.extend(&node.left);
            if out.len() > MAX_VALUE / 2 || replaced.len() + left.len() > MAX_REPLACED {
                return Err(Odd);
            }
        }
        if at > 0 {
            out.push_str(&text[at..]);
            *text = out.into();
        }
        Ok(again)
    }

    /// The node of a tag.
    fn node(&mut self, tag: &str) -> Result<usize, Odd> {
        if let Some((index, _, text)) = self.texts.get_full(tag) {
            // An option without valid value counts as absent.
            if text.is_some() || self.ignore.contains(&tag) {
                return Ok(index);
            }
        }
        let index = match self.all.others.get(tag) {
            Some(index) => *index,
            None => {
                self.all.others.insert(tag.into(), self.all.nodes.len());
                self.all.nodes.push(Node::default());
                self.all.nodes.len() - 1
            }
        };
        self.give(index)?;
        Ok(index)
    }

    /// Looks up the text of a node that is no option, once each time.
    fn give(&mut self, index: usize) -> Result<(), Odd> {
        let now = self.all.now;
        if self.all.nodes[index].given == now {
            return Ok(());
        }
        let others = &self.all.others;
        let (tag, _) = others.get_index(index - self.texts.len()).expect("its node was made with it");
        let text = match self.ignore.contains(&tag.as_str()) {
            true => None,
            false => (self.lookup)(tag).map_err(|_| Odd)?,
        };
        self.all.nodes[index].give(text, now);
        Ok(())
    }

    /// Whether no tag was replaced as often as in a recursion.
    fn check(&self, replaced: &[usize]) -> Result<(), Odd> {
        let most = MAX_TAG_REPLACE_COUNT as usize;
        if replaced.len() <= most {
            return Ok(());
        }
        let mut times = vec![0; self.all.nodes.len()];
        replaced.iter().for_each(|index| times[*index] += 1);
        if times.iter().any(|times| *times > most) { Err(Odd) } else { Ok(()) }
    }
}
