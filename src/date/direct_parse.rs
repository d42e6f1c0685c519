//! Reads the regexes that date templates consist of, for the quick matcher; all else is left to the real engine.

/// A part of such a regex. Sets are of ASCII bytes, bit n for byte n.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Set(u128),
    /// As many as possible of `min` to `max` bytes.
    Run {
        set: u128,
        min: u32,
        max: u32,
    },
    Sequence(Vec<Node>),
    Either(Vec<Node>),
    Optional {
        node: Box<Node>,
        lazy: bool,
    },
    Group(usize, Box<Node>),
    Again(usize),
    TextStart,
    TextEnd,
    WordBoundary,
    LeftBound,
    RightBound,
}

const LEFT_BOUND: &str = r"(?=^|\b|\W)";
const RIGHT_BOUND: &str = r"(?=\b|\W|$)";

/// The regex and its number of groups; `None` if it has other constructs.
pub(super) fn parse(regex: &str) -> Option<(Node, usize)> {
    if !regex.is_ascii() {
        return None;
    }
    let (rest, ignore_case) = match regex.strip_prefix("(?iu)").or_else(|| regex.strip_prefix("(?i)")) {
        Some(rest) => (rest, true),
        None => (regex, false),
    };
    let mut parser = Parser { rest, ignore_case, names: Vec::new() };
    let node = parser.either()?;
    parser.rest.is_empty().then_some((node, parser.names.len()))
}

struct Parser<'r> {
    rest: &'r str,
    ignore_case: bool,
    /// The groups so far.
    names: Vec<&'r str>,
}

impl<'r> Parser<'r> {
    fn eat(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.rest.as_bytes().first()?;
        self.rest = &self.rest[1..];
        Some(byte)
    }

    fn either(&mut self) -> Option<Node> {
        let mut nodes = vec![self.sequence()?];
        while self.eat("|") {
            nodes.push(self.sequence()?);
        }
        Some(if nodes.len() == 1 { nodes.remove(0) } else { Node::Either(nodes) })
    }

    fn sequence(&mut self) -> Option<Node> {
        let mut nodes = Vec::new();
        while !self.rest.is_empty() && !self.rest.starts_with([')', '|']) {
            let atom = self.atom()?;
            nodes.push(self.repeated(atom)?);
        }
        Some(Node::Sequence(nodes))
    }

    fn atom(&mut self) -> Option<Node> {
        if self.rest.starts_with('(') {
            return self.group();
        }
        Some(match self.byte()? {
            b'^' => Node::TextStart,
            b'$' => Node::TextEnd,
            b'.' => Node::Set(!bit(b'\n')),
            b'[' => Node::Set(self.class()?),
            b'\\' if self.eat("b") => Node::WordBoundary,
            b'\\' => Node::Set(self.escape()?),
            b'*' | b'+' | b'?' | b'{' | b'}' => return None,
            byte => Node::Set(self.folded(bit(byte))),
        })
    }

    fn group(&mut self) -> Option<Node> {
        if self.eat(LEFT_BOUND) {
            return Some(Node::LeftBound);
        }
        if self.eat(RIGHT_BOUND) {
            return Some(Node::RightBound);
        }
        if self.eat("(?P=") {
            // a reference that ignores case, or within its own group, is not for the quick matcher
            let name = self.until(')')?;
            let group = self.names.iter().position(|known| *known == name)?;
            return (!self.ignore_case || name == "_sep").then_some(Node::Again(group + 1));
        }
        if self.eat("(?:") {
            let node = self.either()?;
            return self.eat(")").then_some(node);
        }
        let name = if self.eat("(?P<") {
            self.until('>')?
        } else if self.rest.starts_with("(?") {
            return None;
        } else {
            self.byte()?;
            ""
        };
        if !name.is_empty() && self.names.contains(&name) {
            return None;
        }
        self.names.push(name);
        let group = self.names.len();
        let node = self.either()?;
        self.eat(")").then(|| Node::Group(group, Box::new(node)))
    }

    /// Text up to a delimiter, which is consumed.
    fn until(&mut self, delimiter: char) -> Option<&'r str> {
        let (text, rest) = self.rest.split_once(delimiter)?;
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        self.rest = rest;
        (!text.is_empty() && text.bytes().all(word) && !text.as_bytes()[0].is_ascii_digit()).then_some(text)
    }

    fn repeated(&mut self, atom: Node) -> Option<Node> {
        let (min, max) = match self.rest.as_bytes().first() {
            Some(b'?') => (0, 1),
            Some(b'*') => (0, u32::MAX),
            Some(b'+') => (1, u32::MAX),
            Some(b'{') => self.counts()?,
            _ => return Some(atom),
        };
        self.byte()?;
        let lazy = self.eat("?");
        if self.rest.starts_with(['+', '*', '?', '{']) {
            return None;
        }
        match (atom, lazy, (min, max)) {
            (Node::Set(set), false, (min, max)) => Some(Node::Run { set, min, max }),
            (node @ (Node::Set(_) | Node::Group(..) | Node::Sequence(_) | Node::Either(_)), lazy, (0, 1)) => {
                Some(Node::Optional { node: Box::new(node), lazy })
            }
            _ => None,
        }
    }

    /// `{n}`, `{n,}`, `{,m}`, `{n,m}`; leaves the closing brace.
    fn counts(&mut self) -> Option<(u32, u32)> {
        let (inner, _) = self.rest[1..].split_once('}')?;
        let number = |text: &str| if text.len() < 5 { text.parse::<u32>().ok() } else { None };
        let (min, max) = match inner.split_once(',') {
            None => (number(inner)?, number(inner)?),
            Some(("", "")) => return None,
            Some((min, "")) => (number(min)?, u32::MAX),
            Some(("", max)) => (0, number(max)?),
            Some((min, max)) => (number(min)?, number(max)?),
        };
        self.rest = &self.rest[1 + inner.len()..];
        (min <= max).then_some((min, max))
    }

    fn escape(&mut self) -> Option<u128> {
        Some(match self.byte()? {
            b'd' => digits(),
            b'D' => !digits(),
            b'w' => word(),
            b'W' => !word(),
            b's' => space(),
            b'S' => !space(),
            byte if byte.is_ascii_punctuation() || byte == b' ' => bit(byte),
            _ => return None,
        })
    }

    fn class(&mut self) -> Option<u128> {
        let negated = self.eat("^");
        let mut set = 0;
        let mut first = true;
        loop {
            let byte = self.byte()?;
            match byte {
                b']' if !first => break,
                b'\\' => {
                    set |= self.escape()?;
                    // a range that starts with an escape
                    if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                        return None;
                    }
                }
                byte if self.rest.starts_with('-') && !self.rest.starts_with("-]") => {
                    self.byte()?;
                    let last = self.byte()?;
                    if last == b'\\' || last < byte {
                        return None;
                    }
                    set |= (byte..=last).fold(0, |set, byte| set | bit(byte));
                }
                byte => set |= bit(byte),
            }
            first = false;
        }
        let set = self.folded(set);
        Some(if negated { !set } else { set })
    }

    /// With the other case of its letters, if case does not matter.
    fn folded(&self, set: u128) -> u128 {
        if !self.ignore_case {
            return set;
        }
        (b'a'..=b'z').fold(set, |set, small| {
            let both = bit(small) | bit(small.to_ascii_uppercase());
            if set & both != 0 { set | both } else { set }
        })
    }
}

fn bit(byte: u8) -> u128 {
    1 << byte
}

fn of(belongs: impl Fn(u8) -> bool) -> u128 {
    (0..128).filter(|byte| belongs(*byte)).fold(0, |set, byte| set | bit(byte))
}

fn digits() -> u128 {
    of(|b| b.is_ascii_digit())
}

fn word() -> u128 {
    of(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Python's: also the separators 0x1c to 0x1f.
fn space() -> u128 {
    of(|b| matches!(b, b'\t'..=b'\r' | b' ' | 0x1c..=0x1f))
}
