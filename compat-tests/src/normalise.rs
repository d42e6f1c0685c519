//! Texts without what differs from run to run.
use std::path::Path;

/// A fail2ban log without times, process ids, object ids and the sandbox's own folder: `TIME
/// fail2ban.actions        [PID]: NOTICE  [j] Ban 192.0.2.1`.
pub fn log(text: &str, folder: &Path) -> String {
    let folder = folder.to_string_lossy();
    text.lines().map(|line| log_line(&line.replace(&*folder, "DIR")) + "\n").collect()
}

fn log_line(line: &str) -> String {
    let Some(rest) = without_time(line) else { return line.to_owned() };
    let Some((logger, rest)) = rest.split_once('[') else { return format!("TIME {rest}") };
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("TIME {logger}[PID{}", hex_id(rest))
}

/// The line after `2026-11-22 10:05:32,215 `, if that is how it starts.
fn without_time(line: &str) -> Option<&str> {
    const FORM: &[u8] = b"0000-00-00 00:00:00,000 ";
    let fits = |(c, form): (u8, &u8)| if *form == b'0' { c.is_ascii_digit() } else { c == *form };
    (line.len() >= FORM.len() && line.bytes().zip(FORM).all(fits)).then(|| &line[FORM.len()..])
}

/// `7f0123abcdef -- returned 1` → `ID -- returned 1`: the id of a command object in messages about it.
fn hex_id(rest: &str) -> String {
    let Some((before, after)) = rest.split_once(" -- ") else { return rest.to_owned() };
    let (start, id) = before.rsplit_once(' ').unwrap_or(("", before));
    if id.len() >= 6 && id.bytes().all(|c| c.is_ascii_hexdigit()) {
        return format!("{start} ID -- {after}");
    }
    rest.to_owned()
}

/// `2026-11-23 16:00:00` becomes `TIME`, wherever it stands.
pub fn times(text: &str) -> String {
    const FORM: &[u8] = b"0000-00-00 00:00:00";
    let mut shown = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let fits = |(c, form): (u8, &u8)| if *form == b'0' { c.is_ascii_digit() } else { c == *form };
        if rest.len() >= FORM.len() && rest.bytes().zip(FORM).all(fits) {
            shown += "TIME";
            rest = &rest[FORM.len()..];
        } else {
            shown.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    shown
}

/// A listing of `iptables -S`, `nft list ruleset` or `ipset list` without countdowns, packet counters, sizes and
/// random seeds.
pub fn rules(listing: &str) -> String {
    let dropped = ["Size in memory", "References", "Revision"];
    let kept = listing.lines().filter(|line| !dropped.iter().any(|start| line.starts_with(start)));
    kept.map(|line| stable_words(line) + "\n").collect()
}

/// The line without the words that change by themselves.
fn stable_words(line: &str) -> String {
    let unindented = line.trim_start();
    let indentation = &line[..line.len() - unindented.len()];
    let is_element = !line.contains(": ") && indentation.is_empty();
    let words: Vec<&str> = unindented.split(' ').collect();
    let mut kept: Vec<&str> = Vec::with_capacity(words.len());
    let mut i = 0;
    while i < words.len() {
        i += match (words[i], words.get(i + 1)) {
            ("expires" | "initval", Some(_)) => 2,
            ("timeout", Some(_)) if is_element => 2,
            ("counter", Some(&"packets")) => 5,
            (word, _) => {
                kept.push(word);
                1
            }
        };
    }
    format!("{indentation}{}", kept.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_lines_lose_what_changes() {
        let line = "2026-11-22 10:05:32,215 fail2ban.actions        [13395]: NOTICE  [j2] Ban 198.51.100.7";
        let shown = log(line, Path::new("/tmp/x"));
        assert_eq!(shown, "TIME fail2ban.actions        [PID]: NOTICE  [j2] Ban 198.51.100.7\n");
        let line = "2026-11-22 10:05:32,215 fail2ban.utils          [1]: ERROR   7f12ab34cd56 -- returned 1";
        assert_eq!(
            log(line, Path::new("/tmp/x")),
            "TIME fail2ban.utils          [PID]: ERROR   ID -- returned 1\n"
        );
        assert_eq!(log("not a log line", Path::new("/tmp/x")), "not a log line\n");
    }

    #[test]
    fn rules_lose_what_changes_by_itself() {
        assert_eq!(rules("192.0.2.1 timeout 598"), "192.0.2.1\n");
        assert_eq!(rules("2001:db8::1 timeout 598"), "2001:db8::1\n");
        assert_eq!(rules("Header: family inet timeout 600 initval 0x1"), "Header: family inet timeout 600\n");
        assert_eq!(
            rules("\t\telements = { 192.0.2.1 timeout 1m expires 59s870ms }"),
            "\t\telements = { 192.0.2.1 timeout 1m }\n"
        );
        assert_eq!(rules("\t\tcounter packets 1 bytes 60 drop"), "\t\tdrop\n");
        assert_eq!(rules("\tip saddr @x counter packets 1 bytes 60 drop"), "\tip saddr @x drop\n");
    }
}
