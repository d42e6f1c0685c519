//! Tags where nothing is recursive, as nearly everywhere: every option is resolved once, after those it refers
//! to; and once for all jails in which everything that got into it has the same text.
//!
//! Upstream resolves the same tag again in every value that it gets into, and counts. The count and the order
//! only show in the error about a recursion. So whatever might become one, and whatever is odd otherwise (a tag
//! made of parts that have tags themselves), is left to [`super::tags::resolve`], which follows upstream step by
//! step.

use super::definition::KNOWN;
use super::options::OptionMap;
use super::setting::Setting;
use super::tags::{Lookup, MAX_TAG_REPLACE_COUNT, MAX_VALUE, find_tag, is_open};
use crate::text::shared;
use ecow::EcoString;
use indexmap::IndexMap;

/// How many replacements within one value, those within the replacements included, are looked at.
const MAX_REPLACED: usize = 1000;

/// Something is recursive or odd.
pub struct Odd;

/// What became of the options of a filter or an action: the next jail that uses it mostly has the same.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// Options and other tags by name.
    nodes: IndexMap<EcoString, Node, foldhash::fast::RandomState>,
    /// The options of the last time, in their order: mostly it is the same again.
    options: Vec<Member>,
    /// How often options were resolved; the times of nodes.
    now: u32,
    /// Values that are being put together, the one within the other behind it.
    out: String,
}

/// An option at its place.
#[derive(Clone, Debug)]
struct Member {
    node: usize,
    /// Of an earlier value (`known/x`), the place of the option whose value that was.
    original: Option<usize>,
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
        if self.given == 0 || !is_same(&self.raw, &raw) {
            let has_tags = raw.as_ref().is_some_and(|text| find_tag(text, 0).is_some());
            *self = Node { text: raw.clone(), raw, has_tags, changed: now, ..Node::default() };
        }
        self.given = now;
    }
}

/// Whether the texts are equal: mostly it is the very same text, which need not be read.
fn is_same(one: &Option<EcoString>, other: &Option<EcoString>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => std::ptr::eq(&**one, &**other) || one == other,
        (one, other) => one.is_none() && other.is_none(),
    }
}

impl Resolved {
    /// The texts that change, by index, as [`super::tags::resolve`] returns them.
    pub fn resolve<E>(
        &mut self,
        options: &OptionMap,
        ignore: &[&str],
        lookup: &mut Lookup<E>,
    ) -> Result<Vec<(usize, EcoString)>, Odd> {
        self.know(options);
        self.now += 1;
        for (member, (name, setting)) in self.options.iter().zip(options) {
            // An option without valid value counts as absent.
            if *setting != Setting::None {
                let text = if ignore.contains(&&**name) { None } else { setting.text() };
                self.nodes[member.node].give(text, self.now);
            }
        }
        let mut pass = Pass { ignore, lookup, all: self };
        let mut changed = Vec::new();
        for (index, setting) in options.values().enumerate() {
            if *setting == Setting::None {
                continue;
            }
            let node = pass.same(index);
            pass.close(node)?;
            let node = &pass.all.nodes[node];
            if !node.replaced.is_empty() {
                changed.extend(node.text.clone().map(|text| (index, text)));
            }
        }
        Ok(changed)
    }

    /// Finds the nodes of the options.
    fn know(&mut self, options: &OptionMap) {
        let name_of = |member: &Member| self.nodes.get_index(member.node).map(|(name, _)| name);
        if self.options.len() == options.len()
            && self.options.iter().map(name_of).eq(options.keys().map(Some))
        {
            return;
        }
        self.options.clear();
        for name in options.keys() {
            let node = self.nodes.get_index_of(name);
            let node = node.unwrap_or_else(|| self.nodes.insert_full(name.clone(), Node::default()).0);
            let original = name.strip_prefix(KNOWN).and_then(|name| options.get_index_of(name));
            self.options.push(Member { node, original });
        }
    }
}

/// One time of resolving.
struct Pass<'a, 'l, E> {
    ignore: &'a [&'a str],
    lookup: &'a mut Lookup<'l, E>,
    all: &'a mut Resolved,
}

impl<E> Pass<'_, '_, E> {
    /// The node of an option, or of the option whose earlier value this one keeps, if that still has it.
    fn same(&self, index: usize) -> usize {
        let Member { node, original } = self.all.options[index];
        let original = original.map(|original| self.all.options[original].node);
        let is_same = |original: &usize| {
            let (original, node) = (&self.all.nodes[*original], &self.all.nodes[node]);
            original.given == node.given && is_same(&original.raw, &node.raw)
        };
        original.filter(is_same).unwrap_or(node)
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
            // Mostly as many as the last time: their room is kept.
            let (mut replaced, mut left) =
                (std::mem::take(&mut node.replaced), std::mem::take(&mut node.left));
            replaced.clear();
            left.clear();
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
        // Those that this value is put into stand before it.
        let start = self.all.out.len();
        let (mut at, mut from, mut again) = (0, 0, false);
        while let Some(found) = find_tag(text, from) {
            from = found.end;
            let index = self.node(&text[found.start + 1..found.end - 1])?;
            if self.all.nodes[index].raw.is_none() {
                left.push(index);
                continue;
            }
            self.close(index)?;
            let Resolved { nodes, out, .. } = &mut *self.all;
            let node = &nodes[index];
            let inner = node.text.as_deref().unwrap_or_default();
            out.push_str(&text[at..found.start]);
            at = found.end;
            if is_open(&out[start..]) {
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
            if out.len() - start > MAX_VALUE / 2 || replaced.len() + left.len() > MAX_REPLACED {
                return Err(Odd);
            }
        }
        if at > 0 {
            let out = &mut self.all.out;
            out.push_str(&text[at..]);
            *text = shared(&out[start..]);
            out.truncate(start);
        }
        Ok(again)
    }

    /// The node of a tag.
    fn node(&mut self, tag: &str) -> Result<usize, Odd> {
        let nodes = &mut self.all.nodes;
        let index = nodes.get_index_of(tag);
        let index = index.unwrap_or_else(|| nodes.insert_full(tag.into(), Node::default()).0);
        self.give(index)?;
        Ok(index)
    }

    /// Looks up the text of a node that is no option, once each time.
    fn give(&mut self, index: usize) -> Result<(), Odd> {
        let now = self.all.now;
        let (tag, node) = self.all.nodes.get_index_mut(index).expect("nodes are never removed");
        if node.given == now {
            return Ok(());
        }
        let text = match self.ignore.contains(&tag.as_str()) {
            true => None,
            false => (self.lookup)(tag).map_err(|_| Odd)?,
        };
        node.give(text, now);
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
