//! The database that a server leaves behind holds the same, whoever wrote it, from whichever version it started.
use compat_tests::database::dump;
use compat_tests::{Sandbox, Server, Side, Version, Witness, flood};

/// What both sides make of the same story, as one text each; the paths of the sandbox are taken out.
fn both(story: fn(Side, &Sandbox)) {
    let [theirs, ours] = Side::BOTH.map(|side| {
        let sandbox = Sandbox::genuine(Version::BASELINE);
        story(side, &sandbox);
        dump(&sandbox.database()).replace(&sandbox.folder().display().to_string(), "FOLDER")
    });
    assert!(theirs == ours, "--- theirs\n{theirs}\n--- ours\n{ours}");
}

fn jail(sandbox: &Sandbox, options: &str) -> String {
    let witness = Witness::new(sandbox);
    format!(
        "[j]\nenabled = true\nbackend = polling\nfilter =\nfailregex = {}\nlogpath = {}\nmaxretry = 2\n\
         action = {}\n{options}\n",
        r"kernel:.*?SRC=<HOST> DST=<F-DESTINATION>\S+</F-DESTINATION>.*?SYN",
        sandbox.file("kern.log", "").display(),
        witness.of("")
    )
}

#[test]
fn bans_of_a_story() {
    both(|side, sandbox| {
        sandbox.config("jail.local", &jail(sandbox, "bantime = 1h"));
        let witness = Witness::new(sandbox);
        let server = Server::start(side, sandbox);
        for host in ["192.0.2.1", "2001:db8::2", "192.0.2.3"] {
            sandbox.append("kern.log", &flood::lines(host, 2));
            witness.wait(&format!("ban {host}"), 1);
        }
        server.client(&["set", "j", "banip", "192.0.2.4"]).success();
        witness.wait("ban 192.0.2.4", 1);
        server.client(&["set", "j", "unbanip", "192.0.2.3"]).success();
        witness.wait("unban 192.0.2.3", 1);
        server.stop();
    });
}

#[test]
fn bans_that_grow() {
    both(|side, sandbox| {
        let options = "bantime = 2\nbantime.increment = true\nbantime.factor = 1.5\n\
                       bantime.formula = ban.Time * (1 + ban.Count) * banFactor\n";
        sandbox.config("jail.local", &jail(sandbox, options));
        let witness = Witness::new(sandbox);
        let server = Server::start(side, sandbox);
        for time in 1..=2 {
            server.client(&["set", "j", "banip", "192.0.2.1"]).success();
            witness.wait("ban 192.0.2.1", time);
            witness.wait("unban 192.0.2.1", time);
        }
        server.wait_log("Increase Ban 192.0.2.1");
        server.stop();
    });
}

#[test]
fn old_versions() {
    for version in ["database_v1.db", "database_v2.db"] {
        let [theirs, ours] = Side::BOTH.map(|side| {
            let sandbox = Sandbox::genuine(Version::BASELINE);
            sandbox.config("jail.local", "");
            let old = Version::BASELINE.test_files().join(version);
            std::fs::copy(old, sandbox.database()).expect("the package has it");
            Server::start(side, &sandbox).stop();
            let files = std::fs::read_dir(sandbox.folder()).expect("it is there");
            let names = files.flatten().filter_map(|file| file.file_name().into_string().ok());
            let backups = names.filter(|name| name.starts_with("fail2ban.sqlite3.")).count();
            (dump(&sandbox.database()), backups)
        });
        assert!(theirs == ours, "{version}\n--- theirs\n{theirs:?}\n--- ours\n{ours:?}");
        assert_eq!(ours.1, 1, "the old file is kept");
    }
}

#[test]
fn damaged_files() {
    let old =
        std::fs::read(Version::BASELINE.test_files().join("database_v1.db")).expect("the package has it");
    for length in [14_000, 4_000, 100, 0] {
        let sandbox = Sandbox::genuine(Version::BASELINE);
        sandbox.config("jail.local", &jail(&sandbox, "bantime = 1h"));
        std::fs::write(sandbox.database(), &old[..length]).expect("the sandbox is ours");
        let witness = Witness::new(&sandbox);
        let server = Server::start(Side::Ours, &sandbox);
        sandbox.append("kern.log", &flood::lines("192.0.2.1", 2));
        witness.wait("ban 192.0.2.1", 1);
        server.stop();
        let after = dump(&sandbox.database());
        assert!(after.contains("fail2banDb 4"), "{length}: {after}");
        assert!(after.contains("bips '192.0.2.1' 'j' TIME 3600 1 blob"), "{length}: {after}");
        // upstream's own test expects this much of the longer one
        assert_eq!(after.contains("Fail2BanDb_pUlZJh.log"), length == 14_000, "{length}: {after}");
    }
}
