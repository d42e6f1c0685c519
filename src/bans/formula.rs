//! The Python expressions of `bantime.formula` and `bantime.factor`, and the growing ban times made of them
//! (COMPAT §7).
//!
//! An expression is parsed once, into a tree of bounded depth, and knows nothing but numbers, `ban.Time`,
//! `ban.Count`, `banFactor`, a few functions and `math`: whatever else Python would understand is refused.

use std::fmt;

/// A Python number. A truth value is the integer 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    /// The value as a float, e.g. to store it as a ban time.
    pub fn as_f64(self) -> f64 {
        match self {
            Number::Int(number) => number as f64,
            Number::Float(number) => number,
        }
    }
}

/// Why an expression was refused, or has no value. Display is the sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(pub(crate) String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// What a formula may refer to.
#[derive(Clone, Copy, Debug)]
pub struct Variables {
    /// `ban.Time`: the jail's ban time in seconds.
    pub time: Number,
    /// `ban.Count`: how often this id was banned before.
    pub count: i64,
    /// `banFactor`: the value of `bantime.factor`.
    pub factor: Number,
}

/// A parsed expression.
#[derive(Clone, Debug)]
pub struct Formula(());

impl Formula {
    /// Parses a Python expression. Syntax that upstream would accept but that is not arithmetic is an error.
    pub fn parse(_text: &str) -> Result<Formula, Error> {
        todo!()
    }

    /// The value; `random` gives the numbers of `random.random()`, in 0 … 1.
    pub fn eval(&self, _variables: &Variables, _random: &mut dyn FnMut() -> f64) -> Result<Number, Error> {
        todo!()
    }
}

/// The `bantime.*` options of a jail: how a ban time grows with the number of earlier bans.
#[derive(Clone, Debug)]
pub struct BanTimeIncrement {
    maxtime: Option<Number>,
    rndtime: Option<Number>,
}

impl Default for BanTimeIncrement {
    fn default() -> Self {
        todo!()
    }
}

impl BanTimeIncrement {
    /// Sets `bantime.formula`; `None` returns to the default, `ban.Time * 2**min(ban.Count, 20) * banFactor`.
    pub fn set_formula(&mut self, _text: Option<&str>) -> Result<(), Error> {
        todo!()
    }

    /// Sets `bantime.factor`, itself an expression; `None` is 1.
    pub fn set_factor(&mut self, _text: Option<&str>) -> Result<(), Error> {
        todo!()
    }

    /// Sets `bantime.multipliers`: integers separated by single blanks; they replace the formula.
    pub fn set_multipliers(&mut self, _text: Option<&str>) -> Result<(), Error> {
        todo!()
    }

    /// Sets `bantime.maxtime`, in seconds: the largest ban time before `rndtime` is added.
    pub fn set_maxtime(&mut self, seconds: Option<Number>) {
        self.maxtime = seconds;
    }

    /// Sets `bantime.rndtime`, in seconds: up to so much is added at random.
    pub fn set_rndtime(&mut self, seconds: Option<Number>) {
        self.rndtime = seconds;
    }

    /// `bantime.maxtime` in seconds.
    pub fn maxtime(&self) -> Option<Number> {
        self.maxtime
    }

    /// The ban time, in seconds, of an id that was banned `count` > 0 times before in a jail with ban time `base`.
    pub fn next(
        &self,
        _base: Number,
        _count: i64,
        _random: &mut dyn FnMut() -> f64,
    ) -> Result<Number, Error> {
        todo!()
    }
}
