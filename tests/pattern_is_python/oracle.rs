//! A python3 process that answers.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// A pattern and what to search with it.
pub struct Request {
    pub pattern: String,
    /// As Python's `re` numbers them.
    pub flags: u32,
    pub subjects: Vec<String>,
}

/// `None`: no answer within its time. `Some(None)`: no match.
pub type Found = Option<Option<Vec<(i64, i64)>>>;

#[derive(Debug)]
pub enum Answer {
    Error(String),
    Spans(Vec<Found>),
}

pub struct Oracle {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Oracle {
    pub fn start() -> Oracle {
        let mut child = Command::new("/usr/bin/python3")
            .args(["-c", include_str!("oracle.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("these tests need /usr/bin/python3");
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take().expect("stdout is piped"));
        Oracle { child, to, from }
    }

    pub fn ask(&mut self, requests: &[Request]) -> Vec<Answer> {
        let list: Vec<Value> = requests.iter().map(|r| json!([r.pattern, r.flags, r.subjects])).collect();
        let to = self.to.as_mut().expect("stdin is piped");
        writeln!(to, "{}", Value::from(list)).expect("python3 reads");
        let mut line = String::new();
        self.from.read_line(&mut line).expect("python3 answers");
        let answers: Vec<Value> = serde_json::from_str(&line).expect("python3 answers with JSON");
        answers.iter().map(answer).collect()
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        self.to = None;
        let _ = self.child.wait();
    }
}

fn answer(value: &Value) -> Answer {
    match value {
        Value::String(text) => Answer::Error(text[1..].to_owned()),
        Value::Array(list) => Answer::Spans(list.iter().map(found).collect()),
        other => panic!("python3 answered {other}"),
    }
}

fn found(value: &Value) -> Found {
    match value {
        Value::Number(_) => None,
        Value::Array(spans) => Some(Some(spans.iter().map(|s| (number(&s[0]), number(&s[1]))).collect())),
        _ => Some(None),
    }
}

fn number(value: &Value) -> i64 {
    value.as_i64().expect("positions are numbers")
}
