//! Actions that work, fail, break and are repaired: the same commands in the same order, and the same lines in
//! the log, whoever runs them.
use compat_tests::{Sandbox, Server, Side, normalise};

/// A step in a jail's life.
enum Step {
    /// A client's command.
    Say(&'static [&'static str]),
    /// What the action has set up vanishes.
    Break,
    /// The jail's actions from now on (from the next reload).
    Actions(&'static str),
    /// Waits until the log says this.
    Until(&'static str),
}
use Step::{Actions, Break, Say, Until};

const BAN: Step = Say(&["set", "j", "banip", "192.0.2.1"]);
const BAN_SIX: Step = Say(&["set", "j", "banip", "2001:db8::1"]);
const UNBAN: Step = Say(&["set", "j", "unbanip", "192.0.2.1"]);
const UNBAN_ALL: Step = Say(&["unban", "--all"]);

/// The log and the commands' own notes after the steps and a stop. `a` and `b` are the same action.
fn life(side: Side, action: &str, steps: &[Step]) -> (String, String) {
    let sandbox = Sandbox::empty();
    sandbox.config("filter.d/f.conf", "[Definition]\nfailregex = refused <HOST>$\n");
    let path = |name: &str| sandbox.path(name).display().to_string();
    let action = action.replace("NOTES", &path("notes")).replace("STATE", &path("state"));
    sandbox.config("action.d/a.conf", &action).config("action.d/b.conf", &action.replace("echo ", "echo b-"));
    let log = sandbox.file("j.log", "");
    let with_actions = |actions: &str| {
        let jail = format!(
            "[j]\nenabled = true\nbackend = polling\nfilter = f\nlogpath = {}\naction = {actions}\n",
            log.display()
        );
        sandbox.config("jail.local", &jail);
    };
    with_actions(if matches!(steps, [Actions(_), ..]) { "a\n b" } else { "a" });
    sandbox.file("notes", "");
    let server = Server::start(side, &sandbox);
    server.wait_log("Jail 'j' started");
    for step in steps {
        match step {
            Say(words) => drop(server.client(words)),
            Break => std::fs::remove_file(sandbox.path("state")).expect("the action has made it"),
            Actions(actions) => with_actions(actions),
            Until(text) => drop(server.wait_log(text)),
        }
        settle(&server);
    }
    server.stop();
    let log = std::fs::read_to_string(sandbox.server_log()).expect("the server's log");
    let notes = std::fs::read_to_string(sandbox.path("notes")).expect("written above");
    (of_actions(&normalise::log(&log, sandbox.folder())), notes)
}

/// Waits until the log has not grown for a while.
fn settle(server: &Server) {
    let mut before = 0;
    while before != server.log().len() {
        before = server.log().len();
        std::thread::sleep(std::time::Duration::from_millis(400));
    }
}

/// The lines about actions.
fn of_actions(log: &str) -> String {
    let loggers = ["fail2ban.actions ", "fail2ban.utils ", "fail2ban.CommandAction "];
    let wanted = |line: &&str| {
        // Whether this is logged depends on how many seconds have passed.
        if line.ends_with("already banned") {
            return false;
        }
        // The original kills a command's processes once more when they may have ended already.
        if line.ends_with("failed with [Errno 3] No such process") {
            return false;
        }
        // What is not dated belongs to the line before it; addresses of Python's objects mean nothing.
        !line.starts_with("TIME") || loggers.iter().any(|logger| line.contains(logger))
    };
    log.lines().filter(wanted).map(|line| without_addresses(line) + "\n").collect()
}

fn without_addresses(line: &str) -> String {
    let mut parts = line.split(" at 0x");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.trim_start_matches(|c: char| c.is_ascii_hexdigit()))
}

fn same(action: &str, steps: &[Step]) {
    let (their_log, their_notes) = life(Side::Theirs, action, steps);
    let (our_log, our_notes) = life(Side::Ours, action, steps);
    assert!(our_notes == their_notes, "ours\n{our_notes}\n--- theirs\n{their_notes}\n--- our log\n{our_log}");
    assert!(our_log == their_log, "ours\n{our_log}\n--- theirs\n{their_log}");
    assert!(their_notes.lines().count() > 1, "{their_notes}");
}

#[test]
fn all_goes_well() {
    same(
        "[Definition]\nactionstart = echo 'start <family> <name>' >>NOTES\nactionban = echo 'ban <ip> <bancount> <failures>' >>NOTES\n\
         actionunban = echo 'unban <ip>' >>NOTES\nactionstop = echo stop >>NOTES\n",
        &[BAN, BAN_SIX, BAN, UNBAN, UNBAN_ALL, BAN],
    );
}

#[test]
fn families_apart() {
    same(
        "[Definition]\nactionstart = echo 'start <tool>' >>NOTES\nactionban = echo '<tool> ban <ip>' >>NOTES\n\
         actionunban = echo '<tool> unban <ip>' >>NOTES\nactionstop = echo 'stop <family>' >>NOTES\n\
         actionflush = echo 'flush <tool>' >>NOTES\n[Init]\ntool = four\n[Init?family=inet6]\ntool = six\n",
        &[BAN, BAN_SIX, UNBAN, UNBAN_ALL, BAN],
    );
}

#[test]
fn commands_fail() {
    same(
        "[Definition]\nactionstart = echo start >>NOTES; exit 7\n\
         actionban = echo 'ban <ip>' | tee -a NOTES; printf 'a\\n\\nb c\\t' >&2; exit 3\n\
         actionunban = echo 'unban <ip>' >>NOTES; no-such-program <ip>\nactionstop = echo stop >>NOTES; kill -TERM $$\n",
        &[BAN, UNBAN, BAN_SIX],
    );
}

#[test]
fn time_is_over() {
    same(
        "[Definition]\nactionban = echo 'ban <ip>' >>NOTES; echo before; sleep 20\nactionunban = echo unban >>NOTES\n\
         [Init]\ntimeout = 1\n",
        &[BAN, Until("Failed to execute ban")],
    );
}

const CHECKED: &str = "[Definition]\nactionstart = echo start >>NOTES; echo >STATE\nactioncheck = test -f STATE\n\
    actionban = echo 'ban <ip>' >>NOTES; test -f STATE\nactionunban = echo 'unban <ip>' >>NOTES; test -f STATE\n\
    actionstop = echo stop >>NOTES\n";
const CONDITIONAL: &str = "[Init]\nx = 4\n[Init?family=inet6]\nx = 6\n";

#[test]
fn broken_and_started_again() {
    let steps: &[Step] = &[BAN, Break, BAN_SIX, Say(&["set", "j", "banip", "192.0.2.3"]), BAN, BAN, UNBAN];
    same(&format!("{CHECKED}{CONDITIONAL}"), steps);
    same(CHECKED, steps);
}

#[test]
fn broken_and_repaired() {
    let repair = "actionrepair = echo repair >>NOTES; echo >STATE\n";
    same(&format!("{CHECKED}{repair}{CONDITIONAL}"), &[BAN, Break, BAN_SIX, BAN]);
    same(&format!("{CHECKED}actionrepair = false\n{CONDITIONAL}"), &[BAN, Break, BAN_SIX, BAN]);
}

#[test]
fn broken_when_bans_end() {
    same(&format!("{CHECKED}{CONDITIONAL}"), &[BAN, Break, UNBAN]);
    let flush = "actionflush = echo flush >>NOTES; test -f STATE\n";
    same(&format!("{CHECKED}{flush}{CONDITIONAL}"), &[BAN, Break, UNBAN_ALL]);
    same(&format!("{CHECKED}{flush}{CONDITIONAL}"), &[BAN, Break]);
    let on_unban = "actionrepair_on_unban = true\n";
    same(&format!("{CHECKED}{on_unban}{CONDITIONAL}"), &[BAN, Break, UNBAN]);
}

#[test]
fn reloaded() {
    same(
        "[Definition]\nactionstart = echo start >>NOTES\nactionban = echo 'ban <ip>' >>NOTES\n\
         actionunban = echo 'unban <ip>' >>NOTES\nactionstop = echo stop >>NOTES\nactionreload = echo 'reload <name>' >>NOTES\n",
        &[BAN, Say(&["reload"]), BAN_SIX, Say(&["reload", "--unban"]), BAN],
    );
}

#[test]
fn reloaded_without_one_of_two() {
    same(
        "[Definition]\nactionstart = echo start >>NOTES\nactionban = echo 'ban <ip>' >>NOTES\n\
         actionunban = echo 'unban <ip>' >>NOTES\nactionstop = echo stop >>NOTES\n",
        &[Actions("a\n b"), BAN, BAN_SIX, Actions("a"), Say(&["reload"]), UNBAN],
    );
}
