//! Instructions that a server spends on a line of a log, counted in user mode: those of a run with many lines
//! less those of a run with few, divided by the difference in lines. So neither start and end count, nor how
//! fast the machine is and what else it does.
use std::process::Command;
use std::time::Duration;

use crate::side::checkout;
use crate::workload::Workload;
use crate::{Server, Side, logs, wait};

/// How long a run may take: the original needs minutes where every instruction is counted.
const LIMIT: Duration = Duration::from_secs(600);

/// Instructions per line of `workload`, from runs of `server` with each of two numbers of lines.
///
/// `server` makes the command that starts a server of `side` under something that counts, and that prints
/// `Collected : NUMBER` on standard error when it ends.
pub fn per_line(side: Side, workload: &Workload, lines: [usize; 2], server: &dyn Fn() -> Command) -> f64 {
    let [few, many] = lines.map(|lines| total(side, workload, lines, server()));
    (many - few) / (lines[1] - lines[0]) as f64
}

/// Instructions from start to end, `lines` in between.
fn total(side: Side, workload: &Workload, lines: usize, server: Command) -> f64 {
    let sandbox = workload.sandbox();
    let server = Server::start_with(side, &sandbox, server);
    sandbox.append(workload.log, &(workload.lines)(lines));
    let found = format!("Found {}", logs::LAST);
    let done = wait::until(LIMIT, || server.logged_last(&found).then_some(()));
    assert!(done.is_some(), "not done after {LIMIT:?}:\n{}", server.everything_said());
    server.stop();
    let said = std::fs::read_to_string(sandbox.path("stderr")).expect("the server was started with it");
    let collected = said.lines().find_map(|line| line.split("Collected : ").nth(1));
    let number = collected.and_then(|number| number.trim().parse().ok());
    number.unwrap_or_else(|| panic!("the number of instructions is missing:\n{said}"))
}

/// `server` under valgrind's callgrind.
pub fn callgrind(server: &Command) -> Command {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(server.get_program()).args(server.get_args());
    command.envs(server.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// The server of our release build, which is the one whose instructions count.
///
/// # Panics
/// When it is not there, or older than a file it was built from.
pub fn release_build() -> Command {
    let binary = checkout().join("target/release/ferroban");
    let changed = |path: &std::path::Path| std::fs::metadata(path).and_then(|data| data.modified()).ok();
    // cargo lists there what it was built from: `BINARY: FILE FILE …`
    let sources = std::fs::read_to_string(binary.with_extension("d")).unwrap_or_default();
    let built = changed(&binary);
    let newer = sources.split_whitespace().skip(1).find(|file| changed(file.as_ref()) > built);
    assert!(
        built.is_some() && newer.is_none(),
        "the release build is missing or older than {newer:?}: run `cargo build --release` in the checkout"
    );
    let mut command = Command::new(binary);
    command.arg("server");
    command
}
