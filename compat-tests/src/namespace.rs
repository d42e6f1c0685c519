//! A network namespace that lives as long as its value.
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::output::Output;
use crate::{normalise, wait};

/// An empty network namespace with its loopback up. A process that waits for the end of its standard input
/// holds it; so it vanishes with the test, however that ends.
pub struct Namespace {
    holder: Child,
}

impl Namespace {
    /// # Panics
    /// When namespaces cannot be made: these tests need root.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Namespace {
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", "ip link set lo up && echo up && exec cat"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = command.spawn().expect("unshare is part of util-linux");
        let mut line = String::new();
        let stdout = holder.stdout.take().expect("it was piped above");
        BufReader::new(stdout).read_line(&mut line).expect("a pipe can be read");
        assert_eq!(line, "up\n", "no network namespace: these tests need root, iproute2 and util-linux");
        Namespace { holder }
    }

    /// `command`, to be run in the namespace.
    pub fn enter(&self, command: Command) -> Command {
        let mut entered = Command::new("nsenter");
        entered.arg(format!("--net=/proc/{}/ns/net", self.holder.id())).arg(command.get_program());
        entered.args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => entered.env(name, value),
                None => entered.env_remove(name),
            };
        }
        entered
    }

    /// Runs `program` with `arguments` in the namespace.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments);
        Output::of(&mut self.enter(command))
    }

    /// Runs a shell script in the namespace that must succeed; what it printed.
    pub fn shell(&self, script: &str) -> String {
        self.run("sh", &["-ec", script]).success()
    }

    /// Joins the two namespaces by a veth pair: `addresses.0` (with its prefix length; empty for none) here,
    /// `addresses.1` there, both on an interface called `name`.
    pub fn link(&self, other: &Namespace, name: &str, addresses: (&str, &str)) {
        let there = other.holder.id();
        self.shell(&format!("ip link add {name} type veth peer name {name} netns {there}"));
        for (namespace, address) in [(self, addresses.0), (other, addresses.1)] {
            // an IPv6 address is usable at once, without asking the link whether it is taken
            let no_dad = if address.contains(':') { "nodad" } else { "" };
            if !address.is_empty() {
                namespace.shell(&format!("ip address add {address} dev {name} {no_dad}"));
            }
            namespace.shell(&format!("ip link set {name} up"));
        }
    }

    /// The kernel's IPv4 and IPv6 rules as `iptables -S` and `ip6tables -S` list them.
    pub fn iptables(&self) -> String {
        self.shell("iptables -w -S; ip6tables -w -S")
    }

    /// The same of the old interface (`iptables-legacy`).
    pub fn iptables_legacy(&self) -> String {
        self.shell("iptables-legacy -w -S; ip6tables-legacy -w -S")
    }

    /// `nft list ruleset`, without countdowns and counters.
    pub fn nft(&self) -> String {
        normalise::rules(&self.shell("nft list ruleset"))
    }

    /// `ipset list`, without countdowns and sizes; elements sorted.
    pub fn ipset(&self) -> String {
        normalise::rules(&self.shell("ipset list -sorted"))
    }

    /// Everything the kernel lists: iptables, ip6tables, nft, ipset.
    pub fn firewall(&self) -> String {
        format!("{}\n{}\n{}", self.iptables(), self.nft(), self.ipset())
    }

    /// Waits until what `listing` of this namespace says fulfils `wanted`, and says so twice: a listing takes
    /// several commands, in the middle of which an action may be at work. The listing.
    ///
    /// # Panics
    /// When it does not within [`wait::PATIENCE`].
    pub fn wait_for(&self, listing: fn(&Namespace) -> String, wanted: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        let found = wait::until(wait::PATIENCE, || {
            let now = listing(self);
            let before = std::mem::replace(&mut last, now);
            (before == last && wanted(&last)).then(|| last.clone())
        });
        found.unwrap_or_else(|| panic!("the kernel's rules did not become as expected:\n{last}"))
    }
}

/// A folder of links that makes `iptables` and its family mean the old interface (`iptables-legacy`), to be
/// put in front of `PATH`.
pub fn legacy_tools(folder: &Path) {
    for name in ["iptables", "ip6tables"] {
        for suffix in ["", "-save", "-restore"] {
            let old = format!("/usr/sbin/{name}-legacy{suffix}");
            std::os::unix::fs::symlink(old, folder.join(format!("{name}{suffix}"))).expect("a new folder");
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // the end of its input ends it; the kill is for a holder that is already gone
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}
