//! Log messages: their format, and where they come from.

use super::tester::Tester;
use crate::clock;
use crate::filter::Note;
use crate::level::{self, Level};
use crate::source::Sources;

/// How messages of a jail begin, as there is none.
const JAILLESS: &str = "[~jailless~] ";

/// The logger of the date detector.
pub(super) const DATES: &str = "fail2ban.datedetector";

impl Tester<'_> {
    /// A log message, of which `--log-level` decides whether it is shown.
    pub fn log(&mut self, level: Level, logger: &str, text: &str) {
        if level < self.log_level {
            return;
        }
        // there is one thread, which the process's number names as well as any
        let (time, name, thread) = (clock::log_time(), level::name(level), std::process::id());
        let line = match self.options.verbose {
            ..=1 => {
                format!("{time} {logger:24}[{thread}]: {name:7}{name:.1}: {text}")
            }
            2 => format!(" {time} {thread:X} {name:<5.5} {text}"),
            verbose => {
                let elapsed = self.started.elapsed().as_millis();
                // upstream always shows the same function here: the one through which all messages go
                let function = match verbose {
                    3 => String::new(),
                    _ => format!(" | {:>15}-{level:<2}: {:<20} |", "helpers", "__safeLog"),
                };
                format!(" +{elapsed:5} {thread:X} {logger:<25.25} {name:<5.5}{function} {text}")
            }
        };
        self.out.line(&line);
    }

    /// Logs what the sources have to say, from a level on.
    pub fn source_messages(&mut self, sources: &mut Sources, least: Level) {
        for message in sources.take_messages().into_iter().filter(|message| message.level >= least) {
            let prefix = if message.jail.is_some() { JAILLESS } else { "" };
            self.log(message.level, message.logger, &format!("{prefix}{}", message.text));
        }
    }

    /// Whether an ignoreregex matched.
    pub(super) fn take_notes(&mut self, notes: Vec<Note>) -> bool {
        let mut ignored = false;
        for note in notes {
            match note {
                Note::Log { level, jail, text } => {
                    let prefix = if jail { JAILLESS } else { "" };
                    self.log(level, "fail2ban.filter", &format!("{prefix}{text}"));
                }
                Note::Dates(text) => self.log(level::INFO, DATES, &text),
                Note::Ignored(index) => {
                    ignored = true;
                    self.ignoreregex[index].hits += 1;
                }
            }
        }
        ignored
    }
}
