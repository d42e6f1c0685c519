//! `-o`: what is printed of each failure.

use std::borrow::Cow;

use super::tester::{Hit, Tester};
use crate::address::{Address, Family};
use crate::clock;
use crate::config::tags::find_tag;
use crate::date::Stamp;
use crate::filter::{Data, Item, MatchLine};
use crate::system::names;
use crate::value::Value;

/// What `-o` asks for.
pub enum Format {
    /// The failure's id.
    Id,
    /// Its address.
    Ip,
    /// Its log lines.
    Message,
    /// Id, time and data as Python writes them.
    Row,
    /// One value of the data.
    Key(String),
    /// A text with tags.
    Template(String),
}

/// Stands for the log line in a template that prints one line per log line.
const MESSAGE: &str = "\0msg\0";

impl Format {
    pub fn parse(text: &str) -> Format {
        match text {
            "id" | "fid" => Format::Id,
            "ip" => Format::Ip,
            "msg" => Format::Message,
            "row" => Format::Row,
            text if text.contains('<') => Format::Template(text.to_owned()),
            text => Format::Key(text.to_owned()),
        }
    }

    /// The lines to print for the failures of a log line.
    fn lines(&self, hits: &[Hit]) -> Vec<String> {
        match self {
            Format::Id => hits.iter().map(|hit| id_value(hit).to_text()).collect(),
            Format::Ip => hits
                .iter()
                .map(|hit| hit.data.get("ip").map_or_else(|| id_value(hit), Item::value).to_text())
                .collect(),
            Format::Message => {
                hits.iter().flat_map(|hit| &hit.matches).map(|line| line.text.to_string()).collect()
            }
            Format::Row => hits.iter().map(row).collect(),
            Format::Key(key) => {
                hits.iter().map(|hit| datum(hit, key).unwrap_or(Value::None).to_text()).collect()
            }
            Format::Template(template) => fill(template, hits),
        }
    }
}

impl Tester<'_> {
    /// Prints what a log line gave, or with `--invert` those lines that gave nothing.
    pub(super) fn print(&mut self, format: &Format, found: Vec<Hit>, ignored: bool, line: Cow<str>) {
        let found: Vec<Hit> = {
            let (failures, others): (Vec<Hit>, Vec<Hit>) =
                found.into_iter().partition(|hit| !hit.data.is_set("nofail"));
            let ignored = ignored || !others.is_empty();
            match (failures.is_empty() || ignored, self.options.invert) {
                (false, false) => failures,
                (true, true) if failures.is_empty() => vec![self.missed(&line)],
                (true, true) => failures,
                _ => return,
            }
        };
        for line in format.lines(&found) {
            self.out.line(&line);
        }
    }

    /// A line without failure in the shape of one.
    fn missed(&self, line: &str) -> Hit {
        let mut data = Data::default();
        data.set("fid", Item::Text("".into()));
        Hit {
            regex: 0,
            id: Some(Address::Raw("".into())),
            time: self.filter.last_time(),
            data,
            matches: vec![MatchLine::joined(line)],
        }
    }
}

fn id_value(hit: &Hit) -> Value {
    match (&hit.id, hit.data.get("fid")) {
        (None, _) => Value::None,
        (Some(id), Some(fid @ Item::Tuple(_))) if id.to_string() == fid.value().to_string() => fid.value(),
        (Some(id), _) => Value::str(id.to_string()),
    }
}

fn matches_value(hit: &Hit) -> Value {
    Value::List(hit.matches.iter().map(MatchLine::value).collect())
}

fn datum(hit: &Hit, key: &str) -> Option<Value> {
    if key == "matches" { Some(matches_value(hit)) } else { hit.data.get(key).map(Item::value) }
}

fn time_value(time: Option<Stamp>) -> Value {
    match time {
        None => Value::None,
        Some(Stamp::Int(seconds)) => Value::Int(seconds),
        Some(Stamp::Float(seconds)) => Value::Float(seconds),
    }
}

fn row(hit: &Hit) -> String {
    let pairs = hit.data.iter().map(|(key, item)| (Value::str(key), item.value())).collect();
    format!("[{},\t{},\t{}],", id_value(hit), time_value(hit.time), Value::Dict(pairs))
}

/// One line per failure; where `<msg>` has several lines, one per log line, printed last.
fn fill(template: &str, hits: &[Hit]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut wrapped = Vec::new();
    let mut several = false;
    for hit in hits {
        let text = replace(template, hit, &mut several);
        if several {
            wrapped.extend(hit.matches.iter().map(|line| text.replace(MESSAGE, &line.text)));
        } else {
            lines.push(text);
        }
    }
    lines.append(&mut wrapped);
    lines
}

fn replace(template: &str, hit: &Hit, several: &mut bool) -> String {
    let guard = |text: String| text.replace('\0', "\\x00");
    let first = replace_tags(template, |tag| match tag {
        "msg" if !*several && hit.matches.len() <= 1 => Some(joined(hit)),
        "msg" => {
            *several = true;
            Some(MESSAGE.to_owned())
        }
        tag => ticket_tag(tag, hit).map(guard).or_else(|| constant_tag(tag)),
    });
    replace_tags(&first, |tag| {
        let name = tag.strip_prefix("F-").filter(|name| !name.is_empty())?;
        let valid = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
        name.bytes().all(valid).then(|| guard(captured(name, hit)))
    })
}

fn replace_tags(text: &str, mut value: impl FnMut(&str) -> Option<String>) -> String {
    let mut result = String::new();
    let mut from = 0;
    while let Some(range) = find_tag(text, from) {
        result += &text[from..range.start];
        match value(&text[range.start + 1..range.end - 1]) {
            Some(value) => result += &value,
            None => result += &text[range.clone()],
        }
        from = range.end;
    }
    result + &text[from..]
}

fn joined(hit: &Hit) -> String {
    hit.matches.iter().map(|line| &*line.text).collect::<Vec<_>>().join("\n")
}

/// The tags of a ticket that knows no jail.
fn ticket_tag(tag: &str, hit: &Hit) -> Option<String> {
    let ip = match hit.data.get("ip") {
        Some(Item::Address(address)) => Some(address),
        _ => hit.id.as_ref(),
    };
    let text = |address: Option<&Address>| address.map_or("None".to_owned(), Address::to_string);
    let time = hit.time.unwrap_or_else(|| Stamp::Float(clock::now()));
    Some(match tag {
        "ip" => text(ip),
        "fid" => text(hit.id.as_ref()),
        "family" => ip.and_then(Address::family).map_or("None", Family::as_str).to_owned(),
        "ip-rev" => ip.map_or_else(String::new, Address::reversed),
        "ip-host" => ip
            .and_then(|ip| names::name_of(ip.to_string().parse().ok()?))
            .unwrap_or_else(|| "None".to_owned()),
        "failures" | "bancount" | "restored" | "ipfailures" | "ipjailfailures" => "0".to_owned(),
        "time" => time_value(Some(time)).to_text(),
        "matches" | "ipmatches" | "ipjailmatches" => joined(hit),
        "F-*" => all_data(hit),
        "raw-ticket" => format!(
            "BanTicket: ip={} time={} bantime=None bancount=0 #attempts=0 matches={}",
            text(hit.id.as_ref()),
            time_value(Some(time)),
            matches_value(hit)
        ),
        _ => return None,
    })
}

/// The ticket's data as Python shows it.
fn all_data(hit: &Hit) -> String {
    let mut pairs =
        vec![(Value::str("matches"), matches_value(hit)), (Value::str("failures"), Value::Int(0))];
    let set = hit.data.iter().filter(|(_, item)| !matches!(item, Item::None));
    pairs.extend(set.map(|(key, item)| (Value::str(key), item.value())));
    Value::Dict(pairs).to_text()
}

/// What `<F-NAME>` captured; empty if nothing.
fn captured(name: &str, hit: &Hit) -> String {
    let key = match name {
        "ID" => "fid".to_owned(),
        "PORT" => "fport".to_owned(),
        name => name.to_lowercase(),
    };
    match key.as_str() {
        "failures" => "0".to_owned(),
        key => match datum(hit, key) {
            None | Some(Value::None) => String::new(),
            Some(value) => value.to_text(),
        },
    }
}

fn constant_tag(tag: &str) -> Option<String> {
    match tag {
        "br" => Some("\n".to_owned()),
        "sp" => Some(" ".to_owned()),
        "fq-hostname" => Some(names::full_hostname()),
        "sh-hostname" => Some(names::hostname()),
        _ => None,
    }
}
