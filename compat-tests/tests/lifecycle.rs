//! Starting as a daemon, stopping, restarting, reloading: what the client says, what survives.
use compat_tests::{Output, Sandbox, Server, Side, Version, Witness, wait};

fn jail(sandbox: &Sandbox, extra: &str) -> String {
    let log = sandbox.path("app.log");
    if !log.exists() {
        sandbox.file("app.log", "");
    }
    let witness = Witness::new(sandbox);
    format!(
        "[app]\nenabled = true\nfilter =\nfailregex = refused <HOST>$\nlogpath = {}\nmaxretry = 2\nfindtime = 60\n\
         bantime = 600\naction = {}\n{extra}",
        log.display(),
        witness.of("")
    )
}

/// A daemon in a sandbox; stopped when dropped.
struct Daemon<'s>(&'s Sandbox, Side);

impl<'s> Daemon<'s> {
    fn start(sandbox: &'s Sandbox, side: Side) -> Daemon<'s> {
        let daemon = Daemon(sandbox, side);
        assert_eq!(daemon.client(&["start"]).success(), "Server ready");
        daemon
    }

    fn client(&self, words: &[&str]) -> Output {
        self.0.client(self.1, words)
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        self.client(&["stop"]);
    }
}

#[test]
fn daemon() {
    let (side, sandbox) = (Side::under_test(), Sandbox::genuine(Version::BASELINE));
    sandbox.config("jail.local", &jail(&sandbox, ""));
    let daemon = Daemon::start(&sandbox, side);
    assert_eq!(daemon.client(&["ping"]).success(), "Server replied: pong");
    let again = daemon.client(&["start"]);
    assert_eq!((again.code, again.stderr.contains("Server already running")), (255, true), "{again:?}");
    let pid = std::fs::read_to_string(sandbox.pidfile()).expect("a daemon writes its pid");
    assert!(pid.trim().parse::<u32>().is_ok(), "{pid}");
    assert_eq!(daemon.client(&["status"]).success(), "Status\n|- Number of jail:\t1\n`- Jail list:\tapp");
    assert_eq!(daemon.client(&["stop"]).success(), "Shutdown successful");
    wait::until(wait::PATIENCE, || (!sandbox.pidfile().exists() && !sandbox.socket().exists()).then_some(()))
        .expect("socket and pidfile go with the server");
}

#[test]
fn restart_restores_bans() {
    let (side, sandbox) = (Side::under_test(), Sandbox::genuine(Version::BASELINE));
    sandbox.config("jail.local", &jail(&sandbox, ""));
    let daemon = Daemon::start(&sandbox, side);
    // not through the log: the original would read a log that began empty again, and ban for that
    let witness = Witness::new(&sandbox);
    daemon.client(&["set", "app", "banip", "192.0.2.1"]).success();
    witness.wait("ban 192.0.2.1", 1);
    daemon.client(&["set", "app", "banip", "2001:db8::1"]).success();
    witness.wait("ban 2001:db8::1", 1);
    daemon.client(&["restart"]).success();
    witness.wait("ban 192.0.2.1", 2);
    witness.wait("ban 2001:db8::1", 2);
    let log = std::fs::read_to_string(sandbox.server_log()).expect("it logs");
    for line in ["Repeal Ban 192.0.2.1", "Restore Ban 192.0.2.1", "Restore Ban 2001:db8::1"] {
        assert!(log.contains(&format!("NOTICE  [app] {line}\n")), "{line}: {log}");
    }
    let mut banned: Vec<String> =
        daemon.client(&["get", "app", "banip", "\n"]).success().lines().map(str::to_owned).collect();
    banned.sort();
    assert_eq!(banned, ["192.0.2.1", "2001:db8::1"]);
}

/// A ban that ended while the server was stopped is not restored.
#[test]
fn ended_bans_are_not_restored() {
    let (side, sandbox) = (Side::under_test(), Sandbox::genuine(Version::BASELINE));
    sandbox.config("jail.local", &jail(&sandbox, "").replace("bantime = 600", "bantime = 2"));
    let server = Server::start(side, &sandbox);
    server.client(&["set", "app", "banip", "192.0.2.1"]).success();
    Witness::new(&sandbox).wait("ban 192.0.2.1", 1);
    server.stop();
    std::thread::sleep(std::time::Duration::from_secs(3));
    let server = Server::start(side, &sandbox);
    server.client(&["set", "app", "banip", "192.0.2.2"]).success();
    Witness::new(&sandbox).wait("ban 192.0.2.2", 1);
    assert!(!server.log().contains("Restore Ban"), "{}", server.log());
    server.stop();
}

#[test]
fn reload_keeps_bans_and_positions() {
    let (side, sandbox) = (Side::under_test(), Sandbox::genuine(Version::BASELINE));
    sandbox.config("jail.local", &jail(&sandbox, ""));
    let server = Server::start(side, &sandbox);
    sandbox.append("app.log", &refused("192.0.2.1", 2));
    let witness = Witness::new(&sandbox);
    witness.wait("ban 192.0.2.1", 1);
    sandbox.append("app.log", &refused("192.0.2.2", 1));
    server.wait_log("Found 192.0.2.2");

    sandbox.config("jail.local", &jail(&sandbox, "[other]\nenabled = true\nfilter =\nfailregex = denied <HOST>$\nlogpath = %(app/logpath)s\naction =\n"));
    assert_eq!(server.client(&["reload"]).success(), "OK");
    server.wait_log("Jail 'other' started");
    server.wait_log("Reload finished.");
    assert!(server.client(&["status", "app"]).success().contains("Banned IP list:\t192.0.2.1"));
    // the second failure of 192.0.2.2: the first one is neither forgotten nor read again
    sandbox.append("app.log", &refused("192.0.2.2", 1));
    witness.wait("ban 192.0.2.2", 1);
    assert_eq!(server.log().matches("Found 192.0.2.2").count(), 2, "{}", server.log());
    assert!(!server.log().contains("Unban 192.0.2.1"), "{}", server.log());

    sandbox.config("jail.local", &jail(&sandbox, ""));
    assert_eq!(server.client(&["reload"]).success(), "OK");
    server.wait_log("Jail 'other' stopped");
    assert_eq!(server.client(&["status"]).success(), "Status\n|- Number of jail:\t1\n`- Jail list:\tapp");
    server.stop();
}

fn refused(host: &str, times: usize) -> String {
    format!("{} app: refused {host}\n", compat_tests::flood::now("%Y-%m-%d %H:%M:%S")).repeat(times)
}

/// A log that is rotated, truncated, or written in two halves: every line counts once.
#[test]
fn log_files_change() {
    let (side, sandbox) = (Side::under_test(), Sandbox::genuine(Version::BASELINE));
    sandbox.config("jail.local", &jail(&sandbox, "").replace("maxretry = 2", "maxretry = 9"));
    let server = Server::start(side, &sandbox);
    let found = |host: &str| server.wait_log(&format!("[app] Found {host} "));
    sandbox.append("app.log", &refused("192.0.2.1", 1));
    found("192.0.2.1");
    std::fs::rename(sandbox.path("app.log"), sandbox.path("app.log.1")).expect("the sandbox is ours");
    sandbox.append("app.log", &refused("192.0.2.2", 1));
    found("192.0.2.2");
    let line = refused("192.0.2.3", 1);
    let (start, end) = line.split_at(line.len() - 4);
    sandbox.append("app.log", start);
    std::thread::sleep(std::time::Duration::from_millis(300));
    sandbox.append("app.log", end);
    found("192.0.2.3");
    sandbox.file("app.log", "");
    sandbox.append("app.log", &refused("192.0.2.4", 1));
    found("192.0.2.4");
    for host in ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"] {
        assert_eq!(server.log().matches(&format!("Found {host} ")).count(), 1, "{host}: {}", server.log());
    }
    server.stop();
}
