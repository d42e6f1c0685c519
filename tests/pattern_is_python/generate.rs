//! Patterns in the shape of failregexes, and adversarial ones, with texts that nearly match them.

use crate::oracle::Request;

/// A small reproducible generator (SplitMix64).
pub struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'c>(&mut self, choices: &[&'c str]) -> &'c str {
        choices[self.below(choices.len())]
    }
}

/// A pattern under construction; `text` is one that it (mostly) matches.
struct Piece {
    pattern: String,
    /// Says whether a quantifier may follow.
    quantifiable: bool,
    /// A single character. Python 3.11.2 does not get possessive repetitions of others right
    /// (its issues 101955 and 106052).
    single: bool,
    /// Has capturing groups or look-around: likewise, inside atomic groups.
    fragile: bool,
    samples: Vec<String>,
}

pub struct Generator {
    random: Random,
    groups: usize,
    names: Vec<String>,
}

/// Constructs with texts that match them.
const ATOMS: &[(&str, &[&str])] = &[
    ("a", &["a"]),
    ("b", &["b"]),
    ("ab", &["ab"]),
    ("c", &["c"]),
    (" ", &[" "]),
    (":", &[":"]),
    ("é", &["é"]),
    ("s", &["s"]),
    ("k", &["k", "K"]),
    ("I", &["I"]),
    ("ſ", &["ſ", "s"]),
    ("σ", &["σ", "ς", "Σ"]),
    (".", &["a", "é", "\r", "x"]),
    (r"\d", &["1", "7", "٣"]),
    (r"\D", &["a", " "]),
    (r"\w", &["a", "1", "_", "é", "\u{301}"]),
    (r"\W", &[" ", ":", "\n"]),
    (r"\s", &[" ", "\t", "\n", "\u{1c}", "\u{a0}"]),
    (r"\S", &["a", "1", ":", "é"]),
    ("[ab]", &["a", "b"]),
    ("[^a]", &["b", "\n", "é"]),
    ("[^:]", &["b", "\n", "é"]),
    ("[a-c1]", &["a", "c", "1"]),
    ("[^ab\\s]", &["c", "é"]),
    ("[[:a]", &["[", ":", "a"]),
    ("[]a]", &["]", "a"]),
    (r"[^\]]", &["[", "a"]),
    (r"[\w.-]", &["a", ".", "-"]),
    ("[à-ü]", &["é", "ü"]),
    (r"[\Wk-s]", &["k", "s", " "]),
    (r"[^\W\d]", &["a", "é"]),
    ("[a&&b]", &["a", "&", "b"]),
    ("[A-Z]", &["A", "K"]),
    (r"\x61", &["a"]),
    (r"\142", &["b"]),
    (r"\.", &["."]),
    (r"\<", &["<"]),
    (r"\[", &["["]),
    ("{", &["{"]),
    ("a{,", &["a{,"]),
];

/// What failregexes are made of.
const WORDS: &[(&str, &[&str])] = &[
    ("kernel:", &["kernel:"]),
    ("SRC=", &["SRC="]),
    (" DST", &[" DST"]),
    ("SYN", &["SYN"]),
    (" from ", &[" from "]),
    (" port ", &[" port "]),
    ("sshd", &["sshd"]),
    (r"\[\d+\]: ", &["[1]: ", "[4242]: "]),
    (r"(?:\[\d+\])?:", &[":", "[7]:"]),
    (r"[Ff]ailed", &["Failed", "failed"]),
    (r"(?i:login)", &["login", "LOGIN", "LogIn"]),
    (r"(?:invalid user )?", &["", "invalid user "]),
    (r"\S+", &["root", "a:b", "é"]),
    (r"\S*", &["", "x"]),
    (r"\w+", &["bob", "x1"]),
    (r"[^\]]+", &["abc", "1.2"]),
    (r"[^:]*", &["", "abc"]),
    (r"\s*", &["", "  "]),
    (r"\s+", &[" ", " \t"]),
    (".*", &["", "noise from 1.1.1.1", "x"]),
    (".*?", &["", "noise SRC=", "x"]),
    (".+?", &["y", "noise"]),
    (
        r"(?:\d{1,3}\.){3}\d{1,3}",
        &[
            "1.2.3.4",
            "192.0.2.10",
            "999.0.00.000",
            "1.2.3.4567",
            "1.2.3.4٣",
            "1.2.٣.4",
            "1234.5.6.7",
            "1.2.3.",
        ],
    ),
    (
        r"\[?(?:(?:::f{4,6}:)?(?:(?:\d{1,3}\.){3}\d{1,3})|(?:(?:[0-9a-fA-F]{1,4}::?|:){1,7}(?:[0-9a-fA-F]{1,4}|(?<=:):)))\]?",
        &["1.2.3.4", "[2001:db8::1]", "::1", "::ffff:1.2.3.4", "fe80::"],
    ),
    (r"(?:[\w\-.^_]*\w)", &["host.example", "a-b", "x"]),
    (r"(?! from)", &[""]),
    (r"(?=.*port)", &[""]),
    (r"(?<!x)", &[""]),
    ("\"[^\"]*\"", &["\"GET /\"", "\"\""]),
    (r"(?:Accepted|Failed|Fail) ", &["Accepted ", "Failed ", "Fail "]),
    (r"\d+", &["1", "22"]),
    (r"\d{1,3}", &["1", "1234"]),
    ("x{,2}", &["", "x", "xx"]),
    (r"\n", &["\n"]),
];

const NOISE: &[&str] = &[
    "a", "b", "c", " ", ":", "1", "é", "\n", "A", "s", "ſ", "K", "\u{212a}", "ı", "İ", ".", "[", "]", "x",
    "from", "kernel:", "SRC=", "1.2.3.4", "\"", "port", "\r", "::1", "-", "\u{85}", "ß", "ẞ", "σ", "&",
];

impl Generator {
    pub fn new(seed: u64) -> Generator {
        Generator { random: Random(seed), groups: 0, names: Vec::new() }
    }

    /// A pattern with texts to search.
    pub fn request(&mut self, subjects: usize) -> Request {
        self.groups = 0;
        self.names.clear();
        let piece = match self.random.below(5) {
            0 | 1 => self.line_shape(),
            _ => self.sequence(3),
        };
        let mut pattern = piece.pattern;
        let mut flags = 0;
        for bit in [2, 8, 16, 64, 256] {
            if self.random.one_in(8) {
                flags |= bit;
            }
        }
        if self.random.one_in(20) {
            pattern =
                format!("(?{}){pattern}", self.random.pick(&["i", "s", "m", "is", "x", "a", "u", "ai"]));
        }
        if self.random.one_in(12) {
            pattern = self.corrupt(&pattern);
        }
        let subjects = (0..subjects).map(|_| self.subject(&piece.samples)).collect();
        Request { pattern, flags, subjects }
    }

    fn choose(&mut self, table: &[(&str, &[&str])]) -> Piece {
        let (pattern, samples) = table[self.random.below(table.len())];
        let single = pattern.chars().count() == 1 || pattern.starts_with('\\') || pattern.starts_with('[');
        Piece {
            pattern: pattern.to_owned(),
            quantifiable: single && !pattern.ends_with(['+', '*', '?', ' ']),
            single: single && !pattern.ends_with(['+', '*', '?', ' ']),
            fragile: false,
            samples: samples.iter().map(|s| (*s).to_owned()).collect(),
        }
    }

    fn line_shape(&mut self) -> Piece {
        let mut whole = Piece {
            pattern: String::new(),
            quantifiable: false,
            single: false,
            fragile: false,
            samples: vec![String::new(); 4],
        };
        if self.random.one_in(2) {
            whole.pattern += "^";
        }
        for _ in 0..2 + self.random.below(8) {
            let piece = match self.random.below(8) {
                0 => self.capture(1),
                1 => {
                    let word = self.choose(WORDS);
                    self.wrap_capture(word)
                }
                2 => self.atom(1),
                _ => self.choose(WORDS),
            };
            self.append(&mut whole, &piece);
        }
        if self.random.one_in(2) {
            whole.pattern += self.random.pick(&["$", r"\s*$", r"\Z", r"\b", ".*$"]);
        }
        whole
    }

    fn append(&mut self, whole: &mut Piece, piece: &Piece) {
        whole.pattern += &piece.pattern;
        whole.fragile |= piece.fragile;
        for sample in &mut whole.samples {
            if !piece.samples.is_empty() {
                *sample += &piece.samples[self.random.below(piece.samples.len())];
            }
        }
    }

    fn sequence(&mut self, depth: usize) -> Piece {
        let mut whole = Piece {
            pattern: String::new(),
            quantifiable: false,
            single: false,
            fragile: false,
            samples: vec![String::new(); 3],
        };
        for _ in 0..1 + self.random.below(4) {
            let piece = self.quantified(depth);
            self.append(&mut whole, &piece);
        }
        if depth > 0 && self.random.one_in(4) {
            let other = self.sequence(depth - 1);
            whole.pattern += "|";
            whole.pattern += &other.pattern;
            whole.fragile |= other.fragile;
            whole.samples.extend(other.samples);
        }
        whole
    }

    fn quantified(&mut self, depth: usize) -> Piece {
        let piece = self.atom(depth);
        if !piece.quantifiable || !self.random.one_in(2) {
            return piece;
        }
        let quantifier = self
            .random
            .pick(&["*", "+", "?", "{2}", "{1,3}", "{,2}", "{2,}", "{0,1}", "{0}", "{1,7}", "{3,40}"]);
        let modes: &[&str] = if !piece.single { &["", "", "?"] } else { &["", "", "", "?", "?", "+"] };
        let mode = self.random.pick(modes);
        let samples =
            piece.samples.iter().flat_map(|s| [s.clone(), s.repeat(2), s.repeat(3), String::new()]).collect();
        let pattern = format!("{}{quantifier}{mode}", piece.pattern);
        Piece { pattern, quantifiable: false, samples, ..piece }
    }

    fn atom(&mut self, depth: usize) -> Piece {
        if depth == 0 || self.random.one_in(2) {
            return self.choose(ATOMS);
        }
        let empty = |pattern: String| Piece {
            pattern,
            quantifiable: false,
            single: false,
            fragile: false,
            samples: Vec::new(),
        };
        match self.random.below(16) {
            0..=3 => self.capture(depth),
            4..=6 => self.group("(?:", depth),
            7 => {
                // a search of Python's forgets the flags of a group that the pattern begins with
                let open =
                    self.random.pick(&["(?i:", "(?s:", "(?m:", "(?-i:", "(?=)(?a:", "(?x:", "(?ims-x:"]);
                self.group(open, depth)
            }
            8 => {
                let position = self.random.pick(&["^", "$", r"\b", r"\B", r"\A", r"\Z"]);
                empty(position.to_owned())
            }
            9 => {
                let open = self.random.pick(&["(?=", "(?!"]);
                let mut piece = self.group(open, depth);
                piece.samples.push(String::new());
                Piece { fragile: true, ..piece }
            }
            10 => {
                let open = self.random.pick(&["(?<=", "(?<!"]);
                let inner = self
                    .random
                    .pick(&["a", "ab", "[ab]", r"\b", ".", "a|b", "é", "(?:a|b)c", r"\d\w", "^", ""]);
                Piece { quantifiable: true, single: false, fragile: true, ..empty(format!("{open}{inner})")) }
            }
            11 | 12 if self.groups > 0 => {
                let group = 1 + self.random.below(self.groups);
                let reference = match self.names.last() {
                    Some(name) if self.random.one_in(2) => format!("(?P={name})"),
                    _ => format!(r"(?:\{group})"),
                };
                Piece { quantifiable: true, ..empty(reference) }
            }
            13 if self.groups > 0 => {
                let group = 1 + self.random.below(self.groups);
                let (yes, no) = (self.choose(ATOMS), self.choose(ATOMS));
                let pattern = match self.random.one_in(3) {
                    true => format!("(?({group}){})", yes.pattern),
                    false => format!("(?({group}){}|{})", yes.pattern, no.pattern),
                };
                let samples = yes.samples.into_iter().chain(no.samples).collect();
                Piece { quantifiable: true, samples, ..empty(pattern) }
            }
            14 => {
                let (groups, names) = (self.groups, self.names.clone());
                let piece = self.group("(?>", depth);
                if piece.fragile {
                    (self.groups, self.names) = (groups, names);
                    return self.choose(ATOMS);
                }
                piece
            }
            _ => self.group("(?:", depth),
        }
    }

    fn group(&mut self, open: &str, depth: usize) -> Piece {
        let inner = self.sequence(depth - 1);
        Piece { pattern: format!("{open}{})", inner.pattern), quantifiable: true, single: false, ..inner }
    }

    fn capture(&mut self, depth: usize) -> Piece {
        let inner = self.sequence(depth.saturating_sub(1));
        self.wrap_capture(inner)
    }

    fn wrap_capture(&mut self, inner: Piece) -> Piece {
        self.groups += 1;
        let open = match self.random.one_in(3) {
            true => {
                let name = format!("n{}", self.groups);
                let open = format!("(?P<{name}>");
                self.names.push(name);
                open
            }
            false => "(".to_owned(),
        };
        Piece {
            pattern: format!("{open}{})", inner.pattern),
            quantifiable: true,
            single: false,
            fragile: true,
            samples: inner.samples,
        }
    }

    /// Takes away, doubles or inserts something, often making the pattern wrong.
    fn corrupt(&mut self, pattern: &str) -> String {
        let mut chars: Vec<char> = pattern.chars().collect();
        let at = self.random.below(chars.len() + 1);
        match self.random.below(3) {
            0 if at < chars.len() => {
                chars.remove(at);
            }
            1 if at < chars.len() => chars.insert(at, chars[at]),
            _ => {
                let junk = self.random.pick(&[
                    "(", ")", "[", "]", "*", "?", "+", "{", "}", "\\", "(?", "(?P", "(?P<", "(?P=",
                    "(?P<n1>", "(?(", "(?<", "(?#", "(?i", "(?-", "{3,1}", "\\x1", "\\u12", "\\h", "\\8",
                    "\\400", "[z-a]", "(?i)", "(?L)", "(?a-u:", "\n", "(?(1)", "(?(9)a)", "\\9", "(?<=a*)",
                    "-", "|", "^*", "\\N", "(?P>", "(?i-i:a)", "\\E", "**", "(?z)", "(?P=x)", "(?(x)a)",
                ]);
                chars.splice(at..at, junk.chars());
            }
        }
        chars.into_iter().collect()
    }

    fn subject(&mut self, samples: &[String]) -> String {
        let mut text = String::new();
        if self.random.one_in(3) {
            text += self.random.pick(NOISE);
        }
        if !samples.is_empty() && !self.random.one_in(6) {
            text += &samples[self.random.below(samples.len())];
        }
        for _ in 0..self.random.below(4) {
            let at = self.boundary(&text);
            match self.random.below(3) {
                0 => text.insert_str(at, self.random.pick(NOISE)),
                1 if at < text.len() => {
                    text.remove(at);
                }
                _ => text += self.random.pick(NOISE),
            }
        }
        if self.random.one_in(2) {
            text += "\n";
        }
        text
    }

    fn boundary(&mut self, text: &str) -> usize {
        let mut at = self.random.below(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}
