//! Expansion of `<HOST>` and the other tags in a failregex (COMPAT §3.2).

use super::UseDns;

const IP4: &str = r"(?:::f{4,6}:)?(?P<ip4>(?:\d{1,3}\.){3}\d{1,3})";
const IP6: &str = r"(?P<ip6>(?:[0-9a-fA-F]{1,4}::?|:){1,7}(?:[0-9a-fA-F]{1,4}|(?<=:):))";
const DNS: &str = r"(?P<dns>[\w\-.^_]*\w)";
const CIDR: &str = r"(?P<cidr>\d+)";

/// The expression with its tags replaced, and flags that stand alone at the start of a group
/// turned into flags of that group; this is the text that is compiled and shown.
pub(super) fn expand_tags(regex: &str, use_dns: UseDns) -> String {
    localise_flags(&replace_tags(regex, use_dns))
}

/// The expression with its tags replaced.
pub fn replace_tags(regex: &str, use_dns: UseDns) -> String {
    let mut tags = Tags { use_dns, skip_lines: 0, opened: Vec::new() };
    let mut out = String::with_capacity(regex.len() * 2);
    let mut rest = regex;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let len = tag_len(rest).unwrap_or(0);
        match len {
            0 => out.push('<'),
            _ => tags.replace(&rest[..len], &mut out),
        }
        rest = &rest[len.max(1)..];
    }
    out.push_str(rest);
    out
}

/// Length of the tag (`</?[\w-]+/?>`) at the start of `text`.
fn tag_len(text: &str) -> Option<usize> {
    let body = text[1..].strip_prefix('/').unwrap_or(&text[1..]);
    let name = body.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(body.len());
    let end = body[name..].strip_prefix('/').unwrap_or(&body[name..]).strip_prefix('>')?;
    (name > 0).then(|| text.len() - end.len())
}

/// What is remembered from tag to tag of one expression.
struct Tags {
    use_dns: UseDns,
    skip_lines: usize,
    opened: Vec<String>,
}

impl Tags {
    fn replace(&mut self, tag: &str, out: &mut String) {
        let name = &tag[1..tag.len() - 1];
        match name {
            "HOST" => match self.use_dns {
                UseDns::Yes => *out += &format!("(?:{}|{DNS})", addr()),
                UseDns::No => *out += &addr(),
            },
            "SKIPLINES" => {
                *out += &format!(r"\n(?P<skiplines{}>(?:(?:.*\n)*?))", self.skip_lines);
                self.skip_lines += 1;
            }
            "IP4" | "F-IP4/" => *out += IP4,
            "IP6" | "F-IP6/" => *out += IP6,
            "ADDR" | "F-ADDR/" => *out += &addr(),
            "CIDR" | "F-CIDR/" => *out += CIDR,
            "SUBNET" | "F-SUBNET/" => *out += &format!(r"\[?(?:{IP4}|{IP6})(?:/{CIDR})?\]?"),
            "DNS" | "F-DNS/" => *out += DNS,
            "F-ID/" => *out += r"(?P<fid>\S+)",
            "F-PORT/" => *out += r"(?P<fport>\w+)",
            _ => self.replace_custom(tag, name, out),
        }
    }

    /// `<F-NAME>` and `</F-NAME>`; anything else stays as it is.
    fn replace_custom(&mut self, tag: &str, name: &str, out: &mut String) {
        let (closes, name) = match name.strip_prefix('/') {
            Some(name) => (true, name),
            None => (false, name),
        };
        let custom = name.strip_prefix("F-").filter(|n| {
            !n.is_empty()
                && n.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b"_-".contains(&b))
        });
        match custom {
            Some(name) if closes && self.opened.iter().any(|o| o == name) => out.push(')'),
            Some(name) if !closes => {
                self.opened.push(name.to_owned());
                *out += &format!("(?P<{}>", key_of(name));
            }
            _ => out.push_str(tag),
        }
    }
}

fn addr() -> String {
    format!(r"\[?(?:{IP4}|{IP6})\]?")
}

/// The data key of a tag's name: lower case, with two names of their own.
pub(super) fn key_of(name: &str) -> String {
    match name.to_lowercase().as_str() {
        "id" => "fid".to_owned(),
        "port" => "fport".to_owned(),
        other => other.to_owned(),
    }
}

/// `((?flags)…` and `(?:(?flags)…` become `(?flags:…`: Python ≥ 3.11 allows flags for the whole
/// expression only at its very start. A capturing group is lost by that, as it is upstream.
fn localise_flags(regex: &str) -> String {
    let mut out = String::with_capacity(regex.len());
    let (mut i, bytes) = (0, regex.as_bytes());
    let mut kept = 0;
    while i < bytes.len() {
        let escaped = i > 0 && bytes[i - 1] == b'\\';
        match (!escaped).then(|| group_with_flags(&regex[i..])).flatten() {
            Some((flags, len)) => {
                out += &regex[kept..i];
                out += &format!("({flags}:");
                i += len;
                kept = i;
            }
            None => i += regex[i..].chars().next().map_or(1, char::len_utf8),
        }
    }
    out + &regex[kept..]
}

/// If `text` starts with `((?flags)` or `(?:(?flags)`: the `?flags`, and the length of it all.
fn group_with_flags(text: &str) -> Option<(&str, usize)> {
    let inner = text.strip_prefix('(')?;
    let inner = inner.strip_prefix("?:").unwrap_or(inner).strip_prefix("(?")?;
    let letters = inner.bytes().take_while(u8::is_ascii_lowercase).count();
    let start = text.len() - inner.len();
    let closed = letters > 0 && inner.as_bytes().get(letters) == Some(&b')');
    closed.then(|| (&text[start - 1..start + letters], start + letters + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yes(regex: &str) -> String {
        expand_tags(regex, UseDns::Yes)
    }

    #[test]
    fn host_depends_on_use_dns() {
        assert_eq!(yes("<HOST>"), format!("(?:{}|{DNS})", addr()));
        assert_eq!(expand_tags("<HOST>", UseDns::No), addr());
        assert_eq!(yes("<ADDR>"), addr());
    }

    #[test]
    fn custom_tags_open_and_close_groups() {
        assert_eq!(yes("<F-USER>x</F-USER>"), "(?P<user>x)");
        assert_eq!(yes("<F-ID>x</F-ID><F-PORT/>"), r"(?P<fid>x)(?P<fport>\w+)");
        assert_eq!(yes("a</F-USER>"), "a</F-USER>");
        assert_eq!(yes("<F-USER/><f-user><Ä><>< a><a"), "<F-USER/><f-user><Ä><>< a><a");
        assert_eq!(yes("<<HOST>>"), format!("<{}>", yes("<HOST>")));
    }

    #[test]
    fn skip_lines_are_numbered() {
        let one = |n| format!(r"\n(?P<skiplines{n}>(?:(?:.*\n)*?))");
        assert_eq!(yes("a<SKIPLINES>b<SKIPLINES>"), format!("a{}b{}", one(0), one(1)));
    }

    #[test]
    fn lone_flags_become_group_flags() {
        assert_eq!(yes("((?i)x)"), "(?i:x)");
        assert_eq!(yes("^(?:(?is)x)((?m)y)"), "^(?is:x)(?m:y)");
        assert_eq!(yes("(?i)x"), "(?i)x");
        assert_eq!(yes(r"\((?i)x)"), r"\((?i)x)");
        assert_eq!(yes("((?i:x))((?)x)"), "((?i:x))((?)x)");
    }
}
