//! Splitting of option values: `name[options]`, word lists, shell-like words.

use super::message::Error;
use super::options::OptionMap;

/// Splits `name[key=value, …][…]` into name and options (COMPAT §2.5). The error's text is upstream's,
/// e.g. `unexpected option syntax`.
pub fn extract_options(_text: &str) -> Result<(String, OptionMap), Error> {
    todo!()
}

/// Splits a list of `name[options]` at white space outside the brackets (`action = …`).
pub fn split_with_options(_text: &str) -> Vec<String> {
    todo!()
}

/// Splits at white space and commas; empty words vanish (`ignoreip = …`).
pub fn split_words(_text: &str) -> Vec<String> {
    todo!()
}

/// Python's `shlex.split`: the error's text is `No closing quotation` or `No escaped character`.
pub fn shell_split(_text: &str) -> Result<Vec<String>, Error> {
    todo!()
}
