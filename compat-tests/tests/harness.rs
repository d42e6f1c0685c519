//! The harness itself, on the side under test: a jail that bans, in a namespace, seen in the kernel.
use compat_tests::{Namespace, Sandbox, Server, Side, Version};

/// Each genuine tree, with nothing but a small jail added, bans what the log says.
#[test]
fn every_genuine_tree_runs_a_jail() {
    let side = Side::under_test();
    for version in Version::ALL {
        let sandbox = Sandbox::genuine(version);
        let log = sandbox.file("app.log", "");
        let jail = format!(
            "[app]\nenabled = true\nbackend = polling\nlogpath = {}\nmaxretry = 1\nusedns = no\n\
             filter =\nfailregex = refused <HOST>$\naction = iptables-allports\n",
            log.display()
        );
        sandbox.config("jail.local", &jail);
        let namespace = Namespace::new();
        let server = Server::start_in(side, &sandbox, &namespace);
        assert_eq!(server.client(&["ping"]).success(), "Server replied: pong");
        server.client(&["set", "app", "banip", "192.0.2.1"]).success();
        namespace.wait_for(Namespace::iptables, |rules| rules.contains("-A f2b-app -s 192.0.2.1/32"));
        server.stop();
    }
}
