//! Manual pages in roff.

use ferroban::client::cli::FLAGS;
use ferroban::client::commands::{COMMANDS, Line};

pub fn client() -> String {
    page(
        "fail2ban-client",
        "control and configure the fail2ban server",
        "fail2ban-client reads the configuration, starts the server with it, and passes commands to the running \
         server.",
        true,
    )
}

pub fn server() -> String {
    page(
        "fail2ban-server",
        "the daemon that reads logs and bans",
        "fail2ban-server starts the server. It takes the options of \\fBfail2ban-client\\fR(1), and the commands \
         start and stop; commands for a running server belong to fail2ban-client.",
        false,
    )
}

/// The page of fail2ban-regex, from its `--help`: arguments, then options.
pub fn regex() -> String {
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_ferroban"))
        .args(["regex", "--help"])
        .output()
        .expect("the program runs");
    let help = String::from_utf8(help.stdout).expect("help is text");
    let mut out = heading("fail2ban-regex", "try a filter on a log")
        + "[\\fIOPTIONS\\fR] \\fI<LOG> <REGEX>\\fR [\\fIIGNOREREGEX\\fR]\n.SH DESCRIPTION\n\
           fail2ban\\-regex shows which lines of a log a filter finds, and which it misses.\n";
    for line in help.lines().skip_while(|line| *line != "LOG:") {
        if let Some(title) = line.strip_suffix(':').filter(|title| !title.starts_with(' ')) {
            out += &format!(".SH {}\n", title.to_uppercase());
        } else if line.starts_with("  ") && !line.starts_with("   ") {
            let (left, right) = line.trim().split_once("  ").unwrap_or((line.trim(), ""));
            out += &format!(".TP\n\\fB{}\\fR\n", escaped(left));
            if !right.trim().is_empty() {
                out += &format!("{}\n", escaped(right.trim()));
            }
        } else if !line.trim().is_empty() {
            out += &format!("{}\n", escaped(line.trim()));
        }
    }
    out + ".SH EXIT STATUS\n0 when the log could be read, 2 for wrong options, 255 otherwise.\n" + SEE_ALSO
}

fn page(name: &str, purpose: &str, description: &str, commands: bool) -> String {
    let mut out = heading(name, purpose)
        + &format!("[\\fIOPTIONS\\fR] \\fI<COMMAND>\\fR\n.SH DESCRIPTION\n{description}\n.SH OPTIONS\n");
    for flag in FLAGS {
        out += &format!(".TP\n\\fB{}\\fR\n{}\n", escaped(&flag.left_column()), escaped(flag.help));
    }
    if commands {
        out += ".SH COMMANDS\n";
        for line in COMMANDS {
            out += &match line {
                Line::Group(title) => format!(".SS {}\n", escaped(title)),
                Line::Command(words, help) => {
                    format!(".TP\n\\fB{}\\fR\n{}\n", escaped(words), escaped(help))
                }
            };
        }
    }
    out + ".SH FILES\n.TP\n/etc/fail2ban\nthe configuration\n.TP\n/usr/share/ferroban\n\
           configuration files that are used where /etc/fail2ban has none of that name\n\
           .TP\n/run/fail2ban/fail2ban.sock\nthe control socket\n\
           .TP\n/var/log/fail2ban.log\nthe log\n\
           .TP\n/var/lib/fail2ban/fail2ban.sqlite3\nbans and log positions\n\
           .SH EXIT STATUS\n0 on success, 255 otherwise.\n"
        + SEE_ALSO
}

const SEE_ALSO: &str = ".SH SEE ALSO\n.BR ferroban (1),\n.BR fail2ban\\-client (1),\n\
    .BR fail2ban\\-server (1),\n.BR fail2ban\\-regex (1),\n.BR jail.conf (5)\n";

fn heading(name: &str, purpose: &str) -> String {
    format!(
        ".\\\" Generated from the tables of the program: see tests/generated_documents.rs\n\
         .TH {} 1 \"\" ferroban \"User Commands\"\n.SH NAME\n{} \\- {purpose}\n.SH SYNOPSIS\n.B {}\n",
        name.to_uppercase(),
        escaped(name),
        escaped(name),
    )
}

fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}
