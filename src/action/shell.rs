//! The small part of the shell's language whose meaning is beyond doubt.
//!
//! Commands made of plain words need no shell: they can be started directly, or be handed to a tool's batch
//! mode. Whatever is not understood here without any doubt, by every `/bin/sh`, is left to the shell.

/// How a simple command hangs on the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    /// `;` or a new line, and the first command.
    Then,
    /// `||`
    Or,
}

/// A simple command: its words after quote removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Simple {
    pub join: Join,
    pub words: Vec<String>,
}

/// Words that a shell keeps for itself when they stand first: its grammar and its builtins.
const SHELL_WORDS: &[&str] = &[
    "!",
    ".",
    ":",
    "[",
    "[[",
    "alias",
    "bg",
    "bind",
    "break",
    "builtin",
    "caller",
    "case",
    "cd",
    "chdir",
    "command",
    "compgen",
    "complete",
    "compopt",
    "continue",
    "coproc",
    "declare",
    "dirs",
    "disown",
    "do",
    "done",
    "echo",
    "elif",
    "else",
    "enable",
    "esac",
    "eval",
    "exec",
    "exit",
    "export",
    "false",
    "fc",
    "fg",
    "fi",
    "for",
    "function",
    "getopts",
    "hash",
    "help",
    "history",
    "if",
    "in",
    "jobs",
    "kill",
    "let",
    "local",
    "logout",
    "mapfile",
    "popd",
    "print",
    "printf",
    "pushd",
    "pwd",
    "read",
    "readarray",
    "readonly",
    "return",
    "select",
    "set",
    "shift",
    "shopt",
    "sleep",
    "source",
    "suspend",
    "test",
    "then",
    "time",
    "times",
    "trap",
    "true",
    "type",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "until",
    "wait",
    "whence",
    "while",
];

/// The words of a script that is one simple command which is no business of the shell's own.
pub(super) fn direct_command(script: &str) -> Option<Vec<String>> {
    let mut commands = simple_commands(script)?;
    if commands.len() == 1 { commands.pop().map(|command| command.words) } else { None }
}

/// The simple commands that a script is made of, if it is nothing but these.
pub(super) fn simple_commands(script: &str) -> Option<Vec<Simple>> {
    let mut lexer = Lexer { commands: Vec::new(), words: Vec::new(), word: None, join: Join::Then };
    let mut chars = script.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' => lexer.end_word(),
            '\n' | ';' => lexer.end_command(Join::Then)?,
            '|' if chars.next_if_eq(&'|').is_some() => lexer.end_command(Join::Or)?,
            '\\' => lexer.push(chars.next().filter(|c| !c.is_control())?),
            '\'' => lexer.quoted(&mut chars, '\'')?,
            '"' => lexer.quoted(&mut chars, '"')?,
            c if c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c) => lexer.push(c),
            // Alone and not first it is a plain word.
            '!' if lexer.word.is_none() && matches!(chars.peek(), Some(' ')) => lexer.push('!'),
            _ => return None,
        }
    }
    lexer.end_command(Join::Then)?;
    // An `||` with nothing after it is an error, and the shell's to report.
    if lexer.join == Join::Or || lexer.commands.is_empty() { None } else { Some(lexer.commands) }
}

struct Lexer {
    commands: Vec<Simple>,
    words: Vec<String>,
    /// The word being read; an empty one exists when there were quotes.
    word: Option<String>,
    join: Join,
}

impl Lexer {
    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    /// The rest of a quoted part that contains nothing special.
    fn quoted(&mut self, chars: &mut impl Iterator<Item = char>, quote: char) -> Option<()> {
        let word = self.word.get_or_insert_default();
        loop {
            match chars.next()? {
                c if c == quote => return Some(()),
                '$' | '`' | '\\' if quote == '"' => return None,
                c => word.push(c),
            }
        }
    }

    fn end_word(&mut self) {
        self.words.extend(self.word.take());
    }

    fn end_command(&mut self, next: Join) -> Option<()> {
        self.end_word();
        let words = std::mem::take(&mut self.words);
        let Some(first) = words.first() else {
            // Blank lines mean nothing; `; ;` and `|| \n` do not occur in what is simple.
            return if next == Join::Then && self.join == Join::Then { Some(()) } else { None };
        };
        if first.is_empty() || first.contains('=') || SHELL_WORDS.contains(&first.as_str()) {
            return None;
        }
        self.commands.push(Simple { join: self.join, words });
        self.join = next;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_are_understood() {
        for (script, words) in [
            (
                "iptables -w -I f2b-a 1 -s 192.0.2.1 -j DROP",
                &["iptables", "-w", "-I", "f2b-a", "1", "-s", "192.0.2.1", "-j", "DROP"][..],
            ),
            (
                "nft add element inet t s \\{ 192.0.2.1 \\}\n",
                &["nft", "add", "element", "inet", "t", "s", "{", "192.0.2.1", "}"],
            ),
            (" csf --deny 192.0.2.1 \"banned by x\" ''", &["csf", "--deny", "192.0.2.1", "banned by x", ""]),
            ("iptables -A x ! -s 192.0.2.1", &["iptables", "-A", "x", "!", "-s", "192.0.2.1"]),
        ] {
            assert_eq!(
                direct_command(script).as_deref(),
                Some(&words.iter().map(|w| w.to_string()).collect::<Vec<_>>()[..])
            );
        }
    }

    #[test]
    fn everything_else_is_the_shells() {
        for script in [
            "",
            "echo x",
            "a=b cmd",
            "cmd $x",
            "cmd `x`",
            "cmd *",
            "cmd > file",
            "cmd | other",
            "cmd &",
            "{ cmd; }",
            "(cmd)",
            "cmd # x",
            "! cmd",
            "cmd \"$x\"",
            "cmd 'x",
            "cmd \\",
            "cmd ~",
            "cmd a && b",
            "a; b",
            "a\nb",
            "a || b",
            "a ||",
            "cmd {a,b}",
            "cmd \\\nx",
            "[ x ]",
            "cmd é",
        ] {
            assert_eq!(direct_command(script), None, "{script:?}");
        }
    }

    #[test]
    fn lists_keep_their_joints() {
        let joins: Vec<Join> = simple_commands("a\n\nb x; c || d").unwrap().iter().map(|c| c.join).collect();
        assert_eq!(joins, [Join::Then, Join::Then, Join::Then, Join::Or]);
        for script in ["a || \n b", "a ; || b", "|| a"] {
            assert_eq!(simple_commands(script), None, "{script:?}");
        }
    }
}
