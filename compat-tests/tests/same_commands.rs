//! Every command, good and bad: the same output and exit status whichever client talks to whichever server.
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use compat_tests::{Output, Sandbox, Server, Side, Version, normalise, wait};

const COMMANDS: &str = include_str!("same_commands/commands.list");

/// Commands that our server answers otherwise, on purpose: docs/differences.md says why.
const INTENDED: &[&str] = &[
    // Errors of Python's compiler, with its positions.
    "set app findtime ''",
    // Methods that show Python's own objects cannot be called.
    r#"set app action act replaceTag '{"query": "<ip>", "aInfo": {}}'"#,
    // A wrong formula or multiplier is refused with its origin, and the one before stays in force.
    "set app bantime.formula '('",
    "get app bantime.formula",
    "set app bantime.multipliers 'x'",
    "get app bantime.multipliers",
];

/// One command and what came of it.
type Outcome = (String, String);

/// Two jails in a small tree: `app` with an action, `plain` without.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    for log in ["app.log", "second.log", "third.log", "fourth.log"] {
        sandbox.file(log, "");
    }
    let output = sandbox.path("act.out");
    let output = output.display();
    sandbox.config(
        "action.d/act.conf",
        &format!(
            "[Definition]\nactionstart = echo start >> {output}\nactionstop = echo stop >> {output}\n\
             actioncheck =\nactionban = echo ban <ip> >> {output}\nactionunban = echo unban <ip> >> {output}\n\
             [Init]\nname = default\nport = 22\n"
        ),
    );
    sandbox.config("filter.d/app.conf", "[Definition]\nfailregex = ^\\s*refused <HOST>$\nignoreregex =\n");
    let folder = sandbox.folder().display().to_string();
    sandbox.config(
        "jail.local",
        &format!(
            "[DEFAULT]\nbackend = polling\nusedns = no\nignoreself = false\n\
             [app]\nenabled = true\nlogpath = {folder}/app.log\nfilter = app\nmaxretry = 3\nbantime = 600\n\
             findtime = 600\naction = act[name=app]\n\
             [plain]\nenabled = true\nlogpath = {folder}/app.log\nfilter = app\n"
        ),
    );
    sandbox
}

/// Runs commands with the client of one side.
enum Client<'s> {
    Ours(&'s Sandbox),
    /// One process for all commands: starting Python for each would take minutes.
    Theirs(Child, BufReader<ChildStdout>, &'s Sandbox),
}

impl<'s> Client<'s> {
    fn new(side: Side, sandbox: &'s Sandbox) -> Client<'s> {
        if side == Side::Ours {
            return Client::Ours(sandbox);
        }
        let mut python = Version::BASELINE.python(include_str!("same_commands/client.py"));
        python.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = python.spawn().expect("python starts");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Client::Theirs(child, output, sandbox)
    }

    fn run(&mut self, words: &[&str]) -> Output {
        let (child, output, sandbox) = match self {
            Client::Ours(sandbox) => return sandbox.client(Side::Ours, words),
            Client::Theirs(child, output, sandbox) => (child, output, sandbox),
        };
        let options = sandbox.options();
        let arguments: Vec<&str> = options.iter().map(String::as_str).chain(words.iter().copied()).collect();
        let request = serde_json::to_string(&arguments).expect("words are text");
        let stdin = child.stdin.as_mut().expect("piped");
        stdin.write_all(format!("{request}\n").as_bytes()).expect("the client reads");
        let mut reply = String::new();
        output.read_line(&mut reply).expect("the client answers");
        let (stdout, stderr, code) = serde_json::from_str(&reply).expect("three values");
        Output { stdout, stderr, code }
    }
}

impl Drop for Client<'_> {
    fn drop(&mut self) {
        if let Client::Theirs(child, ..) = self {
            drop(child.stdin.take());
            // It ends with its input.
            let _ = child.wait();
        }
    }
}

/// Sends all commands with `client` to a `server` of its own.
fn outcomes(client: Side, server: Side) -> Vec<Outcome> {
    let sandbox = sandbox();
    let server = Server::start(server, &sandbox);
    let mut client = Client::new(client, &sandbox);
    let lines = COMMANDS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut outcomes = Vec::new();
    for line in lines {
        let words = words(line, &sandbox);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if let ["wait-banned", jail, address] = words[..] {
            let words = ["get", jail, "banned", address];
            let banned = || (client.run(&words).stdout == "1\n").then_some(());
            assert!(wait::until(Duration::from_secs(10), banned).is_some(), "{line}");
            continue;
        }
        outcomes.push((line.to_owned(), normal(&client.run(&words), &sandbox)));
    }
    server.stop();
    let done = std::fs::read_to_string(sandbox.path("act.out")).unwrap_or_default();
    outcomes.push(("what the action did".to_owned(), done));
    outcomes
}

/// The words of a line, as a shell would see them: blanks separate, quotes join.
fn words(line: &str, sandbox: &Sandbox) -> Vec<String> {
    let line = line.replace("DIR", &sandbox.folder().display().to_string());
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            (c, Some(_)) => word.get_or_insert_default().push(c),
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (' ', None) => words.extend(word.take()),
            (c, None) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// An outcome without times, ids and the sandbox's folder.
fn normal(output: &Output, sandbox: &Sandbox) -> String {
    let folder = sandbox.folder().display().to_string();
    let stdout = without_order(&normalise::times(&output.stdout.replace(&folder, "DIR")));
    let stderr = normalise::log(&output.stderr, sandbox.folder());
    format!("{}\n{stdout}{stderr}", output.code)
}

/// Addresses to ignore are a set, and so in any order: here in alphabetical.
fn without_order(text: &str) -> String {
    let Some(items) = text.strip_prefix("These IP addresses/networks are ignored:\n") else {
        return text.into();
    };
    let mut items: Vec<&str> = items.lines().map(|line| line.get(3..).unwrap_or(line)).collect();
    items.sort_unstable();
    format!("ignored: {}\n", items.join(" "))
}

/// What the original answers to itself.
fn expected() -> &'static [Outcome] {
    static EXPECTED: OnceLock<Vec<Outcome>> = OnceLock::new();
    EXPECTED.get_or_init(|| outcomes(Side::Theirs, Side::Theirs))
}

/// Compares one pair with the original talking to itself.
fn compare(client: Side, server: Side) {
    let found = outcomes(client, server);
    let mut differences = String::new();
    for ((line, expected), (_, found)) in expected().iter().zip(&found) {
        let intended = server == Side::Ours && INTENDED.contains(&line.as_str());
        if expected != found && !intended {
            differences += &format!("=== {line}\n--- expected {expected}--- found {found}");
        }
    }
    assert!(differences.is_empty(), "{client:?} client, {server:?} server\n{differences}");
}

#[test]
fn our_client_their_server() {
    compare(Side::Ours, Side::Theirs);
}

#[test]
fn their_client_our_server() {
    compare(Side::Theirs, Side::Ours);
}

#[test]
fn our_client_our_server() {
    compare(Side::Ours, Side::Ours);
}
