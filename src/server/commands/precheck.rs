//! A reload looks at its whole stream before it touches a running jail: upstream stops every jail that a
//! bad stream does not reach, this server goes on with what it has (docs/differences.md).

use std::collections::HashMap;

use super::args::{Args, int_of};
use super::server::seconds;
use super::set::{dated_by, pattern_of_filter};
use super::unknown_jail;
use crate::filter::Filter;
use crate::filter::decode::Encoding;
use crate::value::{Exception, Value};

/// Tries everything in a stream that can fail for itself: regexes, dates, numbers, files.
pub(super) fn check(stream: &[Value], now: f64) -> Result<(), Exception> {
    let mut checker = Checker::new(now);
    stream.iter().try_for_each(|command| checker.command(command))
}

/// Tries the commands of a stream one after another, without any server.
pub struct Checker {
    jails: HashMap<String, Filter>,
    now: f64,
}

impl Checker {
    /// `now`, Unix seconds: dates without a year are tried with its year.
    pub fn new(now: f64) -> Self {
        Checker { jails: HashMap::new(), now }
    }

    /// Tries one command of the stream.
    ///
    /// # Errors
    /// What the server would answer.
    pub fn command(&mut self, command: &Value) -> Result<(), Exception> {
        let words = Args(command.items().unwrap_or_default());
        match words.text(0)?.as_str() {
            "add" => drop(self.jails.insert(words.text(1)?, Filter::new(None))),
            verb @ ("set" | "multi-set") if words.len() > 3 => {
                let name = words.text(1)?;
                if let Some(filter) = self.jails.get_mut(&name) {
                    let multiple = verb == "multi-set";
                    check_option(filter, &words.text(2)?, words.from(3), multiple, self.now)?;
                }
            }
            "start" if !self.jails.contains_key(&words.text(1)?) => {
                return Err(unknown_jail(&words.text(1)?));
            }
            _ => {}
        }
        Ok(())
    }
}

fn check_option(
    filter: &mut Filter,
    option: &str,
    args: Args,
    multiple: bool,
    now: f64,
) -> Result<(), Exception> {
    let value = args.at(0)?;
    match option {
        "prefregex" | "addfailregex" | "addignoreregex" | "usedns" => {
            pattern_of_filter(filter, option, value, multiple, "")
        }
        "maxlines" => {
            filter.set_max_lines(int_of(value)?.max(1) as usize);
            Ok(())
        }
        "maxretry" | "maxmatches" => int_of(value).map(drop),
        "findtime" | "bantime" | "bantime.maxtime" | "bantime.rndtime" => seconds(value).map(drop),
        "datepattern" => dated_by(&value.to_text(), None, now).map(drop),
        "logtimezone" => crate::date::check_zone(&value.to_text())
            .map(drop)
            .map_err(|error| Exception::builtin("ValueError", error.to_string())),
        "logencoding" => {
            let name = value.to_text();
            let known = name.eq_ignore_ascii_case("auto") || Encoding::parse(&name).is_some();
            if known {
                Ok(())
            } else {
                Err(Exception::builtin("LookupError", format!("unknown encoding: {name}")))
            }
        }
        _ => Ok(()),
    }
}
