//! What a program printed, and how it ended.
use std::fmt;
use std::process::Command;

/// Output and exit status of a finished program.
#[derive(Clone, PartialEq, Eq)]
pub struct Output {
    pub stdout: String,
    pub stderr: String,
    /// The exit status; -1 when a signal ended it.
    pub code: i32,
}

impl Output {
    /// Runs `command` to its end, with nothing on its standard input.
    ///
    /// # Panics
    /// When the program cannot be started.
    pub fn of(command: &mut Command) -> Output {
        command.stdin(std::process::Stdio::null());
        let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        Output {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code().unwrap_or(-1),
        }
    }

    /// The standard output of a program that must succeed, without the last newline.
    ///
    /// # Panics
    /// When it ended with another status than 0.
    pub fn success(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout.strip_suffix('\n').unwrap_or(&self.stdout).to_owned()
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "exit status {}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}
