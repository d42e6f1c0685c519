//! Python's numbers.
//!
//! Python's integers have no limit; here, what does not fit 128 bits goes on as a float. Ban times that large are no
//! ban times, but `bantime.maxtime` may bring them back into reach.

use std::cmp::Ordering;
use std::fmt;

use super::Error;
use crate::value::float_repr;

/// A Python number. A truth value is the integer 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Int(i128),
    Float(f64),
}

use Number::{Float, Int};

/// Python's `str`.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Int(number) => write!(f, "{number}"),
            Float(number) => f.write_str(&float_repr(*number)),
        }
    }
}

impl Number {
    /// The value as a float, e.g. to store it as a ban time.
    pub fn as_f64(self) -> f64 {
        match self {
            Int(number) => number as f64,
            Float(number) => number,
        }
    }

    pub(super) fn is_true(self) -> bool {
        self.as_f64() != 0.0
    }

    /// None when one of them is not a number.
    pub(super) fn compare(self, other: Number) -> Option<Ordering> {
        match (self, other) {
            (Int(a), Int(b)) => Some(a.cmp(&b)),
            (a, b) => a.as_f64().partial_cmp(&b.as_f64()),
        }
    }

    pub(super) fn add(self, other: Number) -> Number {
        self.either(other, i128::checked_add, |a, b| a + b)
    }

    pub(super) fn sub(self, other: Number) -> Number {
        self.either(other, i128::checked_sub, |a, b| a - b)
    }

    pub(super) fn mul(self, other: Number) -> Number {
        self.either(other, i128::checked_mul, |a, b| a * b)
    }

    pub(super) fn neg(self) -> Number {
        match self {
            Int(number) => number.checked_neg().map_or(Float(-(number as f64)), Int),
            Float(number) => Float(-number),
        }
    }

    pub(super) fn div(self, other: Number) -> Result<Number, Error> {
        other.not_zero()?;
        Ok(Float(self.as_f64() / other.as_f64()))
    }

    /// `//`
    pub(super) fn floor_div(self, other: Number) -> Result<Number, Error> {
        other.not_zero()?;
        Ok(self.either(other, floor_div, |a, b| float_divmod(a, b).0))
    }

    /// `%`: the result has the sign of the divisor.
    pub(super) fn modulo(self, other: Number) -> Result<Number, Error> {
        other.not_zero()?;
        let remainder = |a: i128, b: i128| a.checked_sub(floor_div(a, b)?.checked_mul(b)?);
        Ok(self.either(other, remainder, |a, b| float_divmod(a, b).1))
    }

    /// `**`
    pub(super) fn pow(self, other: Number) -> Result<Number, Error> {
        if let (Int(base), Int(exponent @ 0..)) = (self, other) {
            let small = match base {
                0 | 1 => Some(if exponent == 0 { 1 } else { base }),
                -1 => Some(if exponent % 2 == 0 { 1 } else { -1 }),
                _ => u32::try_from(exponent).ok().and_then(|exponent| base.checked_pow(exponent)),
            };
            if let Some(power) = small {
                return Ok(Int(power));
            }
        }
        let (base, exponent) = (self.as_f64(), other.as_f64());
        if base == 0.0 && exponent < 0.0 {
            return Err(Error::new("0.0 cannot be raised to a negative power"));
        }
        let power = base.powf(exponent);
        if power.is_nan() && !base.is_nan() && !exponent.is_nan() {
            return Err(Error::new("a negative number cannot be raised to a fractional power here"));
        }
        finite(power, base.is_finite() && exponent.is_finite())
    }

    /// `<<` and `>>` (a negative `by`).
    pub(super) fn shift(self, by: Number, left: bool) -> Result<Number, Error> {
        let (Int(number), Int(by)) = (self, by) else {
            let sign = if left { "<<" } else { ">>" };
            return Err(Error::new(format!("unsupported operand type(s) for {sign}: both must be integers")));
        };
        if by < 0 {
            return Err(Error::new("negative shift count"));
        }
        if !left {
            return Ok(Int(number >> by.min(127)));
        }
        let fits = u32::try_from(by).ok().filter(|by| *by < 127).and_then(|by| number.checked_mul(1 << by));
        match fits {
            Some(shifted) => Ok(Int(shifted)),
            None if number == 0 => Ok(Int(0)),
            None => finite(number as f64 * 2f64.powi(by.min(2000) as i32), true),
        }
    }

    /// Python's `int()`, also after rounding.
    pub(super) fn truncated(number: f64) -> Result<Number, Error> {
        if !number.is_finite() {
            return Err(Error::new(format!("cannot convert float {number} to integer")));
        }
        let whole = number.trunc();
        // Beyond 128 bits the float stands for itself.
        Ok(if whole.abs() < 1e38 { Int(whole as i128) } else { Float(whole) })
    }

    fn either(
        self,
        other: Number,
        int: impl Fn(i128, i128) -> Option<i128>,
        float: impl Fn(f64, f64) -> f64,
    ) -> Number {
        if let (Int(a), Int(b)) = (self, other) {
            if let Some(exact) = int(a, b) {
                return Int(exact);
            }
        }
        Float(float(self.as_f64(), other.as_f64()))
    }

    fn not_zero(self) -> Result<(), Error> {
        if self.is_true() { Ok(()) } else { Err(Error::new("division by zero")) }
    }
}

/// A float result of finite operands is finite, as Python has it.
pub(super) fn finite(number: f64, expected: bool) -> Result<Number, Error> {
    if expected && !number.is_finite() {
        return Err(Error::new("numerical result out of range"));
    }
    Ok(Float(number))
}

fn floor_div(a: i128, b: i128) -> Option<i128> {
    let (quotient, remainder) = (a.checked_div(b)?, a.checked_rem(b)?);
    Some(if remainder != 0 && (remainder < 0) != (b < 0) { quotient - 1 } else { quotient })
}

/// Python's `divmod` of floats, exact in the remainder.
fn float_divmod(a: f64, b: f64) -> (f64, f64) {
    let mut remainder = a % b;
    let mut quotient = (a - remainder) / b;
    if remainder == 0.0 {
        remainder = 0f64.copysign(b);
    } else if (remainder < 0.0) != (b < 0.0) {
        remainder += b;
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return (0f64.copysign(a / b), remainder);
    }
    let floor = quotient.floor();
    (if quotient - floor > 0.5 { floor + 1.0 } else { floor }, remainder)
}
