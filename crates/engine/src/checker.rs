//! Examines records against the promises, apart from the decider.

use crate::record::Record;

/// Something a record should not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The promise that it breaks, as "2: within the limits".
    pub promise: &'static str,
    /// What is wrong.
    pub message: String,
}

/// Everything wrong with `record`, seen alone. Empty for a sound one.
#[must_use]
pub fn check(record: &Record) -> Vec<Finding> {
    let _ = record;
    Vec::new()
}
