//! This project's own filters find the failures that the genuine ones find in upstream's sample logs: the
//! same hosts at the same times. Where they do not, on purpose, the table of the filter says why.
use compat_tests::{Output, Sandbox, Side, Version};

/// What a filter finds in a log: `'HOST'` and, unless the lines are the journal's and have none, the time.
fn found(sandbox: &Sandbox, filter: &str, log: &str) -> Vec<String> {
    let columns = if log.ends_with("-journal") { 1 } else { 2 };
    let log = Version::BASELINE.test_files().join("logs").join(log);
    let mut command = Side::under_test().regex();
    command
        .arg("-c")
        .arg(sandbox.configuration())
        .args(["--usedns", "raw", "-o", "row"])
        .arg(log)
        .arg(filter);
    let rows = Output::of(&mut command).success();
    let rows = rows.lines().filter(|line| line.starts_with("['"));
    rows.map(|row| row.split('\t').take(columns).collect::<Vec<_>>().join(" ")).collect()
}

fn same_as_genuine(filter: &str, log: &str, except: &[&str]) {
    let genuine = found(&Sandbox::genuine(Version::BASELINE), filter, log);
    let own = found(&Sandbox::own(), filter, log);
    assert!(!genuine.is_empty(), "{filter} finds nothing in {log}");
    let missing = without(&genuine, &own);
    let more = without(&own, &genuine);
    // without the time: year-less dates make it depend on today
    let host = |row: &String| row.split('\'').nth(1).unwrap_or(row).to_owned();
    let signed = |sign, rows: Vec<String>| rows.into_iter().map(move |row| format!("{sign} {}", host(&row)));
    let differences: Vec<String> = signed('-', missing).chain(signed('+', more)).collect();
    assert_eq!(differences, except, "{filter} in {log}");
}

/// What is left of `all` when each row of `some` is taken away once.
fn without(all: &[String], some: &[String]) -> Vec<String> {
    let mut left = all.to_vec();
    for row in some {
        if let Some(at) = left.iter().position(|it| it == row) {
            left.remove(at);
        }
    }
    left
}

/// "Failed password for invalid user test from 127.0.0.1 port 58946 ssh2: from 10.10.1.2 port 55555 ssh2": the
/// user is called `test from 127.0.0.1 port 58946 ssh2:`, and whoever chose that name sits at 10.10.1.2. The
/// genuine filter bans 127.0.0.1 (as right for OpenSSH before 6.3).
const CRAFTED_USER: &[&str] = &["- 127.0.0.1", "+ 10.10.1.2"];

#[test]
fn sshd() {
    for mode in ["normal", "ddos", "extra", "aggressive"] {
        same_as_genuine(&format!("sshd[mode={mode}]"), "sshd", CRAFTED_USER);
        same_as_genuine(&format!("sshd[mode={mode}, logtype=journal]"), "sshd-journal", CRAFTED_USER);
    }
    for publickey in ["invalid", "any", "ignore"] {
        same_as_genuine(&format!("sshd[publickey={publickey}]"), "sshd", CRAFTED_USER);
    }
}

#[test]
fn recidive() {
    same_as_genuine("recidive", "recidive", &[]);
    same_as_genuine("recidive[logtype=journal]", "recidive", &[]);
}

#[test]
fn small_filters() {
    for name in ["dropbear", "pam-generic", "vsftpd", "proftpd", "mysqld-auth", "nginx-limit-req"] {
        same_as_genuine(name, name, &[]);
    }
}

#[test]
fn nginx() {
    for mode in ["normal", "auth", "fallback", "aggressive"] {
        same_as_genuine(&format!("nginx-http-auth[mode={mode}]"), "nginx-http-auth", &[]);
    }
    same_as_genuine("nginx-limit-req[logtype=journal]", "nginx-limit-req", &[]);
    same_as_genuine("nginx-http-auth[logtype=journal]", "nginx-http-auth", &[]);
}

/// There is no genuine filter of this kind: the lines are the kernel's, as files and the journal show them.
#[test]
fn kernel_synflood() {
    let sandbox = Sandbox::own();
    let hosts = |options: &str, line: &str| {
        let mut command = Side::under_test().regex();
        command.arg("-c").arg(sandbox.configuration()).args(["-o", "ip", line]);
        Output::of(command.arg(format!("kernel-synflood{options}"))).success()
    };
    let line = compat_tests::flood::line("203.0.113.7");
    let line = line.trim_end();
    assert_eq!(hosts("", line), "203.0.113.7");
    assert_eq!(hosts("", &line.replace("[123456.789012] ", "")), "203.0.113.7");
    assert_eq!(
        hosts("", &line.replace("203.0.113.7", "2001:0db8:0000:0000:0000:0000:0000:0007")),
        "2001:db8::7"
    );
    assert_eq!(
        hosts("[logtype=journal]", &line[line.find("raspberrypi").expect("the host's name")..]),
        "203.0.113.7"
    );
    assert_eq!(hosts("[prefix=\"LIMIT[0-9]\"]", &line.replace("SYNLIMIT", "LIMIT7")), "203.0.113.7");
    for other in
        [line.replace("SYNLIMIT", "OTHER"), line.replace(" SYN ", " ACK "), line.replace("TCP", "UDP")]
    {
        assert_eq!(hosts("", &other), "", "{other}");
    }
}
