//! A clock that is set: bans end when their time has come by the new clock, failures count by their dates, and
//! clients are served.
use compat_tests::story::Step::{Clock, Config, Fail, Restart, Say, Until};
use compat_tests::story::{Step, same};

fn jail(options: &str) -> [Step; 2] {
    let action = "[Definition]\nactionban = echo 'ban <ip> <failures>' >>DIR/notes/j\n\
                  actionunban = echo 'unban <ip>' >>DIR/notes/j\n";
    let jail = format!(
        "[j]\nenabled = true\nbackend = polling\nfilter =\nusedns = no\nfailregex = refused <HOST>$\n\
         logpath = DIR/1.log\naction = note\nmaxretry = 3\nfindtime = 10m\nbantime = 1h\n{options}"
    );
    [Config("action.d/note.conf", action.to_owned()), Config("jail.local", jail)]
}

fn story(options: &str, steps: impl IntoIterator<Item = Step>) {
    let steps: Vec<Step> = jail(options).into_iter().chain(steps).collect();
    same(&steps);
}

#[test]
fn forwards() {
    story(
        "",
        [
            Fail("1.log", &["refused 192.0.2.1"], 3),
            Until("[j] Ban 192.0.2.1", 1),
            Clock(1800),
            Fail("1.log", &["refused 192.0.2.2"], 2),
            Until("[j] Found 192.0.2.2", 2),
            Say(&["status", "j"]),
            Clock(1800 + 300),
            // within the window still
            Fail("1.log", &["refused 192.0.2.2"], 1),
            Until("[j] Ban 192.0.2.2", 1),
            Clock(3660),
            Until("[j] Unban 192.0.2.1", 1),
            Say(&["status", "j"]),
            Clock(3660 + 7200),
            Until("[j] Unban 192.0.2.2", 1),
            Say(&["banned"]),
        ],
    );
}

#[test]
fn backwards() {
    story(
        "",
        [
            Fail("1.log", &["refused 192.0.2.1"], 3),
            Until("[j] Ban 192.0.2.1", 1),
            Clock(-7200),
            Fail("1.log", &["refused 192.0.2.2"], 3),
            Until("[j] Ban 192.0.2.2", 1),
            Say(&["status", "j"]),
            Say(&["get", "j", "banip"]),
            Clock(0),
            Fail("1.log", &["refused 192.0.2.3"], 3),
            Until("[j] Ban 192.0.2.3", 1),
            Until("[j] Unban 192.0.2.2", 1),
            Say(&["status", "j"]),
        ],
    );
}

/// A machine without a clock of its own starts in the past, and learns the time later.
#[test]
fn a_restart_in_between() {
    story(
        "bantime.increment = true\n",
        [
            Fail("1.log", &["refused 192.0.2.1", "refused 192.0.2.2"], 3),
            Until("[j] Ban 192.0.2.", 2),
            Clock(1200),
            Restart,
            Until("[j] Restore Ban 192.0.2.", 2),
            Say(&["status", "j"]),
            Clock(2 * 3600),
            Until("[j] Unban 192.0.2.", 2),
            Restart,
            // known as bad: the second failure is one too many
            Fail("1.log", &["refused 192.0.2.1"], 1),
            Until("[j] Found 192.0.2.1, bad", 1),
            Fail("1.log", &["refused 192.0.2.1"], 1),
            Until("[j] Increase Ban 192.0.2.1", 1),
            Say(&["status", "j"]),
        ],
    );
}
