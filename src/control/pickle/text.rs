//! Arguments of opcodes that are text: numbers in decimal, strings with escapes.

use super::read::Error;
use crate::file_name;
use crate::value::Value;
use std::borrow::Cow;

/// UTF-8, where Python's lone surrogates (undecodable bytes of a file name or a command line) become stand-ins.
pub fn utf8(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(chunk) = rest.utf8_chunks().next() {
        text.push_str(chunk.valid());
        rest = &rest[chunk.valid().len()..];
        match rest {
            [] => break,
            [0xed, high @ 0xb2..=0xb3, low @ 0x80..=0xbf, ..] => {
                let code = 0xd000 | u32::from(high & 0x3f) << 6 | u32::from(low & 0x3f);
                text.extend(file_name::of_surrogate(code));
                rest = &rest[3..];
            }
            _ => {
                text.push(char::REPLACEMENT_CHARACTER);
                rest = &rest[chunk.invalid().len()..];
            }
        }
    }
    text
}

/// The same backwards.
pub fn to_utf8(text: &str) -> Cow<'_, [u8]> {
    if !text.contains(|c| file_name::surrogate(c).is_some()) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match file_name::surrogate(c) {
            Some(code) => bytes.extend([0xed, 0x80 | (code >> 6 & 0x3f) as u8, 0x80 | (code & 0x3f) as u8]),
            None => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    Cow::Owned(bytes)
}

/// A number, as Rust and Python both write it.
pub fn parse<T: std::str::FromStr>(line: &[u8], what: &'static str) -> Result<T, Error> {
    std::str::from_utf8(line).ok().and_then(|text| text.trim().parse().ok()).ok_or(Error::Malformed(what))
}

/// The argument of `INT` or `LONG`: decimal, `00` and `01` being the truth values.
pub fn int(line: &[u8]) -> Result<Value, Error> {
    match line {
        b"00" => Ok(Value::Bool(false)),
        b"01" => Ok(Value::Bool(true)),
        _ => parse(line.strip_suffix(b"L").unwrap_or(line), "integer").map(Value::Int),
    }
}

/// A little-endian two's complement number of any length that fits.
pub fn long(bytes: &[u8]) -> Result<Value, Error> {
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let fill = if negative { 0xff } else { 0 };
    let (low, high) = bytes.split_at(bytes.len().min(8));
    let mut number = [fill; 8];
    number[..low.len()].copy_from_slice(low);
    let number = i64::from_le_bytes(number);
    if high.iter().any(|byte| *byte != fill) || (number < 0) != negative {
        return Err(Error::TooBig("big a number"));
    }
    Ok(Value::Int(number))
}

/// The argument of `STRING`: a Python literal in quotes.
pub fn quoted(line: &[u8]) -> Result<String, Error> {
    let line = line.trim_ascii_end();
    let inner = match line {
        [open @ (b'\'' | b'"'), inner @ .., close] if open == close => inner,
        _ => return Err(Error::Malformed("string")),
    };
    let mut text = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte == b'\\' { rest = escape(tail, &mut text)? } else { text.push(*byte) }
    }
    Ok(utf8(&text))
}

/// Decodes one escape sequence after its backslash and returns what follows.
fn escape<'a>(input: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], Error> {
    let [kind, rest @ ..] = input else { return Err(Error::Malformed("string")) };
    let simple = match kind {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'v' => 11,
        b'\\' | b'\'' | b'"' => *kind,
        b'x' => {
            let digits = rest.get(..2).ok_or(Error::Malformed("string"))?;
            text.push(code(digits, 16)? as u8);
            return Ok(&rest[2..]);
        }
        b'0'..=b'7' => {
            let length = input.iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
            text.push(code(&input[..length], 8)? as u8);
            return Ok(&input[length..]);
        }
        other => {
            text.push(b'\\');
            *other
        }
    };
    text.push(simple);
    Ok(rest)
}

fn code(digits: &[u8], radix: u32) -> Result<u32, Error> {
    let digits = std::str::from_utf8(digits).map_err(|_| Error::Malformed("string"))?;
    u32::from_str_radix(digits, radix).map_err(|_| Error::Malformed("string"))
}

/// The argument of `UNICODE`: Latin-1 with `\uXXXX` and `\UXXXXXXXX`.
pub fn raw_unicode(line: &[u8]) -> Result<String, Error> {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let [byte, tail @ ..] = rest {
        let length = match tail.first() {
            Some(b'u') if *byte == b'\\' => 4,
            Some(b'U') if *byte == b'\\' => 8,
            _ => {
                text.push(*byte as char);
                rest = tail;
                continue;
            }
        };
        let digits = tail.get(1..1 + length).ok_or(Error::Malformed("string"))?;
        text.push(char::from_u32(code(digits, 16)?).unwrap_or(char::REPLACEMENT_CHARACTER));
        rest = &tail[1 + length..];
    }
    Ok(text)
}
