//! The small part of the shell's language whose meaning is beyond doubt.
//!
//! Commands made of plain words need no shell: they can be started directly, or be handed to a tool's batch
//! mode. Whatever is not understood here without any doubt, by every `/bin/sh`, is left to the shell.

/// Words that a shell keeps for itself when they stand first: its grammar and its builtins.
const SHELL_WORDS: &str = "! . : [ [[ alias bg bind break builtin caller case cd chdir command compgen complete compopt \
                           continue coproc declare dirs disown do done echo elif else enable esac eval exec exit export \
                           false fc fg fi for function getopts hash help history if in jobs kill let local logout mapfile \
                           popd print printf pushd pwd read readarray readonly return select set shift shopt sleep source \
                           suspend test then time times trap true type typeset ulimit umask unalias unset until wait \
                           whence while";

/// The words of a script that is one simple command which is no business of the shell's own.
pub(super) fn direct_command(script: &str) -> Option<Vec<String>> {
    let mut commands = simple_commands(script)?;
    if commands.len() == 1 { commands.pop() } else { None }
}

/// The words of the simple commands that a script is made of, if it is nothing but these one after another.
pub(super) fn simple_commands(script: &str) -> Option<Vec<Vec<String>>> {
    let mut lexer = Lexer { commands: Vec::new(), words: Vec::new(), word: None };
    let mut chars = script.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' => lexer.end_word(),
            '\n' => lexer.end_command()?,
            '\\' => lexer.push(chars.next().filter(|c| !c.is_control())?),
            '\'' => lexer.quoted(&mut chars, '\'')?,
            '"' => lexer.quoted(&mut chars, '"')?,
            c if c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c) => lexer.push(c),
            // Alone and not first it is a plain word.
            '!' if lexer.word.is_none() && matches!(chars.peek(), Some(' ')) => lexer.push('!'),
            _ => return None,
        }
    }
    lexer.end_command()?;
    if lexer.commands.is_empty() { None } else { Some(lexer.commands) }
}

struct Lexer {
    commands: Vec<Vec<String>>,
    words: Vec<String>,
    /// The word being read; an empty one exists when there were quotes.
    word: Option<String>,
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
                '\\' if quote == '"' => word.push(chars.next().filter(|c| "\"\\$`".contains(*c))?),
                '$' | '`' if quote == '"' => return None,
                c => word.push(c),
            }
        }
    }

    fn end_word(&mut self) {
        self.words.extend(self.word.take());
    }

    fn end_command(&mut self) -> Option<()> {
        self.end_word();
        let words = std::mem::take(&mut self.words);
        // Blank lines mean nothing.
        let Some(first) = words.first() else { return Some(()) };
        if first.is_empty() || first.contains('=') || SHELL_WORDS.split(' ').any(|word| word == first) {
            return None;
        }
        self.commands.push(words);
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
            (r#"x "a \"b\" \$c""#, &["x", "a \"b\" $c"]),
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
            "cmd \"\\x\"",
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
    fn lines_are_commands_of_their_own() {
        assert_eq!(
            simple_commands("a\n\nb x\n").unwrap(),
            [vec!["a".to_owned()], vec!["b".into(), "x".into()]]
        );
    }
}
