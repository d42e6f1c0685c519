//! Bad input gets a clear sentence and exit status 255, and nothing is lost by it.
use compat_tests::{Output, Sandbox, Server, Side, Version};
use std::process::Command;
use std::time::Duration;

fn jail(sandbox: &Sandbox, settings: &str) -> String {
    format!(
        "[app]\nenabled = true\nfilter =\nfailregex = refused <HOST>$\nlogpath = {}\naction =\n{settings}",
        sandbox.file("app.log", "").display()
    )
}

/// Starts a server in the foreground that must refuse: what it said.
fn refused(sandbox: &Sandbox) -> Output {
    let mut command = Side::under_test().server();
    sandbox.confine(&mut command, &["-f", "start"]);
    let mut limited = Command::new("timeout");
    limited.arg("60").arg(command.get_program()).args(command.get_args());
    limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut output = Output::of(&mut limited);
    let log = std::fs::read_to_string(sandbox.server_log()).unwrap_or_default();
    output.stderr = compat_tests::normalise::log(&(output.stderr + &log), sandbox.folder());
    output
}

fn says(output: &Output, texts: &[&str]) {
    for text in texts {
        assert!(format!("{output:?}").contains(text), "does not say {text:?}: {output:?}");
    }
}

#[test]
fn unknown_filter() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    sandbox.config("jail.local", &jail(&sandbox, "").replace("filter =", "filter = nosuch"));
    let output = refused(&sandbox);
    assert_eq!(output.code, 255, "{output:?}");
    says(
        &output,
        &[
            "Found no accessible config files for 'filter.d/nosuch' under DIR/etc",
            "Unable to read the filter 'nosuch'",
        ],
    );
}

/// One bad jail does not keep the good ones from their work.
#[test]
fn unknown_filter_beside_a_good_jail() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    let good = jail(&sandbox, "");
    let bad = good.replace("[app]", "[bad]").replace("filter =", "filter = nosuch");
    sandbox.config("jail.local", &(bad + &good));
    let server = Server::start(Side::under_test(), &sandbox);
    assert_eq!(server.client(&["status"]).success(), "Status\n|- Number of jail:\t1\n`- Jail list:\tapp");
    let test = server.client(&["-t"]);
    assert_eq!(test.code, 255, "{test:?}");
    assert!(test.stdout.contains("ERROR: test configuration failed"), "{test:?}");
    server.stop();
}

#[test]
fn bad_regex() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    sandbox.config("jail.local", &jail(&sandbox, "").replace("<HOST>$", "(<HOST>$"));
    let output = refused(&sandbox);
    assert_eq!(output.code, 255, "{output:?}");
    says(
        &output,
        &[
            "Unable to compile regular expression 'refused (",
            "missing ), unterminated subpattern at position 8",
        ],
    );
}

#[test]
fn regex_without_a_host() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    sandbox.config("jail.local", &jail(&sandbox, "").replace("<HOST>$", "x$"));
    let output = refused(&sandbox);
    assert_eq!(output.code, 255, "{output:?}");
    says(&output, &["No failure-id group in 'refused x$'"]);
}

#[test]
fn missing_log_file() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    sandbox.config("jail.local", &jail(&sandbox, "").replace("app.log", "nosuch.log"));
    let output = refused(&sandbox);
    assert_eq!(output.code, 255, "{output:?}");
    says(&output, &["Have not found any log file for 'app' jail"]);
}

#[test]
fn broken_configuration() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    sandbox.config("jail.local", "enabled = true\n");
    let output = refused(&sandbox);
    assert_eq!(output.code, 255, "{output:?}");
    says(&output, &["File contains no section headers", "DIR/etc/jail.local", "line: 1"]);
}

#[test]
fn missing_configuration() {
    let sandbox = Sandbox::empty();
    std::fs::remove_dir_all(sandbox.configuration()).expect("the sandbox is ours");
    let output = sandbox.client(Side::under_test(), &["status"]);
    assert_eq!(output.code, 255, "{output:?}");
    assert!(output.stdout.contains("Base configuration directory"), "{output:?}");
    assert!(output.stdout.contains("does not exist"), "{output:?}");
}

/// `command` as a root that file permissions apply to.
fn without_override(command: Command) -> Command {
    let mut bounded = Command::new("setpriv");
    bounded.arg("--bounding-set=-dac_override,-dac_read_search").arg(command.get_program());
    bounded.args(command.get_args());
    bounded.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    bounded
}

fn mode(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("the sandbox is ours");
}

#[test]
fn unreadable_configuration() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    sandbox.config("jail.local", &jail(&sandbox, ""));
    mode(&sandbox.configuration().join("jail.local"), 0);
    let mut command = Side::under_test().client();
    sandbox.confine(&mut command, &["-t"]);
    let output = Output::of(&mut without_override(command));
    assert_eq!(output.code, 255, "{output:?}");
    says(&output, &["jail.local"]);
}

#[test]
fn no_permission_for_the_socket() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    sandbox.config("jail.local", &jail(&sandbox, ""));
    let server = Server::start(Side::under_test(), &sandbox);
    mode(&sandbox.socket(), 0);
    let mut command = Side::under_test().client();
    sandbox.confine(&mut command, &["status"]);
    let output = Output::of(&mut without_override(command));
    assert_eq!(output.code, 255, "{output:?}");
    says(&output, &["Permission denied to socket: ", "(you must be root)"]);
    server.stop();
}

/// A socket that somebody answers on: the second server refuses, the first goes on.
#[test]
fn occupied_socket() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    sandbox.config("jail.local", &jail(&sandbox, ""));
    let server = Server::start(Side::under_test(), &sandbox);
    let output = refused(&sandbox);
    assert_eq!(output.code, 255, "{output:?}");
    says(&output, &["Server already running"]);
    assert_eq!(server.client(&["ping"]).success(), "Server replied: pong");
    server.stop();
}

/// A socket that a killed server left behind: refused, and taken with -x.
#[test]
fn stale_socket() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    sandbox.config("jail.local", &jail(&sandbox, ""));
    let mut server = Server::start(Side::under_test(), &sandbox);
    server.signal("KILL");
    server.wait_end(Duration::from_secs(60));
    assert!(sandbox.socket().exists());
    let output = sandbox.client(Side::under_test(), &["start"]);
    assert_eq!(output.code, 255, "{output:?}");
    says(&output, &["Fail2ban seems to be in unexpected state (not running but the socket exists)"]);
    let output = sandbox.client(Side::under_test(), &["-x", "start"]);
    assert_eq!(output.code, 0, "{output:?}");
    sandbox.client(Side::under_test(), &["stop"]).success();
}

#[test]
fn no_server() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    let output = sandbox.client(Side::under_test(), &["ping"]);
    assert_eq!(output.code, 255, "{output:?}");
    says(&output, &["Failed to access socket path: ", "Is fail2ban running?"]);
}

/// A reload with a bad configuration: the client says so.
#[test]
fn bad_reload() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    sandbox.config("jail.local", &jail(&sandbox, ""));
    let server = Server::start(Side::under_test(), &sandbox);
    server.client(&["set", "app", "banip", "192.0.2.1"]).success();
    sandbox.config("jail.local", "[app\n");
    let output = server.client(&["reload"]);
    assert_eq!(output.code, 255, "{output:?}");
    assert_eq!(server.client(&["banned"]).success(), "[{'app': ['192.0.2.1']}]");
    server.stop();
}

/// A reload whose stream the server refuses: the original takes the jail away, ours goes on with it
/// (docs/differences.md).
#[test]
fn reload_with_bad_regex() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    sandbox.config("jail.local", &jail(&sandbox, ""));
    let server = Server::start(Side::under_test(), &sandbox);
    server.client(&["set", "app", "banip", "192.0.2.1"]).success();
    sandbox.config("jail.local", &jail(&sandbox, "").replace("<HOST>$", "<HOST>("));
    let output = server.client(&["reload"]);
    assert_eq!(output.code, 255, "{output:?}");
    server.wait_log("Unable to compile regular expression");
    let jails = match Side::under_test() {
        Side::Theirs => "[]",
        Side::Ours => "[{'app': ['192.0.2.1']}]",
    };
    assert_eq!(server.client(&["banned"]).success(), jails);
    server.stop();
}
