//! A database that cannot be written, or is not one: bans go on at once and in order, the log tells, and what was
//! missed is written afterwards. The original loses bans then (docs/differences.md); where it can start at all,
//! it is compared.
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use compat_tests::{Output, Sandbox, Server, Side, Version, Witness, flood, normalise, wait};

fn configure(sandbox: &Sandbox) -> Witness<'_> {
    let witness = Witness::new(sandbox);
    sandbox.config(
        "jail.local",
        &format!(
            "[j]\nenabled = true\nbackend = polling\nfilter =\nfailregex = {}\nlogpath = {}\nmaxretry = 2\n\
             bantime = 1h\naction = {}\n",
            flood::TODAYS_REGEX,
            sandbox.file("kern.log", "").display(),
            witness.of("")
        ),
    );
    witness
}

/// The hosts in the server's database, in alphabetical order; nothing while it cannot be read.
fn banned_in(server: &Server, database: &Path) -> Vec<String> {
    let script = "import sqlite3, sys\n\
         db = sqlite3.connect('file:%s?mode=ro' % sys.argv[1], uri=True, timeout=0)\n\
         print(*sorted(ip for ip, in db.execute('select ip from bips')))";
    // what it sees: it may have mounts of its own
    let mut python = Command::new("nsenter");
    python.args(["--mount", "--target", &server.pid().to_string(), "/usr/bin/python3", "-c", script]);
    let output = Output::of(python.arg(database));
    output.stdout.split_whitespace().map(str::to_owned).collect()
}

fn wait_banned_in(server: &Server, database: &Path, hosts: &[String]) {
    let mut hosts = hosts.to_vec();
    hosts.sort();
    wait::until(wait::PATIENCE, || (banned_in(server, database) == hosts).then_some(()))
        .unwrap_or_else(|| panic!("{hosts:?}: in the database are {:?}", banned_in(server, database)));
}

fn host(number: usize) -> String {
    format!("198.51.100.{number}")
}

/// Bans hosts by what they do, and some by hand, while the database is out of reach: the actions run in the order
/// of the log. The hosts that stay banned.
fn bans_meanwhile(server: &Server, witness: &Witness) -> Vec<String> {
    let sandbox = server.sandbox;
    for number in 1..=60 {
        sandbox.append("kern.log", &flood::lines(&host(number), 2));
    }
    witness.wait(&format!("ban {}", host(60)), 1);
    let done = std::fs::read_to_string(sandbox.path("witnessed")).expect("the witness has written");
    let order: Vec<&str> = done.lines().filter(|line| line.contains("198.51.100.")).collect();
    assert_eq!(order, (1..=60).map(|number| format!("ban {}", host(number))).collect::<Vec<_>>());
    server.client(&["set", "j", "banip", "203.0.113.9"]).success();
    witness.wait("ban 203.0.113.9", 1);
    server.client(&["set", "j", "unbanip", &host(7)]).success();
    witness.wait(&format!("unban {}", host(7)), 1);
    server.wait_log("Error writing persistent database");
    let mut left: Vec<String> = (1..=60).filter(|number| *number != 7).map(host).collect();
    left.push("203.0.113.9".into());
    let status = server.client(&["get", "j", "banip", "\n"]).success();
    assert!(left.iter().all(|host| status.lines().any(|line| line == host)), "{status}");
    left
}

/// A server whose database lies on a file system of 200 KiB, mounted for it alone.
fn on_small_disk(sandbox: &Sandbox) -> (Server<'_>, PathBuf) {
    let folder = sandbox.path("small");
    std::fs::create_dir_all(&folder).expect("the sandbox is ours");
    let database = folder.join("fail2ban.sqlite3");
    sandbox.config("fail2ban.d/small.local", &format!("[Definition]\ndbfile = {}\n", database.display()));
    let server = Side::Ours.server();
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", "mount -t tmpfs -o size=200k none \"$0\" && exec \"$@\""]);
    command.arg(&folder).arg(server.get_program());
    let server = Server::start_with(Side::Ours, sandbox, command);
    (server, database)
}

/// Writes until the disk of the server's `database` is full; the file to remove.
fn fill(server: &Server, database: &Path) -> PathBuf {
    use std::io::Write;
    let seen = PathBuf::from(format!("/proc/{}/root{}", server.pid(), database.display()));
    let filler = seen.with_file_name("filler");
    let mut file = std::fs::File::create(&filler).expect("root may write there");
    let end = std::iter::repeat_with(|| file.write_all(&[0; 512])).find_map(Result::err);
    assert_eq!(end.map(|error| error.kind()), Some(std::io::ErrorKind::StorageFull));
    filler
}

#[test]
fn full_disk() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    let witness = configure(&sandbox);
    let (server, database) = on_small_disk(&sandbox);
    sandbox.append("kern.log", &flood::lines("203.0.113.1", 2));
    witness.wait("ban 203.0.113.1", 1);
    wait_banned_in(&server, &database, &["203.0.113.1".into()]);
    let filler = fill(&server, &database);
    let mut banned = bans_meanwhile(&server, &witness);
    server.wait_log("database or disk is full");
    // some may have found a place in pages that the file had already
    assert!(!banned_in(&server, &database).contains(&host(60)));
    banned.push("203.0.113.1".into());
    std::fs::remove_file(filler).expect("it was written above");
    wait_banned_in(&server, &database, &banned);
    server.wait_log("is written again");
    server.stop();
}

/// A server that stops while its disk is full says so, and does not wait for ever.
#[test]
fn stop_with_a_full_disk() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    let witness = configure(&sandbox);
    let (server, database) = on_small_disk(&sandbox);
    fill(&server, &database);
    bans_meanwhile(&server, &witness);
    server.stop();
    let log = std::fs::read_to_string(sandbox.server_log()).expect("it logs");
    assert!(log.contains("changes not written") && log.contains("Exiting Fail2ban"), "{log}");
}

#[test]
fn locked_by_another() {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    let witness = configure(&sandbox);
    let server = Server::start(Side::Ours, &sandbox);
    sandbox.append("kern.log", &flood::lines("203.0.113.1", 2));
    witness.wait("ban 203.0.113.1", 1);
    wait_banned_in(&server, &sandbox.database(), &["203.0.113.1".into()]);
    let script = "import sqlite3, sys\n\
         db = sqlite3.connect(sys.argv[1]); db.execute('begin exclusive')\n\
         print('locked', flush=True); sys.stdin.read()";
    let mut holder = Command::new("/usr/bin/python3");
    holder.args(["-c", script]).arg(sandbox.database()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut holder = holder.spawn().expect("python3 is there");
    let mut line = String::new();
    let stdout = holder.stdout.take().expect("piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).expect("it tells");
    assert_eq!(line, "locked\n");
    let mut banned = bans_meanwhile(&server, &witness);
    server.wait_log("database is locked");
    banned.push("203.0.113.1".into());
    drop(holder.stdin.take());
    holder.wait().expect("it is ours");
    wait_banned_in(&server, &sandbox.database(), &banned);
    server.wait_log("is written again");
    server.stop();
}

/// What the log says about the database and the ban, without what differs from run to run.
fn log_of_database(sandbox: &Sandbox) -> String {
    let log = std::fs::read_to_string(sandbox.server_log()).expect("it logs");
    let log = normalise::log(&log, sandbox.folder());
    let about = |line: &&str| line.contains("fail2ban.database") || line.contains("Ban 192.0.2.1");
    log.lines().filter(about).map(without_stamp).collect::<Vec<_>>().join("\n")
}

/// Compares what both sides make of the database that `prepare` puts in their way.
fn same(prepare: fn(&Path), life: fn(Side, &Sandbox) -> String) {
    let [theirs, ours] = Side::BOTH.map(|side| {
        let sandbox = Sandbox::genuine(Version::BASELINE);
        configure(&sandbox);
        prepare(&sandbox.database());
        life(side, &sandbox) + &log_of_database(&sandbox)
    });
    assert!(theirs == ours, "--- theirs\n{theirs}\n--- ours\n{ours}");
}

/// A server that can work with it, and bans.
fn lives(side: Side, sandbox: &Sandbox) -> String {
    let server = Server::start(side, sandbox);
    sandbox.append("kern.log", &flood::lines("192.0.2.1", 2));
    Witness::new(sandbox).wait("ban 192.0.2.1", 1);
    let mut seen = String::new();
    for words in [["get", "dbfile"], ["get", "dbpurgeage"], ["get", "dbmaxmatches"]] {
        seen += &normalise::log(&format!("{words:?} {:?}\n", server.client(&words)), sandbox.folder());
    }
    server.stop();
    seen
}

/// A server that gives up.
fn ends(side: Side, sandbox: &Sandbox) -> String {
    let mut server = Server::spawn(side, sandbox, side.server());
    let status = server.wait_end(wait::PATIENCE).expect("it ends by itself");
    let log = server.normal_log();
    let why = log.lines().filter(|line| line.contains("has failed. Received"));
    let why: Vec<&str> = why.map(|line| line.rsplit("has failed. ").next().unwrap_or(line)).collect();
    assert!(!why.is_empty(), "{log}");
    format!("exit status {status}\n{}\n", why.join("\n"))
}

/// `fail2ban.sqlite3.20261123-120000` without the time.
fn without_stamp(line: &str) -> String {
    match line.split_once("fail2ban.sqlite3.2") {
        Some((before, after)) => format!("{before}fail2ban.sqlite3.STAMP{}", after.get(14..).unwrap_or("")),
        None => line.to_owned(),
    }
}

#[test]
fn a_newer_schema() {
    let newer = |database: &Path| {
        let script = "import sqlite3, sys\n\
             db = sqlite3.connect(sys.argv[1])\n\
             db.executescript('create table fail2banDb(version integer); insert into fail2banDb values (9)')";
        Output::of(Command::new("/usr/bin/python3").args(["-c", script]).arg(database)).success();
    };
    same(newer, ends);
}

#[test]
fn a_directory() {
    same(|database| std::fs::create_dir(database).expect("the sandbox is ours"), ends);
}

#[test]
fn an_empty_file() {
    same(|database| std::fs::write(database, "").expect("the sandbox is ours"), lives);
}

#[test]
fn a_database_of_another_program() {
    let other = |database: &Path| {
        let script = "import sqlite3, sys\n\
             sqlite3.connect(sys.argv[1]).executescript('create table shop(item); insert into shop values (1)')";
        Output::of(Command::new("/usr/bin/python3").args(["-c", script]).arg(database)).success();
    };
    same(other, lives);
}
