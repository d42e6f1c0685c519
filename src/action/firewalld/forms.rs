//! The commands of firewalld's client that are understood: those of the stock actions, in exactly the forms
//! they have there. Everything else is for the client itself.

use crate::action::shell::simple_commands;
use crate::action::tags::ShellCommand;

/// The client, by the name that the stock actions use.
pub(super) const CLIENT: &str = "firewall-cmd";

const DIRECT: &str = "org.fedoraproject.FirewallD1.direct";
const ZONE: &str = "org.fedoraproject.FirewallD1.zone";
const IPSET: &str = "org.fedoraproject.FirewallD1.ipset";

/// The call to firewalld that the client would make.
#[derive(Debug, PartialEq)]
pub(super) struct Call {
    pub interface: &'static str,
    pub method: &'static str,
    pub arguments: Vec<Argument>,
    pub answer: Answer,
}

#[derive(Debug, PartialEq)]
pub(super) enum Argument {
    Text(String),
    Number(i32),
    Words(Vec<String>),
}

/// What becomes of firewalld's reply.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// There is nothing in it: `success`.
    Success,
    /// It is a truth value: `yes`, or `no` and exit code 1.
    Truth,
    /// It is a list of names, in which this one, or (not `whole`) the end of one, is searched.
    Search { name: String, whole: bool },
}

/// The calls that a command stands for, made one after the other; what the last one says is the command's
/// exit code.
pub(super) fn recognise(command: &ShellCommand) -> Option<Vec<Call>> {
    let script = command.script.trim_matches([' ', '\t', '\n']);
    if !command.values.is_empty() || !script.contains(CLIENT) {
        return None;
    }
    if let Some(call) = chain_search(script) {
        return Some(vec![call]);
    }
    let commands = match port_loop(script) {
        Some((ports, body)) => body_per_port(ports, body)?,
        None => simple_commands(script)?,
    };
    commands.iter().map(|words| call_of(words)).collect()
}

/// `firewall-cmd --direct --get-chains FAMILY TABLE | sed -e 's, ,\n,g' | grep -q '^NAME$'`, and the same
/// without `^`.
fn chain_search(script: &str) -> Option<Call> {
    let rest = script.strip_prefix(CLIENT)?.strip_prefix(" --direct --get-chains ")?;
    let (place, pattern) = rest.split_once(r" | sed -e 's, ,\n,g' | grep -q '")?;
    let (family, table) = place.split_once(' ')?;
    let pattern = pattern.strip_suffix("$'")?;
    let (name, whole) = pattern.strip_prefix('^').map_or((pattern, false), |name| (name, true));
    // Nothing that means more than itself to `grep` or to the shell.
    let plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    if !is_family(family) || !plain(table) || !plain(name) {
        return None;
    }
    let arguments = texts(&[family, table]);
    let answer = Answer::Search { name: name.to_owned(), whole };
    Some(Call { interface: DIRECT, method: "getChains", arguments, answer })
}

/// The ports and the body of `ports="PORTS"; for p in $(echo $ports | tr ", " " "); do BODY; done`.
fn port_loop(script: &str) -> Option<(&str, &str)> {
    let (ports, rest) = script.strip_prefix("ports=\"")?.split_once('"')?;
    let body = rest.strip_prefix("; for p in $(echo $ports | tr \", \" \" \"); do ")?;
    Some((ports, body.strip_suffix("; done")?))
}

/// The simple commands that the body of the loop becomes.
fn body_per_port(ports: &str, body: &str) -> Option<Vec<Vec<String>>> {
    let plain = |c: char| c.is_ascii_alphanumeric() || ":,- ".contains(c);
    let mut parts = body.split("$p");
    let first = parts.next()?;
    // A longer name would be another variable.
    let longer = |part: &str| part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    if !ports.chars().all(plain) || ports.starts_with('-') || first.ends_with('\\') || parts.any(longer) {
        return None;
    }
    let ports = ports.split([',', ' ']).filter(|port| !port.is_empty());
    let commands = ports.map(|port| simple_commands(&body.replace("$p", port)));
    commands.collect::<Option<Vec<_>>>().map(|commands| commands.concat())
}

fn call_of(words: &[String]) -> Option<Call> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [CLIENT, "--direct", option, rest @ ..] => direct(option, rest),
        [CLIENT, first, second] if first.starts_with("--zone=") => in_zone(&first["--zone=".len()..], second),
        [CLIENT, first, second] if first.starts_with("--ipset=") => {
            in_ipset(&first["--ipset=".len()..], second)
        }
        [CLIENT, only] => in_zone("", only),
        _ => None,
    }
}

/// Chains and rules that are handed to iptables as they are.
fn direct(option: &str, words: &[&str]) -> Option<Call> {
    let (method, answer) = match option {
        "--add-chain" => ("addChain", Answer::Success),
        "--remove-chain" => ("removeChain", Answer::Success),
        "--query-chain" => ("queryChain", Answer::Truth),
        "--add-rule" => ("addRule", Answer::Success),
        "--remove-rule" => ("removeRule", Answer::Success),
        "--remove-rules" => ("removeRules", Answer::Success),
        "--query-rule" => ("queryRule", Answer::Truth),
        _ => return None,
    };
    let arguments = match (option, words) {
        ("--add-rule" | "--remove-rule" | "--query-rule", [family, table, chain, priority, rule @ ..])
            if !rule.is_empty() =>
        {
            let mut arguments = texts(&[family, table, chain]);
            arguments.push(Argument::Number(priority.parse().ok()?));
            arguments.push(Argument::Words(rule.iter().map(|word| (*word).to_owned()).collect()));
            arguments
        }
        ("--add-chain" | "--remove-chain" | "--query-chain" | "--remove-rules", [_, table, chain])
            if !table.starts_with('-') && !chain.starts_with('-') =>
        {
            texts(words)
        }
        _ => return None,
    };
    let call = Call { interface: DIRECT, method, arguments, answer };
    words.first().is_some_and(|family| is_family(family)).then_some(call)
}

/// Rich rules; no zone is the default one.
fn in_zone(zone: &str, option: &str) -> Option<Call> {
    let (option, rule) = option.split_once('=')?;
    let (method, answer) = match option {
        "--add-rich-rule" => ("addRichRule", Answer::Success),
        "--remove-rich-rule" => ("removeRichRule", Answer::Success),
        "--query-rich-rule" => ("queryRichRule", Answer::Truth),
        _ => return None,
    };
    let mut arguments = texts(&[zone, rule]);
    if method == "addRichRule" {
        // For ever, as far as firewalld is concerned.
        arguments.push(Argument::Number(0));
    }
    Some(Call { interface: ZONE, method, arguments, answer })
}

/// Entries of a set that firewalld knows.
fn in_ipset(set: &str, option: &str) -> Option<Call> {
    let (option, entry) = option.split_once('=')?;
    let (method, answer) = match option {
        "--add-entry" => ("addEntry", Answer::Success),
        "--remove-entry" => ("removeEntry", Answer::Success),
        "--query-entry" => ("queryEntry", Answer::Truth),
        _ => return None,
    };
    let arguments = texts(&[set, entry]);
    (!set.is_empty()).then_some(Call { interface: IPSET, method, arguments, answer })
}

fn is_family(word: &str) -> bool {
    matches!(word, "ipv4" | "ipv6" | "eb")
}

fn texts(words: &[&str]) -> Vec<Argument> {
    words.iter().map(|word| Argument::Text((*word).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The calls as text: method, arguments, answer.
    fn calls(script: &str) -> Option<Vec<String>> {
        let command = ShellCommand { script: script.into(), values: Vec::new() };
        let calls = recognise(&command)?.into_iter().map(|call| {
            let arguments = call.arguments.iter().map(|argument| match argument {
                Argument::Text(text) => text.clone(),
                Argument::Number(number) => number.to_string(),
                Argument::Words(words) => format!("[{}]", words.join("|")),
            });
            let arguments = arguments.collect::<Vec<_>>().join(", ");
            let answer = match call.answer {
                Answer::Success => String::new(),
                Answer::Truth => "?".into(),
                Answer::Search { name, whole } => format!(" has {name}{}", if whole { "" } else { "…" }),
            };
            let interface = call.interface.rsplit('.').next().unwrap_or_default();
            format!("{interface}.{}({arguments}){answer}", call.method)
        });
        Some(calls.collect())
    }

    #[test]
    fn stock_commands_are_recognised() {
        let rich = r#"ports="22, 80"; for p in $(echo $ports | tr ", " " "); do firewall-cmd --zone="public" --add-rich-rule="rule family=\"ipv4\" source address=\"192.0.2.1\" port port=\"$p\" protocol=\"tcp\" reject type='icmp-port-unreachable'"; done"#;
        let old = "ports=\"ssh\"; for p in $(echo $ports | tr \", \" \" \"); do firewall-cmd --remove-rich-rule=\"rule family='ipv6' port port='$p' log prefix='f2b-x' level='info' limit value='1/m' drop\"; done\n\t";
        for (script, expected) in [
            (
                "firewall-cmd --direct --add-chain ipv4 filter f2b-x\nfirewall-cmd --direct --add-rule ipv4 filter f2b-x 1000 -j RETURN",
                &[
                    "direct.addChain(ipv4, filter, f2b-x)",
                    "direct.addRule(ipv4, filter, f2b-x, 1000, [-j|RETURN])",
                ][..],
            ),
            (
                "firewall-cmd --direct --remove-rules ipv6 filter f2b-x",
                &["direct.removeRules(ipv6, filter, f2b-x)"],
            ),
            (
                "firewall-cmd --direct --query-rule ipv4 filter c -1 -s 192.0.2.1 -j DROP",
                &["direct.queryRule(ipv4, filter, c, -1, [-s|192.0.2.1|-j|DROP])?"],
            ),
            (
                r"firewall-cmd --direct --get-chains ipv4 filter | sed -e 's, ,\n,g' | grep -q '^f2b-x$'",
                &["direct.getChains(ipv4, filter) has f2b-x"],
            ),
            (
                r"firewall-cmd --direct --get-chains ipv4 filter | sed -e 's, ,\n,g' | grep -q 'f2b-x$'",
                &["direct.getChains(ipv4, filter) has f2b-x…"],
            ),
            (
                rich,
                &[
                    "zone.addRichRule(public, rule family=\"ipv4\" source address=\"192.0.2.1\" port port=\"22\" protocol=\"tcp\" reject type='icmp-port-unreachable', 0)",
                    "zone.addRichRule(public, rule family=\"ipv4\" source address=\"192.0.2.1\" port port=\"80\" protocol=\"tcp\" reject type='icmp-port-unreachable', 0)",
                ],
            ),
            (
                old,
                &[
                    "zone.removeRichRule(, rule family='ipv6' port port='ssh' log prefix='f2b-x' level='info' limit value='1/m' drop)",
                ],
            ),
            ("firewall-cmd --ipset=f2b-x --add-entry=192.0.2.1", &["ipset.addEntry(f2b-x, 192.0.2.1)"]),
            ("firewall-cmd --ipset=f2b-x --query-entry=192.0.2.1", &["ipset.queryEntry(f2b-x, 192.0.2.1)?"]),
        ] {
            assert_eq!(
                calls(script).as_deref(),
                Some(expected.iter().map(|c| c.to_string()).collect::<Vec<_>>().as_slice()),
                "{script}"
            );
        }
    }

    #[test]
    fn everything_else_is_the_clients() {
        for script in [
            "firewall-cmd",
            "firewall-cmd --reload",
            "firewall-cmd --permanent --add-rich-rule=x",
            "firewall-cmd --zone=public --add-rich-rule=x --timeout=60",
            "firewall-cmd --zone=public --add-source=192.0.2.1",
            "firewall-cmd --direct --add-rule ipv5 filter c 0 -j DROP",
            "firewall-cmd --direct --add-rule ipv4 filter c first -j DROP",
            "firewall-cmd --direct --add-rule ipv4 filter c 0",
            "firewall-cmd --direct --add-chain ipv4 filter",
            "firewall-cmd --direct --add-chain ipv4 filter c d",
            "firewall-cmd --direct --passthrough ipv4 -nvL",
            "firewall-cmd --direct --new-ipset=f2b-x --type=hash:ip",
            "firewall-cmd --ipset=f2b-x --add-entry=$x",
            "firewall-cmd --ipset=f2b-x --add-entry=192.0.2.1 || true",
            "ipset create x hash:ip\nfirewall-cmd --direct --add-chain ipv4 filter c",
            "./firewall-cmd --ipset=f2b-x --add-entry=192.0.2.1",
            r"firewall-cmd --direct --get-chains ipv4 filter | sed -e 's, ,\n,g' | grep -q '^f2b.x$'",
            r"firewall-cmd --direct --get-chains ipv4 filter | sed -e 's, ,\n,g' | grep -q '^x$' || false",
            "ports=\"*\"; for p in $(echo $ports | tr \", \" \" \"); do firewall-cmd --add-rich-rule=\"$p\"; done",
            "ports=\"1\"; for p in $(echo $ports | tr \", \" \" \"); do firewall-cmd --add-rich-rule=\"$ports\"; done",
            "ports=\"1\"; for p in $(echo $ports | tr \", \" \" \"); do firewall-cmd --add-rich-rule=\"$p\"; done; x",
        ] {
            assert_eq!(calls(script), None, "{script}");
        }
        let with_values = ShellCommand {
            script: "firewall-cmd --ipset=x --add-entry=192.0.2.1".into(),
            values: vec!["v".into()],
        };
        assert_eq!(recognise(&with_values), None);
    }
}
