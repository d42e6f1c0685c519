//! A second judge beside Python: where the dialects of `fancy-regex` and Python agree, so must the groups.
//! Texts are made of the pieces of log lines, several thousand for each pattern.

use ferroban::pattern::{Captures, Flags, Regex};

/// Patterns of the shapes that filters have, with nothing that the two dialects read differently
/// (`$` before the last line feed, `\Z`, conditionals on names, `\<`).
const PATTERNS: [&str; 18] = [
    r"kernel:.*?SRC=(?:::f{4,6}:)?(?P<host>[\w\-.^_]+) DST.*?SYN",
    r"^(?:\S+ )?sshd\[(\d+)\]: (?:error: )?Failed (\w+) for (?:invalid user )?(\S*) from (\S+)",
    r"(?P<q>['\x22]?)(\w+)(?P=q) from (\S+)",
    r"(\w+) \1",
    r"(?=.*DST)(\w+)=(\S+)",
    r"(?<=SRC=)\d+\.\d+",
    r"(?<!invalid )user (\S+)",
    r"(?!.*invalid)(user) (\w+)",
    r"(a|ab)(c|bcd)(d*)",
    r"(?:(a)|(b)|(c))+",
    r"(\d+)*?\.(\d+)",
    r"(?>\d+)\.(\d)",
    r"(?i)failed (\w+)",
    r"(?:from|user)\s+(\S+?)(?:\s|\]|:)",
    r"\b(\w{2,4})\b.*\b(\w{2,4})\b",
    r"([^\s=]+)=([^\s=]*) ?(?:([A-Z]+)=)?",
    r"(?s)^(.*?)(\d+)(.*)\z|nothing",
    r"((?:x|xy)*)(y?)z",
];

const PIECES: [&str; 26] = [
    "kernel: ",
    "[12.5] ",
    "SRC=",
    "203.0.113.7",
    "::ffff:192.0.2.1",
    " DST=10.0.0.1 ",
    "SYN ",
    "sshd[42]: ",
    "Failed ",
    "password ",
    "for ",
    "invalid user ",
    "user root ",
    "from ",
    "192.0.2.9",
    " port 22",
    "'bob'",
    "\"bob'",
    "abcd",
    "xyxyz",
    "foo foo ",
    "=",
    "\n",
    "é",
    " ",
    "]",
];

#[test]
fn groups_are_those_of_fancy_regex() {
    let mut state = 20_051_124_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut caps = Captures::new();
    let mut matches = 0;
    for pattern in PATTERNS {
        // Python writes the end of the text `\Z`.
        let ours = Regex::new(&pattern.replace(r"\z", r"\Z"), Flags::default()).expect("it is Python, too");
        let theirs = fancy_regex::Regex::new(pattern).expect("it is fancy");
        for _ in 0..3000 {
            let text: String = (0..1 + next(12)).map(|_| PIECES[next(PIECES.len())]).collect();
            let found = ours.search(text.as_bytes(), 0, &mut caps).expect("no text takes many steps");
            let expected = theirs.captures(&text).expect("no text takes many steps");
            let groups = |i| caps.get(i);
            let ours: Option<Vec<_>> = found.then(|| (0..=ours.group_count()).map(groups).collect());
            let theirs: Option<Vec<_>> = expected
                .map(|found| (0..found.len()).map(|i| found.get(i).map(|m| (m.start(), m.end()))).collect());
            assert_eq!(ours, theirs, "{pattern} on {text:?}");
            matches += usize::from(found);
        }
    }
    assert!(matches > 3000, "only {matches} of the texts matched anything");
}
