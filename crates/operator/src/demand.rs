//! Fresh values for whoever asks for metrics: the HorizontalPodAutoscaler asks every 15 seconds, so what it asked for is
//! read just before it asks again.
//!
//! KEDA asks the source while the HorizontalPodAutoscaler waits; here the answer comes from memory, and is older by little
//! more than the time that the source takes to answer.

mod reads;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate_engine::{TargetId, Timestamp};
use tidegate_runtime::{Clock, Handle, Sink, WantedReading};

use crate::hpa::COMPOSITE;
use crate::metrics_api::Demand;
use reads::Reads;

/// How often a HorizontalPodAutoscaler is synced (`--horizontal-pod-autoscaler-sync-period`).
const SYNC: Duration = Duration::from_secs(15);

/// Reads are asked for on this grid, so that those of one source still go together.
const GRID: Duration = Duration::from_millis(250);

/// Asks the live loop for readings. Cheap to clone; clones share.
///
/// What is asked for within one step of the grid is passed on together at its end, where the loop is awake for reads of other
/// triggers: to wake it for each of a thousand HorizontalPodAutoscalers' questions costs more than to answer them.
#[derive(Clone)]
pub(crate) struct FreshReadings {
    handle: Handle,
    clock: Arc<dyn Clock>,
    reads: Reads,
    waiting: Arc<Mutex<Vec<WantedReading>>>,
}

/// Hears from the live loop how long reads take. Cheap to clone; clones share.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadTimes(Reads);

impl ReadTimes {
    pub(crate) fn sink(&self) -> Arc<dyn Sink> {
        Arc::new(self.0.clone())
    }
}

impl FreshReadings {
    pub(crate) fn new(handle: Handle, clock: Arc<dyn Clock>, times: &ReadTimes) -> Self {
        FreshReadings { handle, clock, reads: times.0.clone(), waiting: Arc::default() }
    }

    /// Names the metrics of a target that are not to be answered from the last poll, with their place in its policy.
    pub(crate) fn set(&self, target: &TargetId, metrics: Vec<(Arc<str>, usize)>) {
        self.reads.set(target, metrics);
    }

    pub(crate) fn remove(&self, target: &TargetId) {
        self.reads.remove(target);
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
        let (reads, now) = (self.reads.of(target), self.clock.now());
        let of_metric = |name: &str| metric == COMPOSITE || name.eq_ignore_ascii_case(metric);
        let wanted = reads.iter().flat_map(|reads| reads.iter()).filter(|read| of_metric(&read.metric));
        let wanted = wanted.map(|read| WantedReading {
            target: target.clone(),
            trigger: read.trigger,
            by: begin(now, read.lead()),
        });
        let mut waiting = self.waiting();
        let first = waiting.is_empty();
        waiting.extend(wanted);
        if first && !waiting.is_empty() {
            tokio::spawn(self.clone().pass_on(now));
        }
    }
}

/// When a read has to begin that is asked for next a sync after `asked`.
fn begin(asked: Timestamp, lead: Duration) -> Timestamp {
    on_grid(asked + SYNC.saturating_sub(lead))
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
        assert_eq!(begin(asked, Duration::from_millis(150)), Timestamp::from_millis(1_014_750));
        assert_eq!(begin(asked, Duration::from_millis(1350)), Timestamp::from_millis(1_013_750));
    }
}
