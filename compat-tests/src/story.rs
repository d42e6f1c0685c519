//! Stories: what happens to one server, step by step, told on both sides and compared: the client's answers, what
//! actions do, the log, and at the end the database.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::output::Output;
use crate::sandbox::Sandbox;
use crate::server::Server;
use crate::side::{Side, checkout};
use crate::{Version, database, normalise};

/// A step of a story. `DIR` stands for the sandbox's folder.
pub enum Step {
    /// Writes a file of the configuration.
    Config(&'static str, String),
    /// Appends lines to a log, each so many times.
    Fail(&'static str, &'static [&'static str], usize),
    /// Removes a file.
    Remove(&'static str),
    /// A client's command.
    Say(&'static [&'static str]),
    /// Stops the server, and starts it again.
    Restart,
    /// Waits until the log says this so many times.
    Until(&'static str, usize),
    /// Sets the server's clock so many seconds from the real one. Lines are dated by it.
    Clock(i64),
}

struct Story<'s> {
    side: Side,
    sandbox: &'s Sandbox,
    server: Option<Server<'s>>,
    /// Lines of the log, and bytes of the notes per jail, that are told already.
    told: (usize, BTreeMap<String, usize>),
    transcript: String,
    /// How far the server's clock is from the real one, seconds; `None` when it has no clock of its own.
    clock: Option<i64>,
}

impl<'s> Story<'s> {
    fn start(&self) -> Server<'s> {
        let mut command = self.side.server();
        if self.clock.is_some() {
            command.env("LD_PRELOAD", clock_library()).env("CLOCK_FILE", self.clock_file());
        }
        Server::start_with(self.side, self.sandbox, command)
    }

    fn clock_file(&self) -> PathBuf {
        self.sandbox.path("clock")
    }

    fn set_clock(&mut self, seconds: i64) {
        self.clock = Some(seconds);
        // renamed into its place: the server reads it at any moment
        let written = self.sandbox.file("clock.new", &seconds.to_string());
        std::fs::rename(written, self.clock_file()).expect("the sandbox is ours");
    }

    /// The time that the server has, as its logs have it.
    fn now(&self) -> String {
        let offset = format!("now {:+} seconds", self.clock.unwrap_or(0));
        Output::of(Command::new("date").args(["-d", &offset, "+%Y-%m-%d %H:%M:%S"])).success()
    }

    fn server(&self) -> &Server<'s> {
        self.server.as_ref().expect("it runs between the steps")
    }

    fn take(&mut self, step: &Step) {
        let folder = self.sandbox.folder().display().to_string();
        match step {
            Step::Config(name, text) => {
                self.sandbox.config(name, &text.replace("DIR", &folder));
                return;
            }
            Step::Remove(name) => {
                return std::fs::remove_file(self.sandbox.path(name)).expect("the story has made it");
            }
            Step::Fail(log, lines, times) => {
                let now = self.now();
                let lines: String = lines.iter().map(|line| format!("{now} {line}\n")).collect();
                self.sandbox.append(log, &lines.repeat(*times));
                return;
            }
            Step::Until(text, times) => drop(self.server().wait_log_times(text, *times)),
            Step::Say(words) => {
                let said: Vec<String> = words.iter().map(|word| word.replace("DIR", &folder)).collect();
                let output = self.server().client(&said.iter().map(String::as_str).collect::<Vec<_>>());
                let text = normalise::log(&format!("$ {words:?}\n{output:?}\n"), self.sandbox.folder());
                self.transcript += &normalise::times(&text);
            }
            Step::Restart => {
                self.server.take().expect("it runs").stop();
                self.server = Some(self.start());
            }
            Step::Clock(seconds) => self.set_clock(*seconds),
        }
        self.settle();
        self.tell();
    }

    /// Waits until neither log nor notes have grown for a while: longer where the machine is slow to wake us.
    fn settle(&self) {
        let size = || (self.server().log().len(), self.notes().values().map(String::len).sum::<usize>());
        let mut before = (0, 0);
        while before != size() {
            before = size();
            for _ in 0..60 {
                std::thread::sleep(std::time::Duration::from_millis(10));
                // a program that starts and ends is what actions are made of
                Output::of(&mut Command::new("true")).success();
            }
        }
    }

    /// What the actions of each jail have noted.
    fn notes(&self) -> BTreeMap<String, String> {
        let files = std::fs::read_dir(self.sandbox.path("notes")).expect("made at the start").flatten();
        let text = |file: std::fs::DirEntry| {
            let text = std::fs::read_to_string(file.path()).expect("commands write text");
            (file.file_name().to_string_lossy().into_owned(), text)
        };
        files.map(text).collect()
    }

    /// Adds what is new since the last step: the notes in their order, the lines of the log in alphabetical order,
    /// for jails have threads of their own.
    fn tell(&mut self) {
        for (jail, text) in self.notes() {
            let told = self.told.1.entry(jail.clone()).or_default();
            for line in text[*told..].lines() {
                self.transcript += &format!("  {jail}: {line}\n");
            }
            *told = text.len();
        }
        let log = normalise::times(&self.server().normal_log());
        let mut lines: Vec<String> = log.lines().skip(self.told.0).map(without_hash).collect();
        self.told.0 += lines.len();
        lines.sort();
        for line in lines.iter().filter(|line| !line.ends_with("already banned")) {
            self.transcript += &format!("  {line}\n");
        }
    }
}

/// `clock.c`, compiled for this machine.
fn clock_library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let folder = checkout().join("compat-tests/target");
        let library = folder.join("clock.so");
        // several test programs may do this at the same time
        let made = folder.join(format!("clock-{}.so", std::process::id()));
        let source = checkout().join("compat-tests/src/clock.c");
        let mut compiler = Command::new("cc");
        Output::of(compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&made).arg(source)).success();
        std::fs::rename(made, &library).expect("the folder is the build's");
        library
    })
}

/// The first line's hash of a log is that of a dated line.
fn without_hash(line: &str) -> String {
    line.split_once("hash = ").map_or(line, |(before, _)| before).to_owned()
}

/// Tells a story on both sides at the same time.
///
/// # Panics
/// When the sides differ.
pub fn same(steps: &[Step]) {
    let [theirs, ours] = std::thread::scope(|scope| {
        let sides = Side::BOTH.map(|side| scope.spawn(move || transcript(side, steps)));
        sides.map(|side| side.join().expect("the reason stands above"))
    });
    if theirs != ours {
        let different = theirs.lines().zip(ours.lines()).find(|(theirs, ours)| theirs != ours);
        panic!("{different:?}\n--- theirs\n{theirs}\n--- ours\n{ours}");
    }
}

/// What a story leads to on one side. The files that it begins with are there before the server starts.
fn transcript(side: Side, steps: &[Step]) -> String {
    let sandbox = Sandbox::genuine(Version::BASELINE);
    for file in ["notes/none", "1.log", "2.log", "3.log"] {
        sandbox.file(file, "");
    }
    let folder = sandbox.folder().display().to_string();
    let first = steps.iter().position(|step| !matches!(step, Step::Config(..))).unwrap_or(steps.len());
    for step in &steps[..first] {
        let Step::Config(name, text) = step else { continue };
        sandbox.config(name, &text.replace("DIR", &folder));
    }
    let (told, transcript) = Default::default();
    let mut story = Story { side, sandbox: &sandbox, server: None, told, transcript, clock: None };
    if steps.iter().any(|step| matches!(step, Step::Clock(_))) {
        story.set_clock(0);
    }
    story.server = Some(story.start());
    story.settle();
    story.tell();
    for step in &steps[first..] {
        story.take(step);
    }
    story.server.take().expect("it runs between the steps").stop();
    let database = database::dump(&sandbox.database()).replace(&folder, "DIR");
    story.transcript + &normalise::times(&database)
}
