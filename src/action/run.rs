//! Running commands: shell, time limit, output into the log (COMPAT §8.3).

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use super::host::{Host, level};
use super::shell;
use super::tags::ShellCommand;
use crate::system::process::in_new_session;
use crate::value::{Exception, Value};

const LOGGER: &str = "fail2ban.utils";

/// How much of each output stream is kept for the log; what a pipe holds, so as much as upstream can show.
const KEPT_OUTPUT: usize = 64 * 1024;

/// Time between the polite and the firm end of a command that runs too long, and for the latter to work.
const KILL_DELAY: Duration = Duration::from_millis(200);

/// Explains exit code 127, which most often means a wrong PATH.
const HINT_127: &str = "Make sure that all commands in {} are in the PATH of fail2ban-server process (grep -a PATH= \
                        /proc/`pidof -x fail2ban-server`/environ). You may want to start \"fail2ban-server -f\" \
                        separately, initiate it with \"fail2ban-client reload\" in another shell session and observe \
                        if additional informative error messages appear in the terminals.";

/// How a command ended.
enum Outcome {
    Exit(ExitStatus),
    /// Nothing could end the process of this number.
    Unkillable(u32),
}

/// Runs a command to its end and logs as upstream; whether it succeeded. An error is what upstream raises
/// rather than logs.
pub(super) fn execute(command: &ShellCommand, timeout: &Value, host: &dyn Host) -> Result<bool, Exception> {
    Ok(execute_for(command, timeout, &[0], host)?.is_some())
}

/// As [`execute`], but with several codes that mean success; which one it was, or `None` for a failure.
pub(super) fn execute_for(
    command: &ShellCommand,
    timeout: &Value,
    accepted: &[i32],
    host: &dyn Host,
) -> Result<Option<i32>, Exception> {
    if host.log_level() <= level::TRACE {
        host.log(level::TRACE, "fail2ban.action", &command.to_string());
    }
    if command.script.is_empty() {
        host.log(level::DEBUG, "fail2ban.action", "Nothing to do");
        return Ok(Some(0));
    }
    if command.script.contains('\0') || command.values.iter().any(|value| value.contains('\0')) {
        return Err(Exception::builtin("ValueError", "embedded null byte"));
    }
    let mut run = Run { command, id: command.script.as_ptr() as usize, host, told: false };
    #[cfg(feature = "firewalld")]
    if let Some(said) = super::firewalld::execute(command, seconds(timeout)) {
        return Ok(run.report_calls(said, timeout, accepted));
    }
    let mut child = match spawn(command) {
        Ok(child) => child,
        Err(error) => {
            run.tell(level::ERROR);
            let text = os_error(&error, "/bin/sh");
            host.log(level::ERROR, LOGGER, &format!("{command} -- failed with {text}"));
            return Ok(None);
        }
    };
    let mut output = Output::of(&mut child);
    let outcome = match output.wait(&mut child, seconds(timeout)) {
        Some(status) => Outcome::Exit(status),
        None => run.end(&mut child, timeout),
    };
    output.drain();
    Ok(run.report(&outcome, &output, accepted))
}

/// A quick, silent run for a batch: whether the command took all of `input` and succeeded.
pub(super) fn feed(program: &str, arguments: &[&str], input: &str, timeout: &Value) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = in_new_session(&mut command).spawn().map_err(|error| error.to_string())?;
    let mut output = Output::of(&mut child);
    let stdin = child.stdin.take();
    let status = std::thread::scope(|scope| {
        // A thread of its own, because the tool may say much before it has read everything.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
        output.wait(&mut child, seconds(timeout)).or_else(|| end_group(&mut child))
    });
    output.drain();
    match status {
        Some(status) if status.success() => Ok(()),
        _ => Err(String::from_utf8_lossy(&output.stderr.kept).into_owned()),
    }
}

fn spawn(command: &ShellCommand) -> std::io::Result<Child> {
    let piped =
        |program: &mut Command| in_new_session(program.stdout(Stdio::piped()).stderr(Stdio::piped())).spawn();
    if command.values.is_empty() {
        if let Some(words) = shell::direct_command(&command.script) {
            // What cannot be started is left to the shell, which finds the words for it.
            if let Ok(child) = piped(Command::new(&words[0]).args(&words[1..])) {
                return Ok(child);
            }
        }
    }
    piped(Command::new("/bin/sh").arg("-c").arg(&command.script).args(&command.values))
}

/// One run, as the log knows it.
struct Run<'a> {
    command: &'a ShellCommand,
    id: usize,
    host: &'a dyn Host,
    /// Whether the command itself has been logged.
    told: bool,
}

impl Run<'_> {
    fn log(&self, level: u8, text: &str) {
        self.host.log(level, LOGGER, &format!("{:x} -- {text}", self.id));
    }

    fn tell(&mut self, level: u8) {
        if !std::mem::replace(&mut self.told, true) {
            self.log(level, &format!("exec: {}", self.command));
        }
    }

    /// Reports a command that was not started because firewalld was asked directly.
    #[cfg(feature = "firewalld")]
    fn report_calls(
        &mut self,
        said: super::firewalld::Said,
        timeout: &Value,
        accepted: &[i32],
    ) -> Option<i32> {
        self.log(level::DEBUG, "firewalld was asked over D-Bus");
        if said.timed_out {
            self.tell_timeout(timeout);
        }
        let output = Output { stdout: Stream::said(said.stdout), stderr: Stream::said(said.stderr) };
        self.report(&Outcome::Exit(said.status), &output, accepted)
    }

    fn tell_timeout(&mut self, timeout: &Value) {
        self.tell(level::ERROR);
        self.log(level::ERROR, &format!("timed out after {} seconds.", timeout.to_text()));
    }

    /// Ends a command that ran too long.
    fn end(&mut self, child: &mut Child, timeout: &Value) -> Outcome {
        self.tell_timeout(timeout);
        end_group(child).map_or_else(|| Outcome::Unkillable(child.id()), Outcome::Exit)
    }

    /// Logs how it went; the exit code, if it is an accepted one.
    fn report(&mut self, outcome: &Outcome, output: &Output, accepted: &[i32]) -> Option<i32> {
        let code = match outcome {
            Outcome::Exit(status) => status.code().filter(|code| accepted.contains(code)),
            Outcome::Unkillable(_) => None,
        };
        let success = code.is_some();
        let std_level = if success { level::DEBUG } else { level::ERROR };
        if std_level >= self.host.log_level() {
            self.tell(if success { level::TRACE } else { level::ERROR });
            for (name, bytes) in [("stdout", &output.stdout.kept), ("stderr", &output.stderr.kept)] {
                for line in lines(&String::from_utf8_lossy(bytes)) {
                    self.log(std_level, &format!("{name}: {}", Value::str(line)));
                }
            }
        }
        match outcome {
            Outcome::Unkillable(pid) => self.log(level::ERROR, &format!("unable to kill PID {pid}")),
            Outcome::Exit(status) => match code {
                Some(code) => self.log(level::DEBUG, &format!("returned successfully {code}")),
                None => self.report_failure(*status),
            },
        }
        code
    }

    fn report_failure(&self, status: ExitStatus) {
        let code = status.code().unwrap_or_else(|| -status.signal().unwrap_or_default());
        // A shell may report the signal of its child as 128 + number.
        let signal = if code < 0 { -code } else { code - 128 };
        if signal > 0 {
            self.log(level::ERROR, &format!("killed with {} (return code: {code})", signal_name(signal)));
            return;
        }
        self.log(level::ERROR, &format!("returned {code}"));
        if code == 127 {
            let hint = HINT_127.replace("{}", &self.command.as_value().to_string());
            let text = format!("HINT on 127: \"Command not found\".  {hint}");
            self.host.log(level::INFO, LOGGER, &text);
        }
    }
}

/// Ends the child's whole group: politely, then firmly. `None` when even that had no effect.
pub(super) fn end_group(child: &mut Child) -> Option<ExitStatus> {
    let group = Pid::from_child(child);
    let _ = kill_process_group(group, Signal::TERM);
    sleep(KILL_DELAY);
    let status = child.try_wait().ok().flatten();
    // Always, because others of the group may have ignored the first signal.
    let _ = kill_process_group(group, Signal::KILL);
    let deadline = Instant::now() + KILL_DELAY;
    let mut status = status;
    while status.is_none() && Instant::now() < deadline {
        sleep(Duration::from_millis(5));
        status = child.try_wait().ok().flatten();
    }
    status
}

/// One output stream of a child: read as it comes, so that no amount of output blocks the command, but
/// only its beginning kept.
struct Stream<T> {
    pipe: Option<T>,
    kept: Vec<u8>,
}

impl<T: Read + AsFd> Stream<T> {
    fn new(pipe: Option<T>) -> Self {
        let pipe = pipe.filter(|pipe| rustix::io::ioctl_fionbio(pipe, true).is_ok());
        Stream { pipe, kept: Vec::new() }
    }

    /// Of a command that was not started: all there is.
    #[cfg(feature = "firewalld")]
    fn said(text: String) -> Self {
        Stream { pipe: None, kept: text.into_bytes() }
    }

    /// Reads what is there now; at the end of the stream the pipe is closed.
    fn read(&mut self) {
        let mut block = [0; 8192];
        // Bounded, because something left behind in the background may never stop writing.
        for _ in 0..64 {
            let Some(pipe) = &mut self.pipe else { return };
            match pipe.read(&mut block) {
                Ok(0) => self.pipe = None,
                Ok(n) => {
                    let room = KEPT_OUTPUT.saturating_sub(self.kept.len());
                    self.kept.extend_from_slice(&block[..n.min(room)]);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(_) => self.pipe = None,
            }
        }
    }
}

struct Output {
    stdout: Stream<std::process::ChildStdout>,
    stderr: Stream<std::process::ChildStderr>,
}

impl Output {
    fn of(child: &mut Child) -> Self {
        Output { stdout: Stream::new(child.stdout.take()), stderr: Stream::new(child.stderr.take()) }
    }

    /// Waits for the end of the child, reading its output meanwhile; `None` when the time is over.
    fn wait(&mut self, child: &mut Child, limit: Duration) -> Option<ExitStatus> {
        let started = Instant::now();
        let pidfd = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).ok();
        // Kernels before 5.3 cannot tell the end of a process by a descriptor: look every few milliseconds.
        let longest = if pidfd.is_some() { Duration::from_secs(3600) } else { Duration::from_millis(5) };
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                return Some(status);
            }
            let left = limit.checked_sub(started.elapsed())?;
            let mut watched: Vec<BorrowedFd> = Vec::with_capacity(3);
            watched.extend(pidfd.as_ref().map(AsFd::as_fd));
            watched.extend(self.stdout.pipe.as_ref().map(AsFd::as_fd));
            watched.extend(self.stderr.pipe.as_ref().map(AsFd::as_fd));
            let mut fds: Vec<PollFd> =
                watched.into_iter().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
            let wait = left.min(longest);
            let timeout = Timespec { tv_sec: wait.as_secs() as _, tv_nsec: wait.subsec_nanos() as _ };
            // An interrupted wait is simply repeated.
            let _ = poll(&mut fds, Some(&timeout));
            self.drain();
        }
    }

    fn drain(&mut self) {
        self.stdout.read();
        self.stderr.read();
    }
}

/// A timeout as a duration; nonsense counts as no time at all, endless as very long.
fn seconds(timeout: &Value) -> Duration {
    let seconds = match timeout {
        Value::Int(number) => *number as f64,
        Value::Float(number) => *number,
        _ => 60.0,
    };
    Duration::try_from_secs_f64(seconds.clamp(0.0, 1e9)).unwrap_or_default()
}

/// Python's `bytes.splitlines`.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let any = !text.is_empty();
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r')).filter(move |_| any)
}

/// Python's text of an `OSError`.
pub(super) fn os_error(error: &std::io::Error, file: &str) -> String {
    match error.raw_os_error() {
        Some(_) => Exception::os(error, file).message(),
        None => error.to_string(),
    }
}

fn signal_name(number: i32) -> String {
    const NAMES: [&str; 31] = [
        "SIGHUP",
        "SIGINT",
        "SIGQUIT",
        "SIGILL",
        "SIGTRAP",
        "SIGABRT",
        "SIGBUS",
        "SIGFPE",
        "SIGKILL",
        "SIGUSR1",
        "SIGSEGV",
        "SIGUSR2",
        "SIGPIPE",
        "SIGALRM",
        "SIGTERM",
        "SIGSTKFLT",
        "SIGCHLD",
        "SIGCONT",
        "SIGSTOP",
        "SIGTSTP",
        "SIGTTIN",
        "SIGTTOU",
        "SIGURG",
        "SIGXCPU",
        "SIGXFSZ",
        "SIGVTALRM",
        "SIGPROF",
        "SIGWINCH",
        "SIGIO",
        "SIGPWR",
        "SIGSYS",
    ];
    match usize::try_from(number - 1).ok().and_then(|index| NAMES.get(index)) {
        Some(name) => (*name).to_owned(),
        None => format!("signal {number}"),
    }
}
