//! Completions for bash, zsh and fish.

use std::collections::BTreeSet;

use ferroban::client::cli::FLAGS;
use ferroban::client::commands::{COMMANDS, Line};

/// Where a word may stand.
enum Place {
    /// The command itself.
    First,
    /// After `set` or `get`: a setting of the server.
    Server(&'static str),
    /// After `set JAIL` or `get JAIL`: a setting of a jail.
    Jail(&'static str),
}

/// The plain words of the commands at a place.
fn words(place: &Place) -> String {
    let mut found = BTreeSet::new();
    for line in COMMANDS {
        let Line::Command(command, _) = line else { continue };
        let parts: Vec<&str> = command.split_whitespace().collect();
        let word = match (place, parts.as_slice()) {
            (Place::First, [first, ..]) => *first,
            (Place::Server(verb), [first, second, ..]) if first == verb => second,
            (Place::Jail(verb), [first, "<JAIL>", third, ..]) if first == verb => third,
            _ => continue,
        };
        let word = if word == "stat[istic]s" { "statistics" } else { word };
        if word.chars().all(|c| c.is_ascii_alphanumeric()) {
            found.insert(word);
        }
    }
    found.into_iter().collect::<Vec<_>>().join(" ")
}

fn options() -> Vec<String> {
    let column = FLAGS.iter().flat_map(|flag| {
        let short = flag.short.iter().map(|(c, _)| format!("-{c}"));
        let long = flag.long.iter().map(|(name, _)| format!("--{name}"));
        short.chain(long).collect::<Vec<_>>()
    });
    column.collect()
}

/// Options that take a value, which may be the next word.
fn value_options() -> Vec<String> {
    let flags = FLAGS.iter().filter(|flag| flag.value.is_some());
    let names = flags.flat_map(|flag| {
        let short = flag.short.iter().map(|(c, _)| format!("-{c}"));
        short.chain(flag.long.iter().map(|(name, _)| format!("--{name}"))).collect::<Vec<_>>()
    });
    names.collect()
}

pub fn bash() -> String {
    let (first, options, values) = (words(&Place::First), options().join(" "), value_options().join("|"));
    let lists: Vec<String> = ["set", "get"].map(setting_lists).into();
    format!(
        "# Generated from the tables of the program: see tests/generated_documents.rs
_fail2ban_jails() {{
    \"$1\" status 2>/dev/null | sed -n 's/.*Jail list:[[:space:]]*//p' | tr -d ,
}}

_fail2ban() {{
    local program=$1 cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} i found= words=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${{COMP_WORDS[i]}} in
        {values}) ((i++)) ;;
        -*) ;;
        *) words+=(\"${{COMP_WORDS[i]}}\") ;;
        esac
    done
    case $prev in
    {values})
        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")
        return
        ;;
    esac
    if [[ $cur == -* ]]; then
        found=\"{options}\"
    elif [[ $program == *fail2ban-server ]]; then
        [[ ${{#words[@]}} -gt 0 ]] || found=\"start stop\"
    else
        case ${{words[0]-}}:${{#words[@]}} in
        :0) found=\"{first}\" ;;
        start:1 | stop:1 | status:1 | restart:1 | reload:1) found=$(_fail2ban_jails \"$program\") ;;
{}        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W \"$found\" -- \"$cur\")
}}

complete -o default -F _fail2ban fail2ban-client fail2ban-server
",
        lists.concat()
    )
}

/// The two branches of the bash completion for the words after `set` or `get`.
fn setting_lists(verb: &'static str) -> String {
    let (server, jail) = (words(&Place::Server(verb)), words(&Place::Jail(verb)));
    format!(
        "        {verb}:1) found=\"{server} $(_fail2ban_jails \"$program\")\" ;;
        {verb}:2) found=\"{jail}\" ;;
"
    )
}

pub fn zsh() -> String {
    let mut specs = String::new();
    for flag in FLAGS {
        let names: Vec<String> = flag
            .short
            .iter()
            .map(|(c, _)| format!("-{c}"))
            .chain(flag.long.iter().map(|(name, _)| format!("--{name}")))
            .collect();
        let help = flag.help.replace(['[', ']', '\'', ':'], " ");
        let value = flag.value.map_or(String::new(), |_| ":value:_files".into());
        for name in names {
            specs += &format!("        '{name}[{help}]{value}' \\\n");
        }
    }
    let branches: String = ["set", "get"]
        .map(|verb| {
            let (server, jail) = (words(&Place::Server(verb)), words(&Place::Jail(verb)));
            format!("    {verb}:2) compadd {server} $(_fail2ban_jails) ;;\n    {verb}:3) compadd {jail} ;;\n")
        })
        .concat();
    format!(
        "#compdef fail2ban-client fail2ban-server
# Generated from the tables of the program: see tests/generated_documents.rs

_fail2ban_jails() {{
    fail2ban-client status 2>/dev/null | sed -n 's/.*Jail list:[[:space:]]*//p' | tr -d ,
}}

_fail2ban_words() {{
    if [[ $service == fail2ban-server ]]; then
        (( CURRENT > 1 )) || compadd start stop
        return
    fi
    case $words[1]:$CURRENT in
    *:1) compadd {} ;;
    (start|stop|status|restart|reload):2) compadd $(_fail2ban_jails) ;;
{branches}    esac
}}

_fail2ban() {{
    _arguments -s \\
{specs}        '*::command:_fail2ban_words'
}}

_fail2ban \"$@\"
",
        words(&Place::First)
    )
}

pub fn fish(program: &str) -> String {
    let mut out = "# Generated from the tables of the program: see tests/generated_documents.rs\n".to_owned();
    for flag in FLAGS {
        let mut line = format!("complete -c {program}");
        if let Some((c, _)) = flag.short {
            line += &format!(" -s {c}");
        }
        for (name, _) in flag.long {
            line += &format!(" -l {name}");
        }
        if flag.value.is_some() {
            line += " -r";
        }
        out += &format!("{line} -d '{}'\n", flag.help.replace('\'', "\\'"));
    }
    if program == "fail2ban-server" {
        return out + "complete -c fail2ban-server -f -n __fish_use_subcommand -a 'start stop'\n";
    }
    let jails = "(fail2ban-client status 2>/dev/null | sed -n 's/.*Jail list:[[:space:]]*//p' | tr -d ,\
                 | string split ' ')";
    out += &format!("complete -c {program} -f -n __fish_use_subcommand -a '{}'\n", words(&Place::First));
    out += &format!(
        "complete -c {program} -f -n '__fish_seen_subcommand_from start stop status restart reload' -a \"{jails}\"\n"
    );
    for verb in ["set", "get"] {
        out += &format!(
            "complete -c {program} -f -n '__fish_seen_subcommand_from {verb}' -a '{} {}'\n",
            words(&Place::Server(verb)),
            words(&Place::Jail(verb))
        );
        out += &format!("complete -c {program} -f -n '__fish_seen_subcommand_from {verb}' -a \"{jails}\"\n");
    }
    out
}
