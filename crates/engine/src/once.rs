//! One decision from a case: for what-if questions and golden tests.

use std::sync::Arc;

use crate::event::{Command, SavedState, Workload};
use crate::policy::{Policy, TargetId};
use crate::reading::{ReadError, Reading};
use crate::record::{Cause, Outcome, Record};
use crate::recorder::{self, Names};
use crate::target::{Context, Observed, Target};
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

/// Decides once, with all readings known at the same instant, by the same code as [`Engine`](crate::Engine).
#[must_use]
pub fn decide(case: &Case, now: Timestamp) -> Record {
    let mut target = Target::new(case.target.clone(), case.policy.clone(), Some(case.history.clone()), now);
    for (known, outcome) in target.knowledge.iter_mut().zip(&case.readings) {
        if let Some(outcome) = outcome {
            known.take(outcome.clone(), now, now);
        }
    }
    target.observed = match &case.workload {
        Ok(workload) => Observed::Known(*workload),
        Err(error) => Observed::Unknown(error.clone(), None),
    };
    let (mut commands, mut judged, names) = (Vec::new(), Vec::new(), Names::default());
    let mut context = Context { now, commands: &mut commands, judged: &mut judged, names: &names };
    target.decide(Cause::Timer, &mut context);
    let record = std::mem::take(context.commands).into_iter().find_map(|command| match command {
        Command::Emit(record) => Some(Arc::unwrap_or_clone(record)),
        _ => None,
    });
    record.unwrap_or_else(|| recorder::bare(&target, &context, Cause::Timer, Vec::new(), Outcome::Held))
}
