//! The story that started the project, end to end: hosts flood, the log tells, they are banned for a short
//! time, everybody else is served.
use compat_tests::{Namespace, Output, Sandbox, Server, Side, Version, Witness, flood, wait};
use std::process::{Child, Command, Stdio};

/// The story's jail.local, with the log in the sandbox and the action to be tried.
fn story(sandbox: &Sandbox, failregex: &str, action: &str) -> String {
    format!(
        "[DEFAULT]\nignoreip = 127.0.0.1\n\n[synflood]\nenabled = true\nfilter =\nfailregex = {failregex}\n\
         logpath = {}\nport = 8032\nmaxretry = 5\nfindtime = 10\nbantime = 3\naction = {action}\n",
        sandbox.file("kern.log", "").display()
    )
}

/// The regex of the story on our side; the original refuses it, so there it is put in today's words.
fn story_regex(side: Side) -> &'static str {
    match side {
        Side::Ours => flood::STORY_REGEX,
        Side::Theirs => flood::TODAYS_REGEX,
    }
}

/// On each genuine tree: 40 lines a second from the attacker, some from another host, the ban, the unban.
#[test]
fn story_on_every_tree() {
    let side = Side::under_test();
    for version in Version::ALL {
        let sandbox = Sandbox::genuine(version);
        let action = "iptables-multiport[port=\"%(port)s\", protocol=tcp, chain=INPUT]";
        sandbox.config("jail.local", &story(&sandbox, story_regex(side), action));
        let namespace = Namespace::new();
        let server = Server::start_in(side, &sandbox, &namespace);
        for _ in 0..20 {
            sandbox.append("kern.log", &flood::line("203.0.113.7"));
            std::thread::sleep(std::time::Duration::from_millis(25));
        }
        sandbox.append("kern.log", &flood::lines("198.51.100.1", 4));
        let rule = "-A f2b-synflood -s 203.0.113.7/32 -j REJECT --reject-with icmp-port-unreachable";
        let rules = namespace.wait_for(Namespace::iptables, |rules| rules.contains(rule));
        assert!(rules.contains("-A INPUT -p tcp -m multiport --dports 8032 -j f2b-synflood\n"), "{rules}");
        server.wait_log("NOTICE  [synflood] Ban 203.0.113.7");
        server.wait_log("NOTICE  [synflood] Unban 203.0.113.7");
        let rules = namespace.wait_for(Namespace::iptables, |rules| !rules.contains(rule));
        assert!(!rules.contains("198.51.100.1"), "banned the innocent:\n{rules}");
        server.stop();
    }
}

/// A group called `host` is refused by the original and means `<HOST>` to ours (docs/differences.md).
#[test]
fn group_called_host() {
    let side = Side::under_test();
    let mut command = side.regex();
    command.arg(flood::line("203.0.113.7").trim_end()).arg(flood::STORY_REGEX);
    let output = Output::of(&mut command);
    match side {
        Side::Theirs => {
            assert_eq!(output.code, 255);
            assert!(output.stdout.contains("No failure-id group in"), "{output:?}");
        }
        Side::Ours => {
            assert_eq!(output.code, 0, "{output:?}");
            assert!(output.stdout.contains("Lines: 1 lines, 0 ignored, 1 matched, 0 missed"), "{output:?}");
        }
    }
}

/// A listener in a namespace, which answers every connection with a line.
struct Listener(Child);

impl Listener {
    fn start(namespace: &Namespace, address: &str, port: u16) -> Listener {
        let script = format!(
            "import socket\n\
             s = socket.create_server(('{address}', {port}), family=socket.AF_INET6 if ':' in '{address}' else socket.AF_INET)\n\
             while True:\n c, _ = s.accept(); c.sendall(b'welcome\\n'); c.close()\n"
        );
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-c", &script]);
        let child = namespace.enter(command).stdin(Stdio::null()).spawn().expect("python3 is there");
        Listener(child)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether a connection from `namespace` to the listener is answered.
fn served(namespace: &Namespace, address: &str, port: u16) -> bool {
    let script = format!(
        "import socket\n\
         print(socket.create_connection(('{address}', {port}), 2).recv(100).decode(), end='')\n"
    );
    namespace.run("/usr/bin/python3", &["-c", &script]).stdout == "welcome\n"
}

/// Real connections: served, refused during the ban, served again; the innocent host always.
fn connections(server_address: &str, attacker_address: &str, innocent_address: &str, prefix: u8) {
    let side = Side::under_test();
    let sandbox = Sandbox::genuine(Version::BASELINE);
    let witness = Witness::new(&sandbox);
    let action = witness.of("iptables-multiport[port=\"%(port)s\"]");
    sandbox.config("jail.local", &story(&sandbox, flood::TODAYS_REGEX, &action));
    let [protected, attacker, innocent] = [Namespace::new(), Namespace::new(), Namespace::new()];
    let bridge = "ip link add bridge type bridge; ip link set bridge up";
    protected.shell(bridge);
    for (namespace, name, address) in
        [(&attacker, "evil", attacker_address), (&innocent, "good", innocent_address)]
    {
        protected.link(namespace, name, ("", &format!("{address}/{prefix}")));
        protected.shell(&format!("ip link set {name} master bridge"));
    }
    let no_dad = if prefix > 32 { "nodad" } else { "" };
    protected.shell(&format!("ip address add {server_address}/{prefix} dev bridge {no_dad}"));
    let _listener = Listener::start(&protected, server_address, 8032);
    let served = |namespace| served(namespace, server_address, 8032);
    wait::until(wait::PATIENCE, || (served(&attacker) && served(&innocent)).then_some(()))
        .expect("they reach it");

    let server = Server::start_in(side, &sandbox, &protected);
    sandbox.append("kern.log", &(flood::lines(attacker_address, 5) + &flood::lines(innocent_address, 4)));
    witness.wait(&format!("ban {attacker_address}"), 1);
    assert!(!served(&attacker), "the attacker is served: {}", protected.iptables());
    assert!(served(&innocent), "the innocent is not served: {}", protected.iptables());
    witness.wait(&format!("unban {attacker_address}"), 1);
    assert!(served(&attacker) && served(&innocent), "somebody is not served: {}", protected.iptables());
    server.stop();
}

#[test]
fn connections_ipv4() {
    connections("192.0.2.1", "192.0.2.2", "192.0.2.3", 24);
}

#[test]
fn connections_ipv6() {
    connections("2001:db8::1", "2001:db8::2", "2001:db8::3", 64);
}
