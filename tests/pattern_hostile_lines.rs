//! Expressions that make a backtracking engine take forever, on lines of 64 KiB made for that.
//!
//! The matcher counts its steps, so these tests end soon whatever the machine: most expressions
//! are decided by an automaton once the steps run out, the others are given up.

use ferroban::pattern::{Captures, Engine, FailRegex, Info, Origin, StepLimit, UseDns};

const LINE: usize = 65_536;

/// Steps that a search may take: those before the automaton is asked, and where there is none, those of the limit.
const STEPS: u64 = 20_000 + 2 * LINE as u64 + 1000;
const MOST_STEPS: u64 = STEPS + 700_000;

/// Expression, beginning of the line, what fills it, its end; whether it matches.
type Case = (&'static str, &'static str, &'static str, &'static str, Result<bool, StepLimit>);

const CASES: &[Case] = &[
    (r"(a+)+$", "", "a", "b", Ok(false)),
    (r"(a+)+$", "", "a", "\n", Ok(true)),
    (r"(a|aa)+$", "", "a", "b", Ok(false)),
    (r"(?:a|b|ab)*c", "", "ab", "\n", Ok(false)),
    (r"(?:a|b|ab)*[cx]", "x", "ab", "\n", Ok(true)),
    (r"^(\w+\s?)*$", "", "aaa ", "!", Ok(false)),
    (r"(x+x+)+[yz]", "", "x", "\n", Ok(false)),
    (r"(.*)*x", "", "a", "\n", Ok(false)),
    (r"(.*)*x", "x", "a", "\n", Err(StepLimit)),
    (r"(?!x)(a+)+$", "", "a", "b", Err(StepLimit)),
    (r"(?=(a+))(?:\1)*[bc]", "", "a", "\n", Err(StepLimit)),
    // as the filters of domino-smtp and dovecot were before fail2ban 1.1.1
    (r"^smtp: (?:[^\[]+ )*\[?<HOST>\]? authentication", "smtp: ", "a ", "\n", Ok(false)),
    (
        r"^Disconnected(?:: (?:\w+\([^\):]*\) \w+|[^\(]+))* \(auth failed, \d+ attempts\): rip=<HOST>",
        "Disconnected",
        ": a",
        " (auth failed): rip=\n",
        Ok(false),
    ),
    (r"<HOST>[xy]", "", "a.", "\n", Ok(false)),
    (r"<HOST>[xy]", "", "::", "\n", Ok(false)),
    (r"from <HOST> port \d+ .*[xy]$", "", " from 1.2.3.4 port 1", "\n", Ok(false)),
];

#[test]
fn hostile_lines_end_within_the_step_limit() {
    for (text, begin, fill, end, expected) in CASES {
        let line = format!("{begin}{}{end}", fill.repeat(LINE / fill.len()));
        let regex = FailRegex::new(text, UseDns::Yes, false, Origin::default()).expect("it compiles");
        let mut captures = Captures::new();
        let found = regex.regex().search(line.as_bytes(), 0, &mut captures);
        assert_eq!(found, *expected, "{text}");
        let linear = regex.regex().info().engine == Engine::Linear;
        let most = if linear { STEPS } else { MOST_STEPS };
        assert!(captures.steps() <= most, "{} steps: {text}", captures.steps());
    }
}

#[test]
fn what_has_an_automaton_is_known() {
    let info = |text: &str| -> Info {
        FailRegex::new(text, UseDns::Yes, false, Origin::default()).expect("it compiles").regex().info()
    };
    assert_eq!(info("^bad .* from <HOST>$").engine, Engine::Linear);
    assert_eq!(info("^bad .* from <HOST>$").required_literals, [" from "]);
    assert_eq!(info("^(?!good).* from <HOST>$").engine, Engine::Backtracking);
    assert_eq!(info("(a)?(?(1)b|c)<HOST>").engine, Engine::Backtracking);
}
