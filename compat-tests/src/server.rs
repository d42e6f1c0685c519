//! A server that runs in a sandbox.
use std::io::{Read, Seek, SeekFrom};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::namespace::Namespace;
use crate::output::Output;
use crate::sandbox::Sandbox;
use crate::side::Side;
use crate::{normalise, wait};

/// A server in the foreground; killed when dropped, if it still runs then.
pub struct Server<'s> {
    child: Child,
    pub side: Side,
    pub sandbox: &'s Sandbox,
}

impl<'s> Server<'s> {
    /// Starts the server of `side` and waits until it answers and its jails have started.
    ///
    /// # Panics
    /// When it does not get there; with its log.
    pub fn start(side: Side, sandbox: &'s Sandbox) -> Server<'s> {
        Server::start_with(side, sandbox, side.server())
    }

    /// The same, in a network namespace.
    pub fn start_in(side: Side, sandbox: &'s Sandbox, namespace: &Namespace) -> Server<'s> {
        Server::start_with(side, sandbox, namespace.enter(side.server()))
    }

    /// The same, by `command`: `side.server()` with whatever else a test needs around it.
    pub fn start_with(side: Side, sandbox: &'s Sandbox, command: Command) -> Server<'s> {
        let mut server = Server::spawn(side, sandbox, command);
        // says "Server ready" only once the configuration's commands have been carried out
        let ready = wait::until(wait::PATIENCE, || {
            let ended = server.child.try_wait().expect("the child is ours").is_some();
            let printed = std::fs::read_to_string(sandbox.path("stdout")).unwrap_or_default();
            (ended || printed.contains("Server ready")).then_some(!ended)
        });
        assert_eq!(ready, Some(true), "the server did not get ready:\n{}", server.everything_said());
        server
    }

    /// Starts the server and does not wait: for configurations that are to fail.
    pub fn spawn(side: Side, sandbox: &'s Sandbox, mut command: Command) -> Server<'s> {
        let printed = |name| std::fs::File::create(sandbox.path(name)).expect("the sandbox is ours");
        sandbox.confine(&mut command, &["-f", "start"]).stdin(Stdio::null());
        command.stdout(printed("stdout")).stderr(printed("stderr"));
        let child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        Server { child, side, sandbox }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Runs this side's client with `words`.
    pub fn client(&self, words: &[&str]) -> Output {
        self.sandbox.client(self.side, words)
    }

    /// The server's log as it is now.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.sandbox.server_log()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The log without times, ids and folder ([`normalise::log`]).
    pub fn normal_log(&self) -> String {
        normalise::log(&self.log(), self.sandbox.folder())
    }

    /// Waits until the log holds `text`; the line that does.
    ///
    /// # Panics
    /// When it does not come within [`wait::PATIENCE`].
    pub fn wait_log(&self, text: &str) -> String {
        self.wait_log_times(text, 1)
    }

    /// Waits until `times` lines of the log hold `text`; the last of them.
    pub fn wait_log_times(&self, text: &str, times: usize) -> String {
        let line = || self.log().lines().filter(|line| line.contains(text)).nth(times - 1).map(str::to_owned);
        wait::until(wait::PATIENCE, line)
            .unwrap_or_else(|| panic!("not logged {times} time(s): {text}\n{}", self.everything_said()))
    }

    /// Whether the end of the log (as much as a batch of lines) holds `text`: cheap, however long the log is.
    pub fn logged_last(&self, text: &str) -> bool {
        let Ok(mut file) = std::fs::File::open(self.sandbox.server_log()) else { return false };
        let length = file.metadata().map_or(0, |data| data.len());
        let mut end = Vec::new();
        let start = SeekFrom::Start(length.saturating_sub(4096));
        let read = file.seek(start).and_then(|_| file.read_to_end(&mut end));
        read.is_ok() && String::from_utf8_lossy(&end).contains(text)
    }

    /// Waits for the server to end by itself; its exit status.
    pub fn wait_end(&mut self, limit: Duration) -> Option<i32> {
        let status = wait::until(limit, || self.child.try_wait().expect("the child is ours"))?;
        Some(status.code().unwrap_or(-1))
    }

    /// Stops the server with the client, and waits for its end.
    pub fn stop(mut self) {
        self.client(&["stop"]).success();
        assert!(
            self.wait_end(wait::PATIENCE).is_some(),
            "still runs after stop:\n{}",
            self.everything_said()
        );
    }

    /// Sends it a signal by name (`TERM`, `USR1`, …).
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "kill -s {name}: the server no longer runs");
    }

    /// Log, standard output and standard error, for failure messages.
    pub fn everything_said(&self) -> String {
        let read = |name| std::fs::read_to_string(self.sandbox.path(name)).unwrap_or_default();
        format!("--- log\n{}\n--- stdout\n{}\n--- stderr\n{}", self.log(), read("stdout"), read("stderr"))
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        // it may have ended; there is nothing more to do then
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
