//! The control protocol in bytes: the same replies to the same requests, in any pickle protocol, split and merged.
use compat_tests::{Output, Sandbox, Server, Side, Version};

/// What a client that knows only bytes sees of the server: what `script` prints.
fn conversation(side: Side, script: &str) -> String {
    let sandbox = Sandbox::empty();
    let log = sandbox.file("app.log", "");
    sandbox.config("filter.d/app.conf", "[Definition]\nfailregex = refused <HOST>$\n");
    sandbox.config("action.d/act.conf", "[Definition]\nactionban = true\nactionunban = true\n");
    sandbox.config(
        "jail.local",
        &format!(
            "[DEFAULT]\nenabled = true\nbackend = polling\nfilter = app\nlogpath = {}\n[app]\naction = act\n\
             {}",
            log.display(),
            if script == CROWD { "[plain]\naction =\n" } else { "" }
        ),
    );
    let server = Server::start(side, &sandbox);
    let mut client = Version::BASELINE.python(script);
    let output = Output::of(client.arg(sandbox.socket()));
    server.stop();
    assert_eq!(output.code, 0, "{output:?}");
    // The folder's name has the same length on both sides.
    output.stdout.replace(&sandbox.folder().display().to_string(), "DIR")
}

fn same(script: &str) {
    let [theirs, ours] = Side::BOTH.map(|side| conversation(side, script));
    let pairs = theirs.lines().zip(ours.lines());
    let different = pairs.filter(|(theirs, ours)| theirs != ours);
    let different: Vec<String> =
        different.map(|(theirs, ours)| format!("theirs {theirs}\nours   {ours}")).collect();
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert_eq!(theirs.lines().count(), ours.lines().count());
}

const TALK: &str = include_str!("same_protocol/talk.py");
const CROWD: &str = include_str!("same_protocol/crowd.py");

#[test]
fn bytes_are_the_same() {
    same(TALK);
}

#[test]
fn many_slow_and_greedy_clients_get_the_same() {
    same(CROWD);
}
