//! The default templates (COMPAT §4.3), and the templates in use: identical patterns are compiled once.

use super::pattern::{self, Years};
use super::template::{PatternError, Template};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// In the order in which upstream tries them.
const DEFAULTS: [&str; 17] = [
    // ISO 8601 and the like: 2005-01-23T21:59:59.981746Z, 2005/01/23 21:59:59, 2006.12.21 06:43:20
    r"%ExY(?P<_sep>[-/.])%m(?P=_sep)%d(?:T|  ?)%H:%M:%S(?:[.,]%f)?(?:\s*%z)?",
    // asctime, syslog: Sun Jan 23 21:59:59.011 2005
    r"(?:%a )?%b %d %k:%M:%S(?:\.%f)?(?: %ExY)?",
    // the same with the year after the day: Sun Jan 23 2005 21:59:59.011
    r"(?:%a )?%b %d %ExY %k:%M:%S(?:\.%f)?",
    // 23/01/2005 21:59:59, 23-01-05 21:59:59
    r"%d(?P<_sep>[-/])%m(?P=_sep)(?:%ExY|%Exy) %k:%M:%S",
    // Apache: 31/Oct/2006:09:22:55 -0000; named: 26-Jul-2007 15:20:52.252
    r"%d(?P<_sep>[-/])%b(?P=_sep)%ExY[ :]?%H:%M:%S(?:\.%f)?(?: %z)?",
    // CPanel: 05/20/2008:01:57:39
    r"%m/%d/%ExY:%H:%M:%S",
    // 01-27-2012 16:22:44.252
    r"%m-%d-%ExY %k:%M:%S(?:\.%f)?",
    "EPOCH",
    r"{^LN-BEG}%H:%M:%S",
    // <09/16/08@05:03:30>
    r"^<%m/%d/%Exy@%H:%M:%S>",
    // MySQL: 130322 11:46:11
    r"%Exy%Exm%Exd  ?%H:%M:%S",
    // Tomcat: Jan 23, 2005 9:59:59 PM
    r"%b %d, %ExY %I:%M:%S %p",
    // ASSP: Apr-27-13 02:33:06
    r"^%b-%d-%Exy %k:%M:%S",
    // 20050123T215959, 20050123-21:59:59
    r"%ExY%Exm%Exd(?:-|T|  ?)%ExH:?%ExM:?%ExS(?:[.,]%f)?(?:\s*%z)?",
    // monit: PDT Apr 16 21:05:29
    r"(?:%Z )?(?:%a )?%b %d %k:%M:%S(?:\.%f)?(?: %ExY)?",
    // +00:00 Jan 23 21:59:59.011 2005
    r"(?:%z )?(?:%a )?%b %d %k:%M:%S(?:\.%f)?(?: %ExY)?",
    "TAI64N",
];

/// Weight of the default templates' copies that match at the start of the line only: they are to be preferred.
const ANCHORED_WEIGHT: f64 = 100.0;

const LINE_BEGIN: &str = "{^LN-BEG}";

/// More patterns than any configuration has; bounds the memory.
const KEPT: usize = 1000;

thread_local! {
    /// Templates by years and key.
    static TEMPLATES: RefCell<HashMap<(Years, String), Arc<Template>>> = RefCell::default();
}

/// Patterns without a directive are the same in any case.
pub(super) fn key_of(pattern: &str) -> String {
    if pattern.contains('%') { pattern.to_owned() } else { pattern.to_uppercase() }
}

/// The template of a pattern (not of a keyword for many).
pub(super) fn template(pattern: &str, years: &Years) -> Result<Arc<Template>, PatternError> {
    template_of_key(pattern, key_of(pattern), years)
}

/// The template that finds no date, but does not miss it either.
pub(super) fn no_date(years: &Years) -> Result<Arc<Template>, PatternError> {
    template_of_key("{UNB}^", "{NONE}".to_owned(), years)
}

fn template_of_key(pattern: &str, key: String, years: &Years) -> Result<Arc<Template>, PatternError> {
    TEMPLATES.with_borrow_mut(|templates| {
        let place = (years.clone(), key);
        if let Some(known) = templates.get(&place) {
            return Ok(known.clone());
        }
        let template = Arc::new(Template::parse(pattern, &place.1, years)?);
        if templates.len() >= KEPT {
            templates.clear();
        }
        templates.insert(place, template.clone());
        Ok(template)
    })
}

/// All default templates with their weights: first the copies bound to the start of the line.
pub(super) fn defaults(years: &Years) -> Result<Vec<(Arc<Template>, f64)>, PatternError> {
    let (mut anchored, mut plain) = (Vec::new(), Vec::new());
    for pattern in DEFAULTS {
        let one = template(pattern, years)?;
        if !one.name.starts_with(LINE_BEGIN) && !one.name.starts_with('^') {
            anchored.push((wrapped(&one, years, |text| format!("{LINE_BEGIN}{text}"))?, ANCHORED_WEIGHT));
        }
        plain.push((one, 1.0));
    }
    anchored.append(&mut plain);
    Ok(anchored)
}

/// The default templates within a text that contains `{DATE}`.
pub(super) fn defaults_within(text: &str, years: &Years) -> Result<Vec<Arc<Template>>, PatternError> {
    let wrap = |default: &str| {
        pattern::replace_keyword(text, &["{DATE}"], pattern::unbound(default))
            .unwrap_or_else(|| text.to_owned())
    };
    DEFAULTS.iter().map(|pattern| wrapped(&*template(pattern, years)?, years, wrap)).collect()
}

/// A template made of another one's pattern; those without pattern are made of their name.
fn wrapped(
    template: &Template,
    years: &Years,
    wrap: impl Fn(&str) -> String,
) -> Result<Arc<Template>, PatternError> {
    self::template(&wrap(template.pattern.as_ref().unwrap_or(&template.name)), years)
}
