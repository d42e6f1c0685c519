//! The calculator behind time expressions: Python's arithmetic on ints and floats.

use super::duration::Number;
use crate::value::Exception;

/// The value of an expression of numbers, parentheses and `+ - * / // % **`.
pub(super) fn evaluate(expression: &str) -> Result<Number, Exception> {
    Calculator { text: expression.as_bytes(), at: 0, depth: 0 }.evaluate()
}

/// A recursive-descent calculator over one expression.
struct Calculator<'a> {
    text: &'a [u8],
    at: usize,
    /// Open parentheses; they bound the recursion too.
    depth: u32,
}

/// Deeper nesting is refused instead of exhausting the stack.
const MAX_DEPTH: u32 = 90;

fn syntax_error(text: &str) -> Exception {
    Exception::builtin("SyntaxError", format!("{text} (<string>, line 1)"))
}

fn invalid_syntax() -> Exception {
    syntax_error("invalid syntax")
}

fn division_error(text: &str) -> Exception {
    Exception::builtin("ZeroDivisionError", text)
}

impl Calculator<'_> {
    fn evaluate(mut self) -> Result<Number, Exception> {
        if self.peek().is_none() {
            return Err(Exception::builtin("SyntaxError", "invalid syntax (<string>, line 0)"));
        }
        let number = self.sum()?;
        match self.peek() {
            None => Ok(number),
            Some(_) => Err(invalid_syntax()),
        }
    }

    /// The next byte that is neither white space nor comment.
    fn peek(&mut self) -> Option<u8> {
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | 0x0c => self.at += 1,
                b'#' => {
                    let rest = &self.text[self.at..];
                    self.at += rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
                }
                byte => return Some(byte),
            }
        }
        None
    }

    /// Takes the operator if it comes next; `*` does not take half of `**`, nor `/` of `//`.
    fn take(&mut self, operator: &str) -> bool {
        self.peek();
        let rest = &self.text[self.at..];
        let longer = rest.len() > 1 && operator.len() == 1 && b"*/".contains(&rest[0]) && rest[0] == rest[1];
        let found = rest.starts_with(operator.as_bytes()) && !longer;
        if found {
            self.at += operator.len();
        }
        found
    }

    fn sum(&mut self) -> Result<Number, Exception> {
        let mut left = self.product()?;
        loop {
            if self.take("+") {
                let right = self.product()?;
                left = arithmetic(left, right, i128::checked_add, |a, b| a + b);
            } else if self.take("-") {
                let right = self.product()?;
                left = arithmetic(left, right, i128::checked_sub, |a, b| a - b);
            } else {
                return Ok(left);
            }
        }
    }

    fn product(&mut self) -> Result<Number, Exception> {
        let mut left = self.unary()?;
        loop {
            if self.take("*") {
                let right = self.unary()?;
                left = arithmetic(left, right, i128::checked_mul, |a, b| a * b);
            } else if self.take("//") {
                left = floor_divide(left, self.unary()?)?;
            } else if self.take("/") {
                left = divide(left, self.unary()?)?;
            } else if self.take("%") {
                left = modulo(left, self.unary()?)?;
            } else {
                return Ok(left);
            }
        }
    }

    fn unary(&mut self) -> Result<Number, Exception> {
        let mut negative = false;
        loop {
            if self.take("-") {
                negative = !negative;
            } else if !self.take("+") {
                break;
            }
        }
        let number = self.power()?;
        Ok(match number {
            Number::Int(number) if negative => Number::int(-(number as i128)),
            Number::Float(number) if negative => Number::Float(-number),
            number => number,
        })
    }

    fn power(&mut self) -> Result<Number, Exception> {
        let base = self.atom()?;
        if !self.take("**") {
            return Ok(base);
        }
        self.enter()?;
        let exponent = self.unary()?;
        self.depth -= 1;
        raise(base, exponent)
    }

    fn enter(&mut self) -> Result<(), Exception> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(syntax_error("too many nested parentheses")) } else { Ok(()) }
    }

    fn atom(&mut self) -> Result<Number, Exception> {
        match self.peek() {
            Some(b'(') => {
                self.at += 1;
                self.enter()?;
                if self.peek().is_none() {
                    return Err(syntax_error("'(' was never closed"));
                }
                let number = self.sum()?;
                match self.peek() {
                    Some(b')') => self.at += 1,
                    Some(_) => return Err(invalid_syntax()),
                    None => return Err(syntax_error("'(' was never closed")),
                }
                self.depth -= 1;
                Ok(number)
            }
            Some(byte) if byte.is_ascii_digit() || byte == b'.' => self.number(),
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => Err(self.unknown_name()),
            _ => Err(invalid_syntax()),
        }
    }

    /// `foo` is an unknown name, `foo bar` a syntax error.
    fn unknown_name(&mut self) -> Exception {
        let start = self.at;
        self.skip(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let name = String::from_utf8_lossy(&self.text[start..self.at]).into_owned();
        match self.peek() {
            None | Some(b'+' | b'-' | b'*' | b'/' | b'%' | b')') => {
                Exception::builtin("NameError", format!("name '{name}' is not defined"))
            }
            Some(_) => invalid_syntax(),
        }
    }

    fn skip(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.text.get(self.at).is_some_and(|&byte| wanted(byte)) {
            self.at += 1;
        }
    }

    fn number(&mut self) -> Result<Number, Exception> {
        let start = self.at;
        let digit = |byte: u8| byte.is_ascii_digit() || byte == b'_';
        self.skip(digit);
        let int_end = self.at;
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.skip(digit);
        }
        // After "1e3" was separated into "1e 3" only a signed exponent is left to be one.
        if let [b'e' | b'E', b'+' | b'-', b'0'..=b'9', ..] = self.text[self.at..] {
            self.at += 2;
            self.skip(digit);
        }
        let text = &self.text[start..self.at];
        let next_is_word = self.text.get(self.at).is_some_and(|byte| byte.is_ascii_alphabetic());
        if next_is_word || text.ends_with(b"_") || text.windows(2).any(|pair| pair == b"__") {
            return Err(syntax_error("invalid decimal literal"));
        }
        let digits: String = text.iter().filter(|&&byte| byte != b'_').map(|&byte| byte as char).collect();
        if self.at > int_end {
            return digits.parse().map(Number::Float).map_err(|_| invalid_syntax());
        }
        if digits.starts_with('0') && digits.bytes().any(|byte| byte != b'0') {
            return Err(syntax_error(
                "leading zeros in decimal integer literals are not permitted; \
                 use an 0o prefix for octal integers",
            ));
        }
        match digits.parse::<i128>() {
            Ok(number) => Ok(Number::int(number)),
            Err(_) => digits.parse().map(Number::Float).map_err(|_| invalid_syntax()),
        }
    }
}

/// `a + b` and the like: ints stay ints.
fn arithmetic(
    a: Number,
    b: Number,
    ints: fn(i128, i128) -> Option<i128>,
    floats: fn(f64, f64) -> f64,
) -> Number {
    if let (Number::Int(a), Number::Int(b)) = (a, b) {
        if let Some(number) = ints(a.into(), b.into()) {
            return Number::int(number);
        }
    }
    Number::Float(floats(a.as_f64(), b.as_f64()))
}

fn divide(a: Number, b: Number) -> Result<Number, Exception> {
    if b.as_f64() == 0.0 {
        let ints = matches!((a, b), (Number::Int(_), Number::Int(_)));
        return Err(division_error(if ints { "division by zero" } else { "float division by zero" }));
    }
    Ok(Number::Float(a.as_f64() / b.as_f64()))
}

fn floor_divide(a: Number, b: Number) -> Result<Number, Exception> {
    match (a, b) {
        (Number::Int(_), Number::Int(0)) => Err(division_error("integer division or modulo by zero")),
        (Number::Int(a), Number::Int(b)) => {
            let (quotient, inexact) = (i128::from(a) / i128::from(b), i128::from(a) % i128::from(b) != 0);
            Ok(Number::int(if inexact && (a < 0) != (b < 0) { quotient - 1 } else { quotient }))
        }
        (_, b) if b.as_f64() == 0.0 => Err(division_error("float floor division by zero")),
        (a, b) => Ok(Number::Float((a.as_f64() / b.as_f64()).floor())),
    }
}

fn modulo(a: Number, b: Number) -> Result<Number, Exception> {
    match (a, b) {
        (Number::Int(_), Number::Int(0)) => Err(division_error("integer modulo by zero")),
        (Number::Int(a), Number::Int(b)) => {
            let (a, b) = (i128::from(a), i128::from(b));
            let rest = a % b;
            Ok(Number::int(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }))
        }
        (_, b) if b.as_f64() == 0.0 => Err(division_error("float modulo")),
        (a, b) => {
            let (a, b) = (a.as_f64(), b.as_f64());
            let rest = a % b;
            Ok(Number::Float(if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }))
        }
    }
}

fn raise(base: Number, exponent: Number) -> Result<Number, Exception> {
    if base.as_f64() == 0.0 && exponent.as_f64() < 0.0 {
        return Err(division_error("0.0 cannot be raised to a negative power"));
    }
    if let (Number::Int(base), Number::Int(exponent @ 0..)) = (base, exponent) {
        let power = u32::try_from(exponent).ok().and_then(|exponent| i128::from(base).checked_pow(exponent));
        if let Some(number) = power {
            return Ok(Number::int(number));
        }
    }
    Ok(Number::Float(base.as_f64().powf(exponent.as_f64())))
}
