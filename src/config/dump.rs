//! `-d` and `--dp`: the stream as text.

use super::configurator::Stream;

/// One Python list per line, as `fail2ban-client -d` prints it.
pub fn dump(stream: &Stream) -> String {
    stream.commands.iter().map(|command| format!("{command}\n")).collect()
}

/// The same through Python's `pprint` with width 1000 and indent 2 (`--dp`).
pub fn dump_pretty(_stream: &Stream) -> String {
    todo!()
}
