//! The corpus of small configurations: `compat-tests/config-corpus/*.txt` (see its README).
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// One configuration, and how the client is run on it.
pub struct Case {
    /// `TOPIC: what the case shows`.
    pub name: String,
    /// The options of each run.
    pub runs: Vec<Vec<String>>,
    steps: Vec<Step>,
}

/// One thing to make, or to leave out, in the configuration folder.
#[derive(Clone)]
enum Step {
    File { name: String, content: Vec<u8> },
    Link { name: String, target: String },
    Folder(String),
    Without(String),
}

/// All cases of all topics.
pub fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config-corpus");
    let entries = fs::read_dir(&folder).expect("the corpus is part of the checkout");
    let mut topics: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    topics.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    topics.sort();
    topics.iter().flat_map(|path| cases_of(path)).collect()
}

fn cases_of(path: &Path) -> Vec<Case> {
    let text = fs::read_to_string(path).expect("the corpus is UTF-8; other bytes are escaped");
    let topic = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut parts = text.split("\n=== ");
    let common = steps(parts.next().unwrap_or_default());
    parts
        .map(|part| {
            let (title, body) = part.split_once('\n').unwrap_or((part, ""));
            let name = format!("{topic}: {title}");
            let own = steps(body);
            let runs: Vec<Vec<String>> = body
                .lines()
                .take_while(|line| !line.starts_with("--- "))
                .filter_map(|line| line.strip_prefix("run:"))
                .map(|words| words.split_whitespace().map(str::to_owned).collect())
                .collect();
            let runs = if runs.is_empty() { vec![vec!["-d".to_owned()]] } else { runs };
            Case { runs, steps: [common.clone(), own].concat(), name }
        })
        .collect()
}

/// The `--- …` parts of a case.
fn steps(body: &str) -> Vec<Step> {
    let body = format!("\n{body}");
    let parts = body.split("\n--- ").skip(1);
    parts
        .map(|part| {
            let (head, content) = part.split_once('\n').unwrap_or((part, ""));
            let mut content = content.to_owned();
            if !content.is_empty() && !content.ends_with('\n') {
                content.push('\n');
            }
            match head.split_whitespace().collect::<Vec<_>>()[..] {
                [name] => Step::File { name: name.to_owned(), content: content.into_bytes() },
                [name, "escaped"] => Step::File { name: name.to_owned(), content: unescape(&content) },
                ["link", name, "->", target] => {
                    Step::Link { name: name.to_owned(), target: target.to_owned() }
                }
                ["folder", name] => Step::Folder(name.to_owned()),
                ["no", name] => Step::Without(name.to_owned()),
                _ => Step::File { name: head.to_owned(), content: content.into_bytes() },
            }
        })
        .collect()
}

/// `\xHH`, `\r`, `\t`, `\\`; `\c` at the end takes the last newline away.
fn unescape(text: &str) -> Vec<u8> {
    let text = text.strip_suffix("\\c\n").unwrap_or(text);
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let (byte, taken) = match after.as_bytes()[0] {
            b'x' => (u8::from_str_radix(&after[1..3], 16).expect("two hexadecimal digits"), 3),
            b'r' => (b'\r', 1),
            b't' => (b'\t', 1),
            other => (other, 1),
        };
        bytes.push(byte);
        rest = &after[taken..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

impl Case {
    /// Makes the configuration in `folder`, which must not exist.
    pub fn write(&self, folder: &Path) {
        let without =
            |name: &str| self.steps.iter().any(|step| matches!(step, Step::Without(n) if n == name));
        fs::create_dir_all(folder).expect("a temporary folder");
        if !without("fail2ban.conf") {
            fs::write(folder.join("fail2ban.conf"), "[Definition]\n").expect("a temporary folder");
        }
        for step in &self.steps {
            step.make(folder);
        }
    }
}

impl Step {
    fn make(&self, folder: &Path) {
        let (Step::File { name, .. } | Step::Link { name, .. } | Step::Folder(name) | Step::Without(name)) =
            self;
        let path = folder.join(OsStr::from_bytes(&unescape(name)));
        fs::create_dir_all(path.parent().expect("it is below the folder")).expect("a temporary folder");
        let made = match self {
            Step::File { content, .. } => fs::write(&path, at_folder(content, folder)),
            Step::Link { target, .. } => std::os::unix::fs::symlink(target, &path),
            Step::Folder(_) => fs::create_dir_all(&path),
            Step::Without(_) => fs::remove_file(&path).or(Ok(())),
        };
        made.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// The content with `@DIR@` replaced.
fn at_folder(content: &[u8], folder: &Path) -> Vec<u8> {
    match std::str::from_utf8(content) {
        Ok(text) => text.replace("@DIR@", &folder.to_string_lossy()).into_bytes(),
        Err(_) => content.to_vec(),
    }
}
