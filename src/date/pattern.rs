//! From a `datepattern` to Python regex text: directives, and the bounds put around the pattern (COMPAT §4.1, §4.2).

use crate::value::Value;
use std::fmt::Write as _;

/// Letters, name shown in listings, regex. Longer letters are tried first.
const DIRECTIVES: &[(&str, &str, &str)] = &[
    ("ExZ", "ExZone name", r"(?P<Z>[A-Z](?:[A-Z]{2,4})?)"),
    ("Exz", "ExZone offset", r"(?P<z>(?:[A-Z](?:[A-Z]{2,4})?)?[+-][01]\d(?::?\d{2})?|[A-Z](?:[A-Z]{2,4})?)"),
    ("Exd", "ExDay", r"(?P<d>[1-2]\d|0[1-9]|3[0-1])"),
    ("Exm", "ExMonth", r"(?P<m>0[1-9]|1[0-2])"),
    ("ExH", "Ex24hour", r"(?P<H>[0-1]\d|2[0-3])"),
    ("Exk", "Ex%k", r" ?(?P<H>[0-1]?\d|2[0-3])"),
    ("Exl", "%Exl", r" ?(?P<I>1[0-2]|\d)"),
    ("ExM", "ExMinute", r"(?P<M>[0-5]\d)"),
    ("ExS", "ExSecond", r"(?P<S>[0-5]\d|6[0-1])"),
    ("ExY", "ExYear", ""), // depends on the current year, see `Years`
    ("Exy", "ExYear2", r"(?P<y>\d{2})"),
    ("%", "%", "%"),
    ("d", "Day", r"(?P<d>[1-2]\d|[0 ]?[1-9]|3[0-1])"),
    ("f", "Microseconds", r"(?P<f>[0-9]{1,6})"),
    ("H", "24hour", r"(?P<H>[0-1]?\d|2[0-3])"),
    ("I", "12hour", r"(?P<I>1[0-2]|0[1-9]|[1-9])"),
    ("G", "%G", r"(?P<G>\d\d\d\d)"),
    ("j", "Yearday", r"(?P<j>36[0-6]|3[0-5]\d|[1-2]\d\d|0[1-9]\d|00[1-9]|[1-9]\d|0[1-9]|[1-9])"),
    ("m", "Month", r"(?P<m>0?[1-9]|1[0-2])"),
    ("M", "Minute", r"(?P<M>[0-5]?\d)"),
    ("S", "Second", r"(?P<S>[0-5]?\d|6[0-1])"),
    ("U", "Yearweek", r"(?P<U>5[0-3]|[0-4]\d|\d)"),
    ("w", "Weekday", r"(?P<w>[0-6])"),
    ("u", "%u", r"(?P<u>[1-7])"),
    ("V", "%V", r"(?P<V>5[0-3]|0[1-9]|[1-4]\d|\d)"),
    ("y", "Year2", r"(?P<y>\d\d)"),
    ("Y", "Year", r"(?P<Y>\d{4})"),
    ("z", "Zone offset", r"(?P<z>Z|UTC|GMT|[+-][01]\d(?::?\d{2})?)"),
    ("A", "DAYNAME", r"(?P<A>wednesday|thursday|saturday|tuesday|monday|friday|sunday)"),
    ("a", "DAY", r"(?P<a>mon|tue|wed|thu|fri|sat|sun)"),
    (
        "B",
        "MONTH",
        r"(?P<B>september|february|november|december|january|october|august|march|april|june|july|may)",
    ),
    ("b", "MON", r"(?P<b>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"),
    ("p", "AMPM", r"(?P<p>am|pm)"),
    ("Z", "Zone name", r"(?P<Z>Z|[A-Z]{3,5})"),
    ("W", "Yearweek", r"(?P<W>5[0-3]|[0-4]\d|\d)"),
    (
        "c",
        "%c",
        concat!(
            r"(?P<a>mon|tue|wed|thu|fri|sat|sun)\s+",
            r"(?P<b>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\s+",
            r"(?P<d>3[0-1]|[1-2]\d|0[1-9]|[1-9]| [1-9])\s+",
            r"(?P<H>2[0-3]|[0-1]\d|\d):(?P<M>[0-5]\d|\d):(?P<S>6[0-1]|[0-5]\d|\d)\s+(?P<Y>\d\d\d\d)"
        ),
    ),
    ("x", "%x", r"(?P<m>1[0-2]|0[1-9]|[1-9])/(?P<d>3[0-1]|[1-2]\d|0[1-9]|[1-9]| [1-9])/(?P<y>\d\d)"),
    ("X", "%X", r"(?P<H>2[0-3]|[0-1]\d|\d):(?P<M>[0-5]\d|\d):(?P<S>6[0-1]|[0-5]\d|\d)"),
    ("k", "%k", r" ?(?P<H>[0-2]?\d)"),
    ("l", "%l", r" ?(?P<I>1?\d)"),
];

/// The years that `%ExY` accepts: from 2000 to the decade of three years ahead
/// (upstream computes this once when the program starts; so does the caller).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Years(String);

impl Years {
    /// For a program started in this (local) year.
    pub fn around(year: i32) -> Self {
        let first_three = |year: i32| year.to_string().chars().take(3).collect::<String>();
        let mut decades: Vec<String> =
            (2000..=year).step_by(3).chain([year - 1, year + 3]).map(first_three).collect();
        decades.sort();
        decades.dedup();
        Years(format!(r"(?P<Y>{}\d)", any_of(&decades)))
    }
}

/// A regex for any of these texts of equal length, common prefix first, as upstream builds it.
fn any_of(texts: &[String]) -> String {
    let all_start_with = |prefix: &str| !prefix.is_empty() && texts.iter().all(|t| t.starts_with(prefix));
    if texts.len() == 1 {
        return texts[0].clone();
    }
    let first = &texts[0];
    for prefix in [&first[..first.len() - 1], &first[..1]] {
        if prefix.len() < first.len() && all_start_with(prefix) {
            let rest: Vec<String> = texts.iter().map(|t| t[prefix.len()..].to_owned()).collect();
            return format!("{prefix}{}", any_of(&rest));
        }
    }
    match first.len() {
        1 => format!("[{}]", texts.concat()),
        _ => format!("(?:{})", texts.join("|")),
    }
}

/// Name and regex that the directives of a pattern expand to; the error is Python's text about a bad `%`.
pub(super) fn expand(pattern: &str, years: &Years) -> Result<(String, String), String> {
    let (mut name, mut regex) = (String::new(), String::new());
    // Python reports positions in the pattern with `%X` rewritten to `%(X)s`
    let mut python_index = 0;
    let mut rest = pattern;
    while let Some(at) = rest.find('%') {
        name.push_str(&rest[..at]);
        regex.push_str(&rest[..at]);
        python_index += rest[..at].chars().count();
        rest = &rest[at + 1..];
        let (key, length) = match DIRECTIVES.iter().find(|d| rest.starts_with(d.0)) {
            Some((letters, ..)) => {
                python_index += letters.len() + 4;
                (*letters, letters.len())
            }
            None => {
                let found = python_format(rest, python_index)?;
                python_index += 1 + rest[..found.1].chars().count();
                found
            }
        };
        let (_, shown, expansion) =
            DIRECTIVES.iter().find(|d| d.0 == key).ok_or_else(|| Value::str(key).to_string())?;
        name.push_str(shown);
        regex.push_str(if key == "ExY" { &years.0 } else { expansion });
        rest = &rest[length..];
    }
    name.push_str(rest);
    regex.push_str(rest);
    Ok((name, regex))
}

/// What Python's `%` operator makes of a conversion that is no directive: `(key)s` works, all else is an error.
/// `text` starts after the percent sign. Returns the key, and the bytes consumed.
fn python_format(text: &str, percent_index: usize) -> Result<(&str, usize), String> {
    let mut at = 0;
    let mut key = None;
    if text.starts_with('(') {
        let close = matching_paren(text).ok_or("incomplete format key")?;
        key = Some(&text[1..close]);
        at = close + 1;
    }
    if let Some(key) = key {
        if !DIRECTIVES.iter().any(|d| d.0 == key) {
            return Err(Value::str(key).to_string());
        }
    }
    let flags = |c: char| "-+ #0".contains(c);
    let skip =
        |at: usize, what: &dyn Fn(char) -> bool| text.len() - text[at..].trim_start_matches(what).len();
    at = skip(at, &flags);
    at = skip(at, &|c| c.is_ascii_digit());
    if text[at..].starts_with('.') {
        at = skip(at + 1, &|c| c.is_ascii_digit());
    }
    at += usize::from(text[at..].starts_with(['h', 'l', 'L']));
    let index = percent_index + 1 + text[..at].chars().count();
    let conversion = text[at..].chars().next().ok_or("incomplete format")?;
    let end = at + conversion.len_utf8();
    let kind = if key.is_some() { "str" } else { "dict" };
    match (conversion, key) {
        ('%', _) => Ok(("%", end)),
        ('s', Some(key)) => Ok((key, end)),
        ('*', _) => Err("* wants int".into()),
        ('d' | 'i' | 'u', _) => Err(format!("%{conversion} format: a real number is required, not {kind}")),
        ('o' | 'x' | 'X', _) => Err(format!("%{conversion} format: an integer is required, not {kind}")),
        ('e' | 'E' | 'f' | 'F' | 'g' | 'G', _) => Err(format!("must be real number, not {kind}")),
        ('c', _) => Err("%c requires int or char".into()),
        ('s' | 'r' | 'a', _) => Err("not enough arguments for format string".into()),
        _ => Err(format!(
            "unsupported format character '{conversion}' (0x{:x}) at index {index}",
            u32::from(conversion)
        )),
    }
}

fn matching_paren(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (i, b) in text.bytes().enumerate() {
        match b {
            b'(' => depth += 1,
            b')' if depth == 1 => return Some(i),
            b')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Whether letters occur in the date, so that case must not matter.
pub(super) fn has_letters(pattern: &str) -> bool {
    let bytes = pattern.as_bytes();
    bytes
        .windows(2)
        .enumerate()
        .any(|(i, w)| w[0] == b'%' && b"aAbBpc".contains(&w[1]) && (i == 0 || bytes[i - 1] != b'%'))
}

/// Left bound that a template gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// None.
    Free,
    /// At a word boundary.
    Word,
    /// At the start of the line, after at most two other than word characters.
    Line,
}

/// A regex with its bounds.
#[derive(Debug)]
pub(super) struct Bounded {
    pub regex: String,
    /// The left bound was added (it is left out if the pattern has one of its own).
    pub bound_begin: bool,
    /// It can match at the start (end) of the line only.
    pub line_begin: bool,
    pub line_end: bool,
}

/// Puts bounds around a regex, and makes sure that it has a group 1.
pub(super) fn bound(regex: &str, begin: Begin, word_end: bool) -> Bounded {
    let (flags, mut regex) = cut_global_flags(regex.trim());
    let bound_begin = begin != Begin::Free && !begins_bound(&regex);
    let bound_end = word_end && !ends_bound(&regex);
    if !has_group(&regex) {
        regex = group_whole(&regex);
    }
    if bound_begin {
        let prefix = if begin == Begin::Line { r"^(?:\W{0,2})?" } else { r"(?=^|\b|\W)" };
        regex.insert_str(0, prefix);
    }
    if bound_end {
        regex.push_str(r"(?=\b|\W|$)");
    }
    let line_begin = begins_line(&regex);
    let line_end = ends_line(&regex);
    regex = without_stars(&regex);
    if let Some(flags) = flags {
        regex.insert_str(0, &flags);
    }
    Bounded { regex, bound_begin, line_begin, line_end }
}

/// Takes out the first `(?letters)`.
fn cut_global_flags(regex: &str) -> (Option<String>, String) {
    for (at, _) in regex.match_indices("(?") {
        if regex[..at].ends_with('\\') {
            continue;
        }
        let letters = regex[at + 2..].bytes().take_while(u8::is_ascii_lowercase).count();
        if letters > 0 && regex[at + 2 + letters..].starts_with(')') {
            let end = at + 3 + letters;
            return (Some(regex[at..end].to_owned()), format!("{}{}", &regex[..at], &regex[end..]));
        }
    }
    (None, regex.to_owned())
}

/// Length of a leading `(?word)`, or 0.
fn leading_flags(text: &str) -> usize {
    let Some(inner) = text.strip_prefix("(?") else { return 0 };
    let word: usize =
        inner.chars().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum();
    if word > 0 && inner[word..].starts_with(')') { word + 3 } else { 0 }
}

/// Has a `(` that is neither escaped nor followed by `?`.
pub(super) fn has_group(regex: &str) -> bool {
    let bytes = regex.as_bytes();
    (0..bytes.len()).any(|i| {
        bytes[i] == b'('
            && bytes.get(i + 1) != Some(&b'?')
            && !regex[..i].ends_with('\\')
            && !bytes[..i].ends_with(b"(?")
    })
}

fn group_whole(regex: &str) -> String {
    let mut start = leading_flags(regex);
    start += usize::from(regex[start..].starts_with('^'));
    start += leading_flags(&regex[start..]);
    let inner = &regex[start..];
    let (inner, tail) = inner.strip_suffix('$').map_or((inner, ""), |inner| (inner, "$"));
    format!("{}({inner}){tail}", &regex[..start])
}

/// Starts with `^` or `**`, perhaps within groups.
fn begins_bound(regex: &str) -> bool {
    let parens = regex.bytes().take_while(|b| *b == b'(').count();
    let bound = |text: &str| {
        text.starts_with('^')
            || text.starts_with("(^")
            || text.starts_with("(?:^")
            || text.trim_start_matches('(').starts_with("**")
    };
    (0..=parens).any(|n| bound(&regex[n..]) || bound(&regex[n + leading_flags(&regex[n..])..]))
}

fn ends_bound(regex: &str) -> bool {
    let before = |suffix: &str| regex.strip_suffix(suffix).is_some_and(|rest| !rest.ends_with('\\'));
    ["$", "$)", r"\b", r"\s"].into_iter().any(before) || trailing_stars(regex).is_some()
}

/// Where an unescaped `**` stands that only `)` follow.
fn trailing_stars(regex: &str) -> Option<usize> {
    let rest = regex.trim_end_matches(')').strip_suffix("**")?;
    (!rest.ends_with('\\')).then_some(rest.len())
}

fn begins_line(regex: &str) -> bool {
    let anchored = |text: &str| {
        let group = text.strip_prefix("(?:^").or_else(|| text.strip_prefix("(^"));
        text.starts_with('^') || group.is_some_and(|rest| !rest.starts_with('|'))
    };
    anchored(regex) || anchored(&regex[leading_flags(regex)..])
}

fn ends_line(regex: &str) -> bool {
    ["$", "$)"]
        .into_iter()
        .any(|end| regex.strip_suffix(end).is_some_and(|rest| !rest.ends_with(['\\', '|'])))
}

/// Takes out the `**` that switch a bound off.
fn without_stars(regex: &str) -> String {
    let mut regex = regex.to_owned();
    let mut at = 0;
    while regex[at..].starts_with('(') && leading_flags(&regex[at..]) == 0 {
        at += 1;
    }
    at += leading_flags(&regex[at..]);
    at += regex[at..].bytes().take_while(|b| *b == b'(').count();
    if regex[at..].starts_with("**") {
        regex.replace_range(at..at + 2, "");
    } else {
        at = 0;
    }
    if let Some(stars) = trailing_stars(&regex).filter(|stars| *stars >= at) {
        regex.replace_range(stars..stars + 2, "");
    }
    regex
}

/// A default pattern without bounds of its own, to be put into a text in place of `{DATE}`.
pub(super) fn unbound(pattern: &str) -> &str {
    let mut text = pattern.strip_prefix("{UNB}").unwrap_or(pattern);
    text = text.strip_prefix("{^LN-BEG}").unwrap_or(text);
    for prefix in [r"(^|\b|\W)", r"(?:^|\b|\W)"] {
        if let Some(rest) = text.strip_prefix(prefix) {
            text = rest;
            break;
        }
    }
    text.strip_suffix(r"(?=\b|\W|$)").unwrap_or(text)
}

/// Replaces each unescaped keyword (case-insensitive) of `words` in the text.
pub(super) fn replace_keyword(text: &str, words: &[&str], with: &str) -> Option<String> {
    let mut out = String::new();
    let (mut copied, mut at) = (0, 0);
    while at < text.len() {
        let here = &text.as_bytes()[at..];
        let word = words
            .iter()
            .find(|w| here.len() >= w.len() && here[..w.len()].eq_ignore_ascii_case(w.as_bytes()));
        match word {
            Some(word) if !text[..at].ends_with('\\') => {
                let _ = write!(out, "{}{with}", &text[copied..at]);
                at += word.len();
                copied = at;
            }
            _ => at += text[at..].chars().next().map_or(1, char::len_utf8),
        }
    }
    out.push_str(&text[copied..]);
    (copied > 0).then_some(out)
}
