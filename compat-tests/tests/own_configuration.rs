//! The configuration of a fresh machine: every jail in it starts, and protects as a newcomer would set it up.
use compat_tests::{Namespace, Sandbox, Server, Side, original::Version};

/// The jails of jail.conf.
fn jails(sandbox: &Sandbox) -> Vec<String> {
    let text = std::fs::read_to_string(sandbox.configuration().join("jail.conf")).expect("it was copied");
    let sections = text.lines().filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'));
    sections.filter(|name| !["DEFAULT", "INCLUDES"].contains(name)).map(str::to_owned).collect()
}

#[test]
fn every_jail_starts() {
    let sandbox = Sandbox::own();
    let log = sandbox.file("some.log", "");
    let enabled =
        |jail| format!("[{jail}]\nenabled = true\nbackend = polling\nlogpath = {}\n", log.display());
    sandbox.config("jail.local", &jails(&sandbox).iter().map(enabled).collect::<String>());
    let namespace = Namespace::new();
    let server = Server::start_in(Side::under_test(), &sandbox, &namespace);
    for jail in jails(&sandbox) {
        server.wait_log(&format!("Jail '{jail}' started"));
    }
    assert!(!server.log().contains("ERROR"), "{}", server.log());
    server.stop();
}

/// Whoever enables a jail of ours gets the ban that the genuine configuration gives: same ports, same sets.
#[test]
fn jails_ban_as_the_genuine_ones() {
    let rules = |sandbox: &Sandbox, jail: &str| {
        let log = sandbox.file("some.log", "");
        let enabled = format!("[{jail}]\nenabled = true\nbackend = polling\nlogpath = {}\n", log.display());
        sandbox.config("jail.local", &enabled);
        let namespace = Namespace::new();
        let server = Server::start_in(Side::under_test(), sandbox, &namespace);
        server.client(&["set", jail, "banip", "192.0.2.1"]).success();
        let rules = namespace.wait_for(Namespace::firewall, |rules| rules.contains("192.0.2.1"));
        server.stop();
        rules
    };
    for jail in ["sshd", "nginx-http-auth", "vsftpd", "mysqld-auth", "recidive"] {
        let genuine = rules(&Sandbox::genuine(Version::BASELINE), jail);
        assert_eq!(rules(&Sandbox::own(), jail), genuine, "{jail}");
    }
}
