//! The store as its users see it, on real SQLite files.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::{BanRow, Error, History, Reply, RestoreQuery, Store};
use crate::value::Value;

const NOW: f64 = 1_700_000_000.0;
const WAIT: Duration = Duration::from_secs(20);

/// A folder of its own for each test, removed afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ferroban-store-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).expect("the temporary folder is writable");
        Folder(path)
    }

    fn file(&self) -> String {
        self.0.join("db.sqlite3").to_str().expect("a plain name").to_owned()
    }

    /// Files beside the database.
    fn backups(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(&self.0).expect("the folder exists");
        files.flatten().map(|file| file.path()).filter(|path| *path != Path::new(&self.file())).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Opened {
    store: Store,
    log: Arc<Mutex<Vec<String>>>,
    replies: Receiver<Reply>,
}

impl Opened {
    fn new(path: &str) -> Result<Self, Error> {
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let (sender, replies) = channel();
        let lines = log.clone();
        let store = Store::open(
            path,
            86400.0,
            10,
            Arc::new(move |level, logger, text| {
                lines.lock().unwrap().push(format!("{level} {logger} {text}"));
            }),
            Box::new(move |reply| sender.send(reply).unwrap()),
        )?;
        Ok(Opened { store, log, replies })
    }

    fn logged(&self, text: &str) -> bool {
        self.log.lock().unwrap().iter().any(|line| line.contains(text))
    }

    fn restored(&self, query: RestoreQuery) -> Vec<BanRow> {
        self.store.restore(query);
        match self.replies.recv_timeout(WAIT) {
            Ok(Reply::Restored { bans, .. }) => bans,
            other => panic!("no bans but {other:?}"),
        }
    }

    fn history(&self, ip: &str, jail: Option<&str>) -> Option<History> {
        self.store.history(7, ip, jail);
        match self.replies.recv_timeout(WAIT) {
            Ok(Reply::History { token: 7, history }) => history,
            other => panic!("no history but {other:?}"),
        }
    }
}

fn memory() -> Opened {
    Opened::new(":memory:").expect("a database in memory opens")
}

fn ban(ip: &str, time: f64, bantime: f64, matches: &[&str]) -> BanRow {
    let data = vec![
        (Value::str("matches"), Value::strings(matches.iter().copied())),
        (Value::str("failures"), Value::Int(matches.len() as i64)),
    ];
    BanRow { ip: ip.into(), time, bantime, bancount: 1, data: Value::Dict(data) }
}

fn query(jail: &str) -> RestoreQuery {
    RestoreQuery {
        jail: jail.into(),
        now: NOW,
        younger_than: None,
        max_bantime: None,
        bantime: 600.0,
        max_matches: 10,
    }
}

#[test]
fn bans_come_back_with_all_their_data() {
    let folder = Folder::new("roundtrip");
    let mut row = ban("192.0.2.1", NOW - 10.5, 600.0, &["a\n", "ü \"q\""]);
    row.bancount = 3;
    let opened = Opened::new(&folder.file()).unwrap();
    assert!(opened.logged("20 fail2ban.database Connected to fail2ban persistent database '"));
    assert!(opened.logged("30 fail2ban.database New database created. Version '4'"));
    opened.store.add_jail("sshd");
    opened.store.add_ban("sshd", row.clone());
    opened.store.add_ban("sshd", ban("2001:db8::1", NOW - 5.0, -1.0, &[]));
    assert!(opened.store.close(WAIT));
    assert!(opened.logged("20 fail2ban.database Connection to database closed."));

    let opened = Opened::new(&folder.file()).unwrap();
    assert!(!opened.logged("New database"));
    row.time = NOW - 10.0; // half to even
    assert_eq!(opened.restored(query("sshd")), [row, ban("2001:db8::1", NOW - 5.0, -1.0, &[])]);
    let db = Connection::open(folder.file()).unwrap();
    let types: String = db
        .query_row(
            "SELECT typeof(timeofban) || typeof(bantime) || typeof(data) || CAST(data AS TEXT) FROM bans",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(types, "integerintegerblob{\"matches\": [\"a\\n\", \"ü \\\"q\\\"\"], \"failures\": 2}");
    let enabled: i64 = db.query_row("SELECT enabled FROM jails", [], |row| row.get(0)).unwrap();
    assert_eq!(enabled, 0, "jails are disabled until added");
}

#[test]
fn restored_bans_are_limited_to_what_the_jail_allows_now() {
    let opened = memory();
    opened.store.add_jail("j");
    for (ip, age, bantime) in
        [("a", 100.0, 600.0), ("b", 100.0, 5000.0), ("c", 700.0, -1.0), ("d", 100.0, 50.0), ("e", 5.0, -2.0)]
    {
        opened.store.add_ban("j", ban(ip, NOW - age, bantime, &["1", "2", "3"]));
    }
    let found = |query| {
        let bans = opened.restored(query);
        bans.into_iter().map(|ban| (ban.ip, ban.bantime)).collect::<Vec<_>>()
    };
    let pairs = |pairs: &[(&str, f64)]| {
        pairs.iter().map(|(ip, bantime)| ((*ip).to_owned(), *bantime)).collect::<Vec<_>>()
    };
    assert_eq!(found(query("j")), pairs(&[("a", 600.0), ("b", 5000.0), ("c", -1.0), ("e", 600.0)]));
    let limited = RestoreQuery { younger_than: Some(600.0), max_bantime: Some(600.0), ..query("j") };
    assert_eq!(found(limited), pairs(&[("a", 600.0), ("b", 600.0), ("e", 600.0)]));
    let shorter = RestoreQuery { younger_than: Some(-1.0), max_bantime: Some(80.0), ..query("j") };
    assert_eq!(found(shorter), pairs(&[("e", 600.0)]));
    let few = opened.restored(RestoreQuery { max_matches: 2, ..query("j") });
    assert_eq!(few[0].matches(), ["2", "3"]);
    let none = opened.restored(RestoreQuery { max_matches: 0, ..query("j") });
    assert_eq!(none[0].data, Value::Dict(vec![(Value::str("failures"), Value::Int(3))]));
}

#[test]
fn history_counts_one_jail_or_all() {
    let opened = memory();
    for (jail, age, count) in [("a", 300.0, 2), ("b", 100.0, 3)] {
        opened.store.add_jail(jail);
        let row = BanRow { bancount: count, ..ban("192.0.2.1", NOW - age, 600.0, &[]) };
        opened.store.add_ban(jail, row);
    }
    let one = History { count: 2, time: NOW - 300.0, bantime: 600.0 };
    assert_eq!(opened.history("192.0.2.1", Some("a")), Some(one));
    let all = History { count: 5, time: NOW - 100.0, bantime: 1200.0 };
    assert_eq!(opened.history("192.0.2.1", None), Some(all));
    assert_eq!(opened.history("192.0.2.2", None), None);
    opened.store.del_bans("a", vec!["192.0.2.1".into()]);
    assert_eq!(opened.history("192.0.2.1", Some("a")), None);
    opened.store.del_all_bans("b");
    assert_eq!(opened.history("192.0.2.1", None), None);
    assert_eq!(opened.store.merged("192.0.2.1", None, WAIT), None);
}

#[test]
fn merged_bans_keep_the_newest_matches() {
    let opened = memory();
    opened.store.set_max_matches(3);
    opened.store.add_jail("a");
    opened.store.add_jail("b");
    opened.store.add_ban("a", ban("192.0.2.1", NOW - 30.0, 600.0, &["1", "2"]));
    let line = Value::List(vec![Value::strings(["x", "y", "z"])]);
    let mut three = ban("192.0.2.1", NOW - 20.0, 600.0, &[]);
    three.data = Value::Dict(vec![(Value::str("matches"), line), (Value::str("user"), Value::str("root"))]);
    opened.store.add_ban("b", three);
    opened.store.add_ban("a", ban("192.0.2.1", NOW - 10.0, 600.0, &["4"]));
    let all = opened.store.merged("192.0.2.1", None, WAIT).expect("there are bans");
    assert_eq!((all.time, all.failures), (NOW - 30.0, 4));
    assert_eq!(all.matches, ["2", "xyz", "4"]);
    let one = opened.store.merged("192.0.2.1", Some("a"), WAIT).expect("there are bans");
    assert_eq!((one.failures, one.matches), (3, vec!["1".into(), "2".into(), "4".into()]));
}

#[test]
fn positions_are_known_without_waiting() {
    let folder = Folder::new("positions");
    let opened = Opened::new(&folder.file()).unwrap();
    let store = &opened.store;
    store.add_jail("j");
    assert_eq!(store.add_log("j", "/log", None, 0), None);
    assert_eq!(store.add_log("j", "/log", Some("aa"), 0), None);
    store.update_log("j", "/log", Some("aa"), 4711);
    assert_eq!(store.journal_position("j", "systemd-journal"), None);
    store.update_journal("j", "systemd-journal", 1.7e9 + 0.25, "2023");
    assert!(store.close(WAIT));
    let opened = Opened::new(&folder.file()).unwrap();
    let store = &opened.store;
    assert_eq!(store.add_log("j", "/log", Some("aa"), 0), Some(4711));
    assert_eq!(store.add_log("j", "/log", Some("bb"), 0), None);
    assert_eq!(store.journal_position("j", "systemd-journal"), Some(1.7e9 + 0.25));
    store.purge(NOW);
    assert!(store.flush(WAIT));
    assert_eq!(store.add_log("j", "/log", Some("aa"), 0), None, "the jail was disabled and without bans");
}

#[test]
fn purge_forgets_what_is_out_of_date() {
    let opened = memory();
    for jail in ["old", "bad", "new"] {
        opened.store.add_jail(jail);
        opened.store.del_jail(jail);
    }
    let day = 86400.0;
    opened.store.add_ban("old", ban("a", NOW - 2.0 * day, 600.0, &[]));
    opened.store.add_ban("bad", ban("b", NOW - 2.0 * day, day, &[]));
    opened.store.add_ban("bad", ban("c", NOW - 9.0 * day, -1.0, &[]));
    opened.store.add_ban("new", ban("d", NOW - 10.0, 600.0, &[]));
    opened.store.purge(NOW);
    let known = ["a", "b", "c", "d"].map(|ip| opened.history(ip, None).is_some());
    assert_eq!(known, [false, true, true, true]);
    let merged = ["b", "d"].map(|ip| opened.store.merged(ip, None, WAIT).is_some());
    assert_eq!(merged, [false, true]);
}

const VERSION_2: &str = "
    CREATE TABLE fail2banDb(version INTEGER);
    INSERT INTO fail2banDb VALUES(2);
    CREATE TABLE jails(name TEXT NOT NULL UNIQUE, enabled INTEGER NOT NULL DEFAULT 1);
    INSERT INTO jails VALUES('j', 1);
    CREATE TABLE logs(jail TEXT NOT NULL, path TEXT, firstlinemd5 TEXT, lastfilepos INTEGER DEFAULT 0,
        FOREIGN KEY(jail) REFERENCES jails(name) ON DELETE CASCADE, UNIQUE(jail, path));
    INSERT INTO logs VALUES('j', '/log', 'aa', 42);
    CREATE TABLE bans(jail TEXT NOT NULL, ip TEXT, timeofban INTEGER NOT NULL, data JSON,
        FOREIGN KEY(jail) REFERENCES jails(name));
    INSERT INTO bans VALUES('j', '192.0.2.1', 1699999000, '{\"matches\": [\"old\"], \"failures\": 0}');
    INSERT INTO bans VALUES('j', '192.0.2.1', 1699999900.26, '{\"matches\": [\"x\"], \"failures\": 3}');";

#[test]
fn older_versions_are_migrated_and_backed_up() {
    for version in [1, 2] {
        let folder = Folder::new(&format!("migrate{version}"));
        let db = Connection::open(folder.file()).unwrap();
        db.execute_batch(VERSION_2).unwrap();
        db.execute("UPDATE fail2banDb SET version = ?1", [version]).unwrap();
        drop(db);
        let opened = Opened::new(&folder.file()).unwrap();
        assert!(opened.logged(&format!("30 fail2ban.database Database updated from '{version}' to '4'")));
        let bans = opened.restored(query("j"));
        assert_eq!((bans.len(), bans[0].time, bans[0].bantime), (1, 1_699_999_900.26, 600.0));
        assert_eq!(bans[0].matches(), ["x"]);
        assert_eq!(opened.store.add_log("j", "/log", Some("aa"), 0), Some(42));
        assert_eq!(folder.backups().len(), 1);
        let old = Connection::open(&folder.backups()[0]).unwrap();
        assert_eq!(super::schema::version(&old), Ok(version));
    }
}

#[test]
fn newer_version_is_refused() {
    let folder = Folder::new("future");
    let db = Connection::open(folder.file()).unwrap();
    db.execute_batch(&VERSION_2.replace("VALUES(2)", "VALUES(5)")).unwrap();
    assert!(matches!(Opened::new(&folder.file()), Err(Error::Future)));
    assert!(folder.backups().is_empty());
}

#[test]
fn path_that_cannot_be_opened_is_an_error() {
    let folder = Folder::new("nowhere");
    let path = format!("{}/none/db", folder.0.display());
    let Err(error) = Opened::new(&path) else { panic!("opened a file in a folder that does not exist") };
    assert_eq!(error.to_string(), "unable to open database file");
}

#[test]
fn file_that_is_no_database_is_replaced_and_kept() {
    let folder = Folder::new("garbage");
    std::fs::write(folder.file(), "no database ".repeat(1000)).unwrap();
    let opened = Opened::new(&folder.file()).unwrap();
    for text in [
        "40 fail2ban.database Error opening fail2ban persistent database '",
        "Repair seems to be failed, restored",
        "Error repairing of fail2ban database",
        "New database created. Version '4'",
        "Check integrity",
    ] {
        assert!(opened.logged(text), "{text}");
    }
    let backup = std::fs::read_to_string(&folder.backups()[0]).unwrap();
    assert!(backup.starts_with("no database"));
    opened.store.add_jail("j");
    opened.store.add_ban("j", ban("192.0.2.1", NOW, 600.0, &[]));
    assert_eq!(opened.restored(query("j")).len(), 1);
}

/// Damages a database of 2000 bans; at least so many of them come back.
fn salvaged(name: &str, damage: fn(&mut Vec<u8>), at_least: usize) {
    let folder = Folder::new(name);
    let opened = Opened::new(&folder.file()).unwrap();
    opened.store.add_jail("j");
    for i in 0..2000 {
        opened.store.add_ban("j", ban(&format!("id {i:04}"), NOW - 10.0, 600.0, &["a line of a log"]));
    }
    assert!(opened.store.close(WAIT));
    let mut bytes = std::fs::read(folder.file()).unwrap();
    damage(&mut bytes);
    std::fs::write(folder.file(), bytes).unwrap();

    let opened = Opened::new(&folder.file()).unwrap();
    let bans = opened.restored(query("j"));
    opened.store.purge(NOW + 1e6); // touches every page
    assert!(opened.store.flush(WAIT));
    assert!(opened.logged("Repair seems to be successful"), "{:?}", opened.log.lock().unwrap());
    assert!(bans.len() >= at_least, "{} of 2000 bans are left", bans.len());
    opened.store.add_ban("j", ban("192.0.2.1", NOW, 600.0, &[]));
    assert_eq!(opened.history("192.0.2.1", None).map(|history| history.count), Some(1));
}

#[test]
fn damaged_database_gives_back_what_is_readable() {
    // The first pages, with the list of tables, are sound.
    let overwrite = |bytes: &mut Vec<u8>| {
        let half = bytes.len() / 2 / 4096 * 4096;
        bytes[half..half + 40960].fill(0xaa);
    };
    salvaged("overwritten", overwrite, 500);
    salvaged("truncated", |bytes| bytes.truncate(bytes.len() / 2), 500);
}

#[test]
fn locked_database_delays_writes_and_nothing_else() {
    let folder = Folder::new("locked");
    let opened = Opened::new(&folder.file()).unwrap();
    opened.store.add_jail("j");
    opened.store.add_ban("j", ban("a", NOW, 600.0, &[]));
    assert!(opened.store.flush(WAIT));
    let other = Connection::open(folder.file()).unwrap();
    other.execute_batch("BEGIN; SELECT * FROM bans; ").unwrap();
    let mut reading = other.prepare("SELECT * FROM bans").unwrap();
    let mut rows = reading.query([]).unwrap();
    rows.next().unwrap();
    let start = Instant::now();
    for i in 0..100 {
        opened.store.add_ban("j", ban(&format!("b{i}"), NOW, 600.0, &[]));
    }
    assert!(start.elapsed() < Duration::from_millis(200), "sending does not wait");
    assert_eq!(opened.history("a", None).map(|history| history.count), Some(1), "reading goes on");
    assert!(!opened.store.flush(Duration::from_millis(100)));
    assert!(opened.logged("40 fail2ban.database Error writing persistent database '"));
    drop(rows);
    drop(reading);
    other.execute_batch("COMMIT").unwrap();
    assert!(opened.store.flush(WAIT));
    assert_eq!(opened.restored(query("j")).len(), 101);
    assert!(opened.logged("is written again"));
}

#[test]
fn closing_a_locked_database_ends_at_the_deadline() {
    let folder = Folder::new("stuck");
    let opened = Opened::new(&folder.file()).unwrap();
    assert!(opened.store.flush(WAIT));
    let other = Connection::open(folder.file()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    opened.store.add_jail("j");
    assert!(!opened.store.close(Duration::from_millis(300)));
    let start = Instant::now();
    while !opened.logged("1 changes not written") {
        assert!(start.elapsed() < WAIT, "the thread ends");
        std::thread::sleep(Duration::from_millis(20));
    }
}
