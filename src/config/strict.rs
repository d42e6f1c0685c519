//! What upstream silently accepts in files: options that nobody reads, and options emptied by mistake
//! (`--strict`).

use super::general;
use super::ini::DEFAULT;
use super::jail::Jail;
use super::raw::{Config, KNOWN};
use std::collections::HashSet;

/// Complaints, each with `file:line` in front.
pub fn complaints(general: &Config, config: &Config, jails: &[Jail]) -> Vec<String> {
    let mut complaints = Vec::new();
    let used = references(general);
    for section in ["Definition", DEFAULT, "Thread"] {
        unknown(general, section, &used, general::option_names(), &mut complaints);
    }
    let used = references(config);
    unknown(config, DEFAULT, &used, Jail::option_names(), &mut complaints);
    for jail in jails {
        unknown(config, &jail.name, &used, Jail::option_names(), &mut complaints);
        emptied(config, jail, &mut complaints);
        without_logs(config, jail, &mut complaints);
    }
    complaints
}

/// The names that occur in references, without the section in front, in lower case.
fn references(config: &Config) -> HashSet<String> {
    let mut names = HashSet::new();
    for entry in config.sections.values().chain([&config.defaults]).flat_map(|section| section.values()) {
        for part in entry.value.as_str().unwrap_or_default().split("%(").skip(1) {
            let name = part.split(')').next().unwrap_or_default();
            names.insert(name.rsplit('/').next().unwrap_or_default().to_lowercase());
        }
    }
    names
}

/// Options that nobody reads or refers to. Those of all sections may wait for somebody who refers to them: only
/// what looks like a slip of the pen counts there.
fn unknown(
    config: &Config,
    section: &str,
    used: &HashSet<String>,
    known: impl Iterator<Item = &'static str> + Clone,
    complaints: &mut Vec<String>,
) {
    for (name, entry) in config.options_of(section).into_iter().flatten() {
        if entry.source.is_none() || used.contains(&**name) || known.clone().any(|option| option == &**name) {
            continue;
        }
        let meant = known.clone().find(|option| is_similar(name, option));
        if meant.is_none() && section == DEFAULT {
            continue;
        }
        let question = meant.map(|option| format!(" (did you mean '{option}'?)")).unwrap_or_default();
        let place = entry.origin(0);
        complaints.push(format!("{place}: unknown option '{name}' in section '{section}'{question}"));
    }
}

/// Whether two names differ by at most two characters added, left out or replaced.
fn is_similar(name: &str, option: &str) -> bool {
    if option.len() < 5 || name.len().abs_diff(option.len()) > 2 {
        return false;
    }
    // Distances of all starts of `option` to the start of `name` seen so far.
    let mut distances: Vec<usize> = (0..=option.len()).collect();
    for (row, a) in name.bytes().enumerate() {
        let mut diagonal = row;
        distances[0] = row + 1;
        for (column, b) in option.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = distances[column + 1];
            distances[column + 1] = replaced.min(diagonal + 1).min(distances[column] + 1);
        }
    }
    distances[option.len()] <= 2
}

/// Options of a jail that are set to nothing although an earlier file, `[DEFAULT]` or the filter has a value.
fn emptied(config: &Config, jail: &Jail, complaints: &mut Vec<String>) {
    let known = config.sections.get(&*format!("{KNOWN}{}", jail.name));
    for (name, entry) in config.options_of(&jail.name).into_iter().flatten() {
        if entry.source.is_none() || entry.value.as_str() != Some("") {
            continue;
        }
        let earlier = known.and_then(|known| known.get(name)).or_else(|| config.defaults.get(name)).cloned();
        let lost = earlier.or_else(|| jail.filter_entry(name)).filter(|lost| lost.value.as_str() != Some(""));
        if let Some(lost) = lost {
            let (jail, place) = (&jail.name, lost.origin(0));
            let text = format!("option '{name}' of jail '{jail}' is emptied: its value from {place} is lost");
            complaints.push(format!("{}: {text}", entry.origin(0)));
        }
    }
}

/// Patterns of log files that match none, in a jail that reads files.
fn without_logs(config: &Config, jail: &Jail, complaints: &mut Vec<String>) {
    for (line, pattern) in jail.patterns_without_log() {
        let place = config.entry(&jail.name, "logpath").map(|entry| format!("{}: ", entry.origin(line)));
        complaints.push(format!("{}log path {pattern} matches nothing", place.unwrap_or_default()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_pen() {
        for (name, option, similar) in [
            ("bantmie", "bantime", true),
            ("maxretries", "maxretry", false),
            ("maxretrys", "maxretry", true),
            ("logpaths", "logpath", true),
            ("action_mw", "action", false),
            ("bantime.incremet", "bantime.increment", true),
        ] {
            assert_eq!(is_similar(name, option), similar, "{name}");
        }
    }
}
