//! Generated expressions, evaluated by Python's `eval` and by the formula evaluator.

use std::io::Write;
use std::process::{Command, Stdio};

use ferroban::bans::formula::{Formula, Number, Variables};

const COUNT: usize = 20_000;

const PYTHON: &str = "
import math, random, sys
class Ban: Time = 600; Count = 3
scope = {'ban': Ban, 'banFactor': 1.33, 'math': math, 'random': random}
random.random = lambda: 0.25
for line in sys.stdin:
    try:
        value = eval(line, scope)
        if isinstance(value, bool): value = int(value)
        print('complex' if isinstance(value, complex) else repr(value))
    except (ArithmeticError, ValueError, TypeError, SyntaxError) as error:
        print('error', error)
";

/// A small generator (xorshift), so that every run tests the same expressions.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }

    fn pick<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items[self.below(items.len())]
    }

    fn expression(&mut self, depth: usize) -> String {
        let atoms = [
            "0",
            "1",
            "2",
            "3",
            "7",
            "20",
            "600",
            "-1",
            "-3",
            "0.5",
            "1.5",
            "-2.5",
            "1e3",
            ".25",
            "0x1f",
            "ban.Time",
            "ban.Count",
            "banFactor",
            "True",
            "math.pi",
            "random.random()",
            "1_000",
            "2.675",
        ];
        if depth == 0 {
            return self.pick(&atoms).into();
        }
        let part = |random: &mut Self| random.expression(depth - 1);
        let (a, b) = (part(self), part(self));
        match self.below(13) {
            0..4 => format!("{a} {} {b}", self.pick(&["+", "-", "*", "/", "//", "%"])),
            4 => format!("({a}) {} {b}", self.pick(&["*", "-", "//", "%", "/"])),
            5 => format!("{a} {} {b}", self.pick(&["<", "<=", ">", ">=", "==", "!=", "and", "or"])),
            6 => format!("({a} if {b} else {})", part(self)),
            // Small ones: what does not fit 128 bits is exact in Python only.
            7 => {
                let sign = self.pick(&["<<", ">>", "**"]);
                format!("(({}) {sign} {})", self.expression(1), self.below(4))
            }
            8 => format!("{}({a}, {b})", self.pick(&["min", "max", "math.atan2", "math.hypot", "math.fmod"])),
            9 => format!("{}({a})", self.pick(&["int", "float", "abs", "round", "math.floor", "math.ceil"])),
            10 => {
                format!("{}({a})", self.pick(&["math.sqrt", "math.log", "math.sin", "math.log2"]))
            }
            11 => format!("math.exp({} % 50)", self.pick(&atoms)),
            _ => format!("{} {a}", self.pick(&["not", "-", "+", ""])),
        }
    }
}

fn python(expressions: &str) -> String {
    let mut child = Command::new("python3")
        .args(["-W", "ignore", "-c", PYTHON])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    let mut stdin = child.stdin.take().expect("it is piped");
    let expressions = expressions.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(expressions.as_bytes()));
    let output = child.wait_with_output().expect("python3 runs");
    writer.join().expect("the writer does not panic").expect("python3 reads everything");
    String::from_utf8(output.stdout).expect("python3 prints text")
}

/// Equal in type; floats up to what differs between implementations of the mathematical functions.
fn same(ours: &Result<Number, String>, theirs: &str) -> bool {
    match (ours, theirs) {
        // Integers beyond the range of floats are no ban times.
        (Err(_), theirs) => theirs.starts_with("error") || theirs == "complex" || theirs.len() > 308,
        // Integers of more than 128 bits go on as floats.
        (Ok(Number::Float(ours)), theirs) if !theirs.contains(['.', 'e', 'n']) => {
            theirs.len() > 38 && theirs.parse::<f64>().is_ok_and(|theirs| close(*ours, theirs))
        }
        (Ok(Number::Int(ours)), theirs) => theirs == ours.to_string(),
        (Ok(Number::Float(ours)), theirs) => theirs.parse().is_ok_and(|theirs| close(*ours, theirs)),
    }
}

fn close(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || ((a - b) / b).abs() < 1e-9
}

#[test]
fn evaluates_as_python_does() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let expressions: Vec<String> = (0..COUNT)
        .map(|_| {
            let depth = 1 + random.below(4);
            random.expression(depth).trim_start().to_owned()
        })
        .collect();
    let theirs = python(&(expressions.join("\n") + "\n"));
    let variables = Variables { time: Number::Int(600), count: 3, factor: Number::Float(1.33) };
    let (mut compared, mut valued, mut wrong) = (0, 0, Vec::new());
    for (expression, theirs) in expressions.iter().zip(theirs.lines()) {
        let ours = Formula::parse(expression)
            .and_then(|formula| formula.eval(&variables, &mut || 0.25))
            .map_err(|error| error.to_string());
        compared += 1;
        valued += usize::from(ours.is_ok());
        if !same(&ours, theirs) {
            wrong.push(format!("{expression}\n    python {theirs}\n    ours   {ours:?}"));
        }
    }
    assert_eq!(compared, COUNT, "python3 answered every expression");
    assert!(valued > COUNT / 2, "most expressions have a value, not {valued} of {COUNT}");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong[..wrong.len().min(10)].join("\n"));
}
