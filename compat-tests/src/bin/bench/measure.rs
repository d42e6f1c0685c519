//! Reading clocks and /proc.
use compat_tests::{Server, wait};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long to wait for work to be done before giving up.
const LIMIT: Duration = Duration::from_secs(600);

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Seconds until `done`, asked every 2 ms.
///
/// # Panics
/// When it is not done after ten minutes.
pub fn seconds_until(start: Instant, mut done: impl FnMut() -> bool) -> f64 {
    while !done() {
        assert!(start.elapsed() < LIMIT, "not done after {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
    start.elapsed().as_secs_f64()
}

/// Seconds of processor time that the server's threads have used, in user space and kernel, to the nanosecond (the
/// times in /proc/PID/stat are counted in hundredths of a second).
pub fn cpu_seconds(server: &Server) -> f64 {
    let threads = std::fs::read_dir(format!("/proc/{}/task", server.pid())).expect("it runs");
    threads.flatten().map(|thread| thread_seconds(&thread.path())).sum()
}

/// The same of one thread, by its folder in /proc; 0 if it has ended meanwhile.
pub fn thread_seconds(thread: &Path) -> f64 {
    let text = std::fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
    text.split(' ').next().and_then(|word| word.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

/// A number of /proc/PID/status: `VmHWM` (KiB), `Threads`, …
pub fn status(server: &Server, name: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let word = line.and_then(|line| line.split_whitespace().next()).expect("the kernel writes that line");
    word.parse().expect("a number")
}

/// Waits until a server at rest has done what there is to do.
pub fn settle(server: &Server) {
    let mut last = cpu_seconds(server);
    wait::until(Duration::from_secs(10), || {
        std::thread::sleep(Duration::from_millis(300));
        let now = cpu_seconds(server);
        let still = now - last < 0.02;
        last = now;
        still.then_some(())
    });
}
