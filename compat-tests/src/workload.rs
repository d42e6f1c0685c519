//! The logs that measurements are made with, and the jails that read them.
use crate::{Sandbox, Version, flood, logs};

/// A log, and a jail for it.
pub struct Workload {
    /// The jail's name.
    pub jail: &'static str,
    /// The log's name in the sandbox.
    pub log: &'static str,
    /// That many lines of the log; only the last is of [`logs::LAST`].
    pub lines: fn(usize) -> String,
    /// What makes the jail find its failures.
    settings: fn() -> String,
    /// Stock jails that read the same log and find nothing in it.
    beside: &'static [&'static str],
}

impl Workload {
    /// SYN floods, and one expression.
    pub const FLOOD: Workload = Workload {
        jail: "synflood",
        log: "kern.log",
        lines: logs::kernel,
        settings: || format!("filter =\nfailregex = {}", flood::TODAYS_REGEX),
        beside: &[],
    };
    /// The same, in a log that ten other jails read as well.
    pub const SHARED: Workload = Workload {
        beside: &[
            "dropbear",
            "vsftpd",
            "proftpd",
            "pure-ftpd",
            "wuftpd",
            "dovecot",
            "postfix",
            "sieve",
            "solid-pop3d",
            "named-refused",
        ],
        ..Workload::FLOOD
    };
    /// A mixed auth.log, and the stock sshd filter.
    pub const SSHD: Workload =
        Workload { jail: "sshd", log: "auth.log", lines: logs::auth, settings: String::new, beside: &[] };

    /// The genuine configuration with these jails, which ban nobody, and their log, still empty.
    pub fn sandbox(&self) -> Sandbox {
        let sandbox = Sandbox::genuine(Version::BASELINE);
        let log = sandbox.file(self.log, "");
        let own = jail(self.jail, &log, &((self.settings)() + "\naction =\n"));
        let others = self.beside.iter().map(|name| jail(name, &log, "action =\n"));
        sandbox.config("jail.local", &std::iter::once(own).chain(others).collect::<String>());
        sandbox
    }
}

/// The section of a jail that bans nobody.
pub fn jail(name: &str, log: &std::path::Path, settings: &str) -> String {
    format!(
        "[{name}]\nenabled = true\nbackend = auto\nlogpath = {}\nmaxretry = 1000000\nmaxmatches = 5\nfindtime = 600\n{settings}\n",
        log.display()
    )
}
