//! The prompt (`-i`).

use std::io::BufRead;

use super::cli;
use super::console;
use super::session::Session;
use crate::config::split::shell_split;

const PROMPT: &str = "fail2ban> ";

impl Session {
    /// Does the command of the command line, then those that the user types, until `exit`, `quit` or the end of
    /// input; whether it ended with one of the first two.
    pub fn interact(&mut self, words: Vec<String>) -> Result<bool, String> {
        if !words.is_empty() && !self.process(words)? {
            return Ok(false);
        }
        console::print(&format!("{}\n", cli::banner()));
        let mut input = std::io::stdin().lock();
        loop {
            console::write(PROMPT);
            let mut line = Vec::new();
            if input.read_until(b'\n', &mut line).map_err(|e| e.to_string())? == 0 {
                console::print("");
                return Err("EOF when reading a line".into());
            }
            let line = String::from_utf8_lossy(&line);
            match line.trim() {
                "exit" | "quit" => return Ok(true),
                "help" => self.print_usage(),
                "" => {}
                line => self.interactive_line(line),
            }
        }
    }

    fn interactive_line(&mut self, line: &str) {
        let result = shell_split(line).map_err(|e| e.to_string()).and_then(|words| self.process(words));
        if let Err(text) = result {
            self.console.error(&text);
        }
    }
}
