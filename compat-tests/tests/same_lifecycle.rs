//! Starting, restarting, reloading and stopping with the client: the same words, exit statuses and traces,
//! whichever program it is.
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use compat_tests::{Output, Sandbox, Side, normalise, wait};

/// A sandbox whose server, if one is left over, ends with it.
struct Place {
    side: Side,
    sandbox: Sandbox,
    transcript: String,
}

impl Place {
    fn new(side: Side) -> Place {
        let sandbox = Sandbox::empty();
        let log = sandbox.file("app.log", "");
        sandbox.config("filter.d/app.conf", "[Definition]\nfailregex = refused <HOST>$\n");
        sandbox.config("action.d/act.conf", "[Definition]\nactionban = true\nactionunban = true\n");
        sandbox.config(
            "jail.local",
            &format!(
                "[app]\nenabled = true\nbackend = polling\nfilter = app\nlogpath = {}\naction = act\n",
                log.display()
            ),
        );
        Place { side, sandbox, transcript: String::new() }
    }

    /// Runs the client and writes down what came of it.
    fn client(&mut self, words: &[&str]) {
        self.run(Side::client, words);
    }

    fn server(&mut self, words: &[&str]) {
        self.run(Side::server, words);
    }

    fn run(&mut self, program: fn(Side) -> Command, words: &[&str]) {
        let output = Output::of(self.sandbox.confine(&mut program(self.side), words));
        let folder = self.sandbox.folder().display().to_string();
        self.note(&format!("$ {}", words.join(" ").replace(&folder, "DIR")));
        self.outcome(&output);
    }

    fn outcome(&mut self, output: &Output) {
        let stdout = output.stdout.replace(&self.sandbox.folder().display().to_string(), "DIR");
        let stderr = normalise::log(&output.stderr, self.sandbox.folder());
        self.note(&format!("{stdout}{stderr}exit status {}", output.code));
    }

    fn note(&mut self, text: &str) {
        self.transcript += text;
        self.transcript += "\n";
    }

    /// Writes down which files of a running server exist, and their modes.
    fn traces(&mut self) {
        use std::os::unix::fs::PermissionsExt;
        for path in [self.sandbox.socket(), self.sandbox.pidfile(), self.sandbox.server_log()] {
            let mode = std::fs::metadata(&path).map(|found| format!("{:o}", found.permissions().mode()));
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.note(&format!("{name}: {}", mode.unwrap_or_else(|_| "none".into())));
        }
    }

    /// Waits until a stopped server has put away its files.
    fn settled(&mut self) {
        let gone = || (!self.sandbox.socket().exists() && !self.sandbox.pidfile().exists()).then_some(());
        assert!(wait::until(wait::PATIENCE, gone).is_some(), "still there:\n{}", self.transcript);
        self.traces();
    }

    fn spawn(&self, program: fn(Side) -> Command, words: &[&str]) -> Child {
        let mut command = program(self.side);
        self.sandbox.confine(&mut command, words).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
    }

    /// Waits for a program to end and writes down what came of it.
    fn ended(&mut self, child: Child) {
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let code = output.status.code().unwrap_or(-1);
        self.outcome(&Output { stdout: text(output.stdout), stderr: text(output.stderr), code });
    }

    fn wait_ping(&self) {
        let answers = || (self.sandbox.client(self.side, &["ping"]).code == 0).then_some(());
        assert!(wait::until(wait::PATIENCE, answers).is_some(), "no answer:\n{}", self.transcript);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Ok(pid) = std::fs::read_to_string(self.sandbox.pidfile()) else { return };
        // It may have ended at this moment.
        let _ = Command::new("kill").arg(pid.trim()).status();
    }
}

/// Runs a story on both sides and compares the transcripts.
fn same(story: fn(&mut Place)) {
    let tell = |side| {
        let mut place = Place::new(side);
        story(&mut place);
        std::mem::take(&mut place.transcript)
    };
    let [theirs, ours] = Side::BOTH.map(tell);
    assert_eq!(ours, theirs, "\n--- ours\n{ours}\n--- theirs\n{theirs}");
}

#[test]
fn background() {
    same(|place| {
        place.client(&["start"]);
        place.traces();
        place.client(&["start"]);
        place.server(&["start"]);
        place.server(&[]);
        place.server(&["ping"]);
        place.client(&["status"]);
        place.client(&["reload"]);
        place.client(&["restart", "app"]);
        place.client(&["restart"]);
        place.client(&["status", "app"]);
        place.client(&["-t", "reload"]);
        place.client(&["stop"]);
        place.settled();
        place.client(&["stop"]);
        place.server(&["start"]);
        place.client(&["ping"]);
        place.client(&["stop"]);
        place.settled();
        place.server(&["-b"]);
        place.server(&["stop"]);
        place.settled();
    });
}

#[test]
fn foreground() {
    same(|place| {
        for (program, words) in [
            (Side::server as fn(Side) -> Command, &["-f", "start"][..]),
            (Side::server, &["-f"]),
            (Side::client, &["-f", "start"]),
        ] {
            for signal in ["TERM", "INT"] {
                let server = place.spawn(program, words);
                place.wait_ping();
                // The configuration is carried out after the first answer.
                place.client(&["status"]);
                std::thread::sleep(Duration::from_millis(300));
                let pid = server.id().to_string();
                assert!(Command::new("kill").args(["-s", signal, &pid]).status().is_ok_and(|s| s.success()));
                place.ended(server);
                place.settled();
            }
        }
        let server = place.spawn(Side::server, &["-f", "start"]);
        place.wait_ping();
        std::thread::sleep(Duration::from_millis(300));
        place.client(&["stop"]);
        place.ended(server);
        place.settled();
    });
}

#[test]
fn stale_socket() {
    same(|place| {
        std::fs::create_dir_all(place.sandbox.path("run")).expect("the sandbox is ours");
        drop(std::os::unix::net::UnixListener::bind(place.sandbox.socket()).expect("a socket"));
        place.client(&["start"]);
        place.server(&["-f", "start"]);
        place.server(&["start"]);
        place.client(&["-x", "start"]);
        place.client(&["ping"]);
        place.client(&["stop"]);
        place.settled();
    });
}

#[test]
fn bad_configuration() {
    same(|place| {
        place
            .sandbox
            .config("jail.d/bad.conf", "[bad]\nenabled = true\nfilter = nosuch\nlogpath = /dev/null\n");
        place.client(&["start"]);
        place.client(&["status"]);
        place.client(&["stop"]);
        place.settled();
        place.client(&["-t", "start"]);
        place.sandbox.config("jail.local", "");
        place.client(&["start"]);
        place.server(&["start"]);
        place.server(&["-f", "start"]);
        place.sandbox.config("jail.d/bad.conf", "");
        place.client(&["start"]);
        place.client(&["status"]);
        place.client(&["stop"]);
        place.settled();
    });
}

/// A regex that only the server finds wrong.
#[test]
fn bad_regex() {
    same(|place| {
        place.sandbox.config("filter.d/app.conf", "[Definition]\nfailregex = <HOST> (\n");
        place.client(&["-t"]);
        place.client(&["start"]);
        place.client(&["status"]);
        place.client(&["stop"]);
        place.settled();
        for program in [Side::server, Side::client] {
            let mut command = program(place.side);
            let mut output = Output::of(place.sandbox.confine(&mut command, &["-f", "start"]));
            // Intended: ours also says on stderr why it ends; the original tells only its log.
            let why = "NOK: (\"Unable to compile regular expression";
            assert_eq!(output.stderr.contains(why), place.side == Side::Ours, "{output:?}");
            output.stderr.clear();
            place.outcome(&output);
        }
        place.settled();
    });
}

/// A server that cannot make its socket: the client gives up after the timeout.
#[test]
fn no_place_for_the_socket() {
    same(|place| {
        let socket = place.sandbox.path("no/such/folder.sock").display().to_string();
        place.client(&["-s", &socket, "--timeout", "1", "start"]);
        place.client(&["-s", &socket, "--timeout", "1", "-q", "start"]);
    });
}

#[test]
fn at_the_prompt() {
    same(|place| {
        for input in [
            "start\nstatus\nreload\nreload app\nrestart\nstatus app\nreload nojail\nstop\nstatus\nexit\n",
            "ping\nstart\nstart\nstop\n",
        ] {
            let mut client = place.spawn(Side::client, &["-i"]);
            let mut stdin = client.stdin.take().expect("piped");
            stdin.write_all(input.as_bytes()).expect("the client reads");
            drop(stdin);
            place.ended(client);
            place.settled();
        }
    });
}

/// Listens at the paths given first (up to `--`), hands the sockets over as systemd does, and becomes the command
/// given then.
const ACTIVATE: &str = "\
import os, socket, sys
mark = sys.argv.index('--')
paths, command = sys.argv[1:mark], sys.argv[mark + 1:]
sockets = []
for path in paths:
    one = socket.socket(socket.AF_UNIX)
    one.bind(path)
    one.listen(8)
    sockets.append(one)
for number, one in enumerate(sockets):
    os.dup2(one.fileno(), 100 + number)
for number in range(len(sockets)):
    os.dup2(100 + number, 3 + number, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(sockets)), LISTEN_FDNAMES='other:fail2ban')
os.execvp(command[0], command)
";

/// systemd hands over the listening socket, here the second of two.
#[test]
fn socket_activation() {
    same(|place| {
        std::fs::create_dir_all(place.sandbox.path("run")).expect("the sandbox is ours");
        let other = place.sandbox.path("other.sock");
        let mut server = place.side.server();
        place.sandbox.confine(&mut server, &["-x", "-f", "start"]);
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-c", ACTIVATE]).arg(&other).arg(place.sandbox.socket()).arg("--");
        command.arg(server.get_program()).args(server.get_args());
        for (name, value) in server.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let server = command.spawn().expect("python starts");
        place.wait_ping();
        std::thread::sleep(Duration::from_millis(500));
        place.client(&["status"]);
        place.client(&["stop"]);
        place.ended(server);
        // The socket is systemd's: its file stays.
        place.note(&format!("socket stays: {}", place.sandbox.socket().exists()));
    });
}
