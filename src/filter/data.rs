//! What a match found: the groups of its regex, in the order in which upstream's dictionaries have them.

use ecow::EcoString;

use crate::address::Address;
use crate::pattern::Name;
use crate::value::Value;

/// A log line as tickets keep it: the whole text and where the date stood in it.
///
/// Upstream stores the line of a first failure as a triple (before, date, after) and later ones
/// joined; both shapes are in its database (COMPAT §10, trap 28).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchLine {
    pub text: EcoString,
    /// Byte span of the date within `text`; `None` for a line that was stored joined.
    pub date: Option<(u32, u32)>,
}

impl MatchLine {
    pub fn new(before: &str, date: &str, after: &str) -> Self {
        let mut text = EcoString::with_capacity(before.len() + date.len() + after.len());
        [before, date, after].into_iter().for_each(|part| text.push_str(part));
        let start = before.len() as u32;
        MatchLine { text, date: Some((start, start + date.len() as u32)) }
    }

    pub fn joined(text: impl Into<EcoString>) -> Self {
        MatchLine { text: text.into(), date: None }
    }

    /// The triple (before, date, after).
    pub fn parts(&self) -> (&str, &str, &str) {
        let (start, end) = self.date.unwrap_or((0, 0));
        let text = &*self.text;
        match (text.get(..start as usize), text.get(start as usize..end as usize), text.get(end as usize..)) {
            (Some(before), Some(date), Some(after)) => (before, date, after),
            _ => ("", "", text),
        }
    }

    /// The text that regexes see: the line without its date.
    pub fn undated(&self) -> String {
        let (before, _, after) = self.parts();
        [before, after].concat()
    }

    /// As upstream keeps it: a triple, or one string.
    pub fn value(&self) -> Value {
        match self.date {
            Some(_) => {
                let (before, date, after) = self.parts();
                Value::Tuple(vec![before.into(), date.into(), after.into()])
            }
            None => Value::str(&*self.text),
        }
    }
}

/// The lines that make a failure.
#[derive(Clone, Debug)]
pub enum Matches {
    /// The line just searched; where its date stands in it.
    This {
        date: (u32, u32),
    },
    Lines(Vec<MatchLine>),
}

impl Matches {
    /// The lines themselves; `line` is the one just searched.
    pub fn into_lines(self, line: &str) -> Vec<MatchLine> {
        match self {
            Matches::This { date } => vec![MatchLine { text: trimmed(line).into(), date: Some(date) }],
            Matches::Lines(lines) => lines,
        }
    }
}

/// A line without its end.
#[inline]
pub fn trimmed(line: &str) -> &str {
    let bytes = line.as_bytes();
    let mut end = bytes.len();
    while end > 0 && matches!(bytes[end - 1], b'\r' | b'\n') {
        end -= 1;
    }
    &line[..end]
}

/// The value of a group or of a field that the filter derives from groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The group took no part in the match.
    None,
    Text(EcoString),
    /// Parts collected by `tuple_…` groups.
    Tuple(Vec<Item>),
    /// All user names of a session, in order of appearance.
    Users(Vec<Item>),
    /// The address beside a failure-id that is none.
    Address(Address),
    /// A set mark.
    Flag,
}

impl Item {
    /// Python's truth of the value.
    pub fn is_set(&self) -> bool {
        match self {
            Item::None => false,
            Item::Text(text) => !text.is_empty(),
            Item::Tuple(items) | Item::Users(items) => !items.is_empty(),
            Item::Address(_) | Item::Flag => true,
        }
    }

    pub fn value(&self) -> Value {
        match self {
            Item::None => Value::None,
            Item::Text(text) => Value::str(&**text),
            Item::Tuple(items) => Value::Tuple(items.iter().map(Item::value).collect()),
            Item::Users(items) => Value::Set(items.iter().map(Item::value).collect()),
            Item::Address(address) => Value::str(address.to_string()),
            Item::Flag => Value::Int(1),
        }
    }
}

/// Groups by name, ordered as Python's dictionaries are: a replaced value keeps its place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Data(Vec<(Name, Item)>);

impl Data {
    /// None yet, with room for so many.
    pub fn with_capacity(count: usize) -> Data {
        Data(Vec::with_capacity(count))
    }

    /// Adds a group that is not there yet.
    pub fn push(&mut self, name: Name, item: Item) {
        self.0.push((name, item));
    }

    #[inline]
    pub fn get(&self, name: impl Into<Name>) -> Option<&Item> {
        let name = name.into();
        self.0.iter().find(|(known, _)| *known == name).map(|(_, item)| item)
    }

    pub fn get_mut(&mut self, name: impl Into<Name>) -> Option<&mut Item> {
        let name = name.into();
        self.0.iter_mut().find(|(known, _)| *known == name).map(|(_, item)| item)
    }

    /// The text of a group that took part in the match.
    pub fn text(&self, name: impl Into<Name>) -> Option<&str> {
        match self.get(name) {
            Some(Item::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether the field is there and true in Python's sense.
    pub fn is_set(&self, name: impl Into<Name>) -> bool {
        self.get(name).is_some_and(Item::is_set)
    }

    pub fn set(&mut self, name: impl Into<Name>, item: Item) {
        let name = name.into();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = item,
            None => self.0.push((name, item)),
        }
    }

    pub fn take(&mut self, name: impl Into<Name>) -> Option<Item> {
        let name = name.into();
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.remove(at).1)
    }

    /// Takes over the values of `other` that are not None.
    pub fn update(&mut self, other: Data) {
        for (name, item) in other.0 {
            if !matches!(item, Item::None) {
                self.set(name, item);
            }
        }
    }

    #[inline]
    pub fn retain_values(&mut self) {
        if self.0.is_empty() {
            return;
        }
        self.0.retain(|(_, item)| !matches!(item, Item::None));
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Item)> {
        self.0.iter().map(|(name, item)| (name.as_str(), item))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The value of a ticket's data as the database remembers it.
impl From<&Value> for Item {
    fn from(value: &Value) -> Self {
        match value {
            Value::None => Item::None,
            Value::Str(text) => Item::Text(text.as_str().into()),
            Value::List(items) | Value::Tuple(items) => Item::Tuple(items.iter().map(Item::from).collect()),
            Value::Set(items) => Item::Users(items.iter().map(Item::from).collect()),
            other => Item::Text(other.to_string().into()),
        }
    }
}
