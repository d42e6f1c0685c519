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
}

impl Workload {
    /// SYN floods, and one expression.
    pub const FLOOD: Workload = Workload {
        jail: "synflood",
        log: "kern.log",
        lines: logs::kernel,
        settings: || format!("filter =\nfailregex = {}", flood::TODAYS_REGEX),
    };
    /// A mixed auth.log, and the stock sshd filter.
    pub const SSHD: Workload =
        Workload { jail: "sshd", log: "auth.log", lines: logs::auth, settings: String::new };

    /// The genuine configuration with this jail, which bans nobody, and its log, still empty.
    pub fn sandbox(&self) -> Sandbox {
        let sandbox = Sandbox::genuine(Version::BASELINE);
        let log = sandbox.file(self.log, "");
        sandbox.config("jail.local", &jail(self.jail, &log, &((self.settings)() + "\naction =\n")));
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
