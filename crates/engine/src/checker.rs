//! Examines records against the promises, apart from the decider.
//!
//! Nothing here uses the decider's code: what the two have in common is the record alone. So a fault in the arithmetic
//! is found by a second pair of eyes, on every decision of every test and, since a sound record costs no allocation,
//! on every live decision too. It works as well on a record read back from JSON Lines, where reasons are plain text.
//!
//! - [`check`] looks at one record by itself.
//! - [`recompute`] works the wanted counts and the final number out again from what the record says.
//! - [`Follower`] looks at the records of one target in order: sequence, windows, changes that nobody explained.
//!
//! Each promise has a short stable name, listed with its sentence in [`PROMISES`].

mod follower;
mod limits;
mod numbers;
mod recompute;
mod steps;
#[cfg(test)]
mod tests;
mod window;

use crate::record::Record;

pub use follower::Follower;
pub use recompute::{RecomputeError, recompute};

/// Something a record should not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The short name of the promise that it breaks; one of [`PROMISES`].
    pub promise: &'static str,
    /// What is wrong.
    pub message: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {}", self.promise, self.message)
    }
}

pub(crate) const FORMAT_NAME: &str = "format";
pub(crate) const FINITE: &str = "finite";
pub(crate) const ERROR_VALUE: &str = "error-value";
pub(crate) const AGE: &str = "age";
pub(crate) const CHAIN: &str = "chain";
pub(crate) const BOUND_BY: &str = "bound-by";
pub(crate) const RULE: &str = "rule";
pub(crate) const LIMITS: &str = "limits";
pub(crate) const USEFUL: &str = "useful";
pub(crate) const BUSY: &str = "busy";
pub(crate) const HOLD: &str = "hold";
pub(crate) const ACTIVE: &str = "active";
pub(crate) const COOLDOWN: &str = "cooldown";
pub(crate) const OUTCOME: &str = "outcome";
pub(crate) const NEXT: &str = "next";
pub(crate) const RECOMPUTE: &str = "recompute";
pub(crate) const SEQUENCE: &str = "sequence";
pub(crate) const UNRECORDED: &str = "unrecorded-change";
pub(crate) const WINDOW: &str = "window";
pub(crate) const STABILIZATION: &str = "stabilization";

/// Every promise: its short name and what it says. The names are stable; metrics and tests refer to them.
pub const PROMISES: &[(&str, &str)] = &[
    (FORMAT_NAME, "a record names the format it is written in, and counts from 1"),
    (FINITE, "no value is NaN, infinite or negative, and no target is zero"),
    (ERROR_VALUE, "a reading that failed has no value unless a fallback stands in; what is not known is not active"),
    (AGE, "the age of a reading is the time from the reading to the decision"),
    (CHAIN, "steps start at the current count, each starts where the one before ended, the last ends at the result"),
    (BOUND_BY, "the rule that bound the result is one of the steps, and a change has one"),
    (RULE, "each rule moves the number only in the way that rule can"),
    (LIMITS, "never above max or below min, unless a step names what allows it"),
    (USEFUL, "never above what the sources can keep busy, unless a step names what allows it"),
    (BUSY, "never below the pods that are known to be busy, unless the annotations or the user's removal say so"),
    (HOLD, "never down, and never to zero, while something needed is not known"),
    (ACTIVE, "the workload is active exactly when a trigger or the formula is, or it is forced"),
    (COOLDOWN, "nothing goes to zero or idle while a trigger is active or a cooldown runs"),
    (OUTCOME, "what was done agrees with the numbers and the mode"),
    (NEXT, "the next change does not lie in the past"),
    (RECOMPUTE, "the wanted counts and the result can be worked out again from the record"),
    (SEQUENCE, "records of a target count up by one and name the same target"),
    (UNRECORDED, "the replica count changes only by a record, or by somebody else and then a record says so"),
    (WINDOW, "the policies' steps are kept within each of their periods"),
    (STABILIZATION, "scale-in goes no lower than the highest recommendation of the window"),
];

/// Where findings go. Holds nothing, and so allocates nothing, while a record is sound.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    /// Notes that `promise` is broken, unless `kept`. The message is made only then.
    pub(crate) fn require(&mut self, kept: bool, promise: &'static str, message: impl FnOnce() -> String) {
        if !kept {
            self.0.push(Finding { promise, message: message() });
        }
    }
}

/// Everything wrong with `record`, seen alone. Empty for a sound one, and then nothing was allocated.
#[must_use]
pub fn check(record: &Record) -> Vec<Finding> {
    let mut findings = Findings::default();
    numbers::check(record, &mut findings);
    steps::check(record, &mut findings);
    limits::check(record, &mut findings);
    if let Err(error) = recompute(record) {
        findings.require(false, RECOMPUTE, || error.to_string());
    }
    findings.0
}
