//! `journalmatch`: which entries a jail gets.
//!
//! The journal library filters for all jails that share a reader; which of them an entry is for is
//! found out here, by the library's rules.

use crate::source::Error;

/// The terms `NAME=value` of one alternative.
pub type Group = Vec<String>;

/// Splits the words of one `addjournalmatch` into alternatives at `+`.
pub fn groups(words: &[String]) -> Result<Vec<Group>, Error> {
    let groups: Vec<Group> = words.split(|word| word == "+").map(<[String]>::to_vec).collect();
    if groups.iter().flatten().all(|term| valid(term)) {
        Ok(groups)
    } else {
        Err(Error::Match(words.join(" ")))
    }
}

/// What the library accepts: an upper-case field name that is not one of the addresses (`__…`).
fn valid(term: &str) -> bool {
    let Some((name, _)) = term.split_once('=') else { return false };
    let allowed = |c: u8| c == b'_' || c.is_ascii_uppercase() || c.is_ascii_digit();
    !name.is_empty() && !name.starts_with("__") && name.bytes().all(allowed)
}

/// The terms of all jails of a reader, and which of them an entry has.
#[derive(Debug, Default)]
pub struct Terms {
    terms: Vec<Vec<u8>>,
    present: Vec<bool>,
}

/// A jail's alternatives in numbers of [`Terms`]: the outer list is ORed, the middle one ANDed, and
/// the innermost (values of one field) ORed.
#[derive(Debug, Default)]
pub struct Filter(Vec<Vec<Vec<usize>>>);

impl Terms {
    /// Translates a jail's alternatives. Empty ones are no restriction only if there is nothing else.
    pub fn filter(&mut self, groups: &[Group]) -> Filter {
        let filled = groups.iter().filter(|group| !group.is_empty());
        Filter(filled.map(|group| self.group(group)).collect())
    }

    fn group(&mut self, group: &Group) -> Vec<Vec<usize>> {
        let mut fields: Vec<(&str, Vec<usize>)> = Vec::new();
        for term in group {
            let name = term.split('=').next().unwrap_or_default();
            let number = self.number(term);
            match fields.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) => values.push(number),
                None => fields.push((name, vec![number])),
            }
        }
        fields.into_iter().map(|(_, values)| values).collect()
    }

    fn number(&mut self, term: &str) -> usize {
        let known = self.terms.iter().position(|known| known == term.as_bytes());
        known.unwrap_or_else(|| {
            self.terms.push(term.as_bytes().to_vec());
            self.present.push(false);
            self.terms.len() - 1
        })
    }

    pub fn clear(&mut self) {
        self.present.fill(false);
    }

    /// Notes that the entry has this field (`NAME=value`).
    pub fn see(&mut self, field: &[u8]) {
        if let Some(number) = self.terms.iter().position(|term| term == field) {
            self.present[number] = true;
        }
    }

    /// Whether the entry seen is one for `filter`.
    pub fn pass(&self, filter: &Filter) -> bool {
        let all =
            |group: &Vec<Vec<usize>>| group.iter().all(|values| values.iter().any(|n| self.present[*n]));
        filter.0.is_empty() || filter.0.iter().any(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn fields_are_anded_values_and_alternatives_ored() {
        let mut terms = Terms::default();
        let filter = terms.filter(&groups(&words("_UID=1 A=x A=y + B=z")).unwrap());
        for (entry, expected) in
            [("_UID=1 A=y", true), ("_UID=1", false), ("A=x A=y", false), ("B=z", true), ("B=zz", false)]
        {
            terms.clear();
            entry.split(' ').for_each(|field| terms.see(field.as_bytes()));
            assert_eq!(terms.pass(&filter), expected, "{entry}");
        }
        assert!(terms.pass(&Filter::default()));
    }

    #[test]
    fn malformed_terms_are_refused() {
        for bad in ["", "x", "a=b", "__CURSOR=1", "=x", "A=1 + b"] {
            assert!(groups(&words(bad)).is_err(), "{bad}");
        }
        assert_eq!(groups(&words("_A=1 B2=")).unwrap(), [words("_A=1 B2=")]);
    }
}
