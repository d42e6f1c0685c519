//! Replies as text for humans (COMPAT §9.1): scripts read these texts too, so they are the original's to the byte.

use super::console::level_name;
use super::python::{Raised, index, iterate, join, joined_or_text, sequence, text};
use super::table;
use crate::value::{Exception, Value};

/// A reply made readable.
#[derive(Debug, PartialEq)]
pub enum Beautified {
    Text(String),
    /// The reply is not of the kind that the command promises: shown raw, and worth a complaint.
    Odd(String),
}

/// The text for the `reply` to `command`. `utf8`: whether the terminal can show more than ASCII.
pub fn beautify(command: &[Value], reply: &Value, utf8: bool) -> Beautified {
    // As far as the text has come when the reply turns out odd, it is shown before the raw reply.
    let mut message = reply.clone();
    match compose(command, reply, utf8, &mut message) {
        Ok(()) => Beautified::Text(message.to_text()),
        Err(Raised) => Beautified::Odd(format!("{message}{reply}")),
    }
}

/// The text for the exception with which a server answered; `Err` when even that is odd.
pub fn beautify_error(exception: &Exception) -> Result<String, Raised> {
    let jail = || exception.args.first().ok_or(Raised).and_then(text);
    Ok(match exception.class {
        "UnknownJailException" => format!("Sorry but the jail '{}' does not exist", jail()?),
        "IndexError" => "Sorry but the command is invalid".into(),
        "DuplicateJailException" => format!("The jail '{}' already exists", jail()?),
        _ => exception.message(),
    })
}

fn compose(command: &[Value], reply: &Value, utf8: bool, message: &mut Value) -> Result<(), Raised> {
    let word = |at: usize| command.get(at).and_then(Value::as_str).unwrap_or("");
    let count = command.len();
    match word(0) {
        "ping" => set(message, format!("Server replied: {}", text(reply)?)),
        "version" => {}
        "start" => set(message, "Jail started"),
        "stop" if *reply == Value::None => {
            set(message, if count == 1 { "Shutdown successful" } else { "Jail stopped" });
        }
        "stop" => {}
        "add" => set(message, format!("Added jail {}", text(reply)?)),
        "flushlogs" => set(message, format!("logs: {}", text(reply)?)),
        "echo" => set(message, join(" ", reply)?),
        "status" => status(command, reply, message)?,
        "stats" | "statistics" if !reply.is_true() => set(message, "No jails found."),
        "stats" | "statistics" => set(message, table::statistics(reply, utf8)?),
        _ if count < 2 => {}
        _ => return general(command, reply, message),
    }
    Ok(())
}

fn set(message: &mut Value, text: impl Into<String>) {
    *message = Value::str(text.into());
}

/// Values of the server as a whole.
fn general(command: &[Value], reply: &Value, message: &mut Value) -> Result<(), Raised> {
    let mut headed = |head: &str| -> Result<(), Raised> {
        set(message, head);
        set(message, format!("{head}`- {}", text(reply)?));
        Ok(())
    };
    match command[1].as_str().unwrap_or("") {
        "syslogsocket" => headed("Current syslog socket is:\n"),
        "logtarget" => headed("Current logging target is:\n"),
        "loglevel" => {
            let level = match reply {
                Value::Int(number) => Value::str(level_name(*number)),
                other => other.clone(),
            };
            set(message, format!("Current logging level is {level}"));
            Ok(())
        }
        "dbfile" | "dbpurgeage" if *reply == Value::None => {
            set(message, "Database currently disabled");
            Ok(())
        }
        "dbfile" => headed("Current database file is:\n"),
        "dbpurgeage" => {
            let head = "Current database purge age is:\n";
            set(message, head);
            let seconds = match reply {
                Value::Int(number) => *number,
                Value::Float(number) => *number as i64,
                _ => return Err(Raised),
            };
            set(message, format!("{head}`- {seconds}seconds"));
            Ok(())
        }
        _ if command.len() < 3 => Ok(()),
        _ => of_jail(command, reply, message),
    }
}

/// Values of a jail.
fn of_jail(command: &[Value], reply: &Value, message: &mut Value) -> Result<(), Raised> {
    let jail = &command[1].to_text();
    match command[2].as_str().unwrap_or("") {
        "logpath" | "addlogpath" | "dellogpath" => {
            let lines = ["No file is currently monitored", "Current monitored log file(s):\n"];
            tree(lines, reply, message, |_, path| Ok(text(path)?.to_owned()))
        }
        "logencoding" => {
            let head = "Current log encoding is set to:\n";
            set(message, head);
            set(message, format!("{head}{}", text(reply)?));
            Ok(())
        }
        "journalmatch" | "addjournalmatch" | "deljournalmatch" => journal_match(reply, message),
        "datepattern" => date_pattern(reply, message),
        "ignoreip" | "addignoreip" | "delignoreip" => {
            let lines = ["No IP address/network is ignored", "These IP addresses/networks are ignored:\n"];
            tree(lines, reply, message, |_, address| Ok(address.to_text()))
        }
        "failregex" | "addfailregex" | "delfailregex" | "ignoreregex" | "addignoreregex"
        | "delignoreregex" => {
            let lines =
                ["No regular expression is defined", "The following regular expression are defined:\n"];
            tree(lines, reply, message, |number, regex| Ok(format!("[{number}]: {}", text(regex)?)))
        }
        "actions" => {
            let lines = [
                format!("No actions for jail {jail}"),
                format!("The jail {jail} has the following actions:\n"),
            ];
            names(lines, reply, message)
        }
        kind @ ("actionproperties" | "actionmethods") => {
            let kind = &kind["action".len()..];
            let action = command.get(3).ok_or(Raised)?.to_text();
            let lines = [
                format!("No {kind} for jail {jail} action {action}"),
                format!("The jail {jail} action {action} has the following {kind}:\n"),
            ];
            names(lines, reply, message)
        }
        "banip" if command[0].as_str() == Some("get") => ban_list(command, reply, message),
        _ => Ok(()),
    }
}

/// Number of items, where Python knows one.
fn length(reply: &Value) -> Result<usize, Raised> {
    iterate(reply).map(|items| items.len())
}

/// A list as a tree: one item per line.
fn tree(
    [none, head]: [&str; 2],
    reply: &Value,
    message: &mut Value,
    show: impl Fn(usize, &Value) -> Result<String, Raised>,
) -> Result<(), Raised> {
    if length(reply)? == 0 {
        set(message, none);
        return Ok(());
    }
    let mut text = head.to_owned();
    set(message, text.as_str());
    let items = sequence(reply)?;
    for (number, item) in items.iter().enumerate() {
        let shown = show(number, item)?;
        let last = number + 1 == items.len();
        text += &if last { format!("`- {shown}") } else { format!("|- {shown}\n") };
        set(message, text.as_str());
    }
    Ok(())
}

/// A list of names on one line.
fn names([none, head]: [String; 2], reply: &Value, message: &mut Value) -> Result<(), Raised> {
    if length(reply)? == 0 {
        set(message, none);
        return Ok(());
    }
    set(message, head.as_str());
    set(message, head + &join(", ", reply)?);
    Ok(())
}

fn journal_match(reply: &Value, message: &mut Value) -> Result<(), Raised> {
    if length(reply)? == 0 {
        set(message, "No journal match filter set");
        return Ok(());
    }
    let head = "Current match filter:\n";
    set(message, head);
    let groups: Result<Vec<String>, Raised> = iterate(reply)?.iter().map(|words| join(" ", words)).collect();
    set(message, format!("{head}{}", groups?.join(" + ")));
    Ok(())
}

fn date_pattern(reply: &Value, message: &mut Value) -> Result<(), Raised> {
    let head = "Current date pattern set to: ";
    set(message, head);
    let shown = match reply {
        Value::None => "Not set/required".to_owned(),
        _ if index(reply, 0)? == Value::None => index(reply, 1)?.to_text(),
        Value::Tuple(items) if items.len() == 2 => format!("{} ({})", items[0].to_text(), items[1].to_text()),
        _ => return Err(Raised),
    };
    set(message, format!("{head}{shown}"));
    Ok(())
}

fn ban_list(command: &[Value], reply: &Value, message: &mut Value) -> Result<(), Raised> {
    if let Value::List(_) = reply {
        let separator = match command.get(3).map(Value::to_text) {
            None => " ".to_owned(),
            Some(word) if word == "--with-time" => "\n".to_owned(),
            Some(separator) => separator,
        };
        set(message, join(&separator, reply)?);
    }
    Ok(())
}

fn status(command: &[Value], reply: &Value, message: &mut Value) -> Result<(), Raised> {
    let mut lines = Vec::new();
    let result = match command.get(1) {
        Some(jail) if jail.as_str() != Some("--all") => {
            lines.push(format!("Status for the jail: {}", jail.to_text()));
            jail_status(reply, "", &mut lines)
        }
        all => server_status(reply, all.is_some(), &mut lines),
    };
    match result {
        Ok(()) => set(message, lines.join("\n")),
        // What has been composed so far, unless it failed before it began.
        Err(Raised) if !lines.is_empty() => *message = Value::strings(lines),
        Err(Raised) => {}
    }
    result
}

/// The server's own lines; with `all` the reply ends with the status of every jail.
fn server_status(reply: &Value, all: bool, lines: &mut Vec<String>) -> Result<(), Raised> {
    let mut facts = sequence_or_iterate(reply, all)?;
    let jails = if all { facts.pop().ok_or(Raised)? } else { Value::None };
    lines.push("Status".to_owned());
    for (number, fact) in facts.iter().enumerate() {
        let last = number + 1 == facts.len() && !jails.is_true();
        let branch = if last { "`-" } else { "|-" };
        let shown = joined_or_text(&index(fact, 1)?);
        lines.push(format!("{branch} {}:\t{shown}", index(fact, 0)?.to_text()));
    }
    if !jails.is_true() {
        return Ok(());
    }
    lines.push("`- Status for the jails:".to_owned());
    let Value::Dict(jails) = &jails else { return Err(Raised) };
    for (number, (name, facts)) in jails.iter().enumerate() {
        let last = number + 1 == jails.len();
        lines.push(format!("   {} Jail: {}", if last { "`-" } else { "|-" }, name.to_text()));
        jail_status(facts, if last { "      " } else { "   |  " }, lines)?;
    }
    Ok(())
}

fn sequence_or_iterate(reply: &Value, sliced: bool) -> Result<Vec<Value>, Raised> {
    if sliced { sequence(reply) } else { iterate(reply) }
}

/// The two groups of facts about a jail.
fn jail_status(reply: &Value, prefix: &str, lines: &mut Vec<String>) -> Result<(), Raised> {
    let groups = iterate(reply)?;
    for (number, group) in groups.iter().enumerate() {
        let last = number + 1 == groups.len();
        lines.push(format!("{prefix}{} {}", if last { "`-" } else { "|-" }, index(group, 0)?.to_text()));
        let facts = iterate(&index(group, 1)?)?;
        for (number, fact) in facts.iter().enumerate() {
            let stem = if last { "   " } else { "|  " };
            let branch = if number + 1 == facts.len() { "`-" } else { "|-" };
            let shown = joined_or_text(&index(fact, 1)?);
            lines.push(format!("{prefix}{stem}{branch} {}:\t{shown}", index(fact, 0)?.to_text()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
