//! From a `datepattern` to Python regex text.

/// The years that `%ExY` accepts: from 2000 to the decade in which the year after next but one lies
/// (upstream computes this once when the program starts; so does the caller).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Years(pub(super) String);

impl Years {
    /// For a program started in this (local) year.
    pub fn around(_year: i32) -> Self {
        todo!()
    }
}
