//! Manual pages and shell completions come from the tables that `--help` comes from.
//!
//! The files in packaging/ are compared with what the tables give; `UPDATE=1 cargo test --test generated_documents`
//! writes them.

#[path = "generated_documents/completion.rs"]
mod completion;
#[path = "generated_documents/manual.rs"]
mod manual;

use std::path::Path;

#[test]
fn files_are_what_the_tables_say() {
    let documents = [
        ("packaging/man/fail2ban-client.1", manual::client()),
        ("packaging/man/fail2ban-server.1", manual::server()),
        ("packaging/man/fail2ban-regex.1", manual::regex()),
        ("packaging/completion/fail2ban-client", completion::bash()),
        ("packaging/completion/_fail2ban", completion::zsh()),
        ("packaging/completion/fail2ban-client.fish", completion::fish("fail2ban-client")),
        ("packaging/completion/fail2ban-server.fish", completion::fish("fail2ban-server")),
    ];
    let update = std::env::var_os("UPDATE").is_some();
    for (name, text) in documents {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        if update {
            std::fs::write(&path, text).expect("the checkout is writable");
        } else {
            let present = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(present == text, "{name} is out of date: UPDATE=1 cargo test --test generated_documents");
        }
    }
}
