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

fn page(name: &str, purpose: &str, description: &str, commands: bool) -> String {
    let mut out = format!(
        ".\\\" Generated from the tables of the program: see tests/generated_documents.rs\n\
         .TH {} 1 \"\" ferroban \"User Commands\"\n.SH NAME\n{} \\- {purpose}\n\
         .SH SYNOPSIS\n.B {}\n[\\fIOPTIONS\\fR] \\fI<COMMAND>\\fR\n.SH DESCRIPTION\n{description}\n.SH OPTIONS\n",
        name.to_uppercase(),
        escaped(name),
        escaped(name),
    );
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
           .SH EXIT STATUS\n0 on success, 255 otherwise.\n\
           .SH SEE ALSO\n.BR ferroban (1),\n.BR fail2ban\\-client (1),\n.BR fail2ban\\-server (1),\n\
           .BR fail2ban\\-regex (1),\n.BR jail.conf (5)\n"
}

fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}
