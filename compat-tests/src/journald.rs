//! A journald of one's own, for servers that read or write the journal.
use std::process::Command;

use crate::output::Output;
use crate::server::Server;

/// The program `server` with a journald, in namespaces that end with it. What journald keeps is below
/// `/run/log/journal` there.
pub fn beside(server: Command) -> Command {
    let script = "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal /run/log/journal && \
                  mount -t tmpfs tmpfs /var/log && { /lib/systemd/systemd-journald 2>/dev/null & } && echo $! >/run/journald.pid && \
                  until [ -S /run/systemd/journal/dev-log ]; do sleep 0.1; done && \
                  logger -u /run/systemd/journal/dev-log -t first hello && sleep 0.5 && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", script, "sh"]);
    command.arg(server.get_program()).args(server.get_args());
    command.envs(server.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// Runs a shell script that must succeed where the server started by [`beside`] is; what it printed.
pub fn shell(server: &Server, script: &str) -> String {
    let mut command = Command::new("nsenter");
    let namespaces = format!("/proc/{}/ns", server.pid());
    command.arg(format!("--mount={namespaces}/mnt")).arg(format!("--pid={namespaces}/pid_for_children"));
    command.args(["sh", "-ec", script]);
    Output::of(&mut command).success()
}
