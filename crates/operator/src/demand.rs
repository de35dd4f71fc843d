//! Fresh values for whoever asks for metrics: the HorizontalPodAutoscaler asks every 15 seconds, so what it asked for is
//! read just before it asks again.
//!
//! KEDA asks the source while the HorizontalPodAutoscaler waits; here the answer comes from memory, and is as fresh.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tidegate_engine::{TargetId, Timestamp};
use tidegate_runtime::{Clock, Handle, WantedReading};

use crate::hpa::COMPOSITE;
use crate::metrics_api::Demand;

/// How often a HorizontalPodAutoscaler is synced (`--horizontal-pod-autoscaler-sync-period`).
const SYNC: Duration = Duration::from_secs(15);

/// A source has this long to answer.
const LEAD: Duration = Duration::from_millis(500);

/// Reads are asked for on this grid, so that those of one source still go together.
const GRID: Duration = Duration::from_millis(500);

/// Which reads each metric needs.
type Reads = HashMap<TargetId, Arc<[(Arc<str>, usize)]>>;

/// Asks the live loop for readings. Cheap to clone; clones share.
///
/// What is asked for within one step of the grid is passed on together at its end, where the loop is awake for reads of other
/// triggers: to wake it for each of a thousand HorizontalPodAutoscalers' questions costs more than to answer them.
#[derive(Clone)]
pub(crate) struct FreshReadings {
    handle: Handle,
    clock: Arc<dyn Clock>,
    reads: Arc<RwLock<Reads>>,
    waiting: Arc<Mutex<Vec<WantedReading>>>,
}

impl FreshReadings {
    pub(crate) fn new(handle: Handle, clock: Arc<dyn Clock>) -> Self {
        FreshReadings { handle, clock, reads: Arc::default(), waiting: Arc::default() }
    }

    /// Names the metrics of a target that are not to be answered from the last poll, with their place in its policy.
    pub(crate) fn set(&self, target: &TargetId, metrics: Vec<(Arc<str>, usize)>) {
        self.reads.write().unwrap_or_else(PoisonError::into_inner).insert(target.clone(), metrics.into());
    }

    pub(crate) fn remove(&self, target: &TargetId) {
        self.reads.write().unwrap_or_else(PoisonError::into_inner).remove(target);
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<WantedReading>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pass_on(self, asked: Timestamp) {
        tokio::time::sleep(on_grid(asked + GRID).since(asked)).await;
        let all = std::mem::take(&mut *self.waiting());
        self.handle.want_readings(all);
    }
}

impl Demand for FreshReadings {
    fn asked(&self, target: &TargetId, metric: &str) {
        let reads = self.reads.read().unwrap_or_else(PoisonError::into_inner).get(target).cloned();
        let now = self.clock.now();
        let by = on_grid(now + SYNC - LEAD);
        let of_metric = |name: &str| metric == COMPOSITE || name.eq_ignore_ascii_case(metric);
        let wanted = reads.iter().flat_map(|reads| reads.iter()).filter(|(name, _)| of_metric(name));
        let mut waiting = self.waiting();
        let first = waiting.is_empty();
        waiting.extend(wanted.map(|(_, trigger)| WantedReading { target: target.clone(), trigger: *trigger, by }));
        if first && !waiting.is_empty() {
            tokio::spawn(self.clone().pass_on(now));
        }
    }
}

/// The step of the grid at or before `at`.
fn on_grid(at: Timestamp) -> Timestamp {
    let step = i64::try_from(GRID.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(at.as_millis().div_euclid(step) * step)
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
