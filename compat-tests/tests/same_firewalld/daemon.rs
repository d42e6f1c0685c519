//! A firewalld of one's own: in a network namespace, on a private bus that programs take for the system's.
use std::fs;
use std::process::{Child, Command, Stdio};

use compat_tests::{Namespace, Output, Sandbox, normalise, wait};

/// What `firewall-cmd --list-rich-rules --direct --get-all-chains --get-all-rules` would say, by the module it is made
/// of: one start of Python instead of three.
const LISTING: &str = "
from firewall.client import FirewallClient
client = FirewallClient()
for found in client.getRichRules('public'), client.getAllChains(), client.getAllRules():
    print('\\n'.join(sorted(map(str, found))))
";

pub struct Firewalld<'s> {
    pub namespace: Namespace,
    sandbox: &'s Sandbox,
    bus: Child,
    daemon: Child,
}

impl<'s> Firewalld<'s> {
    /// Starts bus and firewalld; both keep everything in the sandbox.
    ///
    /// # Panics
    /// When one of them does not start.
    pub fn start(sandbox: &'s Sandbox) -> Firewalld<'s> {
        sandbox.file("bus.conf", &bus_configuration(&address(sandbox)));
        let mut bus = Command::new("dbus-daemon");
        bus.arg("--nofork")
            .arg("--nopidfile")
            .arg(format!("--config-file={}", sandbox.path("bus.conf").display()));
        let bus = spawn(&mut bus, sandbox, "bus.err", "dbus-daemon is part of the package dbus");
        let ready = wait::until(wait::PATIENCE, || sandbox.path("bus").exists().then_some(()));
        ready.expect("dbus-daemon listens");
        sandbox.file("firewalld/firewalld.conf", "DefaultZone=public\n");
        let namespace = Namespace::new();
        let daemon = daemon(sandbox, &namespace);
        let firewalld = Firewalld { namespace, sandbox, bus, daemon };
        firewalld.wait_until_it_runs();
        firewalld
    }

    /// `command`, in firewalld's namespace and on its bus.
    pub fn enter(&self, mut command: Command) -> Command {
        command.env("DBUS_SYSTEM_BUS_ADDRESS", address(self.sandbox));
        self.namespace.enter(command)
    }

    /// The same, where firewalld's client cannot be started.
    pub fn enter_without_client(&self, command: Command) -> Command {
        let refusal = self.sandbox.file("no-client", "#!/bin/sh\necho the client was started >&2\nexit 99\n");
        let script = "chmod +x \"$0\" && mount --bind \"$0\" /usr/bin/firewall-cmd && exec \"$@\"";
        let mut hidden = Command::new("unshare");
        hidden.args(["--mount", "sh", "-c", script]).arg(refusal);
        hidden.arg(command.get_program()).args(command.get_args());
        hidden.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.enter(hidden)
    }

    /// What `firewall-cmd` prints for `words`.
    pub fn client(&self, words: &[&str]) -> String {
        let mut command = Command::new("firewall-cmd");
        command.args(words);
        Output::of(&mut self.enter(command)).success()
    }

    /// Everything that firewalld and the kernel list; what firewalld keeps in no order is sorted.
    pub fn listing(&self) -> String {
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-c", LISTING]);
        let firewalld = Output::of(&mut self.enter(command));
        let kernel = normalise::rules(&self.namespace.shell("nft list ruleset; ipset list -sorted"));
        format!("{}\nkernel:\n{kernel}", firewalld.success())
    }

    /// Adds to what firewalld reads when it starts.
    pub fn settings(&self, lines: &str) {
        self.sandbox.append("firewalld/firewalld.conf", lines);
    }

    /// Sends firewalld a signal by name.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.daemon.id().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "firewalld no longer runs");
    }

    /// Ends firewalld; the bus goes on.
    pub fn stop(&mut self) {
        end(&mut self.daemon);
    }

    /// Ends firewalld and starts it anew.
    pub fn restart(&mut self) {
        self.stop();
        self.daemon = daemon(self.sandbox, &self.namespace);
        self.wait_until_it_runs();
    }

    fn wait_until_it_runs(&self) {
        let state = || {
            let mut command = Command::new("firewall-cmd");
            command.arg("--state");
            self.enter(command).output().is_ok_and(|output| output.status.success()).then_some(())
        };
        wait::until(wait::PATIENCE, state).unwrap_or_else(|| {
            panic!(
                "firewalld does not run: {}",
                fs::read_to_string(self.sandbox.path("firewalld.err")).unwrap_or_default()
            )
        });
    }
}

impl Drop for Firewalld<'_> {
    fn drop(&mut self) {
        end(&mut self.daemon);
        end(&mut self.bus);
    }
}

fn daemon(sandbox: &Sandbox, namespace: &Namespace) -> Child {
    let mut command = Command::new("firewalld");
    command.args(["--nofork", "--nopid"]);
    command.arg(format!("--system-config={}", sandbox.path("firewalld").display()));
    command.arg(format!("--log-file={}", sandbox.path("firewalld.log").display()));
    command.env("DBUS_SYSTEM_BUS_ADDRESS", address(sandbox));
    spawn(&mut namespace.enter(command), sandbox, "firewalld.err", "firewalld is a package")
}

fn spawn(command: &mut Command, sandbox: &Sandbox, errors: &str, missing: &str) -> Child {
    let errors = fs::File::create(sandbox.path(errors)).expect("the sandbox is ours");
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
    command.spawn().unwrap_or_else(|e| panic!("{missing} (scripts/prepare installs it): {e}"))
}

/// Ends a daemon as its service manager does.
fn end(child: &mut Child) {
    if child.try_wait().is_ok_and(|status| status.is_some()) {
        return;
    }
    let _ = Command::new("kill").args(["-s", "CONT"]).arg(child.id().to_string()).status();
    let _ = Command::new("kill").arg(child.id().to_string()).status();
    if wait::until(wait::PATIENCE, || child.try_wait().ok().flatten()).is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn address(sandbox: &Sandbox) -> String {
    format!("unix:path={}", sandbox.path("bus").display())
}

/// A bus on which root may do everything.
fn bus_configuration(address: &str) -> String {
    format!(
        "<busconfig>\n<type>custom</type>\n<listen>{address}</listen>\n<auth>EXTERNAL</auth>\n\
         <policy user=\"root\"><allow own=\"*\"/><allow send_destination=\"*\"/><allow eavesdrop=\"false\"/>\
         <allow send_type=\"signal\"/><allow receive_type=\"signal\"/></policy>\n</busconfig>\n"
    )
}
