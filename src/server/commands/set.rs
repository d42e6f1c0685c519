//! `set JAIL OPTION …`.

use super::args::{Args, bool_of, int_of};
use super::jails::{detector, source_exception};
use super::server::seconds;
use super::{Reply, failure};
use crate::bans::formula;
use crate::config::duration::Number;
use crate::date::PatternError;
use crate::file_name;
use crate::filter::cache::Cache;
use crate::filter::decode::Encoding;
use crate::filter::ignore::Verdicts;
use crate::filter::{Filter, UseDns};
use crate::level;
use crate::pattern::{FailRegexError, Origin};
use crate::server::engine::Engine;
use crate::server::logging;
use crate::server::running::Kind;
use crate::source::{LineEnd, Mark, Stored};
use crate::value::{Exception, Value};

fn log(level: u8, text: &str) {
    logging::write(level, "fail2ban.filter", text);
}

/// The encoding that `auto` stands for. Python takes the locale's; where that is ASCII, it takes UTF-8.
const PREFERRED_ENCODING: &str = "UTF-8";

impl Engine {
    /// `set …` and, with `multiple`, `multi-set …`. `quiet`: nobody reads the reply.
    pub(super) fn set(&mut self, args: Args, multiple: bool, quiet: bool) -> Reply {
        let name = args.text(0)?;
        if let Some(reply) = self.set_server(&name, args.from(1), quiet) {
            return reply;
        }
        let option = args.text(1)?;
        let rest = args.from(2);
        match option.as_str() {
            "attempt" => return self.attempt(&name, rest),
            "banip" => return self.ban_by_hand(&name, rest),
            "unbanip" => return self.unban_by_hand(&name, rest),
            "addaction" => return self.add_action(&name, rest),
            "delaction" => return self.delete_action(&name, rest),
            "action" => return self.set_action(&name, rest, multiple),
            _ => {}
        }
        self.set_option(&name, &option, rest, multiple)?;
        if multiple {
            return Ok(Value::Bool(true));
        }
        if quiet { Ok(Value::None) } else { self.get_option(&name, shown_as(&option)) }
    }

    fn set_option(&mut self, name: &str, option: &str, args: Args, multiple: bool) -> Result<(), Exception> {
        match option {
            "idle" => self.set_idle(name, args),
            "addlogpath" => self.add_log_path(name, args),
            "dellogpath" => self.remove_log_path(name, args),
            "addjournalmatch" | "deljournalmatch" => self.set_journal_match(name, option, args),
            "logencoding" => self.set_encoding(name, args),
            "prefregex" | "addfailregex" | "addignoreregex" | "delfailregex" | "delignoreregex" => {
                self.set_regex(name, option, args, multiple)
            }
            "ignoreself" | "addignoreip" | "delignoreip" | "ignorecommand" | "ignorecache" => {
                self.set_ignore(name, option, args)
            }
            "usedns" | "datepattern" | "logtimezone" | "maxlines" => self.set_filter(name, option, args),
            "findtime" | "maxretry" | "maxmatches" | "bantime" => self.set_limit(name, option, args),
            _ => match option.strip_prefix("bantime.") {
                Some(option) => self.set_increment(name, option, args.at(0)?),
                None => failure(format!(
                    "Invalid command {} (no set action or not yet implemented)",
                    Value::str(option)
                )),
            },
        }
    }

    fn set_idle(&mut self, name: &str, args: Args) -> Result<(), Exception> {
        let idle = match args.text(0)?.as_str() {
            "on" => true,
            "off" => false,
            _ => return failure("Invalid idle option, must be 'on' or 'off'"),
        };
        self.jail(name)?;
        self.rest(name, idle);
        Ok(())
    }

    fn add_log_path(&mut self, name: &str, args: Args) -> Result<(), Exception> {
        let path = args.text(0)?;
        let tail = match args.len() {
            2 => match args.text(1)?.to_lowercase().as_str() {
                "tail" => true,
                "head" => false,
                _ => return Err(Exception::builtin("ValueError", "File option must be 'head' or 'tail'")),
            },
            3.. => return Err(Exception::builtin("ValueError", "Only one file can be added at a time")),
            _ => false,
        };
        let jail = self.jail_mut(name)?;
        let Kind::Files(backend) = jail.kind else { return Ok(()) };
        let (id, started) = (jail.id, jail.started);
        let file = file_name::encode(&path);
        if let Some(files) = &mut jail.reload_files {
            if let Some(at) = files.iter().position(|known| *known == file) {
                files.remove(at);
                return Ok(());
            }
        }
        let stored = self.store.as_ref().and_then(|store| store.log_position(name, &path));
        let stored = stored.map(|(hash, offset)| Stored { hash, mark: Mark::Offset(offset) });
        let added = match self.sources.add_file(id, &file, backend, tail, stored.as_ref()) {
            Ok(added) => added,
            Err(error @ crate::source::Error::Exists(_)) => {
                log(level::ERROR, &error.to_string());
                return Ok(());
            }
            Err(error) => return Err(source_exception(&error)),
        };
        if let Some(store) = &self.store {
            store.add_log(name, &path, Some(&added.hash), added.pos);
        }
        self.write_source_messages();
        // While a reload goes on, reading begins when the jail is started again.
        if started && !self.reloading.contains_key(name) { self.begin_reading(name) } else { Ok(()) }
    }

    fn remove_log_path(&mut self, name: &str, args: Args) -> Result<(), Exception> {
        let path = args.text(0)?;
        let id = self.jail(name)?.id;
        if let Some(position) = self.sources.remove_file(id, &file_name::encode(&path)) {
            self.save_position(name, &position);
        }
        self.write_source_messages();
        Ok(())
    }

    fn set_journal_match(&mut self, name: &str, option: &str, args: Args) -> Result<(), Exception> {
        let jail = self.jail(name)?;
        let id = jail.id;
        if !matches!(jail.kind, Kind::Entries(_)) {
            return Ok(());
        }
        let words = args.texts();
        let done = match option {
            "addjournalmatch" => self.sources.add_journal_match(id, &words),
            _ => self.sources.remove_journal_match(id, Some(&words)),
        };
        // What the sources say about it comes before what the transmitter says about its failure.
        self.write_source_messages();
        done.map_err(|error| source_exception(&error))
    }

    fn set_encoding(&mut self, name: &str, args: Args) -> Result<(), Exception> {
        let given = args.text(0)?;
        let shown = if given.eq_ignore_ascii_case("auto") { PREFERRED_ENCODING } else { &given };
        let encoding = Encoding::parse(shown)
            .ok_or_else(|| Exception::builtin("LookupError", format!("unknown encoding: {shown}")))?;
        let jail = self.jail_mut(name)?;
        jail.encoding = encoding;
        jail.encoding_name = shown.to_owned();
        let id = jail.id;
        self.sources.set_line_end(id, LineEnd::of_encoding(shown));
        log(level::INFO, &format!("  encoding: {shown}"));
        Ok(())
    }

    fn set_regex(&mut self, name: &str, option: &str, args: Args, multiple: bool) -> Result<(), Exception> {
        let value = args.at(0)?.clone();
        let filter = &mut self.jail_mut(name)?.core.filter;
        if option.starts_with("del") {
            let index = int_of(&value)?;
            let removed = match option {
                "delfailregex" => filter.remove_failregex(index),
                _ => filter.remove_ignoreregex(index),
            };
            if !removed {
                log(level::ERROR, &format!("Cannot remove regular expression. Index {index} is not valid"));
            }
            return Ok(());
        }
        pattern_of_filter(filter, option, &value, multiple, name)
    }

    fn set_ignore(&mut self, name: &str, option: &str, args: Args) -> Result<(), Exception> {
        let value = args.at(0);
        let ignore = &mut self.jail_mut(name)?.core.ignore;
        match option {
            "ignoreself" => ignore.ignore_self = bool_of(value?),
            "ignorecommand" => ignore.command = Some(value?.to_text()),
            "ignorecache" => ignore.cache = ignore_cache(value?)?,
            "delignoreip" => {
                let text = value?.to_text();
                if !ignore.remove(&text) {
                    return Err(Exception::builtin("ValueError", "list.remove(x): x not in list"));
                }
            }
            _ => {
                for text in args.texts() {
                    let added = ignore.add(&text).map_err(|text| Exception::builtin("ValueError", text))?;
                    if !added {
                        let shown = Value::str(&*text);
                        log(
                            level::MSG,
                            &format!("  Ignore duplicate {shown} ({shown}), already in ignore list"),
                        );
                    }
                }
            }
        }
        Ok(())
    }

    fn set_filter(&mut self, name: &str, option: &str, args: Args) -> Result<(), Exception> {
        let value = args.at(0)?;
        let now = self.now;
        let jail = self.jail_mut(name)?;
        let filter = &mut jail.core.filter;
        match option {
            "usedns" => pattern_of_filter(filter, option, value, false, name)?,
            "maxlines" => {
                let lines = int_of(value)?;
                if lines <= 0 {
                    let text = "maxlines must be integer greater than zero";
                    return Err(Exception::builtin("ValueError", text));
                }
                filter.set_max_lines(lines as usize);
                log(level::INFO, &format!("  maxLines: {lines}"));
            }
            "logtimezone" => {
                let zone = value.to_text();
                let wrong =
                    |error: crate::date::ZoneError| Exception::builtin("ValueError", error.to_string());
                crate::date::check_zone(&zone).map_err(wrong)?;
                if let Some(detector) = &mut filter.detector {
                    detector.set_default_tz(Some(&zone)).map_err(wrong)?;
                }
                jail.log_timezone = Some(zone);
            }
            _ => {
                filter.detector = match value {
                    Value::None => None,
                    _ => Some(dated_by(&value.to_text(), jail.log_timezone.as_deref(), now)?),
                };
            }
        }
        Ok(())
    }

    fn set_limit(&mut self, name: &str, option: &str, args: Args) -> Result<(), Exception> {
        let value = args.at(0)?;
        let jail = self.jail_mut(name)?;
        match option {
            "findtime" => {
                let time = seconds(value)?;
                jail.find_time = time;
                jail.core.filter.find_time = time.as_f64();
                jail.core.failures.find_time = time.as_f64();
                log(level::INFO, &format!("  findtime: {time}"));
            }
            "maxretry" => {
                let retry = int_of(value)?;
                jail.core.failures.max_retry = retry;
                log(level::INFO, &format!("  maxRetry: {retry}"));
            }
            "maxmatches" => jail.core.failures.max_matches = int_of(value)?.max(0) as usize,
            _ => {
                let time = seconds(value)?;
                jail.core.bans.set_ban_time(time.as_f64() as i64);
                logging::write(level::INFO, "fail2ban.actions", &format!("  banTime: {time}"));
            }
        }
        Ok(())
    }

    /// `bantime.increment`, `.factor`, `.formula`, `.multipliers`, `.maxtime`, `.rndtime`, `.overalljails`.
    fn set_increment(&mut self, name: &str, option: &str, value: &Value) -> Result<(), Exception> {
        let jail = self.jail_mut(name)?;
        let remembers = jail.core.remembers;
        let increment = &mut jail.core.increment;
        let set = *value != Value::str("") && *value != Value::None;
        let text = set.then(|| value.to_text());
        let shown = if set { value.clone() } else { Value::None };
        logging::write(level::INFO, "fail2ban.jail", &format!("Set banTime.{option} = {}", shown.to_text()));
        let refused = |error: formula::Error| {
            Exception::builtin("ValueError", format!("jail {name}, bantime.{option}: {error}"))
        };
        let mut kept = shown;
        match option {
            "increment" => {
                increment.enabled = set && bool_of(value);
                kept = Value::Bool(increment.enabled);
                if increment.enabled && !remembers {
                    let text = "ban time increment is not available as long jail database is not set";
                    logging::write(level::WARNING, "fail2ban.jail", text);
                }
            }
            "overalljails" => increment.overall_jails = set && bool_of(value),
            "formula" => increment.formula.set_formula(text.as_deref()).map_err(refused)?,
            "factor" => increment.formula.set_factor(text.as_deref(), &mut super::random).map_err(refused)?,
            "multipliers" => increment.formula.set_multipliers(text.as_deref()).map_err(refused)?,
            "maxtime" | "rndtime" => {
                let time = if set { Some(seconds(value)?) } else { None };
                kept = time.map_or(Value::None, Value::from);
                let number = time.map(|time| match time {
                    Number::Int(number) => formula::Number::Int(number.into()),
                    Number::Float(number) => formula::Number::Float(number),
                });
                match option {
                    "maxtime" => increment.formula.set_maxtime(number),
                    _ => increment.formula.set_rndtime(number),
                }
            }
            _ => {}
        }
        increment.shown.retain(|(name, _)| name != option);
        increment.shown.push((option.to_owned(), kept));
        Ok(())
    }
}

/// The option under which the reply to `set JAIL OPTION` is found.
fn shown_as(option: &str) -> &str {
    match option {
        "addignoreip" | "delignoreip" => "ignoreip",
        "addlogpath" | "dellogpath" => "logpath",
        "addjournalmatch" | "deljournalmatch" => "journalmatch",
        "addfailregex" | "delfailregex" => "failregex",
        "addignoreregex" | "delignoreregex" => "ignoreregex",
        other => other,
    }
}

/// Sets one of the options that decide what a filter's regexes are.
pub(super) fn pattern_of_filter(
    filter: &mut Filter,
    option: &str,
    value: &Value,
    multiple: bool,
    jail: &str,
) -> Result<(), Exception> {
    if option == "usedns" {
        filter.set_use_dns(use_dns_of(value));
        return Ok(());
    }
    let origin = || Origin(format!("jail {jail}, {}", option.trim_start_matches("add")).into());
    let values = if multiple { value.items().unwrap_or_default() } else { std::slice::from_ref(value) };
    for value in values {
        let text = value.to_text();
        let result = match option {
            "prefregex" => filter.set_prefregex(&text, origin()),
            "addfailregex" => filter.add_failregex(&text, origin()),
            _ => filter.add_ignoreregex(&text, origin()),
        };
        result.map_err(|error| regex_exception(&error, option != "prefregex"))?;
    }
    Ok(())
}

fn use_dns_of(value: &Value) -> UseDns {
    let text = match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_text().to_lowercase(),
    };
    UseDns::parse(&text).unwrap_or_else(|| {
        let text = format!("Incorrect value {} specified for usedns. Using safe 'no'", Value::str(text));
        log(level::ERROR, &text);
        UseDns::No
    })
}

fn regex_exception(error: &FailRegexError, logged: bool) -> Exception {
    let text = error.to_string();
    if logged {
        log(level::ERROR, &text);
    }
    Exception { module: "fail2ban.server.failregex", class: "RegexException", args: vec![text.into()] }
}

/// A detector for the lines of a `datepattern`.
pub(super) fn dated_by(
    text: &str,
    zone: Option<&str>,
    now: f64,
) -> Result<crate::date::DateDetector, Exception> {
    let mut made = detector(now);
    if zone.is_some() {
        made.set_default_tz(zone).map_err(|error| Exception::builtin("ValueError", error.to_string()))?;
    }
    for pattern in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        made.append_template(pattern).map_err(|error| pattern_exception(&error))?;
    }
    for message in made.take_messages() {
        logging::write(level::INFO, "fail2ban.datedetector", &message);
    }
    Ok(made)
}

fn ignore_cache(value: &Value) -> Result<Option<Verdicts>, Exception> {
    let Value::Str(text) = value else {
        let text = format!("can only concatenate str (not \"{}\") to str", value.type_name());
        return Err(Exception::builtin("TypeError", text));
    };
    let (_, options) = crate::config::split::extract_options(&format!("cache[{text}]"))
        .map_err(|error| Exception::builtin("ValueError", error.to_string()))?;
    if options.is_empty() {
        return Ok(None);
    }
    let given = |name: &str| options.get(name).map(Value::from);
    let key = given("key").ok_or_else(|| Exception::builtin("KeyError", "key"))?;
    let count = given("max-count").map_or(Ok(100), |count| int_of(&count))?;
    let time = given("max-time").map_or(Ok(Number::Int(300)), |time| seconds(&time))?;
    let cache = Cache::new(count.max(1) as usize, time.as_f64());
    Ok(Some(Verdicts { key: key.to_text(), cache }))
}

fn pattern_exception(error: &PatternError) -> Exception {
    let class = match error {
        PatternError::Format { .. } => "TypeError",
        PatternError::Duplicate { .. } => "ValueError",
    };
    Exception::builtin(class, error.to_string())
}
