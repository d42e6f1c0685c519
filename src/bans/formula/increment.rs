//! The `bantime.*` options: how a ban time grows.

use super::functions::{greater, lesser};
use super::{Error, Formula, Number, Variables};

const DEFAULT: &str = "ban.Time * (1<<(ban.Count if ban.Count<20 else 20)) * banFactor";

/// The `bantime.*` options of a jail: how a ban time grows with the number of earlier bans.
#[derive(Clone, Debug)]
pub struct BanTimeIncrement {
    formula: Formula,
    factor: Number,
    multipliers: Vec<i64>,
    maxtime: Option<Number>,
    rndtime: Option<Number>,
}

impl Default for BanTimeIncrement {
    fn default() -> Self {
        BanTimeIncrement {
            formula: Formula::parse(DEFAULT).expect("a constant that is tested"),
            factor: Number::Int(1),
            multipliers: Vec::new(),
            maxtime: None,
            rndtime: None,
        }
    }
}

impl BanTimeIncrement {
    /// Sets `bantime.formula`; `None` returns to the default, `ban.Time * 2**min(ban.Count, 20) * banFactor`.
    pub fn set_formula(&mut self, text: Option<&str>) -> Result<(), Error> {
        self.formula = Formula::parse(text.unwrap_or(DEFAULT))?;
        Ok(())
    }

    /// Sets `bantime.factor`, itself an expression, with a value of its own from the start; `None` is 1. `random` as in
    /// [`Formula::eval`].
    pub fn set_factor(&mut self, text: Option<&str>, random: &mut dyn FnMut() -> f64) -> Result<(), Error> {
        self.factor = Formula::parse(text.unwrap_or("1"))?.constant(random)?;
        Ok(())
    }

    /// Sets `bantime.multipliers`: integers separated by single blanks; they replace the formula.
    pub fn set_multipliers(&mut self, text: Option<&str>) -> Result<(), Error> {
        let words = text.filter(|text| !text.is_empty()).map(|text| text.split(' ')).into_iter().flatten();
        let number = |word: &str| {
            let parsed = word.trim().replace('_', "").parse();
            parsed.map_err(|_| Error::new(format!("invalid literal for int() with base 10: '{word}'")))
        };
        self.multipliers = words.map(number).collect::<Result<_, _>>()?;
        Ok(())
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
    pub fn next(&self, base: Number, count: i64, random: &mut dyn FnMut() -> f64) -> Result<Number, Error> {
        let last = self.multipliers.len().saturating_sub(1);
        let place = usize::try_from(count).unwrap_or(0).min(last);
        let mut time = match self.multipliers.get(place) {
            Some(multiplier) => base.mul(self.factor).mul(Number::Int((*multiplier).into())),
            None => {
                let variables = Variables { time: base, count, factor: self.factor };
                greater(base, self.formula.eval(&variables, random)?)
            }
        };
        if let Some(maxtime) = self.maxtime {
            time = lesser(time, maxtime);
        }
        if let Some(rndtime) = self.rndtime {
            time = time.add(Number::Float(random()).mul(rndtime));
        }
        if time.as_f64().is_finite() {
            Ok(time)
        } else {
            Err(Error::new("the ban time is not a finite number"))
        }
    }
}
