//! Waiting for a server to come or go.

use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use super::console::{self, Console};
use super::session::Session;
use crate::level;

/// From now on SIGTERM and SIGINT end the program with status 255, after saying so; until the handle is closed.
pub fn exit_on_signals(console: &Console) -> Option<Handle> {
    let mut signals = Signals::new([SIGTERM, SIGINT]).ok()?;
    let handle = signals.handle();
    let console = console.clone();
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            // A new line, because the cursor probably stands behind a prompt or the progress bar.
            console::print("");
            console.log(level::WARNING, "fail2ban", &format!("Caught signal {signal}. Exiting"));
            std::process::exit(255);
        }
    });
    Some(handle)
}

/// Time between two looks at the server: short at first, doubling up to a bound.
struct Pauses(Duration);

impl Pauses {
    const FIRST: Duration = Duration::from_micros(6250);

    fn next(&mut self, waited: Duration) -> Duration {
        let bound = if waited > Duration::from_millis(200) { 500 } else { 100 };
        self.0 = (self.0 * 2).min(Duration::from_millis(bound));
        self.0
    }
}

impl Session {
    /// Waits until a server answers, or (`alive` false) until none does any more. `given_up` is asked now and
    /// then whether waiting has become pointless.
    pub fn wait_for_server(&self, alive: bool, mut given_up: impl FnMut() -> bool) -> Result<(), String> {
        let started = Instant::now();
        let mut pauses = Pauses(Pauses::FIRST);
        let mut progress = Progress::new(self.settings.verbose);
        loop {
            let is_alive = Path::new(self.settings.socket()).exists() && self.ping(Some(pauses.0));
            if is_alive == alive {
                return Ok(());
            }
            let waited = started.elapsed();
            self.heavy(|| format!("  wait-time: {}", waited.as_secs_f64()));
            if waited > Duration::from_secs(1) {
                progress.step();
            }
            if waited.as_secs_f64() >= self.settings.timeout || given_up() {
                return Err("Failed to start server".into());
            }
            std::thread::sleep(pauses.next(waited));
        }
    }
}

/// A bar on the terminal on which a mark runs to and fro; only with `-v`.
struct Progress {
    shown: bool,
    at: usize,
    forward: bool,
}

impl Progress {
    const WIDTH: usize = 10;

    fn new(verbose: i32) -> Self {
        Progress { shown: verbose > 1 && std::io::stdout().is_terminal(), at: 0, forward: true }
    }

    fn step(&mut self) {
        if !self.shown {
            return;
        }
        if self.at == 0 {
            console::write("\n");
        }
        self.at = if self.forward || self.at == 0 { self.at + 1 } else { self.at - 1 };
        console::write(&format!("\rINFO   [{:1$}#", "", self.at - 1));
        console::write(&format!("{:1$}] Waiting on the server...", "", Self::WIDTH + 1 - self.at));
        if self.at > Self::WIDTH {
            self.forward = false;
        } else if self.at < 2 {
            self.forward = true;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.at > 0 {
            console::write(&format!("\r{:1$}\r", "", 35 + Self::WIDTH));
        }
    }
}
