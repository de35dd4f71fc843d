//! What the live loop needs of the world, as traits; crates `local` and `operator` implement them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_engine::{Finding, Policy, ReadError, Reading, Record, SavedState, TargetId, Timestamp, Workload};

/// Counts and changes of scaled workloads.
///
/// Changes that happen by themselves (a pod became ready, somebody scaled by hand) are pushed with
/// [`Handle::observed`](crate::Handle::observed); the loop asks only when a target is new.
#[async_trait]
pub trait Workloads: Send + Sync {
    /// The counts now.
    ///
    /// # Errors
    /// When they cannot be known; the engine then moves nothing.
    async fn observe(&self, target: &TargetId) -> Result<Workload, ReadError>;

    /// Sets the replica count. `record` is the decision that asked for it.
    ///
    /// # Errors
    /// When it was not done; the engine records that and tries again.
    async fn set_replicas(
        &self,
        target: &TargetId,
        replicas: u32,
        record: Option<&Arc<Record>>,
    ) -> Result<(), ReadError>;
}

/// Keeps what must survive a restart. Called from a blocking thread, never from the loop.
pub trait StateStore: Send + Sync {
    /// What was saved last, if anything.
    ///
    /// # Errors
    /// When there is something and it cannot be read.
    fn load(&self, target: &TargetId) -> Result<Option<SavedState>, StateError>;

    /// Replaces what was saved.
    ///
    /// # Errors
    /// When it is not safely stored. It is tried again with the next state.
    fn save(&self, target: &TargetId, state: &SavedState) -> Result<(), StateError>;

    /// Forgets a target that was removed.
    ///
    /// # Errors
    /// When it is still there.
    fn remove(&self, target: &TargetId) -> Result<(), StateError>;
}

/// Why a state could not be loaded or saved: what was being done, to what, and what was found.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StateError(pub String);

/// A store that keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoStates;

impl StateStore for NoStates {
    fn load(&self, _target: &TargetId) -> Result<Option<SavedState>, StateError> {
        Ok(None)
    }

    fn save(&self, _target: &TargetId, _state: &SavedState) -> Result<(), StateError> {
        Ok(())
    }

    fn remove(&self, _target: &TargetId) -> Result<(), StateError> {
        Ok(())
    }
}

/// Somebody who wants to know what happens. Called from the loop itself: it must return quickly and never block.
pub trait Sink: Send + Sync {
    /// A decision was made.
    fn record(&self, record: &Arc<Record>) {
        let _ = record;
    }

    /// A trigger was read.
    fn reading(
        &self,
        target: &TargetId,
        trigger: usize,
        metric: &str,
        outcome: &Result<Reading, ReadError>,
        at: Timestamp,
    ) {
        let _ = (target, trigger, metric, outcome, at);
    }

    /// A timer asked for a read of this target so long after its time.
    fn late(&self, target: &TargetId, late: Duration) {
        let _ = (target, late);
    }

    /// The read of that trigger took so long, whatever came of it, from the time that it was asked for.
    fn took(&self, target: &TargetId, trigger: usize, took: Duration) {
        let _ = (target, trigger, took);
    }

    /// The workload's counts were looked at or changed.
    fn workload(&self, target: &TargetId, workload: &Workload, at: Timestamp) {
        let _ = (target, workload, at);
    }

    /// A target was added or changed, or removed (`None`).
    fn target(&self, target: &TargetId, policy: Option<&Policy>) {
        let _ = (target, policy);
    }

    /// The checker found fault with a record. It has been logged and counted already.
    fn finding(&self, record: &Arc<Record>, finding: &Finding) {
        let _ = (record, finding);
    }

    /// The state of a target could not be saved or loaded (`None`: it works again).
    fn state_problem(&self, problem: Option<&str>) {
        let _ = problem;
    }
}
