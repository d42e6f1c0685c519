//! The genuine client and ours are interchangeable, with either server: the same words get the same answers
//! and exit status in all four pairs.
use compat_tests::{Output, Sandbox, Server, Side, Version};

/// Commands in the order they are given, on a server with the jails `app` and `web`.
const COMMANDS: &[&[&str]] = &[
    &["ping"],
    &["version"],
    &["status"],
    &["status", "app"],
    &["status", "nosuch"],
    &["banned"],
    &["set", "app", "banip", "192.0.2.1", "2001:db8::1"],
    &["get", "app", "banip"],
    &["banned"],
    &["banned", "192.0.2.1", "192.0.2.9"],
    &["status", "app"],
    &["set", "app", "unbanip", "192.0.2.1"],
    &["set", "app", "unbanip", "192.0.2.9"],
    &["set", "app", "unbanip", "--report-absent", "192.0.2.9"],
    &["status", "app", "short"],
    &["set", "web", "banip", "192.0.2.1"],
    &["unban", "192.0.2.1"],
    &["set", "web", "banip", "192.0.2.2", "192.0.2.3"],
    &["unban", "--all"],
    &["unban", "--all"],
    &["get", "app", "bantime"],
    &["set", "app", "bantime", "1h"],
    &["get", "app", "findtime"],
    &["get", "app", "maxretry"],
    &["get", "app", "failregex"],
    &["get", "app", "ignoreip"],
    &["set", "app", "addignoreip", "198.51.100.0/24"],
    &["get", "app", "ignoreip"],
    &["get", "app", "actions"],
    &["get", "loglevel"],
    &["get", "dbpurgeage"],
    &["nonsense"],
    &["set", "app"],
    &["set", "app", "nonsense", "1"],
    &["get", "app", "nonsense"],
    &["get", "nosuch", "bantime"],
    &["reload"],
    &["reload", "app"],
    &["reload", "nosuch"],
    &["reload", "--unban", "--all"],
    &["status", "web"],
    &["stop", "web"],
    &["status"],
    &["stop"],
    &["ping"],
    &["status"],
];

fn conversation(server: Side, client: Side) -> Vec<Output> {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    let jail = |name: &str| {
        let log = sandbox.file(&format!("{name}.log"), "");
        format!(
            "[{name}]\nenabled = true\nfilter =\nfailregex = refused <HOST>$\nlogpath = {}\naction =\n",
            log.display()
        )
    };
    sandbox.config("jail.local", &(jail("app") + &jail("web")));
    let running = Server::start(server, &sandbox);
    let folder = sandbox.folder().to_string_lossy().into_owned();
    let answers = COMMANDS.iter().map(|words| {
        let output = sandbox.client(client, words);
        let stable =
            |text: &str| compat_tests::normalise::log(&text.replace(&folder, "DIR"), sandbox.folder());
        Output { stdout: stable(&output.stdout), stderr: stable(&output.stderr), code: output.code }
    });
    let answers = answers.collect();
    drop(running);
    answers
}

#[test]
fn all_pairs_answer_the_same() {
    let genuine = conversation(Side::Theirs, Side::Theirs);
    let mut differences = String::new();
    for (server, client) in [(Side::Ours, Side::Ours), (Side::Ours, Side::Theirs), (Side::Theirs, Side::Ours)]
    {
        for ((words, theirs), ours) in COMMANDS.iter().zip(&genuine).zip(conversation(server, client)) {
            if *theirs != ours {
                differences += &format!(
                    "\n{client:?} client, {server:?} server: {}\nis {ours:?}\nshould be {theirs:?}\n",
                    words.join(" ")
                );
            }
        }
    }
    assert!(differences.is_empty(), "{differences}");
}
