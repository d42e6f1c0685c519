//! The options of fail2ban-client and fail2ban-server (COMPAT §1.1): one table from which parsing, help and
//! documentation are derived.

use super::commands;
use crate::version;

/// Which of the two programs runs: they share their options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Client,
    Server,
}

/// What an option is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Id {
    Conf,
    Socket,
    Pidfile,
    Pname,
    Loglevel,
    Logtarget,
    Syslogsocket,
    Dump,
    DumpPretty,
    Test,
    Interactive,
    Verbose,
    Quiet,
    Force,
    Background,
    Foreground,
    Async,
    Timeout,
    Str2sec,
    Strict,
    Help,
    Version,
    VersionShort,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    pub short: Option<(char, Id)>,
    pub long: &'static [(&'static str, Id)],
    /// How the help calls its value; `None` for an option without value.
    pub value: Option<&'static str>,
    pub help: &'static str,
}

const fn flag(short: Option<(char, Id)>, long: &'static [(&'static str, Id)], help: &'static str) -> Flag {
    Flag { short, long, value: None, help }
}

const fn with_value(
    short: Option<(char, Id)>,
    long: &'static [(&'static str, Id)],
    value: &'static str,
    help: &'static str,
) -> Flag {
    Flag { short, long, value: Some(value), help }
}

/// All options, in the order of the help.
pub const FLAGS: &[Flag] = &[
    with_value(Some(('c', Id::Conf)), &[("conf", Id::Conf)], " <DIR>", "configuration directory"),
    with_value(Some(('s', Id::Socket)), &[("socket", Id::Socket)], " <FILE>", "socket path"),
    with_value(Some(('p', Id::Pidfile)), &[("pidfile", Id::Pidfile)], " <FILE>", "pidfile path"),
    with_value(
        None,
        &[("pname", Id::Pname)],
        " <NAME>",
        "name of the process (main thread) to identify instance (default fail2ban-server)",
    ),
    with_value(None, &[("loglevel", Id::Loglevel)], " <LEVEL>", "logging level"),
    with_value(
        None,
        &[("logtarget", Id::Logtarget)],
        " <TARGET>",
        "logging target, use file-name or stdout, stderr, syslog or sysout.",
    ),
    with_value(None, &[("syslogsocket", Id::Syslogsocket)], " auto|<FILE>", ""),
    flag(Some(('d', Id::Dump)), &[], "dump configuration. For debugging"),
    flag(
        None,
        &[("dp", Id::DumpPretty), ("dump-pretty", Id::DumpPretty)],
        "dump the configuration using more human readable representation",
    ),
    flag(
        Some(('t', Id::Test)),
        &[("test", Id::Test)],
        "test configuration (can be also specified with start parameters)",
    ),
    flag(Some(('i', Id::Interactive)), &[], "interactive mode"),
    flag(Some(('v', Id::Verbose)), &[], "increase verbosity"),
    flag(Some(('q', Id::Quiet)), &[], "decrease verbosity"),
    flag(Some(('x', Id::Force)), &[], "force execution of the server (remove socket file)"),
    flag(Some(('b', Id::Background)), &[], "start server in background (default)"),
    flag(Some(('f', Id::Foreground)), &[], "start server in foreground"),
    flag(
        None,
        &[("async", Id::Async)],
        "start server in async mode (for internal usage only, don't read configuration)",
    ),
    with_value(
        None,
        &[("timeout", Id::Timeout)],
        "",
        "timeout to wait for the server (for internal usage only, don't read configuration)",
    ),
    with_value(None, &[("str2sec", Id::Str2sec)], " <STRING>", "convert time abbreviation format to seconds"),
    flag(None, &[("strict", Id::Strict)], "with -t: also check what only the server would notice"),
    flag(Some(('h', Id::Help)), &[("help", Id::Help)], "display this help message"),
    flag(
        Some(('V', Id::VersionShort)),
        &[("version", Id::Version)],
        "print the version (-V returns machine-readable short format)",
    ),
];

impl Flag {
    /// `-c, --conf <DIR>`
    pub fn left_column(&self) -> String {
        let short = self.short.iter().map(|(c, _)| format!("-{c}"));
        let long = self.long.iter().map(|(name, _)| format!("--{name}"));
        short.chain(long).collect::<Vec<_>>().join(", ") + self.value.unwrap_or("")
    }
}

/// A command line taken apart: options with their values (empty where they have none), then words.
#[derive(Debug, Default, PartialEq)]
pub struct Parsed {
    pub options: Vec<(Id, String)>,
    pub words: Vec<String>,
}

/// The command line cannot be understood: the usage says what would be.
#[derive(Debug, PartialEq)]
pub struct Misuse;

/// Takes a command line apart as POSIX `getopt` does: options end at the first word, at `-` or behind `--`;
/// short ones may be joined, long ones abbreviated.
pub fn parse(args: &[String]) -> Result<Parsed, Misuse> {
    let mut parsed = Parsed::default();
    let mut args = args.iter().map(String::as_str);
    while let Some(arg) = args.clone().next() {
        if arg == "-" || !arg.starts_with('-') {
            break;
        }
        args.next();
        match arg.strip_prefix("--") {
            Some("") => break,
            Some(long) => parsed.options.push(parse_long(long, &mut args)?),
            None => parse_short(&arg[1..], &mut args, &mut parsed.options)?,
        }
    }
    parsed.words = args.map(str::to_owned).collect();
    Ok(parsed)
}

fn parse_long<'a>(text: &str, rest: &mut impl Iterator<Item = &'a str>) -> Result<(Id, String), Misuse> {
    let (name, given) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    let (id, takes_value) = find_long(name)?;
    match (takes_value, given) {
        (true, Some(value)) => Ok((id, value.to_owned())),
        (true, None) => rest.next().map(|value| (id, value.to_owned())).ok_or(Misuse),
        (false, Some(_)) => Err(Misuse),
        (false, None) => Ok((id, String::new())),
    }
}

/// The option of that name, or the only one whose name begins so.
fn find_long(name: &str) -> Result<(Id, bool), Misuse> {
    let all = || {
        FLAGS
            .iter()
            .flat_map(|flag| flag.long.iter().map(move |(name, id)| (*name, *id, flag.value.is_some())))
    };
    if let Some((_, id, takes_value)) = all().find(|(long, ..)| *long == name) {
        return Ok((id, takes_value));
    }
    // An option of ours must not make an abbreviation ambiguous that people use: it has none itself.
    let mut found = all().filter(|(long, id, _)| long.starts_with(name) && *id != Id::Strict);
    match (found.next(), found.next()) {
        (Some((_, id, takes_value)), None) => Ok((id, takes_value)),
        _ => Err(Misuse),
    }
}

fn parse_short<'a>(
    letters: &str,
    rest: &mut impl Iterator<Item = &'a str>,
    options: &mut Vec<(Id, String)>,
) -> Result<(), Misuse> {
    for (at, letter) in letters.char_indices() {
        let is_it = |flag: &&Flag| flag.short.is_some_and(|(short, _)| short == letter);
        let flag = FLAGS.iter().find(is_it).ok_or(Misuse)?;
        let Some((_, id)) = flag.short else { return Err(Misuse) };
        if flag.value.is_none() {
            options.push((id, String::new()));
            continue;
        }
        let joined = &letters[at + letter.len_utf8()..];
        let value = if joined.is_empty() { rest.next().ok_or(Misuse)? } else { joined };
        options.push((id, value.to_owned()));
        break;
    }
    Ok(())
}

/// The text of `--help` for the program called `name`.
pub fn usage(program: Program, name: &str) -> String {
    let command = if program == Program::Client { " <COMMAND>" } else { "" };
    let mut text = format!("Usage: {name} [OPTIONS]{command}\n\n{}\n\nOptions:\n", banner());
    for flag in FLAGS {
        text += format!("    {:<23} {}", flag.left_column(), flag.help).trim_end();
        text += "\n";
    }
    if program == Program::Client {
        text += "\nCommand:\n";
        text += &commands::help();
    }
    text + "\nReport bugs to https://github.com/fail2ban/fail2ban/issues"
}

/// Two lines that say what this is.
pub fn banner() -> String {
    format!(
        "Fail2Ban v{} reads log file that contains password failure report\n\
         and bans the corresponding IP addresses using firewall rules.",
        version::reported()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Parsed, Misuse> {
        parse(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    fn options(line: &str) -> Vec<(Id, String)> {
        parsed(line).expect("a good command line").options
    }

    #[test]
    fn options_stop_at_the_first_word() {
        let found = parsed("-vc /etc/x --sock=/s reload --restart -x").unwrap();
        let expected = [(Id::Verbose, ""), (Id::Conf, "/etc/x"), (Id::Socket, "/s")];
        assert_eq!(found.options, expected.map(|(id, value)| (id, value.to_owned())));
        assert_eq!(found.words, ["reload", "--restart", "-x"]);
        assert_eq!(parsed("-v -- -x").unwrap().words, ["-x"]);
        assert_eq!(parsed("- -x").unwrap().words, ["-", "-x"]);
    }

    #[test]
    fn long_names_may_be_abbreviated() {
        assert_eq!(options("--loglev DEBUG"), [(Id::Loglevel, "DEBUG".into())]);
        assert_eq!(options("--str 1h"), [(Id::Str2sec, "1h".into())]);
        assert_eq!(options("--strict"), [(Id::Strict, String::new())]);
        assert_eq!(options("--dump"), [(Id::DumpPretty, String::new())]);
        assert_eq!(options("-c/x -V"), [(Id::Conf, "/x".into()), (Id::VersionShort, String::new())]);
    }

    #[test]
    fn misuse_is_refused() {
        for line in
            ["-z", "--nonsense", "--log x", "--d", "--p x", "-c", "--conf", "--test=1", "-vz", "--stri"]
        {
            assert_eq!(parsed(line), Err(Misuse), "{line}");
        }
    }

    #[test]
    fn help_is_laid_out_in_columns() {
        let text = usage(Program::Server, "fail2ban-server");
        assert!(text.starts_with("Usage: fail2ban-server [OPTIONS]\n\nFail2Ban v"));
        assert!(text.contains("\n    -c, --conf <DIR>        configuration directory\n"));
        assert!(text.contains("\n    --syslogsocket auto|<FILE>\n"));
        assert!(text.contains("\n    --timeout               timeout"));
        assert!(!text.contains("Command:"));
        assert!(usage(Program::Client, "c").contains("\n    ping                                     "));
    }
}
