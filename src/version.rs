//! Two versions: what we are, and what we say we are to programs that ask for a fail2ban.

use std::sync::OnceLock;

/// Our own version.
pub const FERROBAN: &str = env!("CARGO_PKG_VERSION");

/// The version that `version`, `-V`, `--version` and the log report: scripts and monitoring compare it. The
/// environment variable `FERROBAN_REPORT_VERSION` sets another one.
pub fn reported() -> &'static str {
    static REPORTED: OnceLock<String> = OnceLock::new();
    REPORTED.get_or_init(|| {
        std::env::var("FERROBAN_REPORT_VERSION")
            .ok()
            .filter(|v| !v.is_empty())
            .unwrap_or(crate::UPSTREAM_VERSION.into())
    })
}

/// [`reported`] in its machine-readable form (`-V`): `1.1.2.dev1` is `1.1.2.1`.
pub fn normalised() -> String {
    reported().replace(".fix", "").replace(".dev", ".")
}
