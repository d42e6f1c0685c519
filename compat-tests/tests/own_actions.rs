//! This project's own firewall actions leave the rules in the kernel that the genuine ones leave, for the
//! same parameters, whoever runs them.
use compat_tests::{Namespace, Sandbox, Server, Side, Version, Witness};

/// What the kernel lists in the course of a jail's life.
#[derive(PartialEq)]
struct Life([(&'static str, String); 5]);

/// Runs a jail with `action` and three bans of both address families.
fn life(sandbox: &Sandbox, action: &str) -> Life {
    let witness = Witness::new(sandbox);
    sandbox.config("jail.local", &jail(sandbox, &witness.of(action)));
    let namespace = Namespace::new();
    let server = Server::start_in(Side::under_test(), sandbox, &namespace);
    let step = |words: &[&str], last: &str| {
        server.client(words).success();
        witness.wait(last, 1);
        namespace.firewall()
    };
    let started = namespace.firewall();
    let banned = step(&["set", "web", "banip", "192.0.2.1", "2001:db8::1", "192.0.2.77"], "ban 192.0.2.77");
    let one_left = step(&["set", "web", "unbanip", "192.0.2.1"], "unban 192.0.2.1");
    let flushed = step(&["unban", "--all"], "unban 192.0.2.77");
    assert!(banned.contains("2001:db8::1") && !one_left.contains("192.0.2.1\n"), "{banned}{one_left}");
    assert!(!server.log().contains("ERROR"), "{action}: {}", server.log());
    server.stop();
    let stopped = namespace.firewall();
    Life([
        ("started", started),
        ("banned", banned),
        ("one left", one_left),
        ("flushed", flushed),
        ("stopped", stopped),
    ])
}

fn jail(sandbox: &Sandbox, action: &str) -> String {
    let log = sandbox.file("web.log", "");
    format!(
        "[web]\nenabled = true\nbackend = polling\nlogpath = {}\nfilter =\nfailregex = refused <HOST>$\n\
         action = {action}\n",
        log.display()
    )
}

fn same_as_genuine(file: &str, parameters: &str) {
    let action = format!("{file}[port=\"80,443,8000:8010\", {parameters}]");
    let genuine = life(&Sandbox::genuine(Version::BASELINE), &action);
    let own = life(&Sandbox::own(), &action);
    for ((step, own), (_, genuine)) in own.0.iter().zip(&genuine.0) {
        assert!(own == genuine, "{action}, {step}: ours\n{own}\n--- theirs\n{genuine}");
    }
}

macro_rules! same_as_genuine {
    ($($name:ident: $action:literal, $parameters:literal;)*) => {
        $(#[test] fn $name() { same_as_genuine($action, $parameters); })*
    };
}

same_as_genuine! {
    iptables: "iptables", "type=multiport";
    iptables_oneport: "iptables", "type=oneport, port=8032";
    iptables_lists: "iptables", r#"type=multiport, protocol="tcp,udp", chain="INPUT,FORWARD""#;
    iptables_multiport: "iptables-multiport", "blocktype=DROP, returntype=ACCEPT";
    iptables_allports: "iptables-allports", "name=other, protocol=all";
    iptables_new: "iptables-new", "type=multiport";
    iptables_multiport_log: "iptables-multiport-log", "name=twenty-letter-is-max";
    iptables_ipset: "iptables-ipset", "type=multiport, maxelem=1000";
    iptables_ipset_net: "iptables-ipset", r#"type=allports, ipsettype="hash:net", ipsettime=<timeout-bantime>"#;
    iptables_ipset_proto6: "iptables-ipset-proto6", r#"protocol="tcp,udp""#;
    iptables_ipset_proto6_allports: "iptables-ipset-proto6-allports", "blocktype=DROP";
    nftables: "nftables", "type=multiport";
    nftables_lists: "nftables", r#"type=multiport, protocol="tcp,udp", blocktype=drop"#;
    nftables_all: "nftables", "type=multiport, protocol=all";
    nftables_multiport: "nftables-multiport", "chain_hook=prerouting, chain_priority=-10";
    nftables_allports: "nftables-allports", r#"protocol="tcp,udp""#;
    nftables_custom: "nftables", r#"type=custom, rule_match-custom="tcp flags syn", table=mine"#;
}
