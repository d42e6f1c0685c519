//! Long stories of one server: its configuration changes and is reloaded, jails come and go, hosts are banned and
//! unbanned meanwhile. After each step both sides have answered, logged and done the same, and at the end the
//! database holds the same.
use compat_tests::story::Step::{self, Config, Fail, Remove, Restart, Say, Until};
use compat_tests::story::same;
use compat_tests::{Sandbox, Server, Side, Version};

/// An action that notes what it does, with more words for some phases.
fn action(extra: &str) -> String {
    format!(
        "[Definition]\nnorestored = <once>\nactionstart = echo '<actname> start' >>DIR/notes/<name>\n\
         actionreload = echo '<actname> reload' >>DIR/notes/<name>\n\
         actionban = echo '<actname> ban <ip> <restored> <bancount> <F-CODE><more>' >>DIR/notes/<name>\n\
         actionunban = echo '<actname> unban <ip>' >>DIR/notes/<name>\n\
         actionstop = echo '<actname> stop' >>DIR/notes/<name>\n\
         flush = echo '<actname> flush' >>DIR/notes/<name>\n{extra}[Init]\nonce = 0\nmore =\n"
    )
}

/// `jail.local`: the jails with their options, on top of what all have.
fn jails(jails: &[(&str, &str)]) -> String {
    let mut text = "[DEFAULT]\nbackend = polling\nusedns = no\nmaxretry = 3\nfindtime = 10m\nbantime = 1h\n\
                    failregex = ^\\s*failure <F-CODE>401|403</F-CODE> from <HOST>$\nfilter =\n"
        .to_owned();
    for (name, options) in jails {
        text += &format!("[{name}]\nenabled = true\n{options}\n");
    }
    text
}

const FIRST: &str = "action = note[name=one]\n note[name=one, actname=second, once=1, actionflush=\"<flush>\"]\n\
                     logpath = DIR/1.log\n";
const SECOND: &str = "action = note[name=two]\nlogpath = DIR/2.log\n";

#[test]
fn jails_and_actions_come_and_go() {
    same(&[
        Config("action.d/note.conf", action("")),
        Config("jail.local", jails(&[("one", FIRST)])),
        Fail("1.log", &["failure 401 from 192.0.2.1"], 3),
        Until("[one] Ban 192.0.2.1", 1),
        Say(&["reload"]),
        // another jail, more logs, another regex for the first
        Config(
            "jail.local",
            jails(&[
                (
                    "one",
                    &format!(
                        "{FIRST}          DIR/2.log\n          DIR/3.log\nfailregex = ^\\s*failure <F-CODE>401</F-CODE> from <HOST>$\n            ^\\s*error <F-CODE>403</F-CODE> from <HOST>$\n"
                    ),
                ),
                ("two", SECOND),
            ]),
        ),
        Say(&["reload"]),
        Fail(
            "2.log",
            &["error 403 from 192.0.2.2", "failure 401 from 192.0.2.4", "failure 403 from 192.0.2.5"],
            3,
        ),
        Until("[one] Ban 192.0.2.2", 1),
        Until("[one] Ban 192.0.2.4", 1),
        Until("[two] Ban 192.0.2.4", 1),
        Until("[two] Ban 192.0.2.5", 1),
        Say(&["banned", "192.0.2.4", "192.0.2.1", "192.0.2.99"]),
        // the action's own definition changes, and the second action of the first jail goes
        Config("action.d/note.conf", action("actioncheck =\n")),
        Config("action.d/note.local", "[Init]\nmore = \" more\"\n".to_owned()),
        Config(
            "jail.local",
            jails(&[("one", "action = note[name=one]\nlogpath = DIR/1.log\n"), ("two", SECOND)]),
        ),
        Say(&["reload"]),
        Fail("1.log", &["failure 401 from 192.0.2.6", "error 403 from 192.0.2.7"], 3),
        Until("[one] Ban 192.0.2.6", 1),
        // one jail alone, with and without a restart
        Say(&["reload", "two"]),
        Say(&["restart", "two"]),
        Until("[two] Restore Ban", 2),
        Say(&["set", "two", "banip", "192.0.2.21", "192.0.2.22"]),
        Until("[two] Ban 192.0.2.2", 2),
        Say(&["restart", "--unban", "two"]),
        Say(&["get", "two", "banip"]),
        Say(&["reload", "--restart", "--unban", "one"]),
        Say(&["status", "one"]),
        Fail("1.log", &["failure 401 from 192.0.2.8"], 3),
        Until("[one] Ban 192.0.2.8", 1),
        // the second jail is switched off and on again
        Fail("2.log", &["failure 401 from 192.0.2.9"], 3),
        Until("[two] Ban 192.0.2.9", 1),
        Config(
            "jail.local",
            jails(&[
                ("one", FIRST),
                ("two", &format!("{SECOND}enabled = false\n").replace("enabled = true", "")),
            ])
            .replace("enabled = true\naction = note[name=two]", "action = note[name=two]"),
        ),
        Say(&["reload", "--restart"]),
        Until("[one] Restore Ban 192.0.2.8", 1),
        Say(&["status"]),
        Config("jail.local", jails(&[("one", FIRST), ("two", SECOND)])),
        Say(&["reload"]),
        Until("[two] Restore Ban 192.0.2.9", 1),
        Say(&["status", "two"]),
        Say(&["reload", "--unban"]),
        Say(&["banned"]),
        Restart,
        Say(&["status", "one"]),
    ]);
}

#[test]
fn words_of_reload() {
    same(&[
        Config("action.d/note.conf", action("")),
        Config("jail.local", jails(&[("one", FIRST), ("two", SECOND)])),
        Say(&["set", "one", "banip", "192.0.2.1"]),
        Say(&["set", "two", "banip", "192.0.2.1", "192.0.2.2"]),
        Until("Ban 192.0.2.", 3),
        Say(&["reload", "--if-exists", "two"]),
        Say(&["reload", "--if-exists", "three"]),
        Say(&["reload", "three"]),
        Say(&["restart", "three"]),
        Say(&["restart", "--if-exists", "two"]),
        Until("[two] Restore Ban", 2),
        Say(&["stop", "two"]),
        Say(&["reload", "two"]),
        Say(&["reload", "--if-exists", "two"]),
        Until("[two] Restore Ban", 4),
        Say(&["reload", "--unban", "two"]),
        Say(&["reload", "--all"]),
        Say(&["reload", "--nonsense"]),
        Say(&["reload", "one", "two"]),
        Say(&["reload", "--restart", "--all"]),
        Until("[one] Restore Ban", 1),
        Say(&["unban", "192.0.2.0/30", "198.51.100.1"]),
        Say(&["set", "one", "banip", "192.0.2.96/28", "192.0.2.112/28"]),
        Until("[one] Ban 192.0.2.", 3),
        Say(&["set", "one", "unbanip", "192.0.2.64/26"]),
        Say(&["unban", "--all"]),
        Say(&["status", "one"]),
    ]);
}

/// New values count from the reload on, also for bans that stand; what a reload does not name keeps its value.
#[test]
fn options_change() {
    let with = |options: &str| jails(&[("one", &format!("{FIRST}{options}"))]);
    let read: [Step; 7] = [
        Say(&["get", "one", "bantime"]),
        Say(&["get", "one", "findtime"]),
        Say(&["get", "one", "maxretry"]),
        Say(&["get", "one", "ignoreip"]),
        Say(&["get", "one", "failregex"]),
        Say(&["get", "one", "ignoreregex"]),
        Say(&["get", "one", "logpath"]),
    ];
    let mut steps = vec![
        Config("action.d/note.conf", action("")),
        Config("jail.local", with("maxretry = 2\nignoreip = 198.51.100.0/24\nignoreregex = harmless\n")),
        Fail("1.log", &["failure 401 from 192.0.2.1", "failure 401 from 198.51.100.7"], 2),
        Until("[one] Ban 192.0.2.1", 1),
        Until("[one] Ignore 198.51.100.7", 2),
        Fail("1.log", &["failure 401 from 192.0.2.2"], 1),
        Until("[one] Found 192.0.2.2", 1),
        Config("jail.local", with("maxretry = 4\nfindtime = 1h\nbantime = 2h\nusedns = no\n")),
        Say(&["reload"]),
    ];
    steps.extend(read);
    steps.extend([
        // two more are three, which is not enough now
        Fail("1.log", &["failure 401 from 192.0.2.2", "failure 401 from 198.51.100.7"], 2),
        Until("[one] Found 192.0.2.2", 3),
        Until("[one] Found 198.51.100.7", 2),
        Say(&["status", "one"]),
        Fail("1.log", &["failure 401 from 192.0.2.2"], 1),
        Until("[one] Ban 192.0.2.2", 1),
        // by command, then by a reload of the same files
        Say(&["set", "one", "maxretry", "7"]),
        Say(&["set", "one", "addignoreip", "203.0.113.5"]),
        Say(&["set", "one", "addfailregex", "own <HOST>$"]),
        // empty: how far it was read does not depend on when it was looked at
        Say(&["set", "one", "addlogpath", "DIR/3.log"]),
        Say(&["reload", "one"]),
        Say(&["get", "one", "maxretry"]),
        Say(&["get", "one", "ignoreip"]),
        Say(&["get", "one", "failregex"]),
        Say(&["get", "one", "logpath"]),
    ]);
    same(&steps);
}

/// A configuration that the client refuses leaves everything as it was; one that is right again is taken.
#[test]
fn wrong_configurations_between_right_ones() {
    let good = || Config("jail.local", jails(&[("one", FIRST)]));
    let extra = |text: &str| Config("jail.d/extra.local", text.to_owned());
    same(&[
        Config("action.d/note.conf", action("")),
        good(),
        Fail("1.log", &["failure 401 from 192.0.2.1"], 3),
        Until("[one] Ban 192.0.2.1", 1),
        extra("[two]\nenabled = true\nno delimiter\n"),
        Say(&["reload"]),
        extra("[two]\nenabled = true\nfilter = nosuch\n"),
        Say(&["reload"]),
        extra("[two]\nenabled = true\nlogpath = DIR/nosuch.log\n"),
        Say(&["reload"]),
        Say(&["-t"]),
        extra("[two]\nenabled = true\nlogpath = DIR/2.log\naction = nosuch\n"),
        Say(&["reload"]),
        extra("[one]\nbantime = %(nosuch)s\n"),
        Say(&["reload"]),
        extra("[one]\nenabled = false\n"),
        Say(&["reload"]),
        Say(&["status"]),
        Remove("etc/jail.d/extra.local"),
        Say(&["reload"]),
        Until("[one] Restore Ban 192.0.2.1", 1),
        Fail("1.log", &["failure 401 from 192.0.2.2"], 3),
        Until("[one] Ban 192.0.2.2", 1),
        Say(&["status", "one"]),
    ]);
}

/// Bans that grow, over a restart of the jail and of the server.
#[test]
fn growing_bans_and_restarts() {
    // In the original the second action's command is put together after the ban has grown for sure.
    let options = "action = slow\n note[name=one]\nlogpath = DIR/1.log\nbantime = 3\nbantime.increment = true\n\
                   bantime.multipliers = 1 2 4 8\nbantime.maxtime = 1h\n";
    same(&[
        Config("action.d/slow.conf", "[Definition]\nactionban = sleep 0.5\n".to_owned()),
        Config(
            "action.d/note.conf",
            // notes of its own: in the original another thread prolongs, perhaps before the ban is through
            action("actionprolong = echo '<actname> prolong <ip> <bancount>' >>DIR/notes/<name>-prolonged\n"),
        ),
        Config("jail.local", jails(&[("one", options)])),
        Fail("1.log", &["failure 401 from 192.0.2.1"], 3),
        Until("[one] Unban 192.0.2.1", 1),
        // The more often it was banned, the more a failure weighs: one at a time, or else it depends on who is quicker.
        Fail("1.log", &["failure 401 from 192.0.2.1"], 1),
        Until("[one] Found 192.0.2.1, bad", 1),
        Fail("1.log", &["failure 401 from 192.0.2.1"], 1),
        Until("[one] Increase Ban 192.0.2.1", 1),
        Until("[one] Unban 192.0.2.1", 2),
        Restart,
        Fail("1.log", &["failure 401 from 192.0.2.1"], 1),
        Until("[one] Increase Ban 192.0.2.1", 2),
        Say(&["restart", "one"]),
        Until("[one] Restore Ban 192.0.2.1", 1),
        Until("[one] Unban 192.0.2.1", 3),
        Say(&["set", "one", "banip", "192.0.2.2"]),
        Until("[one] Unban 192.0.2.2", 1),
        Say(&["get", "one", "bantime"]),
        Say(&["get", "one", "bantime.multipliers"]),
    ]);
}

/// A shorter time counts at once for bans that stand; in the original from the next ban or unban of the jail on
/// (docs/differences.md).
#[test]
fn a_shorter_time() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    for file in ["notes/one", "1.log"] {
        sandbox.file(file, "");
    }
    let config = |name: &str, text: &str| {
        sandbox.config(name, &text.replace("DIR", &sandbox.folder().display().to_string()));
    };
    config("action.d/note.conf", &action(""));
    config("jail.local", &jails(&[("one", FIRST)]));
    let server = Server::start(Side::Ours, &sandbox);
    server.client(&["set", "one", "banip", "192.0.2.1"]).success();
    server.wait_log("[one] Ban 192.0.2.1");
    config("jail.local", &jails(&[("one", &format!("{FIRST}bantime = 1\n"))]));
    server.client(&["reload"]).success();
    server.wait_log("[one] Unban 192.0.2.1");
    server.stop();
}
