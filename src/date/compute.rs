//! From the groups of a matched date to Unix time, with upstream's assumptions about what is missing (COMPAT §4.5).

use super::template::{Stamp, TimeError};
use super::zone::{LocalZone, ZoneError, check_zone};

pub(super) const DAY: i64 = 86400;
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The groups that mean something for the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    ShortYear,
    Year,
    Month,
    MonthName,
    MonthAbbreviation,
    Day,
    Hour,
    /// On the 12-hour clock; depends on [`Field::AmPm`].
    HalfDayHour,
    AmPm,
    Minute,
    Second,
    /// Of a second; not used.
    Fraction,
    WeekdayName,
    WeekdayAbbreviation,
    Weekday,
    YearDay,
    /// Week of the year, weeks starting on Sunday.
    SundayWeek,
    /// Week of the year, weeks starting on Monday.
    MondayWeek,
    Zone,
}

impl Field {
    /// By the name of the regex group.
    pub(super) fn of_group(name: &str) -> Option<Field> {
        Some(match name {
            "y" => Field::ShortYear,
            "Y" => Field::Year,
            "m" => Field::Month,
            "B" => Field::MonthName,
            "b" => Field::MonthAbbreviation,
            "d" => Field::Day,
            "H" => Field::Hour,
            "I" => Field::HalfDayHour,
            "p" => Field::AmPm,
            "M" => Field::Minute,
            "S" => Field::Second,
            "f" => Field::Fraction,
            "A" => Field::WeekdayName,
            "a" => Field::WeekdayAbbreviation,
            "w" => Field::Weekday,
            "j" => Field::YearDay,
            "U" => Field::SundayWeek,
            "W" => Field::MondayWeek,
            "z" | "Z" => Field::Zone,
            _ => return None,
        })
    }
}

/// What a date text says, before "now" completes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Parts {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    /// Monday is 0.
    weekday: Option<i64>,
    year_day: Option<i64>,
    /// Week of the year, and whether weeks start on Monday.
    week: Option<(i64, bool)>,
    /// Minutes east of UTC.
    zone: Option<i32>,
}

impl Parts {
    /// Reads the groups, in the order in which the regex has them; `text` gives a group's text if it took part.
    pub(super) fn read<'t>(
        fields: &[(Field, usize)],
        text: impl Fn(usize) -> Option<&'t str>,
    ) -> Result<Parts, TimeError> {
        let mut parts = Parts::default();
        // whether the group of am/pm exists, and its text
        let half = fields.iter().rev().find(|f| f.0 == Field::AmPm).map(|f| text(f.1));
        for (field, group) in fields {
            if let Some(value) = text(*group) {
                parts.set(*field, value, half)?;
            }
        }
        Ok(parts)
    }

    fn set(&mut self, field: Field, text: &str, half: Option<Option<&str>>) -> Result<(), TimeError> {
        match field {
            Field::ShortYear => {
                let year = integer(text)?;
                self.year = Some(if year <= 2000 { year + 2000 } else { year });
            }
            Field::Year => self.year = Some(integer(text)?),
            Field::Month => self.month = Some(integer(text)?),
            Field::MonthName => self.month = Some(position(&MONTHS, text, None)? + 1),
            Field::MonthAbbreviation => self.month = Some(position(&MONTHS, text, Some(3))? + 1),
            Field::Day => self.day = Some(integer(text)?),
            Field::Hour => self.hour = integer(text)?,
            Field::HalfDayHour => self.hour = half_day_hour(integer(text)?, half)?,
            Field::AmPm | Field::Fraction => {}
            Field::Minute => self.minute = integer(text)?,
            Field::Second => self.second = integer(text)?,
            Field::WeekdayName => self.weekday = Some(position(&WEEKDAYS, text, None)?),
            Field::WeekdayAbbreviation => self.weekday = Some(position(&WEEKDAYS, text, Some(3))?),
            Field::Weekday => {
                let day = integer(text)? - 1;
                self.weekday = Some(if day < 0 { 6 } else { day });
            }
            Field::YearDay => self.year_day = Some(integer(text)?),
            Field::SundayWeek => self.week = Some((integer(text)?, false)),
            Field::MondayWeek => self.week = Some((integer(text)?, true)),
            Field::Zone => self.zone = Some(zone(text)?),
        }
        Ok(())
    }

    /// Replaces a number that the text said, if every template that takes it for this field takes this one too, in two
    /// digits (or four, of a year).
    pub(super) fn replace(&mut self, field: Field, number: i64) -> bool {
        let (range, place) = match field {
            Field::Month => (1..=12, self.month.as_mut()),
            Field::Day => (1..=31, self.day.as_mut()),
            Field::Hour => (0..=23, Some(&mut self.hour)),
            Field::Minute => (0..=59, Some(&mut self.minute)),
            Field::Second => (0..=59, Some(&mut self.second)),
            Field::Year => (0..=9999, self.year.as_mut()),
            _ => return false,
        };
        let Some(place) = place.filter(|_| range.contains(&number)) else { return false };
        *place = number;
        true
    }

    /// The Unix time. `default_zone` is `logtimezone` in minutes; `now` completes what is missing.
    pub(super) fn resolve(
        &self,
        now: f64,
        local: &mut LocalZone,
        default_zone: Option<i32>,
    ) -> Result<Stamp, TimeError> {
        let needs_now = self.year.is_none() || (self.month.is_none() && self.day.is_none());
        let here = if needs_now { local_seconds(now, local) } else { 0 };
        let today = civil(here.div_euclid(DAY));
        let mut date = (self.year.unwrap_or(today.0), self.month, self.day);
        if self.month.is_none() || self.day.is_none() {
            if let Some(year_day) = self.day_of_year(date.0)? {
                let (year, month, day) = nth_day(date.0, year_day)?;
                date = (year, Some(month), Some(day));
            }
        }
        let assume_today = date.1.is_none() && date.2.is_none();
        let (month, day) = match (date.1, date.2) {
            (None, None) => (today.1, today.2),
            (Some(month), Some(day)) => (month, day),
            _ => {
                let text = "'NoneType' object cannot be interpreted as an integer";
                return Err(TimeError::raised("TypeError", text));
            }
        };
        let mut seconds = checked_days(date.0, month, day)? * DAY + self.time_of_day()?;
        let zone = self.zone.or(default_zone);
        if let Some(minutes) = zone {
            seconds = in_range(seconds - i64::from(minutes) * 60)?;
        }
        if assume_today && seconds > here {
            seconds -= DAY;
        }
        if self.year.is_none() && seconds > here + DAY {
            // same day a year ago
            seconds = checked_days(date.0 - 1, month, day)? * DAY + seconds.rem_euclid(DAY);
        }
        Ok(match zone {
            Some(_) => Stamp::Int(seconds),
            None => Stamp::Float(local.mktime(seconds) as f64),
        })
    }

    fn time_of_day(&self) -> Result<i64, TimeError> {
        let valid =
            (0..24).contains(&self.hour) && (0..60).contains(&self.minute) && (0..60).contains(&self.second);
        if valid { Ok(self.hour * 3600 + self.minute * 60 + self.second) } else { Err(TimeError::Invalid) }
    }

    /// The day of the year as given, or as week and weekday give it.
    fn day_of_year(&self, year: i64) -> Result<Option<i64>, TimeError> {
        let (None, Some((week, monday)), Some(weekday)) = (self.year_day, self.week, self.weekday) else {
            return Ok(self.year_day);
        };
        let first = weekday_of(checked_days(year, 1, 1)?);
        let (first, weekday) = if monday { (first, weekday) } else { ((first + 1) % 7, (weekday + 1) % 7) };
        let before_first_week = (7 - first) % 7;
        Ok(Some(match week {
            0 => 1 + weekday - first,
            week => 1 + before_first_week + 7 * (week - 1) + weekday,
        }))
    }
}

fn half_day_hour(hour: i64, half: Option<Option<&str>>) -> Result<i64, TimeError> {
    let half = match half {
        Some(None) => {
            let text = "'NoneType' object has no attribute 'lower'";
            return Err(TimeError::raised("AttributeError", text));
        }
        Some(Some(text)) => text.to_lowercase(),
        None => String::new(),
    };
    Ok(match (half.as_str(), hour) {
        ("" | "am", 12) => 0,
        ("pm", hour) if hour != 12 => hour + 12,
        (_, hour) => hour,
    })
}

fn zone(text: &str) -> Result<i32, TimeError> {
    check_zone(text).map_err(|e| match e {
        ZoneError::Form(_) => TimeError::Invalid,
        ZoneError::Name(name) => TimeError::raised("KeyError", &name),
    })
}

/// Seconds since 1970 on the local clock.
fn local_seconds(unix: f64, zone: &mut LocalZone) -> i64 {
    let unix = unix.floor() as i64;
    unix + zone.present_offset(unix)
}

/// Where the text (in any case) stands in a list of names, cut to `length` letters if given.
fn position(names: &[&str], text: &str, length: Option<usize>) -> Result<i64, TimeError> {
    let is = |name: &&str| name[..length.unwrap_or(name.len())].eq_ignore_ascii_case(text);
    names.iter().position(is).map(|i| i as i64).ok_or(TimeError::Invalid)
}

/// Python's `int(text)`; numbers of more than 15 digits are not taken for dates.
fn integer(text: &str) -> Result<i64, TimeError> {
    if (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(text.bytes().fold(0, |number, b| number * 10 + i64::from(b - b'0')));
    }
    let text = text.trim();
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let tidy =
        !digits.is_empty() && !digits.starts_with('_') && !digits.ends_with('_') && !digits.contains("__");
    if !tidy || digits.len() > 15 {
        return Err(TimeError::Invalid);
    }
    let mut number = 0;
    for c in digits.chars().filter(|c| *c != '_') {
        number = number * 10 + i64::from(digit(c).ok_or(TimeError::Invalid)?);
    }
    Ok(if negative { -number } else { number })
}

/// The zeros of Unicode's decimal digits; nine more follow each.
const ZEROS: [u32; 65] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0,
    0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50,
    0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066, 0x110f0,
    0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50,
    0x11d50, 0x11da0, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140,
    0x1e2f0, 0x1e950, 0x1fbf0,
];

/// The value of a decimal digit of any script.
pub(super) fn digit(c: char) -> Option<u32> {
    if c.is_ascii() {
        return c.to_digit(10);
    }
    let c = u32::from(c);
    let zero = ZEROS.iter().rev().find(|zero| **zero <= c)?;
    Some(c - zero).filter(|value| *value < 10)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of Python's calendar.
fn checked_days(year: i64, month: i64, day: i64) -> Result<i64, TimeError> {
    let valid = (1..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day);
    if valid { Ok(days(year, month, day)) } else { Err(TimeError::Invalid) }
}

/// Days since 1970-01-01 in the Gregorian calendar; the year is counted from March here, so that
/// leap days come last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day, the inverse of [`days`].
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + shifted.div_euclid(146_097) * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Monday is 0.
fn weekday_of(days: i64) -> i64 {
    (days + 3).rem_euclid(7)
}

/// The date of a day counted from the beginning of a year.
fn nth_day(year: i64, year_day: i64) -> Result<(i64, i64, i64), TimeError> {
    let date = civil(checked_days(year, 1, 1)? + year_day - 1);
    if (1..=9999).contains(&date.0) { Ok(date) } else { Err(TimeError::Invalid) }
}

/// Python's dates end with the year 9999.
fn in_range(seconds: i64) -> Result<i64, TimeError> {
    if (days(1, 1, 1) * DAY..days(10000, 1, 1) * DAY).contains(&seconds) {
        return Ok(seconds);
    }
    Err(TimeError::raised("OverflowError", "date value out of range"))
}
