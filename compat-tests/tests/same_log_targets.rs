//! The log in other places than files: the same datagrams to syslog, the same entries in the journal.
use std::net::Shutdown;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use compat_tests::{Sandbox, Server, Side, journald, normalise, wait};

/// Words that a client says in the end, so that everything before is known to be logged.
const LAST: &[&str] = &["set", "j", "banip", "192.0.2.77"];

/// A jail whose action fails for one address, with several lines on standard error.
fn configure(sandbox: &Sandbox, definition: &str) {
    let log = sandbox.file("app.log", "");
    sandbox.config("filter.d/f.conf", "[Definition]\nfailregex = refused <HOST>$\n");
    let ban = "[ <ip> != 192.0.2.66 ] || { printf 'first ümläut\\nsecond\\n' >&2; false; }";
    sandbox.config("action.d/a.conf", &format!("[Definition]\nactionban = {ban}\n"));
    let jail = "enabled = true\nfilter = f\nbackend = polling\nmaxretry = 2\naction = a";
    sandbox.config("jail.local", &format!("[j]\n{jail}\nlogpath = {}\n", log.display()));
    sandbox.config("fail2ban.d/zz.local", &format!("[Definition]\n{definition}\n"));
}

/// Lets the server find, ban, fail, and change its log.
fn live(server: &Server, sandbox: &Sandbox) {
    let say = |words: &[&str]| drop(sandbox.client(Side::Ours, words));
    say(&["set", "j", "banip", "192.0.2.66"]);
    say(&["flushlogs"]);
    say(&["set", "loglevel", "DEBUG"]);
    say(&["set", "loglevel", "INFO"]);
    say(&["set", "j", "unbanip", "192.0.2.66"]);
    server.client(LAST).success();
}

/// What a syslog daemon would be sent.
struct Syslog {
    socket: UnixDatagram,
    reader: Option<JoinHandle<()>>,
    datagrams: Receiver<String>,
}

impl Syslog {
    fn listen(path: &Path) -> Syslog {
        let socket = UnixDatagram::bind(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let (sender, datagrams) = channel();
        let reading = socket.try_clone().expect("a descriptor is left");
        // at once, because a full socket holds up the server
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 65_536];
            while let Ok(length @ 1..) = reading.recv(&mut buffer) {
                // nobody may be interested any more
                let _ = sender.send(String::from_utf8_lossy(&buffer[..length]).into_owned());
            }
        });
        Syslog { socket, reader: Some(reader), datagrams }
    }

    /// All datagrams up to the one that holds `end`, without what differs from run to run; sorted, since
    /// threads of the original log at the same time.
    fn until(&self, end: &str, folder: &Path) -> Vec<String> {
        let mut datagrams = Vec::new();
        loop {
            let datagram = self.datagrams.recv_timeout(wait::PATIENCE);
            let datagram = datagram.unwrap_or_else(|_| panic!("no datagram holds {end}: {datagrams:#?}"));
            let last = datagram.contains(end);
            datagrams.push(without_numbers(&datagram, folder));
            if last {
                datagrams.sort();
                return datagrams;
            }
        }
    }
}

impl Drop for Syslog {
    fn drop(&mut self) {
        // ends the reader, and with it the last descriptor
        let _ = self.socket.shutdown(Shutdown::Both);
        let _ = self.reader.take().map(JoinHandle::join);
    }
}

/// A datagram without date, process and object numbers.
fn without_numbers(datagram: &str, folder: &Path) -> String {
    let (priority, text) = datagram.split_once('>').expect("<PRIORITY>TEXT");
    let dated = text.starts_with(|c: char| c.is_ascii_digit());
    let time = if dated { "" } else { "0000-00-00 00:00:00,000 " };
    let text = normalise::log(&format!("{time}{text}"), folder);
    let text = text.trim_end().strip_prefix("TIME ").filter(|_| !dated).unwrap_or(&text);
    format!("{priority}>{}", without_addresses(text))
}

/// `at 0x7f0000000000` → `at 0x`: where objects lie in memory.
fn without_addresses(text: &str) -> String {
    let mut parts = text.split(" 0x");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        result += " 0x";
        result += part.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    }
    result
}

#[test]
fn syslog() {
    for target in ["SYSLOG", "syslog", "SYSLOG[facility=local3]", "SYSLOG[padding=on, datetime=on]"] {
        let [theirs, ours] = Side::BOTH.map(|side| to_syslog(side, target));
        assert!(theirs.iter().any(|line| line.contains("stderr: 'second'")), "{target}: {theirs:#?}");
        assert_eq!(ours, theirs, "{target}");
    }
}

fn to_syslog(side: Side, target: &str) -> Vec<String> {
    let sandbox = Sandbox::empty();
    let socket = sandbox.path("log.sock");
    configure(&sandbox, &format!("logtarget = {target}\nsyslogsocket = {}", socket.display()));
    let syslog = Syslog::listen(&socket);
    let server = Server::start(side, &sandbox);
    live(&server, &sandbox);
    let datagrams = syslog.until(LAST[3], sandbox.folder());
    server.stop();
    datagrams
}

/// `auto` is /dev/log, which here is a link to our own socket.
#[test]
fn syslog_finds_its_socket() {
    let [theirs, ours] = Side::BOTH.map(|side| {
        let sandbox = Sandbox::empty();
        let socket = sandbox.path("log.sock");
        configure(&sandbox, "logtarget = SYSLOG\nsyslogsocket = auto");
        let syslog = Syslog::listen(&socket);
        let script = "mkdir \"$0\" && for node in null zero full random urandom tty; do touch \"$0/$node\" && \
                      mount --bind /dev/$node \"$0/$node\"; done && ln -s \"$1\" \"$0/log\" && \
                      mount --rbind \"$0\" /dev && shift && exec \"$@\"";
        let program = side.server();
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script]).arg(sandbox.path("dev")).arg(&socket);
        command.arg(program.get_program()).args(program.get_args());
        command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let server = Server::start_with(side, &sandbox, command);
        server.client(LAST).success();
        let datagrams = syslog.until(LAST[3], sandbox.folder());
        let socket = server.client(&["get", "syslogsocket"]).success();
        server.stop();
        (datagrams, socket)
    });
    assert_eq!(ours, theirs);
}

/// A syslog daemon that starts anew has another socket of the same name.
#[test]
fn syslog_starts_anew() {
    for side in Side::BOTH {
        let sandbox = Sandbox::empty();
        let socket = sandbox.path("log.sock");
        configure(&sandbox, &format!("logtarget = SYSLOG\nsyslogsocket = {}", socket.display()));
        let first = Syslog::listen(&socket);
        let server = Server::start(side, &sandbox);
        std::fs::remove_file(&socket).expect("it was bound above");
        drop(first);
        let second = Syslog::listen(&socket);
        server.client(LAST).success();
        assert_eq!(
            second.until(LAST[3], sandbox.folder()),
            ["<29>fail2ban.actions[PID]: NOTICE [j] Ban 192.0.2.77\0"]
        );
        server.stop();
    }
}

/// The target changes while the server runs, or stays where it cannot.
#[test]
fn the_target_changes() {
    let [theirs, ours] = Side::BOTH.map(|side| {
        let sandbox = Sandbox::empty();
        let socket = sandbox.path("log.sock");
        configure(
            &sandbox,
            &format!("logtarget = {}\nsyslogsocket = {}", sandbox.server_log().display(), socket.display()),
        );
        let server = Server::start(side, &sandbox);
        let mut said = Vec::new();
        let mut say = |words: &[&str]| {
            let output = server.client(words);
            let text = format!("{words:?}: {}\n{}{}", output.code, output.stdout, output.stderr);
            said.push(normalise::log(&text, sandbox.folder()));
        };
        say(&["set", "logtarget", "SYSLOG"]);
        say(&["get", "logtarget"]);
        let syslog = Syslog::listen(&socket);
        say(&["set", "logtarget", "SYSLOG[facility=nonsense]"]);
        say(&["get", "logtarget"]);
        say(&["get", "syslogsocket"]);
        say(&["set", "logtarget", "SYSLOG"]);
        say(&["flushlogs"]);
        say(&["set", "logtarget", "sysLOG"]);
        say(&["get", "logtarget"]);
        say(&["flushlogs"]);
        let file = sandbox.path("other.log");
        say(&["set", "logtarget", file.to_str().expect("temporary paths are UTF-8")]);
        let datagrams = syslog.until("flush performed on sysLOG", sandbox.folder());
        let read = |path: &Path| {
            normalise::log(&std::fs::read_to_string(path).unwrap_or_default(), sandbox.folder())
        };
        let logs = [server.normal_log(), read(&file)];
        server.stop();
        (said, datagrams, logs)
    });
    assert_eq!(ours.0, theirs.0);
    assert_eq!(ours.1, theirs.1);
    for (ours, theirs) in ours.2.iter().zip(&theirs.2) {
        assert!(ours == theirs, "ours\n{ours}\n--- theirs\n{theirs}");
    }
}

/// What a command logs stands in the log when its reply comes.
#[test]
fn the_log_is_written_before_the_reply() {
    for side in Side::BOTH {
        let sandbox = Sandbox::empty();
        configure(&sandbox, &format!("logtarget = {}", sandbox.server_log().display()));
        let server = Server::start(side, &sandbox);
        for round in 0..10 {
            let file = sandbox.path(&format!("{round}.log"));
            server.client(&["set", "logtarget", file.to_str().expect("temporary paths are UTF-8")]).success();
            let text = std::fs::read_to_string(&file).expect("the target is open");
            assert!(text.contains("Changed logging target"), "{side:?}, round {round}: {text:?}");
        }
        server.stop();
    }
}

/// The fields by which entries are found, and their text.
const FIELDS: &str = "MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,LOGGER";

#[test]
fn journal() {
    for target in ["SYSTEMD-JOURNAL", "systemd-journal"] {
        let [theirs, ours] = Side::BOTH.map(|side| to_journal(side, target));
        assert!(theirs.iter().any(|entry| entry.contains("stderr: 'second'")), "{target}: {theirs:#?}");
        assert_eq!(ours, theirs, "{target}");
    }
}

/// The entries, as sorted lines of JSON.
fn to_journal(side: Side, target: &str) -> Vec<String> {
    let sandbox = Sandbox::empty();
    configure(&sandbox, &format!("logtarget = {target}"));
    let server = Server::start_with(side, &sandbox, journald::beside(side.server()));
    live(&server, &sandbox);
    let read = format!(
        "journalctl --quiet --file '/run/log/journal/*/*' -t fail2ban -o json --output-fields={FIELDS}"
    );
    let entries = wait::until(wait::PATIENCE, || {
        let text = journald::shell(&server, &read);
        text.contains(LAST[3]).then_some(text)
    });
    let entries = entries.unwrap_or_else(|| panic!("the journal lacks {}", LAST[3]));
    server.stop();
    let mut lines: Vec<String> = entries.lines().map(|line| of_entry(line, sandbox.folder())).collect();
    lines.sort();
    lines
}

fn of_entry(json: &str, folder: &Path) -> String {
    let entry: serde_json::Value = serde_json::from_str(json).expect("journalctl writes JSON");
    let field = |name: &str| entry[name].as_str().unwrap_or("none").to_owned();
    let fields: Vec<String> =
        FIELDS.split(',').skip(1).map(|name| format!("{name}={}", field(name))).collect();
    let message = field("MESSAGE");
    // as in a file: the id of a command stands where the log's layout has a level
    let message = match message.starts_with(|c: char| c.is_ascii_digit()) && message.contains(" fail2ban.") {
        true => normalise::log(&message, folder),
        false => normalise::log(&format!("0000-00-00 00:00:00,000 [0] {message}"), folder),
    };
    format!("{} {}", without_addresses(message.trim_end()), fields.join(" "))
}

/// A new socket counts at once (docs/differences.md); the original goes on with the old one.
#[test]
fn the_socket_changes() {
    for side in Side::BOTH {
        let sandbox = Sandbox::empty();
        let sockets = ["first.sock", "second.sock"].map(|name| sandbox.path(name));
        configure(&sandbox, &format!("logtarget = SYSLOG\nsyslogsocket = {}", sockets[0].display()));
        let [first, second] = sockets.each_ref().map(|path| Syslog::listen(path));
        let server = Server::start(side, &sandbox);
        let path = sockets[1].to_str().expect("temporary paths are UTF-8");
        let answer = server.client(&["set", "syslogsocket", path]).success();
        assert_eq!(answer, format!("Current syslog socket is:\n`- {path}"));
        server.client(LAST).success();
        let listener = if side == Side::Ours { second } else { first };
        listener.until(LAST[3], sandbox.folder());
        server.stop();
    }
}
