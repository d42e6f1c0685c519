//! fail2ban.conf: the options of the server itself (COMPAT §2.7).

use super::configurator::{Early, Overrides};
use super::message::{Error, Reporter};
use super::options::{Mode, Spec, dict, int, read_options, text, text_of};
use super::raw::Config;
use crate::value::Value;

const EARLY: [Spec; 5] = [
    text("socket").or_text("/var/run/fail2ban/fail2ban.sock"),
    text("pidfile").or_text("/var/run/fail2ban/fail2ban.pid"),
    text("loglevel").or_text("INFO"),
    text("logtarget").or_text("/var/log/fail2ban.log"),
    text("syslogsocket").or_text("auto"),
];

/// The options of the stream, in the order in which the server needs them: logging before anything that
/// may fail, the database file before other database options.
const GENERAL: [Spec; 7] = [
    text("syslogsocket").or_text("auto"),
    text("loglevel").or_text("INFO"),
    text("logtarget").or_text("STDERR"),
    text("allowipv6").or_text("auto"),
    text("dbfile").or_text("/var/lib/fail2ban/fail2ban.sqlite3"),
    int("dbmaxmatches"),
    text("dbpurgeage").or_text("1d"),
];

const PLAIN: Mode = Mode { given: None, must_exist: false, convert: true };

/// Reads the options that are needed before anything else.
pub fn early(config: &Config, reporter: &mut Reporter) -> Result<Early, Error> {
    let options = read_options(config, "Definition", &EARLY, PLAIN, reporter)?;
    let take = |name: &str| text_of(&options, name).into_owned();
    Ok(Early {
        socket: take("socket"),
        pidfile: take("pidfile"),
        loglevel: take("loglevel"),
        logtarget: take("logtarget"),
        syslogsocket: take("syslogsocket"),
    })
}

/// The commands for the server's own options.
pub fn commands(
    config: &Config,
    overrides: &Overrides,
    reporter: &mut Reporter,
) -> Result<Vec<Value>, Error> {
    let mut options = read_options(config, "Definition", &GENERAL, PLAIN, reporter)?;
    let given = [
        ("loglevel", &overrides.loglevel),
        ("logtarget", &overrides.logtarget),
        ("syslogsocket", &overrides.syslogsocket),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            options.insert(name.into(), value.as_str().into());
        }
    }
    log_level(&text_of(&options, "loglevel"))?;
    let mut commands = Vec::new();
    if config.sections.contains_key("Thread") {
        let thread = read_options(config, "Thread", &[int("stacksize")], PLAIN, reporter)?;
        if !thread.is_empty() {
            commands.push(set("thread", dict(&thread)));
        }
    }
    let known = GENERAL.iter().filter_map(|spec| options.get(spec.name).map(|value| (spec.name, value)));
    commands.extend(known.map(|(name, value)| set(name, value.into())));
    Ok(commands)
}

/// The options that are read from fail2ban.conf.
pub fn option_names() -> impl Iterator<Item = &'static str> + Clone {
    EARLY.iter().chain(&GENERAL).map(|spec| spec.name).chain(["stacksize"])
}

fn set(name: &str, value: Value) -> Value {
    Value::List(vec!["set".into(), name.into(), value])
}

/// The number of a log level given by name or number (upstream accepts any case, and Python's own names).
pub fn log_level(text: &str) -> Result<i64, Error> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text.parse().unwrap_or(i64::MAX));
    }
    Ok(match text.to_uppercase().as_str() {
        "CRITICAL" | "FATAL" => 50,
        "ERROR" => 40,
        "WARNING" | "WARN" => 30,
        "NOTICE" => 25,
        "INFO" => 20,
        "MSG" => 18,
        "DEBUG" => 10,
        "TRACEDEBUG" => 7,
        "HEAVYDEBUG" => 5,
        "NOTSET" => 0,
        _ => return Err(Error::value(format!("Invalid log level {}", Value::str(text)))),
    })
}
