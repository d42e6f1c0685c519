//! This project's own actions that are not iptables or nftables: what they write and mail.
use compat_tests::{Namespace, Sandbox, Server, Side, Version, Witness};

/// Runs a jail with `action`, one failing host, one unban; the file that the action was told to write.
fn written(sandbox: &Sandbox, action: &str, during: &mut dyn FnMut(&Namespace)) -> String {
    let witness = Witness::new(sandbox);
    let log = sandbox.file("app.log", "");
    let file = sandbox.path("written").display().to_string();
    let jail = format!(
        "[app]\nenabled = true\nfilter =\nfailregex = refused <HOST>$\nlogpath = {}\nmaxretry = 2\naction = {}\n",
        log.display(),
        witness.of(&action.replace("FILE", &file).replace("LOG", &log.display().to_string()))
    );
    sandbox.config("jail.local", &jail);
    let namespace = Namespace::new();
    namespace
        .shell("ip link add eth0 type veth peer name eth1; ip link set eth0 up; ip link set eth1 up; ip address add 192.0.2.200/24 dev eth0");
    let server = Server::start_in(Side::under_test(), sandbox, &namespace);
    let now = compat_tests::flood::now("%Y-%m-%d %H:%M:%S");
    sandbox.append("app.log", &format!("{now} app: refused 192.0.2.1\n").repeat(2));
    witness.wait("ban 192.0.2.1", 1);
    server.client(&["set", "app", "banip", "2001:db8::1"]).success();
    witness.wait("ban 2001:db8::1", 1);
    during(&namespace);
    server.client(&["set", "app", "unbanip", "192.0.2.1"]).success();
    witness.wait("unban 192.0.2.1", 1);
    assert!(!server.log().contains("ERROR"), "{}", server.log());
    server.stop();
    std::fs::read_to_string(file).unwrap_or_default()
}

fn own(action: &str) -> String {
    written(&Sandbox::own(), action, &mut |_| ())
}

#[test]
fn sendmail_whois_lines() {
    let action = "sendmail-whois-lines[mailcmd=\"cat >>FILE\", logpath=\"LOG\", dest=\"admin@example.com\", sender=\"f2b@example.com\", _whois_command=\"echo who is <ip>\"]";
    let mails = own(action);
    for text in [
        "Subject: [Fail2Ban] app: started on ",
        "Subject: [Fail2Ban] app: banned 192.0.2.1 from ",
        "From: Fail2Ban <f2b@example.com>\nTo: admin@example.com\n\n",
        "\nThe jail app has banned 192.0.2.1 after 2 failures.\n\nwho is 192.0.2.1\n\nLines that name 192.0.2.1 (at most 1000):\n",
        "app: refused 192.0.2.1\n",
        "Subject: [Fail2Ban] app: banned 2001:db8::1 from ",
        "Subject: [Fail2Ban] app: stopped on ",
    ] {
        assert!(mails.contains(text), "{text:?} is not in {mails}");
    }
}

#[test]
fn mail_whois_lines() {
    // the command gets subject and dest as its arguments
    let command = "sh -c 'cat >>FILE; echo to $1: $0 >>FILE'";
    let action = format!(
        "mail-whois-lines[mailcmd=\"{command}\", logpath=\"LOG\", _whois_command=\"echo who is <ip>\"]"
    );
    let mails = own(&action);
    for text in
        ["to root: [Fail2Ban] app: banned 192.0.2.1 from ", "who is 192.0.2.1\n", "app: refused 192.0.2.1\n"]
    {
        assert!(mails.contains(text), "{text:?} is not in {mails}");
    }
}

/// Same file as the genuine action writes.
#[test]
fn hostsdeny_and_dummy() {
    for action in ["hostsdeny[file=FILE]", "dummy[target=FILE]"] {
        let mut files = Vec::new();
        for sandbox in [Sandbox::genuine(Version::BASELINE), Sandbox::own()] {
            let mut during = String::new();
            let path = sandbox.path("written");
            let after = written(&sandbox, action, &mut |_| {
                during = std::fs::read_to_string(&path).unwrap_or_default()
            });
            files.push((during, after));
        }
        assert_eq!(files[0], files[1], "{action}");
        assert!(files[1].0.contains("192.0.2.1"), "{action}: {files:?}");
    }
}

#[test]
fn route() {
    let mut routes = String::new();
    written(&Sandbox::own(), "route", &mut |namespace| {
        routes = namespace.shell("ip route; ip -6 route");
    });
    assert!(
        routes.contains("unreachable 192.0.2.1") && routes.contains("unreachable 2001:db8::1"),
        "{routes}"
    );
}
