//! Time zones: the words that stand for a fixed offset, and the system's own zone.

use crate::value::Value;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fmt;
use std::ops::Range;

/// Zone names by their offset in minutes. They are fixed: `CET` stays one hour in summer (COMPAT §4.5).
const NAMES: &[(i32, &str)] = &[
    (-720, "Y"),
    (-660, "X NUT SST"),
    (-600, "W CKT HAST HST TAHT TKT"),
    (-570, "MART MIT"),
    (-540, "V AKST GAMT GIT HADT HNY"),
    (-480, "U AKDT CIST HAY HNP PST PT"),
    (-420, "T HAP HNR MST PDT"),
    (-360, "S CST EAST GALT HAR HNC MDT"),
    (-300, "R CDT COT EASST ECT EST ET HAC HNE PET"),
    (-270, "HLV VET"),
    (-240, "Q AST BOT CLT COST EDT FKT GYT HAE HNA PYT"),
    (-210, "HNT NST NT"),
    (-180, "P ADT ART BRT CLST FKST GFT HAA PMST PYST SRT UYT WGT"),
    (-150, "HAT NDT"),
    (-120, "O BRST FNT PMDT UYST WGST"),
    (-60, "N AZOT CVT EGT"),
    (0, "Z EGST GMT UTC WET WT"),
    (60, "A CET DFT WAT WEDT WEST"),
    (120, "B CAT CEDT CEST EET SAST WAST"),
    (180, "C EAT EEDT EEST IDT MSK"),
    (210, "IRST"),
    (240, "D AMT AZT GET GST KUYT MSD MUT RET SAMT SCT"),
    (270, "AFT IRDT"),
    (300, "E AMST AQTT AZST HMT MAWT MVT PKT TFT TJT TMT UZT YEKT"),
    (330, "SLT"),
    (345, "NPT"),
    (360, "F ALMT BIOT BTT IOT KGT NOVT OMST YEKST"),
    (390, "CCT MMT"),
    (420, "G CXT DAVT HOVT ICT KRAT NOVST OMSST THA WIB"),
    (480, "H ACT AWST BDT BNT CAST HKT IRKT KRAST MYT PHT SGT ULAT WITA WST"),
    (540, "I AWDT IRKST JST KST PWT TLT WDT WIT YAKT"),
    (570, "ACST"),
    (600, "K AEST PGT VLAT YAKST YAPT"),
    (630, "ACDT LHST"),
    (660, "L AEDT LHDT MAGT NCT PONT SBT VLAST VUT"),
    (690, "NFT"),
    (720, "M ANAST ANAT FJT GILT MAGST MHT NZST PETST PETT TVT WFT"),
    (780, "FJST NZDT"),
];

/// A zone text that means nothing; displays as upstream's exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZoneError {
    /// Not of the form NAME, OFFSET or NAMEOFFSET (`ValueError`).
    Form(String),
    /// A name of the right form that is in no table (`KeyError`).
    Name(String),
}

impl fmt::Display for ZoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ZoneError::Form(text) => write!(f, "Unknown or unsupported time zone: {}", Value::str(text)),
            ZoneError::Name(name) => write!(f, "{}", Value::str(name)),
        }
    }
}

impl std::error::Error for ZoneError {}

/// Offset in minutes east of UTC that a zone text such as `UTC`, `CET+0100` or `-04:30` stands for
/// (a name's and a number's offset add up).
pub fn check_zone(text: &str) -> Result<i32, ZoneError> {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let split = body.find(['+', '-']).unwrap_or(body.len());
    let (name, number) = body.split_at(split);
    let name_fits = matches!(name.len(), 0 | 1 | 3..=5) && name.bytes().all(|b| b.is_ascii_uppercase());
    let minutes = if number.is_empty() { Some(0) } else { offset_minutes(number) };
    let (true, Some(minutes)) = (name_fits, minutes) else { return Err(ZoneError::Form(text.to_owned())) };
    let base = match name {
        "" => 0,
        name => {
            NAMES
                .iter()
                .find(|(_, names)| names.split(' ').any(|n| n == name))
                .ok_or_else(|| ZoneError::Name(name.to_owned()))?
                .0
        }
    };
    Ok(base + minutes)
}

/// `+hh`, `+hhmm` or `+hh:mm`.
fn offset_minutes(text: &str) -> Option<i32> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let mut digits = text[1..].chars();
    let hours = match digits.next()? {
        '0' => 0,
        '1' => 10,
        _ => return None,
    };
    let digit = |digits: &mut std::str::Chars| super::compute::digit(digits.next()?).map(|d| d as i32);
    let hours = hours + digit(&mut digits)?;
    let mut rest = digits.as_str();
    rest = rest.strip_prefix(':').filter(|rest| !rest.is_empty()).unwrap_or(rest);
    let mut digits = rest.chars();
    let minutes = if rest.is_empty() { 0 } else { digit(&mut digits)? * 10 + digit(&mut digits)? };
    digits.next().is_none().then_some(sign * (hours * 60 + minutes))
}

/// The zone in which log times without an own zone are read, and in which "today" is reckoned.
#[derive(Clone, Debug)]
pub struct LocalZone {
    zone: TimeZone,
    /// Seconds east of UTC of the last conversion: where the C library starts the next one, which decides
    /// between the two possible times in the hour that a clock set back repeats.
    guess: i64,
    /// Unix time before which the offset is the one at this time: the C library applies a POSIX rule from 1970 on.
    earliest: i64,
    /// Local times for which nothing but `guess` can come out; empty at first.
    settled: Range<i64>,
    /// Unix times of the same offset around the present, and that offset.
    present: (Range<i64>, i64),
}

/// Local times nearer than this to a change of the zone's offset are converted step by step.
const MARGIN: i64 = 2 * 86400;

impl LocalZone {
    /// The zone of the environment (`TZ`, also as POSIX rule, else `/etc/localtime`, else UTC).
    pub fn system() -> Self {
        match std::env::var("TZ") {
            Ok(tz) => Self::named(&tz),
            Err(_) => Self::of(TimeZone::try_system().unwrap_or(TimeZone::UTC)),
        }
    }

    /// The zone that a value of the environment variable `TZ` stands for (`Europe/Berlin`,
    /// `CET-1CEST,M3.5.0,M10.5.0/3`; the rules may be missing); UTC if it stands for none.
    pub fn named(tz: &str) -> Self {
        let tz = tz.strip_prefix(':').unwrap_or(tz);
        let from_file = || {
            let path = std::path::Path::new(tz).is_absolute().then_some(tz)?;
            TimeZone::tzif(tz, &std::fs::read(path).ok()?).ok()
        };
        if let Some(zone) = from_file().or_else(|| TimeZone::get(tz).ok()) {
            return Self::of(zone);
        }
        let rule = TimeZone::posix(tz).or_else(|_| TimeZone::posix(&format!("{tz},M3.2.0,M11.1.0")));
        LocalZone { earliest: 0, ..Self::of(rule.unwrap_or(TimeZone::UTC)) }
    }

    fn of(zone: TimeZone) -> Self {
        LocalZone { zone, guess: 0, earliest: Timestamp::MIN.as_second(), settled: 0..0, present: (0..0, 0) }
    }

    /// Seconds east of UTC at this Unix time.
    pub fn offset_at(&self, unix: i64) -> i32 {
        self.info(unix).0 as i32
    }

    /// The offset at a time that is mostly near the last one asked for.
    pub(super) fn present_offset(&mut self, unix: i64) -> i64 {
        if !self.present.0.contains(&unix) {
            // an offset that begins and ends a quarter of an hour holds in it
            let quarter = unix.div_euclid(900) * 900;
            let offset = self.info(unix).0;
            let steady = [quarter, quarter + 899].into_iter().all(|unix| self.info(unix).0 == offset);
            self.present = (if steady { quarter..quarter + 900 } else { unix..unix + 1 }, offset);
        }
        self.present.1
    }

    /// Offset, and whether it is summer time.
    fn info(&self, unix: i64) -> (i64, bool) {
        let second = unix.clamp(self.earliest, Timestamp::MAX.as_second());
        let at = Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
        let info = self.zone.to_offset_info(at);
        (i64::from(info.offset().seconds()), info.dst().is_dst())
    }

    /// The Unix time of a local time (seconds since 1970 on the local clock), as glibc's `mktime` computes it
    /// without knowing about summer time: a time that a clock set forward skips moves by that gap, and one that
    /// happens twice is taken with the offset of the conversion before.
    pub(super) fn mktime(&mut self, local: i64) -> i64 {
        if self.settled.contains(&local) {
            return local - self.guess;
        }
        let unix = self.probe(local);
        self.guess = local - unix;
        self.settle(unix);
        unix
    }

    /// Whether the conversion that gave this Unix time always gives it.
    pub(super) fn is_settled(&self, unix: i64) -> bool {
        self.settled.contains(&(unix + self.guess))
    }

    /// The C library's search: correct the guess by its error until it fits, or swings about a gap.
    fn probe(&self, local: i64) -> i64 {
        let start = local - self.guess;
        let (mut t, mut before, mut before2) = (start, start, start);
        let mut was_dst = false;
        for _ in 0..6 {
            let (offset, dst) = self.info(t);
            let error = local - (t + offset);
            if error == 0 || (t == before && t != before2 && was_dst <= dst) {
                break;
            }
            (before, before2, t, was_dst) = (before2, t, t + error, dst);
        }
        t
    }

    /// Remembers how far around `unix` the offset stays the same.
    fn settle(&mut self, unix: i64) {
        let (offset, _) = self.info(unix);
        self.settled = 0..0;
        // one second on, so that a change at this very second counts as past
        let Ok(at) = Timestamp::from_second(unix + 1) else { return };
        if offset != self.guess {
            return;
        }
        let earlier = self
            .zone
            .preceding(at)
            .next()
            .map_or(i64::MIN / 2, |t| t.timestamp().as_second())
            .max(self.earliest);
        let later = self.zone.following(at).next().map_or(i64::MAX / 2, |t| t.timestamp().as_second());
        self.settled = earlier + MARGIN + offset..later - MARGIN + offset;
    }
}
