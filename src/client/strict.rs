//! `-t --strict`: what upstream's test of a configuration does not notice, because only the server would
//! (regexes, dates, encodings, time zones) or only an action (commands that are not installed).

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::config::{Origin, Stream};
use crate::server::Checker;
use crate::value::Value;

/// Backends that a jail may ask for.
const BACKENDS: [&str; 6] = ["auto", "pyinotify", "polling", "systemd", "kmsg", "nflog"];

/// Words before a command that are no command themselves.
const PREFIXES: [&str; 9] = ["{", "(", "!", "if", "then", "else", "while", "until", "do"];

/// What the shell does itself.
const BUILTINS: [&str; 22] = [
    ".", ":", "[", "break", "case", "cd", "command", "echo", "eval", "exec", "exit", "export", "false",
    "for", "printf", "read", "return", "set", "test", "trap", "true", "umask",
];

/// Where commands are looked for beside `PATH`: the server usually has more there than a user.
const SYSTEM_PATH: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Everything that is wrong with a command stream, one sentence each, with its origin in front: `file:line`, or
/// jail and option where that is not known.
pub fn complaints(stream: &Stream) -> Vec<String> {
    let mut checker = Checker::new(crate::clock::now());
    let mut complaints = Vec::new();
    for (number, command) in stream.commands.iter().enumerate() {
        let origins = stream.origins.get(number).map(Vec::as_slice).unwrap_or_default();
        for (number, command) in single(command).iter().enumerate() {
            let origin = origins.get(number).or(origins.first());
            let mut complain = |text: String| complaints.push(format!("{}: {text}", place(command, origin)));
            if let Err(exception) = checker.command(command) {
                complain(exception.message());
            }
            own_checks(command).into_iter().for_each(&mut complain);
        }
    }
    complaints
}

/// A command that sets several regexes as commands that set one each.
fn single(command: &Value) -> Vec<Value> {
    let words = command.items().unwrap_or_default();
    let (Some("multi-set"), Some(option)) = (text(words, 0), text(words, 2)) else {
        return vec![command.clone()];
    };
    if option == "action" {
        return vec![command.clone()];
    }
    let one = |value: &Value| Value::List(vec!["set".into(), words[1].clone(), option.into(), value.clone()]);
    words.get(3).and_then(Value::items).unwrap_or_default().iter().map(one).collect()
}

fn text(words: &[Value], at: usize) -> Option<&str> {
    words.get(at).and_then(Value::as_str)
}

fn place(command: &Value, origin: Option<&Origin>) -> String {
    let words = command.items().unwrap_or_default();
    match (origin, text(words, 1), text(words, 2)) {
        (Some(origin), ..) => origin.to_string(),
        (None, Some(jail), Some("action")) => format!("jail {jail}, action {}", text(words, 3).unwrap_or("")),
        (None, Some(jail), Some(option)) if text(words, 0) != Some("add") => {
            format!("jail {jail}, {}", option.trim_start_matches("add"))
        }
        (None, Some(jail), _) => format!("jail {jail}"),
        (None, None, _) => "stream".into(),
    }
}

/// Checks beyond those of the server.
fn own_checks(command: &Value) -> Vec<String> {
    let words = command.items().unwrap_or_default();
    match (text(words, 0), text(words, 2), text(words, 3)) {
        (Some("add"), Some(backend), _) => backend_complaint(backend).into_iter().collect(),
        (Some("set"), Some("addlogpath"), Some(path)) if !Path::new(path).exists() => {
            vec![format!("log file {path} does not exist")]
        }
        (Some("multi-set"), Some("action"), _) => {
            missing_commands(words.get(4).and_then(Value::items).unwrap_or_default())
        }
        _ => Vec::new(),
    }
}

fn backend_complaint(backend: &str) -> Option<String> {
    let name = backend.split('[').next().unwrap_or(backend).to_lowercase();
    (!BACKENDS.contains(&name.as_str())).then(|| format!("unknown backend {}", Value::str(backend)))
}

/// Programs that the commands of an action begin with and that are not installed.
fn missing_commands(properties: &[Value]) -> Vec<String> {
    let mut missing = BTreeSet::new();
    for property in properties {
        let words = property.items().unwrap_or_default();
        let (Some(name), Some(command)) = (text(words, 0), text(words, 1)) else { continue };
        if let Some(program) = program_of(command).filter(|_| name.starts_with("action")) {
            if !is_installed(program) {
                missing.insert(format!("command {program} is not installed"));
            }
        }
    }
    missing.into_iter().collect()
}

/// The program that a shell command starts with, if that can be told without being a shell.
fn program_of(command: &str) -> Option<&str> {
    let first = command.split_whitespace().find(|word| !PREFIXES.contains(word))?;
    let is_plain = first.bytes().all(|c| c.is_ascii_alphanumeric() || b"_./+-".contains(&c));
    (is_plain && !BUILTINS.contains(&first)).then_some(first)
}

fn is_installed(program: &str) -> bool {
    let is_program = |path: PathBuf| {
        std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        return is_program(program.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(SYSTEM_PATH.map(PathBuf::from));
    folders.map(|folder| folder.join(program)).any(is_program)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> Value {
        Value::strings(words.iter().copied())
    }

    fn complaints_of(commands: Vec<Value>) -> Vec<String> {
        let origins = vec![Vec::new(); commands.len()];
        complaints(&Stream { commands, origins })
    }

    #[test]
    fn every_flaw_is_told() {
        let mut regexes = command(&["multi-set", "a", "addfailregex"]);
        if let Value::List(words) = &mut regexes {
            words.push(command(&["good <HOST>", "bad <HOST> ("]));
        }
        let found = complaints_of(vec![
            command(&["add", "a", "pollign"]),
            regexes,
            command(&["set", "a", "findtime", "nonsense"]),
            command(&["set", "a", "logtimezone", "Mars/Olympus"]),
            command(&["set", "a", "logencoding", "klingon"]),
            command(&["set", "a", "addlogpath", "/no/such/file", "head"]),
            command(&["start", "a"]),
        ]);
        assert_eq!(found.len(), 6, "{found:#?}");
        assert_eq!(found[0], "jail a: unknown backend 'pollign'");
        assert!(
            found[1].starts_with("jail a, failregex: Unable to compile regular expression"),
            "{}",
            found[1]
        );
        assert_eq!(found[2], "jail a, findtime: name 'nonsense' is not defined");
        assert!(found[3].starts_with("jail a, logtimezone: "), "{}", found[3]);
        assert_eq!(found[4], "jail a, logencoding: unknown encoding: klingon");
        assert_eq!(found[5], "jail a, logpath: log file /no/such/file does not exist");
    }

    #[test]
    fn programs_of_actions() {
        let cases = [
            ("nft add table inet x", Some("nft")),
            ("{ iptables -w -C f2b || iptables -N; }", Some("iptables")),
            ("if ! ipset list x; then true; fi", Some("ipset")),
            ("echo <ip>", None),
            ("<known/actionban>", None),
            ("x=1 nft", None),
            ("", None),
        ];
        for (command, program) in cases {
            assert_eq!(program_of(command), program, "{command}");
        }
        let property = |name: &str, value: &str| command(&[name, value]);
        let properties = [
            property("actionban", "no-such-program-here <ip>"),
            property("actionunban", "no-such-program-here -d <ip>"),
            property("actionstart", "sh -c true"),
            property("port", "no-such-port"),
        ];
        assert_eq!(missing_commands(&properties), ["command no-such-program-here is not installed"]);
    }

    #[test]
    fn the_file_and_line_stand_in_front_where_known() {
        let origin = Origin { file: Path::new("/etc/jail.local").into(), line: 7 };
        let stream = Stream { commands: vec![command(&["add", "a", "x"])], origins: vec![vec![origin]] };
        assert_eq!(complaints(&stream), ["/etc/jail.local:7: unknown backend 'x'"]);
    }
}
