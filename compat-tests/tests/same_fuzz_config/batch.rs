//! The original's reader in one Python process for all trees: starting it takes longer than reading.
use compat_tests::{Output, Version};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

pub struct Batch {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Batch {
    pub fn start() -> Batch {
        let mut command = Version::BASELINE.python(include_str!("batch.py"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("Python is installed");
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        Batch { child, input, output }
    }

    /// What the original prints and logs for these options.
    pub fn run(&mut self, options: &[String]) -> Output {
        writeln!(self.input, "{}", options.join("\t")).expect("the original is still running");
        let mut head = String::new();
        self.output.read_line(&mut head).expect("the original answers");
        let numbers: Vec<usize> = head.split_whitespace().map_while(|word| word.parse().ok()).collect();
        let [code, out, err] = numbers[..] else { panic!("the original ended: {head}") };
        let mut text = |len| {
            let mut bytes = vec![0; len];
            self.output.read_exact(&mut bytes).expect("the original answers");
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let stdout = text(out);
        without_depth(Output { stdout, stderr: text(err), code: code as i32 })
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Python words its recursion error by the place where the limit was met.
pub fn without_depth(output: Output) -> Output {
    let stderr = output.stderr.replace(" while calling a Python object", "").replace(" in comparison", "");
    Output { stderr, ..output }
}
