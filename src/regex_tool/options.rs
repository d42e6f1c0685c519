//! The command line: one table of options, read as Python's optparse does (COMPAT §1.4).

use super::Exit;
use crate::value::Value;

/// What the command line says.
#[derive(Clone, Debug)]
pub struct Options {
    pub config: String,
    pub datepattern: Option<String>,
    pub timezone: Option<String>,
    pub encoding: String,
    pub raw: bool,
    pub usedns: Option<String>,
    pub maxlines: i64,
    pub journalmatch: Option<String>,
    pub log_level: String,
    pub verbose: i64,
    pub verbose_date: bool,
    pub debuggex: bool,
    pub no_check_all: bool,
    pub out: Option<String>,
    pub invert: bool,
    pub print_no_missed: bool,
    pub print_no_ignored: bool,
    pub print_all_matched: bool,
    pub print_all_missed: bool,
    pub print_all_ignored: bool,
    /// Accepted; there are no tracebacks to show.
    pub log_traceback: bool,
    pub full_traceback: bool,
    pub profile: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            config: "/etc/fail2ban".to_owned(),
            datepattern: None,
            timezone: None,
            encoding: preferred_encoding(),
            raw: false,
            usedns: None,
            maxlines: 0,
            journalmatch: None,
            log_level: "critical".to_owned(),
            verbose: 0,
            verbose_date: false,
            debuggex: false,
            no_check_all: false,
            out: None,
            invert: false,
            print_no_missed: false,
            print_no_ignored: false,
            print_all_matched: false,
            print_all_missed: false,
            print_all_ignored: false,
            log_traceback: false,
            full_traceback: false,
            profile: false,
        }
    }
}

/// The locale's encoding; UTF-8 unless it names another one.
fn preferred_encoding() -> String {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
    match locale.split_once('.') {
        Some((_, encoding)) if !encoding.to_lowercase().starts_with("utf") => {
            encoding.split('@').next().unwrap_or(encoding).to_owned()
        }
        _ => "UTF-8".to_owned(),
    }
}

/// What an option does with its value.
enum Kind {
    Flag(fn(&mut Options)),
    Text(&'static str, fn(&mut Options, String)),
    Number(&'static str, fn(&mut Options, i64)),
    Version,
    Help,
    NormalisedVersion,
}

struct Spec {
    short: Option<char>,
    long: &'static [&'static str],
    kind: Kind,
    help: &'static str,
}

const fn spec(short: Option<char>, long: &'static [&'static str], kind: Kind, help: &'static str) -> Spec {
    Spec { short, long, kind, help }
}

use Kind::{Flag, Number, Text};

const SPECS: &[Spec] = &[
    spec(None, &["version"], Kind::Version, "show program's version number and exit"),
    spec(Some('h'), &["help"], Kind::Help, "show this help message and exit"),
    spec(Some('c'), &["config"], Text("CONFIG", |o, v| o.config = v), "set alternate config directory"),
    spec(
        Some('d'),
        &["datepattern"],
        Text("DATEPATTERN", |o, v| o.datepattern = Some(v)),
        "set custom pattern used to match date/times",
    ),
    spec(
        None,
        &["timezone", "TZ"],
        Text("TIMEZONE", |o, v| o.timezone = Some(v)),
        "set time-zone used by convert time format",
    ),
    spec(
        Some('e'),
        &["encoding"],
        Text("ENCODING", |o, v| o.encoding = v),
        "File encoding. Default: system locale",
    ),
    spec(Some('r'), &["raw"], Flag(|o| o.raw = true), "Raw hosts, don't resolve dns"),
    spec(
        None,
        &["usedns"],
        Text("USEDNS", |o, v| o.usedns = Some(v)),
        "DNS specified replacement of tags <HOST> in regexp ('yes' - matches all form of hosts, 'no' - IP addresses only)",
    ),
    spec(
        Some('L'),
        &["maxlines"],
        Number("MAXLINES", |o, v| o.maxlines = v),
        "maxlines for multi-line regex.",
    ),
    spec(
        Some('m'),
        &["journalmatch"],
        Text("JOURNALMATCH", |o, v| o.journalmatch = Some(v)),
        "journalctl style matches overriding filter file. \"systemd-journal\" only",
    ),
    spec(
        Some('l'),
        &["log-level"],
        Text("LOG_LEVEL", |o, v| o.log_level = v),
        "Log level for the Fail2Ban logger to use",
    ),
    spec(Some('V'), &[], Kind::NormalisedVersion, "get version in machine-readable short format"),
    spec(Some('v'), &["verbose"], Flag(|o| o.verbose += 1), "Increase verbosity"),
    spec(
        None,
        &["verbosity"],
        Number("VERBOSE", |o, v| o.verbose = v),
        "Set numerical level of verbosity (0..4)",
    ),
    spec(
        None,
        &["verbose-date", "VD"],
        Flag(|o| o.verbose_date = true),
        "Verbose date patterns/regex in output",
    ),
    spec(
        Some('D'),
        &["debuggex"],
        Flag(|o| o.debuggex = true),
        "Produce debuggex.com urls for debugging there",
    ),
    spec(None, &["no-check-all"], Flag(|o| o.no_check_all = true), "Disable check for all regex's"),
    spec(
        Some('o'),
        &["out"],
        Text("OUT", |o, v| o.out = Some(v)),
        "Set token to print failure information only (row, id, ip, msg, host, ip4, ip6, dns, matches, ...)",
    ),
    spec(
        Some('i'),
        &["invert"],
        Flag(|o| o.invert = true),
        "Invert the sense of matching, to output non-matching lines.",
    ),
    spec(None, &["print-no-missed"], Flag(|o| o.print_no_missed = true), "Do not print any missed lines"),
    spec(None, &["print-no-ignored"], Flag(|o| o.print_no_ignored = true), "Do not print any ignored lines"),
    spec(None, &["print-all-matched"], Flag(|o| o.print_all_matched = true), "Print all matched lines"),
    spec(
        None,
        &["print-all-missed"],
        Flag(|o| o.print_all_missed = true),
        "Print all missed lines, no matter how many",
    ),
    spec(
        None,
        &["print-all-ignored"],
        Flag(|o| o.print_all_ignored = true),
        "Print all ignored lines, no matter how many",
    ),
    spec(
        Some('t'),
        &["log-traceback"],
        Flag(|o| o.log_traceback = true),
        "Enrich log-messages with compressed tracebacks",
    ),
    spec(
        None,
        &["full-traceback"],
        Flag(|o| o.full_traceback = true),
        "Either to make the tracebacks full, not compressed (as by default)",
    ),
    spec(
        None,
        &["profile"],
        Flag(|o| o.profile = true),
        "Show the share of time, the engine and the required literals of each regex",
    ),
];

impl Kind {
    fn metavar(&self) -> Option<&'static str> {
        match self {
            Text(metavar, _) | Number(metavar, _) => Some(metavar),
            _ => None,
        }
    }
}

/// Reads the arguments: options (anywhere among them) and the rest.
pub fn parse(name: &str, args: &[String]) -> Result<(Options, Vec<String>), Exit> {
    let mut options = Options::default();
    let mut words = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut apply =
            |shown: &str, spec: &Spec, value: Option<String>, rest: &mut std::slice::Iter<String>| {
                apply(name, &mut options, shown, spec, value, rest)
            };
        if arg == "--" {
            words.extend(args.by_ref().cloned());
        } else if let Some(long) = arg.strip_prefix("--") {
            let (given, value) = match long.split_once('=') {
                Some((given, value)) => (given, Some(value.to_owned())),
                None => (long, None),
            };
            let (full, spec) = find_long(name, given)?;
            apply(&format!("--{full}"), spec, value, &mut args)?;
        } else if arg.starts_with('-') && arg.len() > 1 {
            let mut cluster = arg[1..].chars();
            while let Some(letter) = cluster.next() {
                let spec = SPECS.iter().find(|s| s.short == Some(letter));
                let spec = spec.ok_or_else(|| error(name, &format!("no such option: -{letter}")))?;
                let attached = cluster.as_str();
                let takes = spec.kind.metavar().is_some();
                let value = (takes && !attached.is_empty()).then(|| attached.to_owned());
                apply(&format!("-{letter}"), spec, value, &mut args)?;
                if takes {
                    break;
                }
            }
        } else {
            words.push(arg.clone());
        }
    }
    Ok((options, words))
}

/// The option of this name or unique abbreviation.
fn find_long(program: &str, given: &str) -> Result<(&'static str, &'static Spec), Exit> {
    let all = || SPECS.iter().flat_map(|spec| spec.long.iter().map(move |name| (*name, spec)));
    if let Some(exact) = all().find(|(name, _)| *name == given) {
        return Ok(exact);
    }
    let mut possible: Vec<_> = all().filter(|(name, _)| name.starts_with(given)).collect();
    possible.sort_by_key(|(name, _)| *name);
    match possible.as_slice() {
        [one] => Ok(*one),
        [] => Err(error(program, &format!("no such option: --{given}"))),
        many => {
            let names: Vec<String> = many.iter().map(|(name, _)| format!("--{name}")).collect();
            Err(error(program, &format!("ambiguous option: --{given} ({}?)", names.join(", "))))
        }
    }
}

fn apply(
    program: &str,
    options: &mut Options,
    shown: &str,
    spec: &Spec,
    value: Option<String>,
    rest: &mut std::slice::Iter<String>,
) -> Result<(), Exit> {
    if spec.kind.metavar().is_none() && value.is_some() {
        return Err(error(program, &format!("{shown} option does not take a value")));
    }
    let mut value = || {
        let missing = || error(program, &format!("{shown} option requires 1 argument"));
        value.clone().or_else(|| rest.next().cloned()).ok_or_else(missing)
    };
    match &spec.kind {
        Flag(set) => set(options),
        Text(_, set) => set(options, value()?),
        Number(_, set) => {
            let text = value()?;
            let wrong = || {
                let text = Value::str(&*text);
                error(program, &format!("option {shown}: invalid integer value: {text}"))
            };
            set(options, number(&text).ok_or_else(wrong)?);
        }
        Kind::Version => {
            return Err(Exit::ok(format!("{} {}\n", base(program), crate::version::reported())));
        }
        Kind::Help => return Err(Exit::ok(help(program))),
        Kind::NormalisedVersion => return Err(Exit::ok(format!("{}\n", crate::version::normalised()))),
    }
    Ok(())
}

/// A number as optparse reads it: decimal, `0x…`, `0b…`, or octal with a leading zero.
fn number(text: &str) -> Option<i64> {
    let lower = text.to_lowercase();
    let radix =
        |digits: &str, radix| i64::from_str_radix(if digits.is_empty() { "0" } else { digits }, radix).ok();
    match (lower.strip_prefix("0x"), lower.strip_prefix("0b")) {
        (Some(digits), _) => radix(digits, 16),
        (_, Some(digits)) => radix(digits, 2),
        _ if lower.starts_with('0') => radix(&lower, 8),
        _ => text.trim().parse().ok(),
    }
}

fn base(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

fn usage(program: &str) -> String {
    format!("Usage: {program} [OPTIONS] <LOG> <REGEX> [IGNOREREGEX]\n")
}

/// A wrong command line: usage and error on stderr, exit status 2.
fn error(program: &str, text: &str) -> Exit {
    Exit {
        status: 2,
        stdout: String::new(),
        stderr: format!("{}\n{}: error: {text}\n", usage(program), base(program)),
    }
}

const INTRODUCTION: &str = r#"
Fail2Ban  reads log file that contains password failure report
and bans the corresponding IP addresses using firewall rules.

This tools can test regular expressions for "fail2ban".

LOG:
  string                a string representing a log line
  filename              path to a log file (/var/log/auth.log)
  systemd-journal       search systemd journal (systemd-python required),
                        optionally with backend parameters, see `man jail.conf`
                        for usage and examples (systemd-journal[journalflags=1]).

REGEX:
  string                a string representing a 'failregex'
  filter                name of jail or filter, optionally with options (sshd[mode=aggressive])
  filename              path to a filter file (filter.d/sshd.conf)

IGNOREREGEX:
  string                a string representing an 'ignoreregex'

Options:
"#;

/// The whole help.
pub fn help(program: &str) -> String {
    let mut text = usage(program) + INTRODUCTION;
    for spec in SPECS {
        let metavar = spec.kind.metavar();
        let short = spec.short.map(|c| metavar.map_or(format!("-{c}"), |m| format!("-{c} {m}")));
        let long = spec.long.iter().map(|l| metavar.map_or(format!("--{l}"), |m| format!("--{l}={m}")));
        let names: Vec<String> = short.into_iter().chain(long).collect();
        let names = names.join(", ");
        let mut lines = wrap(spec.help, HELP_WIDTH).into_iter();
        if names.len() > HELP_COLUMN - 4 {
            text += &format!("  {names}\n");
        } else {
            let first = lines.next().unwrap_or_default();
            text += &format!("  {names:width$}  {first}\n", width = HELP_COLUMN - 4);
        }
        lines.for_each(|line| text += &format!("{:HELP_COLUMN$}{line}\n", ""));
    }
    text
}

/// Where option descriptions begin, and how wide they are.
const HELP_COLUMN: usize = 24;
const HELP_WIDTH: usize = 54;

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut().filter(|line| line.len() + 1 + word.len() <= width) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(words: &[&str]) -> Result<(Options, Vec<String>), Exit> {
        parse("fail2ban-regex", &words.iter().map(|w| w.to_string()).collect::<Vec<_>>())
    }

    #[test]
    fn options_stand_anywhere_and_may_be_short() {
        let (options, words) =
            parse_words(&["log", "-vrL010", "--datep", "x", "re", "--TZ=UTC", "-o", "-x", "--", "-q"])
                .unwrap();
        assert_eq!((options.verbose, options.raw, options.maxlines), (1, true, 8));
        assert_eq!(options.datepattern.as_deref(), Some("x"));
        assert_eq!((options.timezone.as_deref(), options.out.as_deref()), (Some("UTC"), Some("-x")));
        assert_eq!(words, ["log", "re", "-q"]);
    }

    #[test]
    fn wrong_options() {
        for (words, text) in [
            (vec!["-Q"], "no such option: -Q"),
            (vec!["--nope"], "no such option: --nope"),
            (vec!["--ver"], "ambiguous option: --ver (--verbose, --verbose-date, --verbosity, --version?)"),
            (vec!["--max=x"], "option --maxlines: invalid integer value: 'x'"),
            (vec!["-L"], "-L option requires 1 argument"),
            (vec!["--raw=3"], "--raw option does not take a value"),
        ] {
            let exit = parse_words(&words).unwrap_err();
            assert_eq!(exit.status, 2);
            assert!(
                exit.stderr.ends_with(&format!("\n\nfail2ban-regex: error: {text}\n")),
                "{}",
                exit.stderr
            );
        }
    }

    #[test]
    fn help_lists_every_option() {
        let help = help("fail2ban-regex");
        assert!(help.contains("\n  -L MAXLINES, --maxlines=MAXLINES\n                        maxlines for"));
        assert!(help.contains("\n  --verbose-date, --VD  Verbose date patterns/regex in output\n"));
        assert!(help.contains("'no' - IP\n                        addresses only)\n"));
    }
}
