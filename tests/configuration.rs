//! The reader on small directories: what has no counterpart in the original (vendor files, strictness, origins).
use ferroban::config::{Configurator, Message, Reading, Reporter, Request};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder of files, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Folder {
        let folder = Folder(std::env::temp_dir().join(format!("ferroban-{}-{name}", std::process::id())));
        for (file, text) in files {
            let path = folder.0.join(file);
            fs::create_dir_all(path.parent().expect("it is below the folder")).expect("/tmp is writable");
            fs::write(path, text).expect("/tmp is writable");
        }
        folder
    }

    fn path(&self, file: &str) -> String {
        self.0.join(file).to_string_lossy().into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn read(folder: &Folder, vendor: Option<&Folder>, request: &Request) -> (Reading, Vec<String>) {
    let mut messages = Vec::new();
    let mut sink = |message: Message| messages.push(message.text);
    let mut configurator = Configurator::new(&folder.path(""), vendor.map(|vendor| vendor.0.clone()));
    let reading = configurator.read(request, &mut Reporter { level: 30, sink: &mut sink });
    (reading, messages)
}

fn dump(reading: &Reading) -> String {
    let mut text = Vec::new();
    let stream = reading.stream.as_ref().expect("a stream was built");
    ferroban::config::dump(stream, &mut text).expect("memory takes everything");
    String::from_utf8(text).expect("it was text")
}

#[test]
fn missing_files_come_from_the_vendor_one_by_one() {
    let vendor = Folder::new(
        "vendor",
        &[
            ("fail2ban.conf", "[Definition]\ndbpurgeage = 9d\n"),
            ("jail.conf", "[v]\nenabled = 1\nfilter = own\n[w]\nenabled = 1\nfilter = theirs\n"),
            ("jail.local", "[v]\nenabled = 0\n"),
            ("jail.d/x.conf", "[v]\nenabled = 0\n"),
            ("filter.d/own.conf", "[Definition]\nfailregex = vendor\n"),
            ("filter.d/theirs.conf", "[INCLUDES]\nbefore = common.conf\n[Definition]\nfailregex = %(x)s\n"),
            ("filter.d/common.conf", "[Definition]\nx = vendor\n"),
        ],
    );
    let own = Folder::new(
        "own",
        &[
            ("filter.d/own.conf", "[Definition]\nfailregex = own\n"),
            ("filter.d/common.conf", "[Definition]\nx = own common\n"),
        ],
    );
    let (reading, _) = read(&own, Some(&vendor), &Request::default());
    let text = dump(&reading);
    assert!(text.contains("['set', 'dbpurgeage', '9d']"), "{text}");
    assert!(text.contains("['set', 'v', 'addfailregex', 'own']"), "{text}");
    assert!(text.contains("['set', 'w', 'addfailregex', 'own common']"), "{text}");

    let (reading, messages) = read(&own, None, &Request::default());
    assert!(reading.stream.is_none());
    assert_eq!(
        messages[0],
        format!(
            "Found no accessible config files for 'fail2ban' under {}",
            own.path("").trim_end_matches('/')
        )
    );
}

#[test]
fn one_jail_can_be_read_alone() {
    let jails = "[a]\nenabled = 1\nfilter = missing\n[b]\nenabled = 1\nbantime = 5\n";
    let folder = Folder::new("one", &[("fail2ban.conf", "[Definition]\n"), ("jail.conf", jails)]);
    let (reading, _) = read(&folder, None, &Request { jail: Some("b"), ..Request::default() });
    let text = dump(&reading);
    assert!(
        reading.valid && text.contains("['set', 'b', 'bantime', '5']") && !text.contains("'a'"),
        "{text}"
    );
    let (_, messages) = read(&folder, None, &Request { jail: Some("nope"), ..Request::default() });
    assert_eq!(messages, ["Failed during configuration: No section: 'nope'"]);
}

#[test]
fn strictness_names_file_and_line() {
    let jails = "[DEFAULT]\nfindtmie = 1\nfree = 1\nport = 22\n\n[a]\nenabled = 1\nfilter = f\nnope = 1\nfailregex =\n\
                 x = %(port)s\nlogpath = /no/such/log\nbackend = polling\nskip_if_nologs = true\n";
    let folder = Folder::new(
        "strict",
        &[
            ("fail2ban.conf", "[Definition]\nloglevl = INFO\n"),
            ("jail.conf", jails),
            ("filter.d/f.conf", "[Definition]\nfailregex = one\n\n  # two\n  three\n"),
        ],
    );
    let (reading, _) = read(&folder, None, &Request { check: true, ..Request::default() });
    let at = |file: &str, line: u32| format!("{}:{line}: ", Path::new(&folder.path(file)).display());
    let expected = [
        at("fail2ban.conf", 2)
            + "unknown option 'loglevl' in section 'Definition' (did you mean 'loglevel'?)",
        at("jail.conf", 2) + "unknown option 'findtmie' in section 'DEFAULT' (did you mean 'findtime'?)",
        at("jail.conf", 9) + "unknown option 'nope' in section 'a'",
        at("jail.conf", 11) + "unknown option 'x' in section 'a'",
        at("jail.conf", 10)
            + &format!(
                "option 'failregex' of jail 'a' is emptied: its value from {}:2 is lost",
                folder.path("filter.d/f.conf")
            ),
        at("jail.conf", 12) + "log path /no/such/log matches nothing",
    ];
    assert_eq!(reading.complaints, expected);
}

#[test]
fn every_regex_knows_its_line() {
    let folder = Folder::new(
        "origins",
        &[
            ("fail2ban.conf", "[Definition]\n"),
            ("jail.conf", "[a]\nenabled = 1\nfilter = f\nbantime = 3\n"),
            ("filter.d/f.conf", "[Definition]\nfailregex = one\n\n  # two\n  three\n"),
        ],
    );
    let (reading, _) = read(&folder, None, &Request { check: true, ..Request::default() });
    let stream = reading.stream.expect("the configuration is right");
    let places = |start: &str| -> Vec<u32> {
        let index = stream.commands.iter().position(|command| command.to_string().starts_with(start));
        stream.origins[index.expect("there is such a command")].iter().map(|origin| origin.line).collect()
    };
    assert_eq!(places("['multi-set', 'a', 'addfailregex'"), [2, 5]);
    assert_eq!(places("['set', 'a', 'bantime'"), [4]);
    assert_eq!(places("['start', 'a'"), [0; 0]);
}
