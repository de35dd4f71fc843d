//! One decision from a case: for what-if questions and golden tests.

use std::sync::Arc;

use crate::event::{SavedState, Workload};
use crate::policy::{Policy, TargetId};
use crate::reading::{ReadError, Reading};
use crate::record::{Cause, FORMAT, Limits, Outcome, Record, Rule};
use crate::time::Timestamp;

/// Everything a single decision depends on.
#[derive(Clone, Debug)]
pub struct Case {
    /// Whose decision it is.
    pub target: TargetId,
    /// What the manifest asks for.
    pub policy: Arc<Policy>,
    /// The workload's counts, or why they cannot be known.
    pub workload: Result<Workload, ReadError>,
    /// What each trigger's source said, by the trigger's index. `None`, or a missing entry: it was not read.
    pub readings: Vec<Option<Result<Reading, ReadError>>>,
    /// What happened before. Failures are those in a row before this reading.
    pub history: SavedState,
}

/// Decides once, with all readings known at the same instant, by the same rules as [`Engine`](crate::Engine).
#[must_use]
pub fn decide(case: &Case, now: Timestamp) -> Record {
    Record {
        format: FORMAT.into(),
        sequence: 1,
        at: now,
        target: case.target.clone(),
        cause: Cause::Timer,
        mode: case.policy.mode,
        workload: case.workload.as_ref().ok().copied(),
        readings: Vec::new(),
        formula: None,
        active: false,
        steps: Vec::new(),
        bound_by: Rule::None,
        desired_replicas: 0,
        limits: Limits::default(),
        result: Outcome::Held,
        next: None,
    }
}
