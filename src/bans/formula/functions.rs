//! The functions that an expression may call.

use super::number::finite;
use super::tree::Scope;
use super::{Error, Number};

/// A callable name: Python's own functions of numbers, most of `math`, and `random.random`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Function {
    Int,
    Float,
    Abs,
    Round,
    Pow,
    Min,
    Max,
    Floor,
    Ceil,
    Log,
    Random,
    /// Functions of one and of two floats.
    Math(fn(f64) -> f64),
    Math2(fn(f64, f64) -> f64),
}

impl Function {
    pub fn named(name: &str) -> Option<Function> {
        Some(match name {
            "int" | "math.trunc" => Function::Int,
            "float" => Function::Float,
            "abs" => Function::Abs,
            "round" => Function::Round,
            "pow" => Function::Pow,
            "min" => Function::Min,
            "max" => Function::Max,
            "math.floor" => Function::Floor,
            "math.ceil" => Function::Ceil,
            "math.log" => Function::Log,
            "random.random" => Function::Random,
            "math.sqrt" => Function::Math(f64::sqrt),
            "math.exp" => Function::Math(f64::exp),
            "math.expm1" => Function::Math(f64::exp_m1),
            "math.log2" => Function::Math(f64::log2),
            "math.log10" => Function::Math(f64::log10),
            "math.log1p" => Function::Math(f64::ln_1p),
            "math.fabs" => Function::Math(f64::abs),
            "math.sin" => Function::Math(f64::sin),
            "math.cos" => Function::Math(f64::cos),
            "math.tan" => Function::Math(f64::tan),
            "math.asin" => Function::Math(f64::asin),
            "math.acos" => Function::Math(f64::acos),
            "math.atan" => Function::Math(f64::atan),
            "math.sinh" => Function::Math(f64::sinh),
            "math.cosh" => Function::Math(f64::cosh),
            "math.tanh" => Function::Math(f64::tanh),
            "math.degrees" => Function::Math(f64::to_degrees),
            "math.radians" => Function::Math(f64::to_radians),
            "math.pow" => Function::Math2(f64::powf),
            "math.fmod" => Function::Math2(|a, b| a % b),
            "math.atan2" => Function::Math2(f64::atan2),
            "math.hypot" => Function::Math2(f64::hypot),
            "math.copysign" => Function::Math2(f64::copysign),
            _ => return None,
        })
    }

    /// Whether it can be called with so many arguments.
    pub fn takes(self, count: usize) -> bool {
        match self {
            Function::Random => count == 0,
            Function::Min | Function::Max => count >= 2,
            Function::Pow | Function::Math2(_) => count == 2,
            Function::Round | Function::Log => count == 1 || count == 2,
            _ => count == 1,
        }
    }

    /// The value for as many arguments as it [takes](Function::takes).
    pub fn call(self, arguments: &[Number], scope: &mut Scope) -> Result<Number, Error> {
        match (self, arguments) {
            (Function::Random, _) => Ok(Number::Float((scope.random)())),
            (Function::Float, [number]) => Ok(Number::Float(number.as_f64())),
            (Function::Int, [number]) => whole(*number, f64::trunc),
            (Function::Floor, [number]) => whole(*number, f64::floor),
            (Function::Ceil, [number]) => whole(*number, f64::ceil),
            (Function::Round, [number]) => whole(*number, f64::round_ties_even),
            (Function::Round, [number, digits]) => round(*number, *digits),
            (Function::Abs, [number]) => Ok(if number.as_f64() < 0.0 { number.neg() } else { *number }),
            (Function::Pow, [base, exponent]) => base.pow(*exponent),
            (Function::Min, [first, rest @ ..]) => {
                Ok(rest.iter().fold(*first, |best, next| lesser(best, *next)))
            }
            (Function::Max, [first, rest @ ..]) => {
                Ok(rest.iter().fold(*first, |best, next| greater(best, *next)))
            }
            (Function::Log, [number]) => math(f64::ln, &[*number]),
            (Function::Log, [number, base]) => math(f64::ln, &[*number])?.div(math(f64::ln, &[*base])?),
            (Function::Math(function), arguments) => math(function, arguments),
            (Function::Math2(function), [a, b]) => checked(function(a.as_f64(), b.as_f64()), arguments),
            _ => Err(Error::new("wrong number of arguments")),
        }
    }
}

/// Python's `max` of two: the first of equal ones.
pub(super) fn greater(first: Number, second: Number) -> Number {
    if second.compare(first).is_some_and(std::cmp::Ordering::is_gt) { second } else { first }
}

/// Python's `min` of two: the first of equal ones.
pub(super) fn lesser(first: Number, second: Number) -> Number {
    if second.compare(first).is_some_and(std::cmp::Ordering::is_lt) { second } else { first }
}

fn whole(number: Number, rounded: fn(f64) -> f64) -> Result<Number, Error> {
    match number {
        Number::Int(_) => Ok(number),
        Number::Float(number) => Number::truncated(rounded(number)),
    }
}

/// `round(number, digits)` for digits from 0 to 22, correct in decimal as Python's is.
fn round(number: Number, digits: Number) -> Result<Number, Error> {
    match (number, digits) {
        (Number::Int(_), Number::Int(0..)) => Ok(number),
        (Number::Float(number), Number::Int(digits @ 0..=22)) => {
            let text = format!("{number:.*}", digits as usize);
            text.parse().map(Number::Float).map_err(|_| Error::new("this number cannot be rounded"))
        }
        _ => Err(Error::new("round() is supported for 0 to 22 digits")),
    }
}

fn math(function: fn(f64) -> f64, arguments: &[Number]) -> Result<Number, Error> {
    match arguments {
        [number] => checked(function(number.as_f64()), arguments),
        _ => Err(Error::new("wrong number of arguments")),
    }
}

/// Where Python's `math` raises, there is no value here either.
fn checked(result: f64, arguments: &[Number]) -> Result<Number, Error> {
    let sane = arguments.iter().all(|number| number.as_f64().is_finite());
    if result.is_nan() && !arguments.iter().any(|number| number.as_f64().is_nan()) {
        return Err(Error::new("math domain error"));
    }
    finite(result, sane)
}
