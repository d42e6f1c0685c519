//! Path patterns as Python's `glob`: results in directory order, which is visible in the stream.
//!
//! The usual crates sort, and treat hidden files, `**` and unclosed brackets differently.

use super::paths::{join, split};
use crate::file_name::{decode, encode};

/// Files that match the pattern (`*`, `?`, `[…]`), unsorted. Hidden files need a pattern that starts with
/// a dot. A pattern without wildcards matches itself if that exists, even as a dangling link.
pub fn glob(pattern: &str) -> Vec<String> {
    find(pattern, false)
}

pub fn has_magic(pattern: &str) -> bool {
    pattern.contains(['*', '?', '['])
}

fn find(pattern: &str, only_folders: bool) -> Vec<String> {
    let (folder, name) = split(pattern);
    if !has_magic(pattern) {
        let exists = if name.is_empty() { encode(folder).is_dir() } else { is_there(pattern) };
        return exists.then(|| pattern.to_owned()).into_iter().collect();
    }
    if folder.is_empty() {
        return entries(".", name, only_folders);
    }
    let folders =
        if folder != pattern && has_magic(folder) { find(folder, true) } else { vec![folder.to_owned()] };
    let in_folder = |folder: String| {
        let names = if has_magic(name) {
            entries(&folder, name, only_folders)
        } else if name.is_empty() {
            encode(&folder).is_dir().then(String::new).into_iter().collect()
        } else {
            is_there(&join(&folder, name)).then(|| name.to_owned()).into_iter().collect()
        };
        names.into_iter().map(move |name: String| join(&folder, &name)).collect::<Vec<_>>()
    };
    folders.into_iter().flat_map(in_folder).collect()
}

fn is_there(path: &str) -> bool {
    encode(path).symlink_metadata().is_ok()
}

/// Names in a folder that match a pattern without slashes.
fn entries(folder: &str, pattern: &str, only_folders: bool) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(encode(folder)) else { return Vec::new() };
    let pattern: Vec<char> = pattern.chars().collect();
    entries
        .flatten()
        .filter(|entry| !only_folders || entry.path().is_dir())
        .map(|entry| decode(&entry.file_name()))
        .filter(|name| pattern.first() == Some(&'.') || !name.starts_with('.'))
        .filter(|name| matches(&pattern, &name.chars().collect::<Vec<_>>()))
        .collect()
}

/// Python's `fnmatch` of a whole name.
fn matches(pattern: &[char], name: &[char]) -> bool {
    // Position behind the last star, and the name's position it was tried at.
    let mut star: Option<(usize, usize)> = None;
    let (mut p, mut n) = (0, 0);
    loop {
        if pattern.get(p) == Some(&'*') {
            p += 1;
            star = Some((p, n));
            continue;
        }
        match name.get(n) {
            None if p == pattern.len() => return true,
            None => return false,
            Some(&c) => {
                if let Some(len) = pattern.get(p..).and_then(|pattern| matches_one(pattern, c)) {
                    p += len;
                    n += 1;
                } else if let Some((behind, tried)) = star {
                    (p, n) = (behind, tried + 1);
                    star = Some((behind, n));
                } else {
                    return false;
                }
            }
        }
    }
}

/// Whether the first element of the pattern takes the character, and how long that element is.
fn matches_one(pattern: &[char], c: char) -> Option<usize> {
    match pattern.first()? {
        '?' => Some(1),
        '[' => match set_end(pattern) {
            Some(end) => in_set(&pattern[1..end], c).then_some(end + 1),
            None => (c == '[').then_some(1),
        },
        &literal => (c == literal).then_some(1),
    }
}

/// The closing bracket of a set; one right after the opening (or `!`) is a member.
fn set_end(pattern: &[char]) -> Option<usize> {
    let first = if pattern.get(1) == Some(&'!') { 2 } else { 1 };
    let from = if pattern.get(first) == Some(&']') { first + 1 } else { first };
    (from..pattern.len()).find(|&at| pattern[at] == ']')
}

fn in_set(set: &[char], c: char) -> bool {
    let (negated, mut set) = match set.split_first() {
        Some(('!', rest)) => (true, rest),
        _ => (false, set),
    };
    let mut found = false;
    while let Some((&low, rest)) = set.split_first() {
        match rest {
            ['-', high, after @ ..] => {
                found |= (low..=*high).contains(&c);
                set = after;
            }
            _ => {
                found |= low == c;
                set = rest;
            }
        }
    }
    found != negated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let cases = [
            ("*.log", "a.log", true),
            ("*.log", "a.log.1", false),
            ("a*b*c", "aXbYbZc", true),
            ("?", "ä", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]", "]", true),
            ("[!]]", "]", false),
            ("a[b", "a[b", true),
            ("[a-]", "-", true),
            ("**", "x", true),
        ];
        for (pattern, name, expected) in cases {
            let (pattern_chars, name_chars): (Vec<char>, Vec<char>) =
                (pattern.chars().collect(), name.chars().collect());
            assert_eq!(matches(&pattern_chars, &name_chars), expected, "{pattern} {name}");
        }
    }
}
