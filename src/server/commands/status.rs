//! `status`: what is going on.

use super::args::Args;
use super::{Reply, failure};
use crate::file_name;
use crate::level;
use crate::server::engine::Engine;
use crate::server::logging;
use crate::server::running::{Kind, Running};
use crate::value::Value;

const FLAVORS: [&str; 5] = ["short", "basic", "stats", "cymru", "--verbose"];

fn pair(name: &str, value: Value) -> Value {
    Value::Tuple(vec![name.into(), value])
}

fn counts(now: u64, total: u64) -> Value {
    Value::Tuple(vec![Value::Int(now as i64), Value::Int(total as i64)])
}

impl Engine {
    pub(super) fn status(&mut self, args: Args) -> Reply {
        match args.len() {
            0 => Ok(Value::List(self.jail_list())),
            1 | 2 => {
                let flavor = args.text(1).unwrap_or_else(|_| "basic".to_owned());
                match args.text(0)?.as_str() {
                    "--all" => Ok(self.status_of_all(&flavor)),
                    name => Ok(self.status_of(self.jail(name)?, &flavor)),
                }
            }
            _ => failure("Invalid command (no status)"),
        }
    }

    fn jail_list(&self) -> Vec<Value> {
        let mut names: Vec<&str> = self.jails.keys().map(String::as_str).collect();
        names.sort_unstable();
        vec![
            pair("Number of jail", Value::Int(names.len() as i64)),
            pair("Jail list", names.join(", ").into()),
        ]
    }

    /// `status --all FLAVOR`; with `stats` only the counters.
    pub(super) fn status_of_all(&self, flavor: &str) -> Value {
        let mut jails: Vec<(&String, &Running)> = self.jails.iter().collect();
        jails.sort_by_key(|(name, _)| *name);
        let all = jails.into_iter().map(|(name, jail)| (name.as_str().into(), self.status_of(jail, flavor)));
        let all = Value::Dict(all.collect());
        if flavor == "stats" {
            return all;
        }
        let mut status = self.jail_list();
        status.push(all);
        Value::List(status)
    }

    fn status_of(&self, jail: &Running, flavor: &str) -> Value {
        let (failures, bans) = (&jail.core.failures, &jail.core.bans);
        if !FLAVORS.contains(&flavor) {
            let (flavor, known) =
                (Value::str(flavor), Value::strings(FLAVORS[..4].iter().copied()).to_string());
            let text = format!("Unsupported extended jail status flavor {flavor}. Supported: {known}");
            logging::write(level::WARNING, "fail2ban.actions", &text);
        }
        let (failing, banned) = (failures.len() as u64, bans.len() as u64);
        if flavor == "stats" {
            return Value::List(vec![
                jail.kind.name().into(),
                counts(failing, failures.total()),
                counts(banned, bans.total()),
            ]);
        }
        let mut filter = vec![
            pair("Currently failed", Value::Int(failing as i64)),
            pair("Total failed", Value::Int(failures.total() as i64)),
        ];
        filter.push(self.watched(jail));
        if flavor == "--verbose" {
            filter.extend(self.source_counters(jail));
        }
        let mut actions = vec![
            pair("Currently banned", Value::Int(banned as i64)),
            pair("Total banned", Value::Int(bans.total() as i64)),
        ];
        if flavor != "short" {
            actions.push(pair("Banned IP list", Value::strings(bans.iter().map(|ban| ban.id.to_string()))));
        }
        if flavor == "cymru" {
            // What upstream answers where its DNS library is not installed.
            let error = "dnspython package is required but could not be imported";
            logging::write(level::ERROR, "fail2ban.banmanager", error);
            for name in ["Banned ASN list", "Banned Country list", "Banned RIR list"] {
                actions.push(pair(name, Value::strings(["error"])));
            }
        }
        Value::List(vec![pair("Filter", Value::List(filter)), pair("Actions", Value::List(actions))])
    }

    fn watched(&self, jail: &Running) -> Value {
        match jail.kind {
            Kind::Files(_) => {
                let files = self.sources.files(jail.id);
                pair(
                    "File list",
                    Value::strings(files.iter().map(|file| file_name::decode(file.as_os_str()))),
                )
            }
            Kind::Entries(_) => {
                let matches = self.sources.journal_matches(jail.id);
                let text: Vec<String> = matches.iter().map(|words| words.join(" ")).collect();
                pair("Journal matches", Value::strings([text.join(" + ")]))
            }
        }
    }

    /// What the jail's sources have delivered: only asked for by those who know these lines.
    fn source_counters(&self, jail: &Running) -> Vec<Value> {
        let stats = self.sources.stats(jail.id);
        let milliseconds = |seconds: f64| Value::str(format!("{:.1} ms", seconds * 1000.0));
        vec![
            pair("Bytes read", Value::Int(stats.bytes as i64)),
            pair("Lines read", Value::Int(stats.lines as i64)),
            pair("Lag", milliseconds(stats.lag)),
            pair("Largest lag", milliseconds(stats.max_lag)),
            pair("Messages lost", Value::Int(stats.lost as i64)),
        ]
    }
}
