//! From an action's text to the command that runs (COMPAT §8.2).
//!
//! First the action's own properties are put in, recursively; they are the admin's and trusted. Then
//! the ticket's values, once and never recursively; they may come from an attacker, so what could mean
//! something to a shell does not enter the script: it is passed as a positional argument and the script
//! refers to it by a variable.

use std::collections::HashMap;
use std::fmt;

use super::host::Host;
use super::info::ActionInfo;
use super::properties::Tags;
use crate::config::tags::{MAX_TAG_REPLACE_COUNT, find_tag, resolve};
use crate::value::{Exception, Value};

/// Characters that a shell may take for more than themselves.
const SPECIAL: &[char] = &[
    '\\', '#', '&', ';', '`', '|', '*', '?', '~', '<', '>', '^', '(', ')', '[', ']', '{', '}', '$', '\'',
    '"', '\n', '\r',
];

/// Tags that a property may also be called, and whose text is then escaped.
const ESCAPED: [&str; 3] = ["matches", "ipmatches", "ipjailmatches"];

/// A command for `/bin/sh -c`: the script and the positional arguments from `$0` on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ShellCommand {
    pub script: String,
    pub values: Vec<String>,
}

/// As upstream logs it: the script, or Python's list of script and values.
impl fmt::Display for ShellCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.values.is_empty() { f.write_str(&self.script) } else { self.as_value().fmt(f) }
    }
}

impl ShellCommand {
    /// The Python object that upstream has for it.
    pub fn as_value(&self) -> Value {
        if self.values.is_empty() {
            return Value::str(&*self.script);
        }
        Value::strings(std::iter::once(&self.script).chain(&self.values))
    }
}

/// Results of static substitution, valid for one state of the properties.
#[derive(Default)]
pub(super) struct StaticCache {
    properties: HashMap<String, Tags>,
    queries: HashMap<(String, String), String>,
}

impl StaticCache {
    /// Puts the properties into `query`; `conditional` (`family=inet6`, or empty) chooses among those that
    /// have several forms. Fails with upstream's `ValueError` on self reference.
    pub fn replace(
        &mut self,
        query: &str,
        properties: &Tags,
        conditional: &str,
        host: &dyn Host,
    ) -> Result<String, Exception> {
        let key = (query.to_owned(), conditional.to_owned());
        if let Some(known) = self.queries.get(&key) {
            return Ok(known.clone());
        }
        if !self.properties.contains_key(conditional) {
            self.properties.insert(conditional.to_owned(), resolved(properties, conditional)?);
        }
        let text = replace_static(query, &self.properties[conditional], conditional, host)?;
        self.queries.insert(key, text.clone());
        Ok(text)
    }
}

/// The properties with each other's values in them.
fn resolved(properties: &Tags, conditional: &str) -> Result<Tags, Exception> {
    let text = |(name, value)| match value {
        &Value::None => (name, None),
        value => (name, Some(value.to_text().into())),
    };
    let texts = properties.iter().map(|(name, value)| text((name.as_str(), value))).collect();
    let mut properties = properties.clone();
    for (index, text) in resolve::<Exception>(texts, conditional, &ESCAPED, &mut |_| Ok(None))? {
        properties[index] = Value::str(&*text);
    }
    Ok(properties)
}

fn replace_static(
    query: &str,
    properties: &Tags,
    conditional: &str,
    host: &dyn Host,
) -> Result<String, Exception> {
    let mut text = query.to_owned();
    for _ in 0..=MAX_TAG_REPLACE_COUNT {
        let next = replace_tags(&text, |tag| {
            let by_condition = match conditional {
                "" => None,
                condition => {
                    properties.get(&format!("{tag}?{condition}")).filter(|value| **value != Value::None)
                }
            };
            let value = by_condition.or_else(|| properties.get(tag)).filter(|value| **value != Value::None);
            match value {
                Some(value) if ESCAPED.contains(&tag) => Some(escape(&value.to_text())),
                Some(value) => Some(value.to_text()),
                None => constant_tag(tag, host),
            }
        });
        if next == text || !next.contains('<') {
            return Ok(next);
        }
        text = next;
    }
    let text = format!(
        "unexpected too long replacement interpolation, possible self referencing definitions in query: {text}"
    );
    Err(Exception::builtin("ValueError", text))
}

/// Puts the family into a command that is about no ticket: the one dynamic tag that checks and repairs
/// know.
pub(super) fn replace_family(command: &str, family: &str, host: &dyn Host) -> ShellCommand {
    let tag_value = |tag: &str| (tag == "family").then(|| family.to_owned());
    replace_dynamic(command, tag_value, |_| None, host)
}

/// Puts a ticket's values into a command.
pub(super) fn replace_ticket(command: &str, info: &mut ActionInfo, host: &dyn Host) -> ShellCommand {
    let info = std::cell::RefCell::new(info);
    replace_dynamic(
        command,
        |tag| info.borrow_mut().value(tag).map(|value| value.to_text()),
        |key| info.borrow().datum(key),
        host,
    )
}

/// One pass over the tags, then one over the `<F-…>`; values never become tags.
fn replace_dynamic(
    command: &str,
    value_of: impl Fn(&str) -> Option<String>,
    datum_of: impl Fn(&str) -> Option<String>,
    host: &dyn Host,
) -> ShellCommand {
    let mut variables = Variables::default();
    let mut script = replace_tags(command, |tag| match value_of(tag) {
        Some(value) => Some(variables.guard(tag, value)),
        None => constant_tag(tag, host),
    });
    if script.contains('<') {
        script = replace_tags(&script, |tag| {
            let name = data_tag(tag)?;
            Some(
                datum_of(&name)
                    .map_or_else(String::new, |value| variables.guard(&format!("F_{name}"), value)),
            )
        });
    }
    variables.declare(script)
}

/// The ticket's key that a tag `F-NAME` names.
fn data_tag(tag: &str) -> Option<String> {
    let name = tag.strip_prefix("F-")?;
    let valid = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    if name.is_empty() || !name.bytes().all(valid) {
        return None;
    }
    Some(match name {
        "ID" => "fid".to_owned(),
        "PORT" => "fport".to_owned(),
        name => name.to_ascii_lowercase(),
    })
}

/// Values kept out of the script, by the variable that stands for them.
#[derive(Default)]
struct Variables(Vec<(String, String)>);

impl Variables {
    /// The text that may stand in the script for a tag's value.
    fn guard(&mut self, tag: &str, value: String) -> String {
        if !value.contains(SPECIAL) {
            return value;
        }
        let word: String = tag.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        let name = format!("f2bV_{word}");
        let reference = format!("${name}");
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
        reference
    }

    fn declare(self, script: String) -> ShellCommand {
        if self.0.is_empty() {
            return ShellCommand { script, values: Vec::new() };
        }
        let mut assignments = String::new();
        for (i, (name, _)) in self.0.iter().enumerate() {
            // From the tenth on a shell needs braces.
            let argument = if i < 10 { format!("${i}") } else { format!("${{{i}}}") };
            assignments += &format!("{name}={argument} ");
        }
        let values = self.0.into_iter().map(|(_, value)| value).collect();
        ShellCommand { script: format!("{assignments}\n{script}"), values }
    }
}

/// Tags that mean the same in every action.
fn constant_tag(tag: &str, host: &dyn Host) -> Option<String> {
    match tag {
        "br" => Some("\n".into()),
        "sp" => Some(" ".into()),
        "fq-hostname" => Some(host.hostname(true)),
        "sh-hostname" => Some(host.hostname(false)),
        _ => None,
    }
}

/// Replaces every `<tag>` that `replacement` knows, once, from left to right.
fn replace_tags(text: &str, mut replacement: impl FnMut(&str) -> Option<String>) -> String {
    let mut result = String::with_capacity(text.len());
    let mut from = 0;
    while let Some(range) = find_tag(text, from) {
        result += &text[from..range.start];
        match replacement(&text[range.start + 1..range.end - 1]) {
            Some(value) => result += &value,
            None => result += &text[range.clone()],
        }
        from = range.end;
    }
    result + &text[from..]
}

/// Backslashes before everything that a shell may take for more than itself.
pub(super) fn escape(value: &str) -> String {
    let mut result = String::with_capacity(value.len());
    for c in value.chars() {
        if SPECIAL.contains(&c) {
            result.push('\\');
        }
        result.push(match c {
            '\n' => 'n',
            '\r' => 'r',
            c => c,
        });
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::host::level;
    use crate::action::testing::{TestHost, ban_of};
    use crate::address::Address;
    use crate::filter::Item;

    fn static_text(query: &str, properties: &[(&str, &str)], conditional: &str) -> Result<String, String> {
        let (host, _events) = TestHost::new(level::INFO);
        let properties =
            properties.iter().map(|(name, value)| (name.to_string(), Value::str(*value))).collect();
        StaticCache::default()
            .replace(query, &properties, conditional, &*host)
            .map_err(|error| error.message())
    }

    #[test]
    fn properties_are_put_in_recursively_and_by_family() {
        let properties = [
            ("a", "<b>-<unknown>"),
            ("b", "4"),
            ("b?family=inet6", "6"),
            ("matches", "own `matches`"),
            ("name<x>", "composed"),
            ("x", "y"),
            ("namey", "z<br><sp>|<sh-hostname>"),
        ];
        for (query, conditional, expected) in [
            ("<a> <ip>", "", "4-<unknown> <ip>"),
            ("<a>", "family=inet4", "4-<unknown>"),
            ("<a>", "family=inet6", "6-<unknown>"),
            ("<matches>", "", "own \\`matches\\`"),
            ("<name<x>>", "", "z\n |box"),
            ("1 <2 >3 <>", "", "1 <2 >3 <>"),
        ] {
            assert_eq!(static_text(query, &properties, conditional).as_deref(), Ok(expected), "{query}");
        }
        let error = static_text("<a>", &[("a", "<b>"), ("b", "<a>")], "").unwrap_err();
        assert!(error.starts_with("properties contain self referencing definitions"), "{error}");
    }

    #[test]
    fn what_a_shell_could_misread_stays_out_of_the_script() {
        let (host, _events) = TestHost::new(level::INFO);
        for special in SPECIAL {
            let mut ban = ban_of("192.0.2.1");
            let evil = format!("a{special}b <ip>");
            ban.id = Address::Raw(evil.as_str().into());
            ban.data.set("user", Item::Text(evil.as_str().into()));
            let mut info = ActionInfo::new(&ban, "j", &*host);
            let command = replace_ticket("x <fid> <F-USER> <F-NONE><ip> <fid>", &mut info, &*host);
            let script = "f2bV_fid=$0 f2bV_F_user=$1 \nx $f2bV_fid $f2bV_F_user 192.0.2.1 $f2bV_fid";
            assert_eq!(command, ShellCommand { script: script.into(), values: vec![evil.clone(), evil] });
        }
    }

    #[test]
    fn the_shell_gives_the_values_back_whole() {
        let (host, _events) = TestHost::new(level::INFO);
        let evil = "\\#&;`touch x`|*?~<ip>^()[]{}$(touch x)';touch x;'\";touch x;\"\r\n$0 é";
        let mut ban = ban_of("192.0.2.1");
        let names: Vec<String> = (0..12).map(|n| format!("v{n}")).collect();
        let mut script = "printf '%s|'".to_owned();
        for (n, name) in names.iter().enumerate() {
            ban.data.set(name.as_str(), Item::Text(format!("{n}{evil}").into()));
            script += &format!(" \"<F-{}>\"", name.to_uppercase());
        }
        let command = replace_ticket(&script, &mut ActionInfo::new(&ban, "j", &*host), &*host);
        let mut shell = std::process::Command::new("/bin/sh");
        let output = shell.arg("-c").arg(&command.script).args(&command.values).output().expect("a shell");
        let expected: String = (0..12).map(|n| format!("{n}{evil}|")).collect();
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    }

    #[test]
    fn every_tag_has_its_value() {
        let (host, _events) = TestHost::new(level::INFO);
        let mut ban = ban_of("2001:db8::1");
        ban.bantime = Some(-1);
        for (tags, expected) in [
            ("<ip> <family> <ip-host> <fid>", "2001:db8::1 inet6 host-of-2001:db8::1 2001:db8::1"),
            ("<failures> <time> <bantime> <bancount> <restored>", "3 1700000000.0 -1 1 0"),
            ("<ipfailures> <ipjailfailures> <jail.name>", "7 7 j"),
            ("<jail.found> <jail.found_total> <jail.banned> <jail.banned_total>", "1 2 3 4"),
            ("<F-FAILURES> <F-ID><fq-hostname> <no-tag>", "3 box.example.com <no-tag>"),
        ] {
            let command = replace_ticket(tags, &mut ActionInfo::new(&ban, "j", &*host), &*host);
            assert_eq!(command.to_string(), expected);
        }
        let command = replace_ticket("<matches>", &mut ActionInfo::new(&ban, "j", &*host), &*host);
        assert_eq!(command.values, ["first\na DATE b"]);
        let command = replace_ticket("<ipjailmatches>", &mut ActionInfo::new(&ban, "j", &*host), &*host);
        assert_eq!(command.values, ["earlier 2001:db8::1\nin j"]);
        let command = replace_ticket("<raw-ticket>", &mut ActionInfo::new(&ban, "j", &*host), &*host);
        let raw = "BanTicket: ip=2001:db8::1 time=1700000000.0 bantime=-1 bancount=1 #attempts=3 matches=['first', ('a ', 'DATE', ' b')]";
        assert_eq!(command.values, [raw]);
    }
}
