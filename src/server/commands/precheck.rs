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
    let mut jails: HashMap<String, Filter> = HashMap::new();
    for command in stream {
        let words = Args(command.items().unwrap_or_default());
        match words.text(0)?.as_str() {
            "add" => drop(jails.insert(words.text(1)?, Filter::new(None))),
            verb @ ("set" | "multi-set") if words.len() > 3 => {
                let name = words.text(1)?;
                if let Some(filter) = jails.get_mut(&name) {
                    check_option(filter, &words.text(2)?, words.from(3), verb == "multi-set", now)?;
                }
            }
            "start" if !jails.contains_key(&words.text(1)?) => return Err(unknown_jail(&words.text(1)?)),
            _ => {}
        }
    }
    Ok(())
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
