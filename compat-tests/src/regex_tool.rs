//! What fail2ban-regex prints, without what differs from run to run.
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// The zone that runs are given: dates differ from Universal Time there, and summer from winter.
pub const ZONE: &str = "Europe/Berlin";

/// Output without the path of the program, the time it took, the present time, and with Python's sets in order.
pub fn normal(text: &str) -> String {
    let today = today();
    let lines = text.lines().map(|line| match line {
        line if line.starts_with("[processed in ") => "[processed]".to_owned(),
        line if line.starts_with("Usage: ") => {
            line.replace(&line["Usage: ".len()..usage_end(line)], "PROGRAM")
        }
        line => without_clock(&without_present(&with_sorted_sets(line)), &today),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn usage_end(line: &str) -> usize {
    line.find(" [OPTIONS]").expect("a usage line names the options")
}

fn with_sorted_sets(line: &str) -> String {
    const START: &str = "'users': {";
    let Some(at) = line.find(START).map(|at| at + START.len()) else { return line.to_owned() };
    let (mut users, mut rest) = (Vec::new(), &line[at..]);
    while let Some((user, behind)) = quoted(rest) {
        users.push(user);
        rest = behind.strip_prefix(", ").unwrap_or(behind);
    }
    users.sort();
    format!("{}{}{}", &line[..at], users.join(", "), with_sorted_sets(rest))
}

/// A text as Python writes it, at the start of `text`, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut escaped = false;
    let end = text[1..].find(|c| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    Some(text.split_at(end + 2))
}

/// Undated lines have the present time.
fn without_present(line: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_secs_f64();
    let numbers = |c: char| !(c.is_ascii_digit() || c == '.');
    let recent = |word: &&str| {
        word.parse::<f64>().is_ok_and(|time| time.fract() != 0.0 && (time - now).abs() < 1000.0)
    };
    match line.split(numbers).find(recent) {
        Some(time) => line.replace(time, "NOW"),
        None => line.to_owned(),
    }
}

/// Likewise where the time is shown to people.
fn without_clock(line: &str, today: &str) -> String {
    match line.find(today).map(|at| at + today.len()) {
        Some(at) if line.is_char_boundary(at + "00:00:00".len()) => {
            format!("{}NOW{}", &line[..at], &line[at + "00:00:00".len()..])
        }
        _ => line.to_owned(),
    }
}

/// The present date as the tool shows it.
fn today() -> String {
    let mut date = Command::new("date");
    let date = date.arg("+%a %b %d ").env("TZ", ZONE).env("LC_ALL", "C").output();
    String::from_utf8(date.expect("there is date").stdout)
        .expect("it writes ASCII")
        .trim_end_matches('\n')
        .to_owned()
}
