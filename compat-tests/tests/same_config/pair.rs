//! Both programs on one configuration, and what differs.
use compat_tests::{Output, Side, Version, normalise};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

/// The differences found so far.
#[derive(Default)]
pub struct Differences(Mutex<Vec<String>>);

impl Differences {
    /// Runs both clients with the options on the configuration, and keeps what differs.
    pub fn check(&self, name: &str, configuration: &Path, options: &[String]) {
        let [theirs, ours] = Side::BOTH.map(|side| run(side.client(), configuration, options));
        self.keep(name, options, &theirs, &ours);
    }

    /// The same by a user who may read only what all may read.
    pub fn check_as_nobody(&self, name: &str, configuration: &Path, options: &[String]) {
        let [theirs, ours] = Side::BOTH.map(|side| run(as_nobody(&side.client()), configuration, options));
        self.keep(name, options, &theirs, &ours);
    }

    /// The same with an original of another version, whose messages have other words.
    pub fn check_stream(&self, name: &str, version: Version, configuration: &Path, options: &[String]) {
        let clients = [version.program("fail2ban-client"), Side::Ours.client()];
        let [theirs, ours] =
            clients.map(|client| Output { stderr: String::new(), ..run(client, configuration, options) });
        self.keep(name, options, &theirs, &ours);
    }

    fn keep(&self, name: &str, options: &[String], theirs: &Output, ours: &Output) {
        if theirs != ours {
            let text = format!("{name} ({})\n{}", options.join(" "), difference(theirs, ours));
            self.0.lock().expect("nobody panics while holding it").push(text);
        }
    }

    /// # Panics
    /// If anything differed.
    pub fn assert_none(self) {
        let found = self.0.into_inner().expect("all threads are done");
        assert!(found.is_empty(), "{} differ:\n\n{}", found.len(), found.join("\n\n"));
    }
}

fn run(mut client: Command, configuration: &Path, options: &[String]) -> Output {
    client.args(options).arg("-c").arg(configuration);
    client.env("FERROBAN_VENDOR_DIR", configuration.join("no-vendor-directory"));
    normal(Output::of(&mut client))
}

fn as_nobody(client: &Command) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(client.get_program());
    command.args(client.get_args());
    command.envs(client.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// The output without times and process ids, and without the traces of Python that `-v` shows.
fn normal(output: Output) -> Output {
    let mut stderr = String::new();
    let log = normalise::log(&output.stderr, Path::new("/no/such/sandbox"));
    let mut lines = log.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("Traceback ") {
            // Behind the indented lines comes one that names the exception.
            lines.find(|line| !line.starts_with(' '));
        } else {
            stderr.push_str(line);
            stderr.push('\n');
        }
    }
    Output { stderr, ..output }
}

/// The first lines that differ.
fn difference(theirs: &Output, ours: &Output) -> String {
    let mut text = String::new();
    if theirs.code != ours.code {
        text += &format!("  exit status {} / {}\n", theirs.code, ours.code);
    }
    for (what, theirs, ours) in
        [("stdout", &theirs.stdout, &ours.stdout), ("stderr", &theirs.stderr, &ours.stderr)]
    {
        let mut lines = theirs.lines().map(Some).chain(std::iter::repeat(None));
        let mut other = ours.lines().map(Some).chain(std::iter::repeat(None));
        if theirs != ours {
            let pair = loop {
                match (lines.next().flatten(), other.next().flatten()) {
                    (None, None) => break (Some("(only line ends differ)"), None),
                    (theirs, ours) if theirs != ours => break (theirs, ours),
                    _ => {}
                }
            };
            text += &format!("  {what}\n    theirs {:?}\n    ours   {:?}\n", pair.0, pair.1);
        }
    }
    text
}

/// Does `work` for every item, on as many threads as there are processors.
pub fn in_parallel<T: Send>(items: impl IntoIterator<Item = T>, work: impl Fn(T) + Sync) {
    let items: Vec<T> = items.into_iter().collect();
    let queue = Mutex::new(items.into_iter());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().expect("nobody panics while holding it").next();
                    match next {
                        Some(item) => work(item),
                        None => break,
                    }
                }
            });
        }
    });
}
