//! How commands run: output, time limit, missing programs, and beside each other.

use super::*;

#[test]
fn much_output_does_not_block_and_time_is_limited() {
    let mut jail = TestJail::new(DEBUG);
    jail.add("a", &[("actionban", "yes | head -c 1000000 >&2"), ("timeout", "20")]);
    jail.actions.ban(ban_of("192.0.2.1"));
    assert_eq!(jail.take_log().last().unwrap(), "10 ID -- returned successfully 0");

    let mut jail = TestJail::new(INFO);
    jail.add(
        "a",
        &[
            ("actionban", "trap '' TERM; sleep 30 & sleep 30; sleep 30"),
            ("timeout", "1"),
            ("actioncheck", "exit 1"),
            ("actionrepair", "exit 1"),
        ],
    );
    let started = std::time::Instant::now();
    jail.actions.ban(ban_of("192.0.2.1"));
    let log = jail.take_log();
    assert!(started.elapsed().as_secs() < 10);
    assert_eq!(
        log[1..4],
        [
            "40 ID -- exec: trap '' TERM; sleep 30 & sleep 30; sleep 30",
            "40 ID -- timed out after 1 seconds.",
            "40 ID -- killed with SIGKILL (return code: -9)"
        ]
    );
}

#[test]
fn a_missing_command_is_explained() {
    let mut jail = TestJail::new(INFO);
    jail.add("a", &[("actionstart", "no-such-command-anywhere")]);
    jail.actions.start(JailState::default());
    let log = jail.take_log();
    assert!(log[1].contains("not found"), "{log:?}");
    assert_eq!(log[2], "40 ID -- returned 127");
    assert!(log[3].starts_with("20 HINT on 127: \"Command not found\".  Make sure that all commands in 'no-such-command-anywhere' are"));
}

#[test]
fn slow_commands_of_one_jail_do_not_hold_up_another() {
    let folder = Folder::new("slow");
    let mut slow = TestJail::new(INFO);
    slow.add("mail", &[("actionban", "sleep 3")]);
    slow.actions.ban(ban_of("192.0.2.1"));
    let mut quick = TestJail::new(INFO);
    noting(&mut quick, "a", &folder, &[]);
    let started = std::time::Instant::now();
    quick.actions.ban(ban_of("192.0.2.1"));
    quick.settle();
    assert!(started.elapsed().as_secs_f64() < 2.0);
    slow.settle();
}
