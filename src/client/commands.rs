//! The commands of the server, as the help lists them: one table of words and explanations.

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub enum Line {
    /// Begins a group of commands.
    Group(&'static str),
    /// A command with its parameters, and what it does.
    Command(&'static str, &'static str),
}

use Line::{Command, Group};

/// All commands, in the order of the help.
pub const COMMANDS: &[Line] = &[
    Group("BASIC"),
    Command("start", "start the server with all its jails"),
    Command("restart", "stop the server and start it again"),
    Command(
        "restart [--unban] [--if-exists] <JAIL>",
        "restart one jail, short for 'reload --restart <JAIL>'",
    ),
    Command(
        "reload [--restart] [--unban] [--all]",
        "read the configuration again and apply it to the running server; with '--restart' the jails are \
         stopped and started, with '--unban' their bans are lifted",
    ),
    Command(
        "reload [--restart] [--unban] [--if-exists] <JAIL>",
        "the same for one jail; with '--if-exists' it need not be running",
    ),
    Command("stop", "stop all jails and end the server"),
    Command("unban --all", "lift all bans, in every jail and in the database"),
    Command("unban <IP> ... <IP>", "lift the bans of these addresses, in every jail and in the database"),
    Command("banned", "show all jails with what they have banned"),
    Command("banned <IP> ... <IP>]", "show for each address the jails that have banned it"),
    Command("status", "show which jails are running"),
    Command(
        "status --all [FLAVOR]",
        "show the state of every jail; [FLAVOR] is 'basic' (default), 'cymru', 'short' or 'stats'",
    ),
    Command("stat[istic]s", "show a table with the counters of all jails"),
    Command("ping", "ask whether the server is alive"),
    Command("echo", "for internal use: have the server send the words back"),
    Command("version", "show the version of the server"),
    Group("LOGGING"),
    Command(
        "set loglevel <LEVEL>",
        "log from this level on: CRITICAL, ERROR, WARNING, NOTICE, INFO, DEBUG, TRACEDEBUG, HEAVYDEBUG or a \
         number from 50 to 5",
    ),
    Command("get loglevel", "show the log level"),
    Command("set logtarget <TARGET>", "log to STDOUT, STDERR, SYSLOG, SYSTEMD-JOURNAL or to a file"),
    Command("get logtarget", "show where the log goes"),
    Command("set syslogsocket auto|<SOCKET>", "use this socket when the log goes to SYSLOG"),
    Command("get syslogsocket", "show the socket of the system log"),
    Command("flushlogs", "reopen the log file, for log rotation"),
    Group("DATABASE"),
    Command("set dbfile <FILE>", "keep bans in this file; \"None\" for no database"),
    Command("get dbfile", "show the file of the database"),
    Command("set dbmaxmatches <INT>", "keep at most so many log lines with each ban in the database"),
    Command("get dbmaxmatches", "show how many log lines are kept with each ban in the database"),
    Command("set dbpurgeage <SECONDS>", "forget bans that are older than this"),
    Command("get dbpurgeage", "show after how many seconds bans are forgotten"),
    Group("JAIL CONTROL"),
    Command("add <JAIL> <BACKEND>", "create a jail that reads its log with this backend"),
    Command("start <JAIL>", "start the jail"),
    Command("stop <JAIL>", "stop the jail and remove it"),
    Command(
        "status <JAIL> [FLAVOR]",
        "show the state of the jail; [FLAVOR] is 'basic' (default), 'cymru', 'short' or 'stats'",
    ),
    Group("JAIL CONFIGURATION"),
    Command("set <JAIL> idle on|off", "let the jail pause or go on"),
    Command("set <JAIL> ignoreself true|false", "never ban an address of this machine, or do"),
    Command("set <JAIL> addignoreip <IP>", "never ban this address or network"),
    Command("set <JAIL> delignoreip <IP>", "no longer spare this address or network"),
    Command("set <JAIL> ignorecommand <VALUE>", "ask this command whether to spare an address"),
    Command("set <JAIL> ignorecache <VALUE>", "remember the answers of the ignore command"),
    Command(
        "set <JAIL> addlogpath <FILE> ['tail']",
        "read this log file, from its beginning ('head', default) or its end ('tail')",
    ),
    Command("set <JAIL> dellogpath <FILE>", "no longer read this log file"),
    Command("set <JAIL> logencoding <ENCODING>", "read the log files in this encoding"),
    Command("set <JAIL> addjournalmatch <MATCH>", "also read the journal entries that match"),
    Command("set <JAIL> deljournalmatch <MATCH>", "remove a journal match"),
    Command("set <JAIL> addfailregex <REGEX>", "take lines that match this expression for failures"),
    Command("set <JAIL> delfailregex <INDEX>", "remove the failure expression with this number"),
    Command("set <JAIL> addignoreregex <REGEX>", "never take lines that match this expression for failures"),
    Command("set <JAIL> delignoreregex <INDEX>", "remove the ignore expression with this number"),
    Command("set <JAIL> findtime <TIME>", "count the failures within this time"),
    Command("set <JAIL> bantime <TIME>", "ban for this time"),
    Command("set <JAIL> datepattern <PATTERN>", "find the time of a log line with this pattern"),
    Command("set <JAIL> usedns <VALUE>", "say what to do about host names in log lines"),
    Command("set <JAIL> attempt <IP> [<failure1> ... <failureN>]", "count failures of this address"),
    Command("set <JAIL> banip <IP> ... <IP>", "ban these addresses"),
    Command("set <JAIL> unbanip [--report-absent] <IP> ... <IP>", "lift the bans of these addresses"),
    Command("set <JAIL> maxretry <RETRY>", "ban after so many failures"),
    Command("set <JAIL> maxmatches <INT>", "keep at most so many log lines with each address in memory"),
    Command("set <JAIL> maxlines <LINES>", "match expressions against so many lines at once"),
    Command(
        "set <JAIL> addaction <ACT>[ <PYTHONFILE> <JSONKWARGS>]",
        "add an action: one of commands, or one that a Python file defines",
    ),
    Command("set <JAIL> delaction <ACT>", "remove the action"),
    Group("COMMAND ACTION CONFIGURATION"),
    Command("set <JAIL> action <ACT> actionstart <CMD>", "set the command that prepares the action"),
    Command("set <JAIL> action <ACT> actionstop <CMD>", "set the command that ends the action"),
    Command("set <JAIL> action <ACT> actioncheck <CMD>", "set the command that checks the preparation"),
    Command("set <JAIL> action <ACT> actionban <CMD>", "set the command that bans"),
    Command("set <JAIL> action <ACT> actionunban <CMD>", "set the command that lifts a ban"),
    Command("set <JAIL> action <ACT> timeout <TIMEOUT>", "set how many seconds a command may take"),
    Group("GENERAL ACTION CONFIGURATION"),
    Command("set <JAIL> action <ACT> <PROPERTY> <VALUE>", "set any property of the action"),
    Command("set <JAIL> action <ACT> <METHOD>[ <JSONKWARGS>]", "call a method of the action"),
    Group("JAIL INFORMATION"),
    Command("get <JAIL> banned", "show what the jail has banned"),
    Command("get <JAIL> banned <IP> ... <IP>]", "show 1 for each address that is banned, 0 otherwise"),
    Command("get <JAIL> logpath", "show the log files"),
    Command("get <JAIL> logencoding", "show the encoding of the log files"),
    Command("get <JAIL> journalmatch", "show the journal matches"),
    Command("get <JAIL> ignoreself", "show whether this machine's addresses are spared"),
    Command("get <JAIL> ignoreip", "show the addresses that are spared"),
    Command("get <JAIL> ignorecommand", "show the ignore command"),
    Command("get <JAIL> failregex", "show the failure expressions"),
    Command("get <JAIL> ignoreregex", "show the ignore expressions"),
    Command("get <JAIL> findtime", "show within which time failures count"),
    Command("get <JAIL> bantime", "show how long a ban lasts"),
    Command("get <JAIL> datepattern", "show the pattern of dates"),
    Command("get <JAIL> usedns", "show what is done about host names"),
    Command(
        "get <JAIL> banip [<SEP>|--with-time]",
        "show the banned addresses, the earliest end of a ban first, separated by <SEP> (default a blank) or \
         each with its times",
    ),
    Command("get <JAIL> maxretry", "show after how many failures a ban comes"),
    Command("get <JAIL> maxmatches", "show how many log lines are kept with each address"),
    Command("get <JAIL> maxlines", "show how many lines are matched at once"),
    Command("get <JAIL> actions", "show the actions"),
    Group("COMMAND ACTION INFORMATION"),
    Command("get <JAIL> action <ACT> actionstart", "show the command that prepares the action"),
    Command("get <JAIL> action <ACT> actionstop", "show the command that ends the action"),
    Command("get <JAIL> action <ACT> actioncheck", "show the command that checks the preparation"),
    Command("get <JAIL> action <ACT> actionban", "show the command that bans"),
    Command("get <JAIL> action <ACT> actionunban", "show the command that lifts a ban"),
    Command("get <JAIL> action <ACT> timeout", "show how many seconds a command may take"),
    Group("GENERAL ACTION INFORMATION"),
    Command("get <JAIL> actionproperties <ACT>", "show the names of the action's properties"),
    Command("get <JAIL> actionmethods <ACT>", "show the names of the action's methods"),
    Command("get <JAIL> action <ACT> <PROPERTY>", "show any property of the action"),
];

const INDENT: usize = 4;
/// Width of the column with the commands.
const MARGIN: usize = 41;
/// Width of the column with the explanations.
const WIDTH: usize = 34;

/// The table in two columns: what `--help` shows below `Command:`.
pub fn help() -> String {
    let mut text = String::new();
    for line in COMMANDS {
        let (command, explanation) = match *line {
            Group(name) => ("", name),
            Command(command, explanation) => (command, explanation),
        };
        if command.is_empty() && !text.is_empty() {
            text += "\n";
        }
        let mut left = command;
        if command.len() >= MARGIN {
            text += &format!("{:INDENT$}{command}\n", "");
            left = "";
        }
        for part in wrap(explanation) {
            text += &format!("{:INDENT$}{left:MARGIN$}{part}\n", "");
            left = "";
        }
    }
    text
}

/// Cuts `text` at blanks into lines no longer than [`WIDTH`].
fn wrap(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= WIDTH => *line = format!("{line} {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explanations_stand_in_their_column() {
        let help = help();
        let explanation = |line: &str| line.get(INDENT + MARGIN..).map(str::len);
        for line in help.lines().filter(|line| line.len() > INDENT + MARGIN) {
            assert!(
                explanation(line).is_none_or(|length| length <= WIDTH) || line.starts_with("    set"),
                "{line}"
            );
        }
        assert!(help.starts_with(&format!("{:45}BASIC\n    start  ", "")));
        assert!(help.contains("\n    set <JAIL> unbanip [--report-absent] <IP> ... <IP>\n      "));
        assert!(help.contains(&format!("\n\n{:45}LOGGING\n", "")));
    }
}
