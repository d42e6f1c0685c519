//! Which classes a reply may name.

use crate::value::{Exception, Value};

/// Every exception class that a fail2ban server is known to answer with.
const KNOWN: &[(&str, &[&str])] = &[
    ("fail2ban.exceptions", &["UnknownJailException", "DuplicateJailException"]),
    ("fail2ban.server.failregex", &["RegexException"]),
    ("fail2ban.server.action", &["BanTicketException"]),
    ("json.decoder", &["JSONDecodeError"]),
    ("re", &["error"]),
    ("sqlite3", &["Error", "DatabaseError", "OperationalError", "ProgrammingError", "IntegrityError"]),
    (
        "builtins",
        &[
            "Exception",
            "ArithmeticError",
            "AssertionError",
            "AttributeError",
            "BlockingIOError",
            "BrokenPipeError",
            "ConnectionError",
            "ConnectionRefusedError",
            "EOFError",
            "FileExistsError",
            "FileNotFoundError",
            "ImportError",
            "IndexError",
            "InterruptedError",
            "IsADirectoryError",
            "KeyError",
            "LookupError",
            "MemoryError",
            "ModuleNotFoundError",
            "NameError",
            "NotADirectoryError",
            "NotImplementedError",
            "OSError",
            "OverflowError",
            "PermissionError",
            "ProcessLookupError",
            "RecursionError",
            "RuntimeError",
            "StopIteration",
            "SyntaxError",
            "SystemError",
            "TimeoutError",
            "TypeError",
            "UnboundLocalError",
            "UnicodeDecodeError",
            "UnicodeEncodeError",
            "UnicodeError",
            "ValueError",
            "ZeroDivisionError",
        ],
    ),
];

/// The exception that calling `module.class` with `args` makes. A class we do not know is taken for a plain
/// `Exception`: its arguments are what the user wants to read.
pub fn exception(module: &str, class: &str, args: Vec<Value>) -> Exception {
    let known = KNOWN.iter().filter(|(name, _)| *name == module);
    let found = known.flat_map(|(module, classes)| classes.iter().map(move |class| (*module, *class)));
    let (module, class) =
        found.into_iter().find(|(_, name)| *name == class).unwrap_or(("builtins", "Exception"));
    match (class, args.as_slice()) {
        // This class keeps its position apart and composes the text in its constructor.
        ("JSONDecodeError", [Value::Str(text), Value::Str(document), Value::Int(position)]) => {
            let text = json_error_text(text, document, *position);
            Exception { module, class, args: vec![Value::str(text)] }
        }
        _ => Exception { module, class, args },
    }
}

fn json_error_text(text: &str, document: &str, position: i64) -> String {
    let before: String = document.chars().take(usize::try_from(position).unwrap_or(0)).collect();
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("{text}: line {line} column {column} (char {position})")
}
