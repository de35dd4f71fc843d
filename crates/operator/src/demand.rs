//! Fresh values for whoever asks for metrics: the HorizontalPodAutoscaler asks every 15 seconds, so what it asked for is
//! read just before it asks again.
//!
//! KEDA asks the source while the HorizontalPodAutoscaler waits; here the answer comes from memory, and is as fresh.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tidegate_engine::{TargetId, Timestamp};
use tidegate_runtime::{Clock, Handle};

use crate::hpa::COMPOSITE;
use crate::metrics_api::Demand;

/// How often a HorizontalPodAutoscaler is synced (`--horizontal-pod-autoscaler-sync-period`).
const SYNC: Duration = Duration::from_secs(15);

/// A source has this long to answer.
const LEAD: Duration = Duration::from_millis(500);

/// Reads are asked for on this grid, so that those of one source still go together.
const GRID_MS: i64 = 500;

/// Which reads each metric needs.
type Reads = HashMap<TargetId, Arc<[(Arc<str>, usize)]>>;

/// Asks the live loop for readings. Cheap to clone; clones share.
#[derive(Clone)]
pub(crate) struct FreshReadings {
    handle: Handle,
    clock: Arc<dyn Clock>,
    reads: Arc<RwLock<Reads>>,
}

impl FreshReadings {
    pub(crate) fn new(handle: Handle, clock: Arc<dyn Clock>) -> Self {
        FreshReadings { handle, clock, reads: Arc::default() }
    }

    /// Names the metrics of a target that are not to be answered from the last poll, with their place in its policy.
    pub(crate) fn set(&self, target: &TargetId, metrics: Vec<(Arc<str>, usize)>) {
        self.reads.write().unwrap_or_else(PoisonError::into_inner).insert(target.clone(), metrics.into());
    }

    pub(crate) fn remove(&self, target: &TargetId) {
        self.reads.write().unwrap_or_else(PoisonError::into_inner).remove(target);
    }
}

impl Demand for FreshReadings {
    fn asked(&self, target: &TargetId, metric: &str) {
        let reads = self.reads.read().unwrap_or_else(PoisonError::into_inner).get(target).cloned();
        let by = on_grid(self.clock.now() + SYNC - LEAD);
        for (name, trigger) in reads.iter().flat_map(|reads| reads.iter()) {
            if metric == COMPOSITE || name.eq_ignore_ascii_case(metric) {
                self.handle.want_reading(target.clone(), *trigger, by);
            }
        }
    }
}

fn on_grid(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis().div_euclid(GRID_MS) * GRID_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_fall_on_the_grid_before_the_next_sync() {
        let asked = Timestamp::from_millis(1_000_123);
        assert_eq!(on_grid(asked + SYNC - LEAD), Timestamp::from_millis(1_014_500));
    }
}
