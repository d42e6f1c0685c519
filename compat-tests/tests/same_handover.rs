//! The database goes from one to the other and back, and no ban is lost.
use std::time::Duration;

use compat_tests::{Sandbox, Server, Side, Version, Witness, flood};

#[test]
fn bans_go_over_and_come_back() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    let witness = Witness::new(&sandbox);
    let jail = format!(
        "[synflood]\nenabled = true\nfilter =\nfailregex = {}\nlogpath = {}\nmaxretry = 3\nfindtime = 2\nbantime = 1h\n\
         action = {}\n",
        flood::TODAYS_REGEX,
        sandbox.file("kern.log", "").display(),
        witness.of("")
    );
    sandbox.config("jail.local", &jail);
    let hosts = ["203.0.113.1", "2001:db8::2", "203.0.113.3", "203.0.113.4"];
    for (round, side) in [Side::Theirs, Side::Ours, Side::Theirs, Side::Ours].into_iter().enumerate() {
        let server = Server::start(side, &sandbox);
        for (earlier, host) in hosts[..round].iter().enumerate() {
            witness.wait(&format!("ban {host}"), round - earlier + 1);
            assert!(server.log().contains(&format!("Restore Ban {host}")), "{side:?}: {}", server.log());
        }
        sandbox.append("kern.log", &flood::lines(hosts[round], 3));
        witness.wait(&format!("ban {}", hosts[round]), 1);
        let status = server.client(&["status", "synflood"]).success();
        assert!(status.contains(&format!("Currently banned:\t{}", round + 1)), "{side:?}: {status}");
        server.stop();
        // so that the next one finds nothing in the log that is news
        std::thread::sleep(Duration::from_secs(3));
    }
}
