//! What `firewall-cmd` would have said and how it would have ended.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use super::bus::{self, Failure};
use super::forms::{Answer, CLIENT, Call, recognise};
use crate::action::batch::find;
use crate::action::tags::ShellCommand;

/// Where the client is that firewalld's packages install. One that stands before it in the PATH is the
/// admin's own, and knows why it is there.
const FOLDERS: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];

/// Errors that are not: what is wanted is already so. The client warns of them.
const HARMLESS: [&str; 4] = ["ALREADY_ENABLED", "NOT_ENABLED", "ZONE_ALREADY_SET", "ALREADY_SET"];

/// The exit codes by which firewalld's errors are known; all others are [`UNKNOWN_ERROR`].
const CODES: &str = "NO_IPV6_NAT=14 COMMAND_FAILED=13 PANIC_MODE=15 UNKNOWN_INTERFACE=17 ZONE_CONFLICT=18 BUILTIN_CHAIN=19 \
                     EBTABLES_NO_REJECT=20 NOT_OVERLOADABLE=21 NO_DEFAULTS=22 BUILTIN_ZONE=23 BUILTIN_SERVICE=24 \
                     BUILTIN_ICMPTYPE=25 NAME_CONFLICT=26 NAME_MISMATCH=27 PARSE_ERROR=28 ACCESS_DENIED=29 \
                     UNKNOWN_SOURCE=30 RT_TO_PERM_FAILED=31 IPSET_WITH_TIMEOUT=32 BUILTIN_IPSET=33 MISSING_IMPORT=35 \
                     DBUS_ERROR=36 BUILTIN_HELPER=37 NOT_APPLIED=38 INVALID_ACTION=100 INVALID_SERVICE=101 \
                     INVALID_PORT=102 INVALID_PROTOCOL=103 INVALID_INTERFACE=104 INVALID_ADDR=105 INVALID_FORWARD=106 \
                     INVALID_ICMPTYPE=107 INVALID_TABLE=108 INVALID_CHAIN=109 INVALID_TARGET=110 INVALID_IPV=111 \
                     INVALID_ZONE=112 INVALID_PROPERTY=113 INVALID_VALUE=114 INVALID_OBJECT=115 INVALID_NAME=116 \
                     INVALID_FILENAME=117 INVALID_DIRECTORY=118 INVALID_TYPE=119 INVALID_SETTING=120 \
                     INVALID_DESTINATION=121 INVALID_RULE=122 INVALID_LIMIT=123 INVALID_FAMILY=124 INVALID_LOG_LEVEL=125 \
                     INVALID_AUDIT_TYPE=126 INVALID_MARK=127 INVALID_CONTEXT=128 INVALID_COMMAND=129 INVALID_USER=130 \
                     INVALID_UID=131 INVALID_MODULE=132 INVALID_PASSTHROUGH=133 INVALID_MAC=134 INVALID_IPSET=135 \
                     INVALID_ENTRY=136 INVALID_OPTION=137 INVALID_HELPER=138 INVALID_PRIORITY=139 INVALID_POLICY=140 \
                     INVALID_LOG_PREFIX=141 INVALID_NFLOG_GROUP=142 INVALID_NFLOG_QUEUE=143 INVALID_SOURCE=144 MISSING_TABLE=200 \
                     MISSING_CHAIN=201 MISSING_PORT=202 MISSING_PROTOCOL=203 MISSING_ADDR=204 MISSING_NAME=205 \
                     MISSING_SETTING=206 MISSING_FAMILY=207 RUNNING_BUT_FAILED=251 NOT_RUNNING=252 NOT_AUTHORIZED=253";
const UNKNOWN_ERROR: i32 = 254;

/// libdbus' words when nobody answers.
const SILENCE: &str = "Did not receive a reply. Possible causes include: the remote application did not send a reply, \
                       the message bus security policy blocked the reply, the reply timeout expired, or the network \
                       connection was broken.";

/// The number of the signal that ends a command that runs too long.
const SIGTERM: i32 = 15;

/// The output and the end of commands that were not started.
#[derive(Debug, Default)]
pub(in crate::action) struct Said {
    pub stdout: String,
    pub stderr: String,
    pub status: ExitStatus,
    /// Whether the command's time was over before all was done.
    pub timed_out: bool,
}

impl Said {
    fn ends(&mut self, code: i32) {
        self.status = ExitStatus::from_raw(code << 8);
    }

    fn out(&mut self, line: &str) {
        self.stdout += line;
        self.stdout.push('\n');
    }

    fn error(&mut self, line: &str) {
        self.stderr += line;
        self.stderr.push('\n');
    }

    /// A call was refused.
    fn refused(&mut self, text: &str) {
        let name = text.split(':').next().unwrap_or_default();
        if HARMLESS.contains(&name) {
            self.error(&format!("Warning: {text}"));
            self.success();
        } else {
            self.error(&format!("Error: {text}"));
            self.ends(code_of(name));
        }
    }

    fn success(&mut self) {
        self.out("success");
        self.ends(0);
    }
}

/// Does over D-Bus what the command would do, at most for `limit`. `None` if it must be run: it is no command of
/// firewalld's client, or one that is not understood, or firewalld is not to be reached.
pub(in crate::action) fn execute(command: &ShellCommand, limit: Duration) -> Option<Said> {
    let calls = recognise(command)?;
    if !is_the_client_that_runs() {
        return None;
    }
    let started = Instant::now();
    let mut said = Said::default();
    for call in &calls {
        perform(call, &mut said)?;
        if started.elapsed() > limit {
            said.timed_out = true;
            said.status = ExitStatus::from_raw(SIGTERM);
            break;
        }
    }
    Some(said)
}

fn is_the_client_that_runs() -> bool {
    let known = |path: &Path| FOLDERS.iter().any(|folder| path.parent() == Some(Path::new(folder)));
    find(CLIENT).is_some_and(|path| known(&path))
}

/// Makes one call; `None` if the command must be run after all, which is no harm to what is already done.
fn perform(call: &Call, said: &mut Said) -> Option<()> {
    let reply = match bus::call(call) {
        Ok(reply) => reply,
        Err(Failure::Unavailable) => return None,
        Err(failure) => {
            match (failure, &call.answer) {
                (Failure::Refused(text), _) => said.refused(&text),
                _ => {
                    said.error(&format!("Error: {SILENCE}"));
                    said.ends(UNKNOWN_ERROR);
                }
            }
            if matches!(call.answer, Answer::Search { .. }) {
                // What ends last is `grep`, which has found nothing.
                said.ends(1);
            }
            return Some(());
        }
    };
    match &call.answer {
        Answer::Success => said.success(),
        Answer::Truth => {
            let truth: bool = reply.body().deserialize().ok()?;
            said.out(if truth { "yes" } else { "no" });
            said.ends(i32::from(!truth));
        }
        Answer::Search { name, whole } => {
            let names: Vec<String> = reply.body().deserialize().ok()?;
            let found = names.iter().any(|known| if *whole { known == name } else { known.ends_with(name) });
            said.ends(i32::from(!found));
        }
    }
    Some(())
}

fn code_of(name: &str) -> i32 {
    let known = CODES.split(' ').filter_map(|entry| entry.split_once('=')).find(|(known, _)| *known == name);
    known.and_then(|(_, code)| code.parse().ok()).unwrap_or(UNKNOWN_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_end_as_the_clients_do() {
        for (text, code, stdout, stderr) in [
            ("ALREADY_ENABLED: x", 0, "success\n", "Warning: ALREADY_ENABLED: x\n"),
            ("NOT_ENABLED", 0, "success\n", "Warning: NOT_ENABLED\n"),
            ("INVALID_ZONE: x", 112, "", "Error: INVALID_ZONE: x\n"),
            ("COMMAND_FAILED: 'x' failed: y: z", 13, "", "Error: COMMAND_FAILED: 'x' failed: y: z\n"),
            ("something else", 254, "", "Error: something else\n"),
        ] {
            let mut said = Said::default();
            said.refused(text);
            let expected = (Some(code), stdout.to_owned(), stderr.to_owned());
            assert_eq!((said.status.code(), said.stdout, said.stderr), expected);
        }
    }
}
