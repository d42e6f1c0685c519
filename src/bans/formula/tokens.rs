//! The words of an expression.

use super::{Error, Number};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(Number),
    /// A name with all its dots, such as `ban.Count`, or a keyword.
    Name(String),
    Sign(&'static str),
}

/// All signs; longer ones before their beginnings.
const SIGNS: [&str; 20] = [
    "**", "//", "<<", ">>", "<=", ">=", "==", "!=", "+", "-", "*", "/", "%", "<", ">", "(", ")", ",", "~",
    "=",
];

/// Splits an expression into tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Error> {
    let mut tokens = Vec::new();
    let mut rest = skip_blanks(text);
    while let Some(first) = rest.chars().next() {
        let token_length = if first.is_ascii_digit() || is_fraction(rest) {
            let (number, length) = number(rest)?;
            tokens.push(Token::Number(number));
            length
        } else if first == '_' || first.is_alphabetic() {
            let (name, length) = name(rest);
            tokens.push(Token::Name(name));
            length
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            tokens.push(Token::Sign(sign));
            sign.len()
        } else {
            return Err(Error::new(format!("invalid character '{first}' in expression")));
        };
        rest = skip_blanks(&rest[token_length..]);
    }
    Ok(tokens)
}

/// Without leading blanks and, as in Python, comments.
fn skip_blanks(text: &str) -> &str {
    let mut rest = text.trim_start();
    while let Some(comment) = rest.strip_prefix('#') {
        rest = comment.split_once('\n').map_or("", |(_, next)| next).trim_start();
    }
    rest
}

fn is_fraction(text: &str) -> bool {
    text.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// A name up to its last dot; blanks may surround the dots.
fn name(text: &str) -> (String, usize) {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let end = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
        name.push_str(&rest[..end]);
        rest = &rest[end..];
        let next = rest.trim_start().strip_prefix('.').map(str::trim_start);
        match next {
            Some(next) if next.starts_with(|c: char| c == '_' || c.is_alphabetic()) => {
                name.push('.');
                rest = next;
            }
            _ => return (name, text.len() - rest.len()),
        }
    }
}

/// A number literal and its length: `600`, `1_000`, `0x1f`, `0b1`, `0o7`, `1.5`, `.5`, `1e3`.
fn number(text: &str) -> Result<(Number, usize), Error> {
    let bytes = text.as_bytes();
    let mut end = 0;
    while end < bytes.len() {
        let exponent_sign = matches!(bytes[end], b'+' | b'-')
            && matches!(bytes[end - 1], b'e' | b'E')
            && !bytes[..end].starts_with(b"0x")
            && !bytes[..end].starts_with(b"0X");
        if !(bytes[end].is_ascii_alphanumeric() || matches!(bytes[end], b'.' | b'_') || exponent_sign) {
            break;
        }
        end += 1;
    }
    let literal = &text[..end];
    let invalid = || Error::new(format!("invalid number '{literal}'"));
    let separated = literal.starts_with('_')
        || literal.ends_with('_')
        || literal.contains("__")
        || ["._", "_.", "e_", "_e", "E_", "_E"].iter().any(|wrong| literal.contains(wrong));
    let digits = literal.replace('_', "").to_ascii_lowercase();
    let radix = [("0x", 16), ("0o", 8), ("0b", 2)].into_iter().find(|(start, _)| digits.starts_with(start));
    let number = if separated && radix.is_none() {
        return Err(invalid());
    } else if let Some((start, radix)) = radix {
        i128::from_str_radix(&digits[start.len()..], radix).map(Number::Int).map_err(|_| invalid())?
    } else if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let leading_zero = digits.starts_with('0') && digits.bytes().any(|byte| byte != b'0');
        let value = digits.parse().ok().filter(|_| !leading_zero);
        Number::Int(value.ok_or_else(invalid)?)
    } else {
        let plain = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'+' | b'-'));
        let value = digits.parse().ok().filter(|_| plain);
        Number::Float(value.ok_or_else(invalid)?)
    };
    Ok((number, end))
}
