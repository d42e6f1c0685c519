//! Options by name, in the order in which they were met.

use crate::value::Value;

/// Options of one jail, filter or action: name → value, in insertion order (the order is visible in
/// the command stream). `Value::None` is an option that is present but has no valid value.
pub type OptionMap = indexmap::IndexMap<String, Value>;
