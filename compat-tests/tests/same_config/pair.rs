//! Both programs on one configuration, and what differs.
use compat_tests::{Output, Side, normalise};
use std::path::Path;
use std::sync::Mutex;

/// The differences found so far.
#[derive(Default)]
pub struct Differences(Mutex<Vec<String>>);

impl Differences {
    /// Runs both clients with the options on the configuration, and keeps what differs.
    pub fn check(&self, name: &str, configuration: &Path, options: &[String]) {
        let [theirs, ours] = Side::BOTH.map(|side| {
            let mut command = side.client();
            command.args(options).arg("-c").arg(configuration);
            command.env("FERROBAN_VENDOR_DIR", configuration.join("no-vendor-directory"));
            normal(Output::of(&mut command))
        });
        if theirs != ours {
            let text = format!("{name} ({})\n{}", options.join(" "), difference(&theirs, &ours));
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

/// The output without times and process ids, and without the traces of Python that `-v` shows.
fn normal(output: Output) -> Output {
    let mut stderr = String::new();
    let log = normalise::log(&output.stderr, Path::new("\0"));
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
