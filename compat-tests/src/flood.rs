//! Log lines of the story that started the project: SYN floods, logged by an iptables rule.
use crate::output::Output;

/// What the story's user wrote. The original has dropped the group `host` and refuses this.
pub const STORY_REGEX: &str = r"kernel:.*?SRC=(?:::f{4,6}:)?(?P<host>[\w\-.^_]+) DST.*?SYN";
/// The same in today's words, for both address families.
pub const TODAYS_REGEX: &str = r"kernel:.*?SRC=<HOST> DST.*?SYN";

/// A line of kern.log, dated now, for one SYN too many from `host`.
pub fn line(host: &str) -> String {
    format!(
        "{} raspberrypi kernel: [123456.789012] SYNLIMIT IN=eth0 OUT= MAC=b8:27:eb:aa:bb:cc:00:11:22:33:44:55:08:00 \
         SRC={host} DST=192.168.1.20 LEN=60 TOS=0x00 PREC=0x00 TTL=51 ID=4242 DF PROTO=TCP SPT=51515 DPT=8032 \
         WINDOW=5840 RES=0x00 SYN URGP=0\n",
        now("%b %d %H:%M:%S")
    )
}

/// `count` of them.
pub fn lines(host: &str, count: usize) -> String {
    line(host).repeat(count)
}

/// The local time in a form of date(1).
pub fn now(form: &str) -> String {
    Output::of(std::process::Command::new("date").arg(format!("+{form}")).env("LC_ALL", "C")).success()
}
