//! The sample logs of upstream's own test-suite, and what they say about themselves.
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::original::Version;

/// A sample log, and the filter it is meant for.
#[derive(Clone, Debug)]
pub struct Sample {
    pub log: PathBuf,
    /// Name of the filter with options in brackets, as fail2ban-regex takes it.
    pub filter: String,
}

/// Every sample log with each set of filter options that it names, without those of filters that only upstream's
/// tests have.
pub fn of(version: Version) -> Vec<Sample> {
    let logs = version.test_files().join("logs");
    let mut samples = Vec::new();
    for log in files(&logs) {
        let name = log.strip_prefix(&logs).expect("it is in there").iter().next().expect("it has a name");
        let name = name.to_str().expect("sample logs have simple names");
        // logs of several programs
        let filter = if matches!(name, "bsd" | "sshd-journal") { "sshd" } else { name };
        if filter.starts_with("zzz-") {
            continue;
        }
        for options in option_sets(&log) {
            samples.push(Sample { log: log.clone(), filter: format!("filter.d/{filter}.conf{options}") });
        }
    }
    samples
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in folder.read_dir().expect("the package has sample logs") {
        let path = entry.expect("a folder can be read").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The filter options that a sample log names in its comments.
fn option_sets(log: &Path) -> Vec<String> {
    let text = std::fs::read(log).expect("a sample log can be read");
    let text = String::from_utf8_lossy(&text);
    let mut sets = vec![String::new()];
    for line in text.lines().filter(|line| line.starts_with('#')) {
        let line = line.trim_start_matches('#').trim_start();
        let json = line.strip_prefix("fileOptions:").or_else(|| line.strip_prefix("filterOptions:"));
        let Some(Ok(options)) = json.map(serde_json::from_str::<Value>) else { continue };
        let list = if let Value::Array(list) = options { list } else { vec![options] };
        for options in list.iter().filter_map(Value::as_object) {
            let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let given = options.iter().filter(|(key, _)| !key.starts_with("test."));
            let words: Vec<String> =
                given.map(|(key, value)| format!("{key}=\"{}\"", plain(value))).collect();
            let set = if words.is_empty() { String::new() } else { format!("[{}]", words.join(", ")) };
            if !sets.contains(&set) {
                sets.push(set);
            }
        }
    }
    sets
}
