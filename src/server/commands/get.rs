//! `get …`.

use super::args::Args;
use super::{Reply, failure};
use crate::config::duration::Number;
use crate::file_name;
use crate::server::engine::Engine;
use crate::server::running::Kind;
use crate::value::Value;

impl Engine {
    pub(super) fn get(&mut self, args: Args) -> Reply {
        let name = args.text(0)?;
        if let Some(value) = self.get_server(&name) {
            return Ok(value);
        }
        let option = args.text(1)?;
        let rest = args.from(2);
        match option.as_str() {
            "banned" => self.get_banned(&name, rest),
            "banip" => self.get_ban_list(&name, rest),
            "actions" => Ok(Value::strings(self.jail(&name)?.actions.names())),
            "action" | "actionproperties" | "actionmethods" => self.get_action(&name, &option, rest),
            // Upstream looks at the jail only once it knows what to ask it for.
            option if !is_option(option) => failure("Invalid command (no get action or not yet implemented)"),
            option => self.get_option(&name, option),
        }
    }

    /// The value of a jail's option, after `get` or as the reply to `set`.
    pub(super) fn get_option(&self, name: &str, option: &str) -> Reply {
        let jail = self.jail(name)?;
        let core = &jail.core;
        let regexes =
            |list: &[crate::pattern::FailRegex]| Value::strings(list.iter().map(|regex| regex.as_str()));
        Ok(match option {
            "idle" => jail.idle.into(),
            "logpath" => match jail.kind {
                Kind::Files(_) => {
                    let files = self.sources.files(jail.id);
                    Value::strings(files.iter().map(|file| file_name::decode(file.as_os_str())))
                }
                Kind::Entries(_) => Value::List(Vec::new()),
            },
            "logencoding" => jail.encoding_name.as_str().into(),
            "journalmatch" => match jail.kind {
                Kind::Entries(_) => Value::List(
                    self.sources.journal_matches(jail.id).into_iter().map(Value::strings).collect(),
                ),
                Kind::Files(_) => Value::List(Vec::new()),
            },
            "ignoreself" => core.ignore.ignore_self.into(),
            "ignoreip" => Value::strings(core.ignore.entries()),
            "ignorecommand" => core.ignore.command.as_deref().map_or(Value::Bool(false), Value::from),
            "ignorecache" => match &core.ignore.cache {
                Some(cache) => Value::List(vec![
                    cache.key.as_str().into(),
                    Value::Int(cache.cache.max_count() as i64),
                    number(cache.cache.max_time()).into(),
                ]),
                None => Value::None,
            },
            "prefregex" => core.filter.prefregex().map_or("", |regex| regex.as_str()).into(),
            "failregex" => regexes(core.filter.failregexes()),
            "ignoreregex" => regexes(core.filter.ignoreregexes()),
            "usedns" => core.filter.use_dns().as_str().into(),
            "findtime" => jail.find_time.into(),
            "datepattern" => match &core.filter.detector {
                Some(detector) => {
                    let (pattern, name) = detector.pattern();
                    Value::Tuple(vec![pattern.map_or(Value::None, Value::from), name.into()])
                }
                None => Value::None,
            },
            "logtimezone" => jail.log_timezone.as_deref().map_or(Value::None, Value::from),
            "maxmatches" => Value::Int(core.failures.max_matches as i64),
            "maxretry" => Value::Int(core.failures.max_retry),
            "maxlines" => Value::Int(core.filter.max_lines() as i64),
            "bantime" => Value::Int(core.bans.ban_time()),
            _ => match option.strip_prefix("bantime.") {
                Some(option) => {
                    let shown = &core.increment.shown;
                    shown
                        .iter()
                        .find(|(name, _)| name == option)
                        .map_or(Value::None, |(_, value)| value.clone())
                }
                None => return failure("Invalid command (no get action or not yet implemented)"),
            },
        })
    }
}

/// The options that `get` knows; `idle` can only be set.
fn is_option(name: &str) -> bool {
    const OPTIONS: [&str; 17] = [
        "logpath",
        "logencoding",
        "journalmatch",
        "ignoreself",
        "ignoreip",
        "ignorecommand",
        "ignorecache",
        "prefregex",
        "failregex",
        "ignoreregex",
        "usedns",
        "findtime",
        "datepattern",
        "logtimezone",
        "maxmatches",
        "maxretry",
        "maxlines",
    ];
    OPTIONS.contains(&name) || name == "bantime" || name.starts_with("bantime.")
}

/// Seconds as the number that was set.
fn number(seconds: f64) -> Number {
    if seconds.fract() == 0.0 { Number::Int(seconds as i64) } else { Number::Float(seconds) }
}
