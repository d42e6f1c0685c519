//! Firewall commands that their tool can take many of at once (DESIGN: same commands, fewer processes).
//!
//! Only commands that add or remove one thing, written in plain words, are recognised; everything else runs
//! as it stands. The batch modes used change all or nothing (`iptables-restore`, `nft -f`), or make no
//! difference when repeated (`ipset -exist`), so that a batch that failed can be done again one by one.

use std::fmt;
use std::path::{Path, PathBuf};

use super::run::feed;
use super::shell::simple_commands;
use super::tags::ShellCommand;
use crate::value::Value;

/// A batch mode of one tool: what can go into one run of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Batch {
    /// `iptables`, `ip6tables` and their variants, by the name in the command.
    Restore {
        program: String,
        table: String,
        wait: Vec<String>,
    },
    Nft {
        program: String,
    },
    /// Adding only, or removing only, with `-exist`.
    Ipset {
        program: String,
        removes: bool,
    },
}

impl Batch {
    /// Runs lines of this batch. The error is what the tool said.
    pub fn run<'a>(&self, lines: impl Iterator<Item = &'a str>, timeout: &Value) -> Result<(), String> {
        let input = match self {
            Batch::Nft { .. } => merge_elements(lines),
            _ => lines.flat_map(|line| [line, "\n"]).collect(),
        };
        match self {
            Batch::Restore { program, table, wait } => {
                let restore = restore_program(program).ok_or("no batch mode of the same kind")?;
                let mut arguments = vec!["--noflush"];
                arguments.extend(wait.iter().map(String::as_str));
                feed(&restore, &arguments, &format!("*{table}\n{input}COMMIT\n"), timeout)
            }
            Batch::Nft { program } => feed(program, &["-f", "-"], &input, timeout),
            Batch::Ipset { program, .. } => feed(program, &["-exist", "restore"], &input, timeout),
        }
    }
}

/// The batch mode's name, for the log.
impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Batch::Restore { program, .. } => write!(f, "{program}-restore"),
            Batch::Nft { program } => write!(f, "{program} -f"),
            Batch::Ipset { program, .. } => write!(f, "{program} restore"),
        }
    }
}

/// The batch that a command could be part of, and its line there.
pub(super) fn recognise(command: &ShellCommand) -> Option<(Batch, String)> {
    if !command.values.is_empty() {
        return None;
    }
    let commands = simple_commands(&command.script)?;
    let mut batch = None;
    let mut lines = Vec::new();
    for words in &commands {
        let (kind, line) = line_of(words)?;
        if batch.as_ref().is_some_and(|known| *known != kind) {
            return None;
        }
        batch = Some(kind);
        lines.push(line);
    }
    Some((batch?, lines.join("\n")))
}

fn line_of(words: &[String]) -> Option<(Batch, String)> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:,@%+=-{}!".contains(c);
    if words.iter().any(|word| word.is_empty() || !word.chars().all(plain)) {
        return None;
    }
    let (program, rest) = words.split_first()?;
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    match base_name(program) {
        "iptables" | "ip6tables" | "iptables-legacy" | "ip6tables-legacy" | "iptables-nft"
        | "ip6tables-nft" => iptables(program, &rest),
        "nft" => nft(program, &rest),
        "ipset" => ipset(program, &rest),
        _ => None,
    }
}

fn base_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// Words that say something else than what rule to add or remove; `iptables-restore` would not take them,
/// or not in the same sense.
const NOT_IN_RULES: &str = "--table --wait --wait-interval --verbose --numeric --exact --version --help --list \
                            --list-rules --flush --zero --new --new-chain --delete-chain --policy --rename-chain \
                            --replace --check --append --insert --delete --line-numbers --modprobe --ipv4 --ipv6 \
                            --set-counters --noflush --counters --test";

/// `[-w [N]] [-t TABLE] -A|-D|-I CHAIN …`, in any order before the command.
fn iptables(program: &str, words: &[&str]) -> Option<(Batch, String)> {
    let mut table = "filter".to_owned();
    let mut wait = Vec::new();
    let mut words = words;
    let rule = loop {
        match words {
            ["-w" | "--wait", seconds, rest @ ..] if seconds.bytes().all(|b| b.is_ascii_digit()) => {
                wait = vec!["-w".to_owned(), (*seconds).to_owned()];
                words = rest;
            }
            ["-w" | "--wait", rest @ ..] => {
                wait = vec!["-w".to_owned()];
                words = rest;
            }
            ["-t" | "--table", name, rest @ ..] => {
                table = (*name).to_owned();
                words = rest;
            }
            ["-A" | "-D" | "-I" | "--append" | "--delete" | "--insert", _, ..] => break words,
            _ => return None,
        }
    };
    let fits = |word: &&str| match word.strip_prefix('-') {
        Some(long) if long.starts_with('-') => {
            let name = word.split('=').next().unwrap_or(word);
            !NOT_IN_RULES.split(' ').any(|other| other.starts_with(name))
        }
        Some(short) => ["p", "s", "d", "i", "o", "j", "g", "m", "f"].contains(&short),
        None => true,
    };
    if !rule[1..].iter().all(fits) {
        return None;
    }
    Some((Batch::Restore { program: program.to_owned(), table, wait }, rule.join(" ")))
}

/// `nft add|delete element …`: nft itself joins its arguments by blanks and reads the result.
fn nft(program: &str, words: &[&str]) -> Option<(Batch, String)> {
    match words {
        ["add" | "delete", "element", ..] if !words.iter().any(|word| word.starts_with('-')) => {
            Some((Batch::Nft { program: program.to_owned() }, words.join(" ")))
        }
        _ => None,
    }
}

/// `ipset -exist add|del SET ELEMENT …`.
fn ipset(program: &str, words: &[&str]) -> Option<(Batch, String)> {
    let is_exist = |word: &&str| matches!(*word, "-exist" | "--exist" | "-!");
    let exist = words.iter().any(is_exist);
    let words: Vec<&str> = words.iter().copied().filter(|word| !is_exist(word)).collect();
    let (verb, rest) = words.split_first()?;
    let (verb, removes) = match *verb {
        "add" | "-A" | "--add" => ("add", false),
        "del" | "-D" | "--del" => ("del", true),
        _ => return None,
    };
    if !exist || rest.len() < 2 || rest.iter().any(|word| word.starts_with('-')) {
        return None;
    }
    Some((Batch::Ipset { program: program.to_owned(), removes }, format!("{verb} {}", rest.join(" "))))
}

/// Elements for the same set in one `nft` command: much faster for sets of intervals.
fn merge_elements<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut input = String::new();
    let mut set = "";
    for line in lines.flat_map(str::lines) {
        match line.strip_suffix(" }").and_then(|line| line.split_once(" { ")) {
            Some((this, element)) if this == set && !element.contains(['{', '}']) => {
                input.truncate(input.len() - " }\n".len());
                input += ", ";
                input += element;
                input += " }\n";
            }
            parts => {
                input += line;
                input.push('\n');
                set = parts.map_or("", |(this, _)| this);
            }
        }
    }
    input
}

/// The restore program that belongs to an `iptables`: the same executable under its other name. Where the
/// two are different programs they may not even write to the same tables.
fn restore_program(program: &str) -> Option<String> {
    let restore = format!("{program}-restore");
    let same = find(program)?.canonicalize().ok()? == find(&restore)?.canonicalize().ok()?;
    same.then_some(restore)
}

/// Where the shell would find a program.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(Path::new(program).to_owned());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(script: &str) -> Option<String> {
        recognise(&ShellCommand { script: script.into(), values: Vec::new() }).map(|(_, line)| line)
    }

    #[test]
    fn stock_commands_are_recognised() {
        for (script, expected) in [
            (
                "iptables -w -I f2b-sshd 1 -s 192.0.2.1 -j REJECT --reject-with icmp-port-unreachable",
                "-I f2b-sshd 1 -s 192.0.2.1 -j REJECT --reject-with icmp-port-unreachable",
            ),
            ("ip6tables -w 5 -D f2b-x -s 2001:db8::1 -j DROP", "-D f2b-x -s 2001:db8::1 -j DROP"),
            (
                "nft add element inet f2b-table s \\{ 192.0.2.1 \\}",
                "add element inet f2b-table s { 192.0.2.1 }",
            ),
            ("ipset -exist add f2b-x 192.0.2.1 timeout 0", "add f2b-x 192.0.2.1 timeout 0"),
            ("ipset del f2b-x 192.0.2.1 -exist", "del f2b-x 192.0.2.1"),
            (
                "iptables -I a -s 192.0.2.1 -j DROP\niptables -I b -s 192.0.2.1 -j DROP",
                "-I a -s 192.0.2.1 -j DROP\n-I b -s 192.0.2.1 -j DROP",
            ),
        ] {
            assert_eq!(line(script).as_deref(), Some(expected), "{script}");
        }
    }

    #[test]
    fn elements_of_one_set_are_merged() {
        let lines = [
            "add element t a { 1 }",
            "add element t a { 2 }",
            "add element t b { 3 }",
            "add element t a { 4 }",
        ];
        let expected = "add element t a { 1, 2 }\nadd element t b { 3 }\nadd element t a { 4 }\n";
        assert_eq!(merge_elements(lines.into_iter()), expected);
    }

    #[test]
    fn doubtful_commands_are_not() {
        for script in [
            "iptables -w -C x -j DROP",
            "iptables -w -I x -t nat -j DROP",
            "iptables -I x -s 192.0.2.1 -j DROP -w",
            "iptables -I x -s 192.0.2.1 -j DROP --verb",
            "iptables -I x -s 192.0.2.1 -m comment --comment 'a b' -j DROP",
            "iptables -I x -s $ip -j DROP",
            "iptables -I x -s 192.0.2.1 -j DROP || true",
            "iptables -I x -s 192.0.2.1 -j DROP; ip6tables -I x -s 192.0.2.1 -j DROP",
            "nft -a add element inet t s \\{ 192.0.2.1 \\}",
            "nft add rule inet t c drop",
            "nft add element inet t s \\{ 192.0.2.1 \\} \\; flush ruleset",
            "ipset add f2b-x 192.0.2.1",
            "ipset --test f2b-x 192.0.2.1 || ipset --add f2b-x 192.0.2.1",
            "csf --deny 192.0.2.1",
        ] {
            assert_eq!(line(script), None, "{script}");
        }
    }
}
