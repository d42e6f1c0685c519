//! The generator: one tree of a few files in the language of fail2ban's configuration.
//!
//! Most trees avoid what ends everything (unknown references, recursion, syntax errors), or little else
//! would ever be reached; a quarter is "bold" and uses anything, a tenth is damaged after writing.
use compat_tests::fuzz::Random;
use std::fs;
use std::path::Path;

/// Names that every file defines: references to them are safe.
const BASE: &str = "a = 1\nb = %(a)s2\nc = <a>\nmode = m%(b)s\nport = ssh,80\n";
const SAFE: [&str; 5] = ["a", "b", "c", "mode", "port"];
const FREE: [&str; 7] = ["p1", "p2", "p3", "q", "x-y", "p.q", "Upper"];
const SECTIONS: [&str; 10] = [
    "Definition",
    "Init",
    "DEFAULT",
    "Init?family=inet6",
    "Definition?family=inet4",
    "INCLUDES",
    "sec",
    "KNOWN/Definition",
    "lt_file",
    "lt_1",
];
const FILTER: [&str; 7] =
    ["failregex", "ignoreregex", "prefregex", "maxlines", "usedns", "datepattern", "journalmatch"];
const ACTION: [&str; 9] = [
    "actionban",
    "actionunban",
    "actionstart",
    "actionstart_on_demand",
    "norestored",
    "bantime",
    "timeout",
    "blocktype",
    "matches",
];
const JAIL: [&str; 20] = [
    "maxretry",
    "bantime",
    "findtime",
    "bantime.increment",
    "ignoreip",
    "logpath",
    "failregex",
    "known/a",
    "journalmatch",
    "usedns",
    "skip_if_nologs",
    "systemd_if_nologs",
    "maxlines",
    "datepattern",
    "ignoreself",
    "backend",
    "prefregex",
    "ignoreregex",
    "p1",
    "q",
];
const WORDS: [&str; 28] = [
    "1",
    "x",
    "foo",
    "yes",
    "true",
    "5",
    "10m",
    " ",
    "-",
    "bar baz",
    "^x$",
    "0",
    "no",
    "auto",
    "systemd",
    "a=b",
    "/etc/passwd",
    "/nonexistent/log",
    "é€",
    "\"",
    "'",
    "[x]",
    "::",
    "\\d+",
    " ; c",
    " # c",
    "${x}",
    ",",
];
const MISTAKES: [&str; 14] = [
    "%",
    "%(",
    "%()s",
    "%(a",
    "%x",
    "%(a)",
    "%(A)s",
    "<",
    "<>",
    ">",
    "< a>",
    "%(nope)s",
    "<a",
    "%(sec/nope)s",
];

struct Generator<'a> {
    random: &'a mut Random,
    bold: bool,
    damaged: bool,
}

/// Writes a tree to `folder`; returns the option to run the client with.
pub fn tree(random: &mut Random, folder: &Path) -> &'static str {
    let (bold, damaged) = (random.one_in(4), random.one_in(10));
    let mode = *random.pick(&["-d", "-d", "--dp", "-t"]);
    Generator { random, bold, damaged }.write(folder);
    mode
}

impl Generator<'_> {
    fn word(&mut self, choices: &[&'static str]) -> &'static str {
        choices[self.random.below(choices.len())]
    }

    fn write(&mut self, folder: &Path) {
        let general = if self.random.one_in(20) {
            self.section("Thread", &["stacksize", "x"], 2)
        } else {
            String::new()
        };
        self.file(folder, "fail2ban.conf", format!("[DEFAULT]\n{BASE}[Definition]\n{general}"));
        if self.random.one_in(10) {
            let options = ["dbfile", "dbpurgeage", "dbmaxmatches", "logtarget", "loglevel", "allowipv6"];
            let text = self.section("Definition", &options, 2);
            self.file(folder, "fail2ban.local", text);
        }
        for (name, odds) in [
            ("jail.conf", 1),
            ("jail.local", 3),
            ("jail.d/1.conf", 5),
            ("jail.d/1.local", 7),
            ("jail.d/a.b.conf", 7),
            ("paths.conf", 5),
        ] {
            if self.random.one_in(odds) {
                let text = self.jails(name);
                self.file(folder, name, text);
            }
        }
        for (kind, names) in [("filter.d", ["f1", "f-2", "x.y"]), ("action.d", ["a1", "a-2", "x.y"])] {
            for name in names.into_iter().chain(["common", "c2"]) {
                for (ending, odds) in [(".conf", 1), (".local", 5), (".d/q.conf", 20)] {
                    if self.random.one_in(odds) {
                        let text = self.definition(if kind == "filter.d" { &FILTER } else { &ACTION });
                        self.file(folder, &format!("{kind}/{name}{ending}"), text);
                    }
                }
            }
        }
    }

    fn file(&mut self, folder: &Path, name: &str, text: String) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("it is below the folder")).expect("a temporary folder");
        let bytes = if self.damaged { self.damage(text) } else { text.into_bytes() };
        fs::write(&path, bytes).expect("a temporary folder");
    }

    fn damage(&mut self, text: String) -> Vec<u8> {
        let mut bytes = text.into_bytes();
        let at = self.random.below(bytes.len() + 1);
        let inserted: &[u8] = match self.random.below(40) {
            0 => b"\xff",
            1 => b"\n",
            2 => b"junk\n",
            3 => b"\n[sec]\n",
            4 => b"\n=\n",
            5 => b"\x0b",
            6 => "\u{2028}\u{a0}".as_bytes(),
            7 => b"\n  x",
            8 => b"\0",
            9 => b"\r",
            10 => b"\xe2\x82",
            11 => return String::from_utf8_lossy(&bytes).replace('\n', "\r\n").into_bytes(),
            12 => {
                bytes.truncate(at);
                b""
            }
            _ => b"",
        };
        bytes.splice(at.min(bytes.len())..at.min(bytes.len()), inserted.iter().copied());
        bytes
    }

    fn jails(&mut self, file: &str) -> String {
        let mut text = String::new();
        if file == "jail.conf" {
            text += &format!("[INCLUDES]\n{} = paths.conf\n", self.word(&["before", "after"]));
        }
        let count = self.random.below(4);
        text += &format!("[DEFAULT]\n{BASE}{}", self.options(&JAIL, count));
        for jail in ["j1", "j2", "j-3", "sec"] {
            if self.random.one_in(2) {
                text += &self.jail(jail);
            }
        }
        text
    }

    fn jail(&mut self, name: &str) -> String {
        let enabled = self.word(&["true", "true", "true", "1", "yes", "ON", "%(a)s", "false"]);
        let mut text = format!("[{name}]\nenabled = {enabled}\n");
        if !self.random.one_in(10) {
            let filter =
                self.word(&["f1", "f1", "f-2", "f-2", "x.y", "f1", "nope", "", "[x]", "../filter.d/f1"]);
            text += &format!("filter = {filter}{}\n", self.parameters());
        }
        if !self.random.one_in(5) {
            let actions: Vec<String> = (0..self.random.below(4))
                .map(|_| {
                    let names = ["a1", "a1", "a-2", "a-2", "x.y", "z.py", "a1", "a-2", "nope", " "];
                    format!("{}{}", self.word(&names), self.parameters())
                })
                .collect();
            text += &format!("action = {}\n", actions.join(self.word(&["\n  ", " "])));
        }
        let count = self.random.below(6);
        text + &self.options(&JAIL, count)
    }

    fn definition(&mut self, options: &[&'static str]) -> String {
        let mut text = String::new();
        if self.random.one_in(4) {
            let files = [
                "common.conf",
                "common.conf",
                "c2.conf",
                "missing.conf",
                "f1.conf",
                "../paths.conf",
                "",
                "x.y.conf",
            ];
            let list: Vec<&str> = (0..=self.random.below(2)).map(|_| self.word(&files)).collect();
            let option = self.word(&["before", "after", "Before"]);
            text += &format!("[INCLUDES]\n{option} = {}\n", list.join("\n  "));
        }
        text += &format!("[DEFAULT]\n{BASE}");
        let names = [options, &FREE[..]].concat();
        if !self.random.one_in(30) {
            let count = 1 + self.random.below(6);
            text += &self.section("Definition", &names, count);
        }
        for section in ["Init", "Init?family=inet6", "sec", "lt_file", "lt_1", "Definition?family=inet4"] {
            if self.random.one_in(3) {
                let count = 1 + self.random.below(3);
                text += &self.section(section, &names, count);
            }
        }
        text
    }

    fn section(&mut self, name: &str, options: &[&'static str], count: usize) -> String {
        format!("[{name}]\n{}", self.options(options, count))
    }

    fn options(&mut self, names: &[&'static str], count: usize) -> String {
        let mut text = String::new();
        let mut used = Vec::new();
        for _ in 0..count {
            let name = if self.bold && self.random.one_in(4) { self.word(&SAFE) } else { self.word(names) };
            if used.contains(&name) && !(self.bold && self.random.one_in(20)) {
                continue;
            }
            used.push(name);
            let form = self.word(&[" = ", " = ", " = ", "=", ": ", " =", "  =  ", " : "]);
            text += &format!("{name}{form}{}\n", self.value(0));
            if self.random.one_in(10) {
                text += self.word(&["\n", "# c\n", "; c\n", "  \n", "\n\n", " # x\n", "\t; x\n"]);
            }
        }
        text
    }

    fn value(&mut self, lines: usize) -> String {
        let mut text = String::new();
        for _ in 0..self.random.below(5) {
            if self.random.below(100) < 35 {
                text += &self.reference();
            } else {
                text += self.word(&WORDS);
            }
        }
        if lines < 4 && self.random.one_in(8) {
            text += self.word(&["\n    ", "\n  ", "\n\t", "\n ", "\n\n  ", "\n  ; comment\n  ", "\n# c\n  "]);
            text += &self.value(lines + 1);
        }
        text
    }

    fn reference(&mut self) -> String {
        if self.bold && self.random.one_in(3) {
            return self.bold_reference();
        }
        let name = self.word(&SAFE);
        let free = self.word(&FREE);
        match self.random.below(20) {
            0..=5 => format!("%({name})s"),
            6 => format!("%(default/{name})s"),
            7 => format!("%(known/{name})s"),
            8 => "%(__name__)s".to_owned(),
            9 => "%%".to_owned(),
            10..=12 => format!("<{}>", self.word(&[free, "logtype", "name", "actname", name])),
            13 | 14 => format!("<known/{free}>"),
            15 => format!("<lt_<logtype>/{free}>"),
            16 => format!("<{}/{name}>", self.word(&SECTIONS)),
            17 => format!("<p<{name}>>"),
            _ => self.word(&["<ip>", "<matches>", "<F-ID>", "<HOST>", "<bantime>", "<timeout>"]).to_owned(),
        }
    }

    fn bold_reference(&mut self) -> String {
        let names = [&SAFE[..], &FREE, &FILTER, &ACTION, &JAIL].concat();
        let name = self.word(&names);
        let section = self.word(&SECTIONS);
        match self.random.below(6) {
            0 => format!("%({name})s"),
            1 => format!("%({section}/{name})s"),
            2 => format!("%(known/{name})s"),
            3 => format!("<{name}>"),
            4 => format!("<{section}/{name}>"),
            _ => self.word(&MISTAKES).to_owned(),
        }
    }

    fn parameters(&mut self) -> String {
        let names = [
            "p1",
            "p2",
            "q",
            "name",
            "actname",
            "failregex",
            "actionban",
            "maxlines",
            "logtype",
            "x-y",
            "p.q",
            "a",
            "bantime",
            "norestored",
            "q?family=inet6",
            "Upper",
            "x y",
            "",
        ];
        let count = self.random.below(4);
        let usual = if self.random.one_in(8) { names.len() } else { names.len() - 2 };
        let list: Vec<String> = (0..count)
            .map(|_| {
                let name = names[self.random.below(usual)];
                let value = self.value(4);
                match self.random.below(6) {
                    0 | 1 => format!("{name}=\"{}\"", value.replace('"', "")),
                    2 | 3 => format!("{name}='{}'", value.replace('\'', "")),
                    4 => format!("{name}={}", value.replace([',', ']', '['], "")),
                    _ => format!("{name}={value}"),
                }
            })
            .collect();
        if list.is_empty() {
            return String::new();
        }
        let separators = [", ", ", ", ",", "][", ",\n    ", "] [", ";", ",,"];
        let usual = if self.random.one_in(8) { separators.len() } else { separators.len() - 2 };
        format!("[{}]", list.join(separators[self.random.below(usual)]))
    }
}
