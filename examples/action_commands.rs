//! Runs actions for some tickets and prints every command that is about to run, one JSON string a line.
//!
//!     action_commands INPUT.json
//!
//! The input: `{"actions": [[NAME, [[PROPERTY, VALUE], …]], …], "tickets": [{"id", "time", "restored",
//! "bancount", "failures", "matches", "data"}, …], "hostname": …}`. Every action is a jail of its own: it is
//! started, bans, prolongs and unbans the tickets, bans and flushes them, and stops. The commands do run.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use ferroban::action::{BanInfo, Event, Host, JailActions, JailState, level};
use ferroban::address::Address;
use ferroban::filter::{Data, Item, MatchLine};
use ferroban::store::Merged;
use ferroban::value::Value;
use serde_json::Value as Json;

struct Printer {
    hostname: String,
    events: Mutex<Sender<Event>>,
}

impl Host for Printer {
    fn log_level(&self) -> u8 {
        level::TRACE
    }
    fn log(&self, level: u8, logger: &str, text: &str) {
        match logger {
            "fail2ban.action" if level == level::TRACE => println!("{}", Json::from(text)),
            "fail2ban.utils" => {}
            _ => eprintln!("{level} {logger}: {text}"),
        }
    }
    fn notify(&self, event: Event) {
        self.events.lock().expect("no panic elsewhere").send(event).expect("main waits");
    }
    fn merged_bans(&self, _ip: &str, _jail: Option<&str>) -> Result<Option<Merged>, String> {
        Ok(None)
    }
    fn host_of(&self, ip: &str) -> Option<String> {
        Some(format!("host-of-{ip}"))
    }
    fn hostname(&self, _fully_qualified: bool) -> String {
        self.hostname.clone()
    }
    fn ipv6_allowed(&self) -> bool {
        true
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("the input file is missing")?;
    let input: Json = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let tickets: Vec<BanInfo> = list(&input["tickets"]).iter().map(ticket).collect();
    for action in list(&input["actions"]) {
        println!("{}", Json::from(format!("# {}", text(&action[0]))));
        let (sender, events) = channel();
        let host = Printer { hostname: text(&input["hostname"]), events: Mutex::new(sender) };
        run(JailActions::new(&text(&action[0]), Arc::new(host)), &events, action, &tickets);
    }
    Ok(())
}

fn run(mut jail: JailActions, events: &Receiver<Event>, action: &Json, tickets: &[BanInfo]) {
    let name = text(&action[0]);
    jail.add(&name, None, 0);
    for pair in list(&action[1]) {
        jail.set(&name, &text(&pair[0]), value(&pair[1]), 0);
    }
    let state = JailState { bantime: 600, ..JailState::default() };
    let mut step = |what: &dyn Fn(&mut JailActions)| {
        what(&mut jail);
        jail.barrier(0);
        while !matches!(events.recv(), Ok(Event::Done { .. }) | Err(_)) {}
    };
    step(&|jail| jail.start(state));
    for operation in [JailActions::ban, JailActions::prolong, JailActions::unban, JailActions::ban] {
        for ticket in tickets {
            step(&|jail| operation(jail, ticket.clone()));
        }
    }
    // One ticket, because the commands of several may go to their tool together.
    step(&|jail| jail.flush(tickets[..1].to_vec(), state));
    step(&|jail| jail.stop(Vec::new(), state));
}

fn ticket(json: &Json) -> BanInfo {
    let id = Address::host(&text(&json["id"]));
    let mut data = Data::default();
    for (key, item) in json["data"].as_object().into_iter().flatten() {
        data.set(key.as_str(), Item::Text(text(item).into()));
    }
    BanInfo {
        ip: id.clone(),
        id,
        time: json["time"].as_f64().unwrap_or_default(),
        bantime: None,
        bancount: json["bancount"].as_i64().unwrap_or_default(),
        failures: json["failures"].as_i64().unwrap_or_default(),
        matches: list(&json["matches"]).iter().map(|line| MatchLine::joined(text(line))).collect(),
        data,
        restored: json["restored"].as_bool().unwrap_or_default(),
        jail: JailState { bantime: 600, ..JailState::default() },
    }
}

fn list(json: &Json) -> &[Json] {
    json.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(json: &Json) -> String {
    json.as_str().unwrap_or_default().to_owned()
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::None,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => Value::Int(number.as_i64().unwrap_or_default()),
        other => Value::str(text(other)),
    }
}
