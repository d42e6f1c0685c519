//! The stock action `smtp.py`, and Python actions of an admin's own: the same mails, the same calls.
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use compat_tests::{Sandbox, Server, Side, Version, wait};

/// A mail server that keeps what it gets: envelope and text of each mail.
struct Post {
    address: String,
    mails: Arc<Mutex<Vec<String>>>,
}

impl Post {
    fn open() -> Post {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let mails = Arc::new(Mutex::new(Vec::new()));
        let kept = mails.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = kept.clone();
                std::thread::spawn(move || receive(stream, &kept));
            }
        });
        Post { address, mails }
    }

    fn wait(&self, count: usize) {
        let enough = || (self.mails.lock().expect("no panic").len() >= count).then_some(());
        wait::until(Duration::from_secs(30), enough).unwrap_or_else(|| panic!("{count} mails did not come"));
    }

    fn mails(&self) -> Vec<String> {
        self.mails.lock().expect("no panic").clone()
    }
}

/// One conversation; the original opens some that it does not use.
fn receive(stream: TcpStream, mails: &Mutex<Vec<String>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut mail = String::new();
    let mut in_data = false;
    stream.get_mut().write_all(b"220 ready\r\n").ok()?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        let answer = match line {
            "." if in_data => "250 queued",
            _ if in_data => "",
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        // Who says it and when is no matter of the action.
        if !["EHLO", "ehlo", "Date: "].iter().any(|start| line.starts_with(start)) {
            let command = if in_data { line.to_owned() } else { line.to_ascii_uppercase() };
            mail += &(command + "\n");
        }
        in_data = (in_data || line.eq_ignore_ascii_case("data")) && line != ".";
        if line == "." {
            mails.lock().expect("no panic").push(std::mem::take(&mut mail));
        }
        if !answer.is_empty() || line.eq_ignore_ascii_case("data") {
            let answer = if line.eq_ignore_ascii_case("data") { "354 go on" } else { answer };
            stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).ok()?;
        }
    }
}

fn jail(sandbox: &Sandbox, action: &str) {
    sandbox.config("filter.d/f.conf", "[Definition]\nfailregex = refused <HOST>$\n");
    let log = sandbox.file("j.log", "");
    let jail = format!(
        "[j]\nenabled = true\nbackend = polling\nfilter = f\nmaxretry = 2\nbantime = 77\nlogpath = {}\naction = {action}\n",
        log.display()
    );
    sandbox.config("jail.local", &jail);
}

fn mails(side: Side, options: &str) -> Vec<String> {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    let post = Post::open();
    jail(&sandbox, &format!("smtp.py[host=\"{}\"{options}]", post.address));
    let server = Server::start(side, &sandbox);
    post.wait(1);
    sandbox.append("j.log", &(compat_tests::flood::now("%Y-%m-%d %H:%M:%S") + " refused 192.0.2.1\n"));
    sandbox.append("j.log", &(compat_tests::flood::now("%Y-%m-%d %H:%M:%S") + " refused 192.0.2.1\n"));
    post.wait(2);
    server.client(&["set", "j", "banip", "2001:db8::1"]).success();
    post.wait(3);
    let host = server.client(&["get", "j", "action", "smtp", "fromaddr"]).success();
    server.stop();
    post.wait(4);
    let mut mails = post.mails();
    mails.push(host);
    // The times of the failures.
    mails
        .iter()
        .map(|mail| mail.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect())
        .collect()
}

#[test]
fn stock_mails() {
    for options in ["", ", dest=\"root, you@example.com\", sender=me, sendername=\"A B\", matches=matches"] {
        assert_eq!(mails(Side::Ours, options), mails(Side::Theirs, options), "{options}");
    }
}

const OWN: &str = "
from fail2ban.server.actions import ActionBase

class Action(ActionBase):
    def __init__(self, jail, name, file, word='default'):
        super(Action, self).__init__(jail, name)
        self.file = file
        self.word = word

    def note(self, text):
        with open(self.file, 'a') as file:
            file.write('%s %s %s\\n' % (self._jail.name, self.word, text))

    def start(self):
        self.note('start')

    def stop(self):
        self.note('stop')

    def ban(self, aInfo):
        self._logSys.warning('own words about %s', aInfo['ip'])
        self.note('ban %(ip)s %(family)s %(failures)s %(bantime)s %(restored)s %(fid)s' % aInfo)

    def unban(self, aInfo):
        self.note('unban %s %s' % (aInfo['ip'], 'nothing' in aInfo))
        raise RuntimeError('not allowed')
";

fn own_action(side: Side) -> (String, String) {
    let sandbox = Sandbox::empty();
    sandbox.config("action.d/own.py", OWN);
    let notes = sandbox.file("notes", "");
    jail(&sandbox, &format!("own.py[file={}]", notes.display()));
    let server = Server::start(side, &sandbox);
    server.wait_log("Jail 'j' started");
    let mut said = String::new();
    for words in [
        &["set", "j", "banip", "192.0.2.1"][..],
        &["set", "j", "action", "own", "word", "changed"],
        &["set", "j", "unbanip", "192.0.2.1"],
        &["get", "j", "action", "own", "word"],
        &["get", "j", "action", "own", "nothing"],
        &["set", "j", "action", "own", "note", "{\"text\": \"called\"}"],
        &["get", "j", "actionproperties", "own"],
        &["get", "j", "actionmethods", "own"],
    ] {
        let output = server.client(words);
        said += &format!("{words:?}: {} {}\n", output.code, output.stdout);
        // The original's client does not wait for the action.
        std::thread::sleep(Duration::from_millis(700));
    }
    let log = server.normal_log();
    let own: Vec<&str> =
        log.lines().filter(|line| line.contains("own ") || line.contains("not allowed")).collect();
    said += &own.join("\n");
    server.stop();
    let said =
        said.split(" at 0x").map(|part| part.trim_start_matches(|c: char| c.is_ascii_hexdigit())).collect();
    (said, std::fs::read_to_string(notes).expect("written above"))
}

#[test]
fn actions_of_ones_own() {
    let (their_said, their_notes) = own_action(Side::Theirs);
    let (our_said, our_notes) = own_action(Side::Ours);
    assert!(our_notes == their_notes, "ours\n{our_notes}\n--- theirs\n{their_notes}\n{our_said}");
    assert!(our_said == their_said, "ours\n{our_said}\n--- theirs\n{their_said}");
}
