//! The two logs: a SYN flood in kern.log, and the mixed auth.log of a machine on the Internet. The same
//! lines each time, but for the date: servers treat old lines differently.
use crate::{flood, fuzz::Random};

/// The host of the last line of each log, which no other line has.
pub const LAST: &str = "198.51.100.254";

/// `count` lines of kern.log from 2,000 flooding hosts.
pub fn kernel(count: usize) -> String {
    let mut random = Random::with_seed(1);
    let line = flood::line("HOST");
    let (before, after) = line.split_once("HOST").expect("the line has that host");
    let mut text = String::with_capacity(count * (line.len() + 8));
    for _ in 1..count {
        let host = random.below(2000);
        text += &format!("{before}10.1.{}.{}{after}", host / 250, host % 250 + 1);
    }
    text + before + LAST + after
}

/// What sshd and its neighbours log, HOST and USER to be put in; the second word of each tells how often.
const MESSAGES: &[(usize, &str)] = &[
    (6, "sshd[PID]: Invalid user USER from HOST port 50022"),
    (6, "sshd[PID]: Failed password for invalid user USER from HOST port 50022 ssh2"),
    (8, "sshd[PID]: Failed password for root from HOST port 50022 ssh2"),
    (
        6,
        "sshd[PID]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=HOST  user=root",
    ),
    (6, "sshd[PID]: Received disconnect from HOST port 50022:11: Bye Bye [preauth]"),
    (6, "sshd[PID]: Disconnected from invalid user USER HOST port 50022 [preauth]"),
    (4, "sshd[PID]: Connection closed by HOST port 50022 [preauth]"),
    (
        2,
        "sshd[PID]: Accepted publickey for USER from HOST port 50022 ssh2: ED25519 SHA256:v3dpapGleDaUKf4V1vKyR9ZyUgjaJAmoCTcb2PLljI",
    ),
    (2, "sshd[PID]: pam_unix(sshd:session): session opened for user USER(uid=1000) by (uid=0)"),
    (3, "CRON[PID]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)"),
    (3, "CRON[PID]: pam_unix(cron:session): session closed for user root"),
    (2, "sudo:     USER : TTY=pts/0 ; PWD=/home/USER ; USER=root ; COMMAND=/usr/bin/apt update"),
    (1, "systemd-logind[512]: New session 4711 of user USER."),
];

/// `count` lines of auth.log.
pub fn auth(count: usize) -> String {
    let mut random = Random::with_seed(2);
    let date = flood::now("%b %d %H:%M:%S");
    let kinds: Vec<&str> =
        MESSAGES.iter().flat_map(|(often, text)| std::iter::repeat_n(*text, *often)).collect();
    let users = ["admin", "pi", "test", "oracle", "ubuntu"];
    let mut text = String::with_capacity(count * 130);
    for _ in 1..count {
        let host = random.below(2000);
        let message = random.pick(&kinds).replace("PID", &random.below(30000).to_string());
        let message = message.replace("HOST", &format!("10.2.{}.{}", host / 250, host % 250 + 1));
        text += &format!("{date} raspberrypi {}\n", message.replace("USER", random.pick::<&str>(&users)));
    }
    text + &format!("{date} raspberrypi sshd[1]: Failed password for root from {LAST} port 50022 ssh2\n")
}
