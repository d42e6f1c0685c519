//! Splitting of option values: `name[options]`, word lists, shell-like words.

use super::message::Error;
use super::options::OptionMap;
use crate::text::{is_space, strip};
use crate::value::Value;
use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use std::sync::OnceLock;

/// A character of an option name: `\w`, `-` or `.`.
fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || "_-.".contains(c)
}

/// Splits `name[key=value, …][…]` into name and options (COMPAT §2.5). The error's text is upstream's,
/// e.g. `unexpected option syntax`.
pub fn extract_options(text: &str) -> Result<(String, OptionMap), Error> {
    let syntax = || Error::value("unexpected option syntax");
    let name_len = text.find('[').unwrap_or(text.len());
    let (name, list) = text.split_at(name_len);
    if name.is_empty() {
        return Err(syntax());
    }
    if list.is_empty() {
        return Ok((name.to_owned(), OptionMap::default()));
    }
    let list = list.trim_end_matches(is_space);
    match list[1..].strip_suffix(']') {
        Some(list) => Ok((name.to_owned(), parse_options(list)?)),
        None => Err(syntax()),
    }
}

/// The options between the brackets.
fn parse_options(list: &str) -> Result<OptionMap, Error> {
    let mut options = OptionMap::default();
    let mut at = 0;
    while at < list.len() {
        let rest = &list[at..];
        let Some((name, value, after)) = parse_option(rest) else {
            if rest.strip_prefix(',').unwrap_or(rest).chars().all(is_space) {
                break;
            }
            return Err(Error::value(format!(
                "expected option, wrong syntax at {}: {}",
                list[..at].chars().count(),
                first_chars(rest)
            )));
        };
        let Some(skip) = separator(&rest[after..]) else {
            return Err(Error::value(format!(
                "unexpected syntax at {} after option {}: {}",
                list[..at + after].chars().count(),
                Value::str(name),
                first_chars(&rest[after..])
            )));
        };
        options.insert(strip(name).into(), strip(value).into());
        at += after + skip;
    }
    Ok(options)
}

/// As much of the wrong text as upstream shows.
fn first_chars(text: &str) -> String {
    text.chars().take(25).collect()
}

/// `name=value` at the start of the text: name, value, and where the value ends.
fn parse_option(text: &str) -> Option<(&str, &str, usize)> {
    let start = text.find(|c| !is_space(c))?;
    let word = |from: usize| {
        let len = text[from..].find(|c| !is_name_char(c)).unwrap_or(text.len() - from);
        (len > 0).then_some(from + len)
    };
    let mut end = word(start)?;
    if text[end..].starts_with('?') {
        end = word(end + 1)?;
        if !text[end..].starts_with('=') {
            return None;
        }
        end = word(end + 1)?;
    }
    let value = text[end..].strip_prefix('=')?;
    let value_at = end + 1;
    let name = &text[start..end];
    for quote in ['"', '\''] {
        if let Some((quoted, _)) = value.strip_prefix(quote).and_then(|inner| inner.split_once(quote)) {
            return Some((name, quoted, value_at + quoted.len() + 2));
        }
    }
    let bare = &value[..value.find([',', ']']).unwrap_or(value.len())];
    Some((name, bare, value_at + bare.len()))
}

/// Length of what separates two options (`,` or `][`), 0 at the end, `None` for anything else.
fn separator(text: &str) -> Option<usize> {
    if text.is_empty() || text == "\n" {
        return Some(text.len());
    }
    if text.starts_with(',') {
        return Some(1);
    }
    let inner = text.strip_prefix(']')?.trim_start_matches(is_space);
    inner.starts_with('[').then(|| text.len() - inner.len() + 1)
}

/// Splits a list of `name[options]` at white space outside the brackets (`action = …`).
///
/// What is not well-formed is split at every white space; only a pattern says that briefly, but takes long to compile.
pub fn split_with_options(text: &str) -> Vec<String> {
    well_formed(text).unwrap_or_else(|| by_pattern(text))
}

fn by_pattern(text: &str) -> Vec<String> {
    // Classes of all Unicode take long to compile, and hardly any list needs them.
    static ASCII: OnceLock<Regex> = OnceLock::new();
    static UNICODE: OnceLock<Regex> = OnceLock::new();
    let item = match text.is_ascii() {
        true => ASCII.get_or_init(|| list_item(false, "[A-Za-z0-9_.-]+")),
        false => UNICODE.get_or_init(|| list_item(true, r"[\p{L}\p{N}_.-]+")),
    };
    item.find_iter(text).map(|found| strip(&text[found.range()]).to_owned()).collect()
}

/// The items of a list that is well-formed throughout, as nearly all are; `None` if it is not, or not certainly.
fn well_formed(text: &str) -> Option<Vec<String>> {
    // Names of other characters are narrower in the pattern.
    if !text.is_ascii() {
        return None;
    }
    let mut items = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        let (item, after) = rest.split_at(item_len(rest)?);
        items.push(item.to_owned());
        rest = after.trim_start_matches(is_space);
    }
    Some(items)
}

/// The length of the well-formed item that the text starts with, if white space or the end follows.
fn item_len(text: &str) -> Option<usize> {
    let name = text.find(|c| c == '[' || is_space(c)).unwrap_or(text.len());
    let Some(mut rest) = text[name..].trim_start_matches(is_space).strip_prefix('[').filter(|_| name > 0)
    else {
        return Some(name).filter(|name| *name > 0);
    };
    loop {
        rest = rest.trim_start_matches(is_space);
        if let Some(after) = rest.strip_prefix(']') {
            return (after.is_empty() || after.starts_with(is_space)).then_some(text.len() - after.len());
        }
        let (_, _, end) = parse_option(rest)?;
        rest = rest[end..].trim_start_matches(is_space);
        if !rest.starts_with(']') || separator(rest).is_some() {
            rest = &rest[separator(rest)?..];
        }
    }
}

/// One item of a list, and the white space or end that must follow it.
fn list_item(unicode: bool, word: &str) -> Regex {
    let space = r"[\s\x1c-\x1f]";
    let name = format!(r"{word}(?:\?{word}={word})?");
    let option = format!(r#"{name}=(?:"[^"]*"|'[^']*'|[^,\]]*){space}*(?:,|\]{space}*\[)?{space}*"#);
    let list = format!(r"{space}*\[{space}*(?:{option})*\]");
    let item = format!(r"(?:[^\[\s\x1c-\x1f]+(?:{list})?{space}*|[^\s\x1c-\x1f]+)(?:{space}|\z)");
    let syntax = syntax::Config::new().unicode(unicode).utf8(unicode);
    Regex::builder().syntax(syntax).build(&item).expect("a constant pattern")
}

/// Splits at white space and commas; empty words vanish (`ignoreip = …`).
pub fn split_words(text: &str) -> Vec<String> {
    text.split(|c| c == ',' || is_space(c)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Python's `shlex.split`: the error's text is `No closing quotation` or `No escaped character`.
pub fn shell_split(text: &str) -> Result<Vec<String>, Error> {
    let mut words = Vec::new();
    // The word being read; a quoted empty word is a word too.
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\\' => {
                let escaped = chars.next().ok_or_else(|| Error::value("No escaped character"))?;
                word.get_or_insert_default().push(escaped);
            }
            '"' | '\'' => quoted(&mut chars, c, word.get_or_insert_default())?,
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// The rest of a quotation. Between double quotes a backslash escapes only itself and the quote.
fn quoted(chars: &mut std::str::Chars, quote: char, word: &mut String) -> Result<(), Error> {
    loop {
        match chars.next().ok_or_else(|| Error::value("No closing quotation"))? {
            c if c == quote => return Ok(()),
            '\\' if quote == '"' => {
                let escaped = chars.next().ok_or_else(|| Error::value("No escaped character"))?;
                if escaped != '"' && escaped != '\\' {
                    word.push('\\');
                }
                word.push(escaped);
            }
            c => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> String {
        match extract_options(text) {
            Ok((name, options)) => {
                let pairs = options.iter().map(|(key, value)| (Value::str(&**key), value.into())).collect();
                format!("{}: {}", Value::str(name), Value::Dict(pairs))
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn names_with_options() {
        let cases = [
            ("sshd", "'sshd': {}"),
            ("sshd ", "'sshd ': {}"),
            ("sshd [a=1]", "'sshd ': {'a': '1'}"),
            ("a[b=1,c=\"2, 3\"][d='x]']", "'a': {'b': '1', 'c': '2, 3', 'd': 'x]'}"),
            ("a[x?family=inet6=1]", "'a': {'x?family=inet6': '1'}"),
            ("a[]", "'a': {}"),
            ("a[ b = 1]", "expected option, wrong syntax at 0:  b = 1"),
            ("a[b=1,]", "'a': {'b': '1'}"),
            ("a[b=\"1\"c]", "unexpected syntax at 5 after option 'b': c"),
            ("a[b=1]]", "unexpected syntax at 3 after option 'b': ]"),
            ("a[b", "unexpected option syntax"),
            ("[b=1]", "unexpected option syntax"),
            ("a[b=1\n, c=2\n]\n", "'a': {'b': '1', 'c': '2'}"),
            ("a[b=\"x\", ,]", "expected option, wrong syntax at 6:  ,"),
        ];
        for (text, expected) in cases {
            assert_eq!(options(text), expected, "{text:?}");
        }
    }

    #[test]
    fn lists() {
        let cases: &[(&str, &[&str])] = &[
            ("a b", &["a", "b"]),
            ("a[x=1, y=\"2 3\"]\n b[z='q w'] ", &["a[x=1, y=\"2 3\"]", "b[z='q w']"]),
            ("a [x=1]", &["a [x=1]"]),
            ("a[x=\"1, y]", &["a[x=\"1,", "y]"]),
            ("a[x=1][y=2] c", &["a[x=1][y=2]", "c"]),
            ("", &[]),
        ];
        for (text, items) in cases {
            assert_eq!(&split_with_options(text), items, "{text:?}");
        }
    }

    #[test]
    fn well_formed_lists_are_split_as_by_the_pattern() {
        const PARTS: [&str; 16] = [
            "a", "b-c", "[", "]", "[x=", "y=", "z?w=1=", ",", " ", "\n", "\"", "'", "1", "][", "\"2 ]\"", "=",
        ];
        let (mut state, mut split) = (1_u32, 0);
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..12 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.push_str(PARTS[(state >> 28) as usize]);
                if let Some(items) = well_formed(&text) {
                    assert_eq!(items, by_pattern(&text), "{text:?}");
                    split += usize::from(text.contains('['));
                }
            }
        }
        assert!(split > 100, "only {split} lists with options were well-formed");
    }

    #[test]
    fn shell_words() {
        let cases: &[(&str, &[&str])] = &[
            ("_SYSTEMD_UNIT=ssh.service + _COMM=sshd", &["_SYSTEMD_UNIT=ssh.service", "+", "_COMM=sshd"]),
            (r#"a"b c"d '' "\x\"" \ e"#, &["ab cd", "", "\\x\"", " e"]),
        ];
        for (text, words) in cases {
            assert_eq!(shell_split(text).unwrap(), *words, "{text:?}");
        }
        assert_eq!(shell_split("'a").map_err(|e| e.to_string()), Err("No closing quotation".into()));
        assert_eq!(shell_split("a\\").map_err(|e| e.to_string()), Err("No escaped character".into()));
    }
}
