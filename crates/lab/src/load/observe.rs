//! Tells an observer how a load goes, in step with the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::sender::Counts;
use super::{LoadObserver, LoadPoint};
use crate::consume::now;
use crate::scenario::LoadSpec;

/// How often an observer hears of a load.
pub(super) const OBSERVE_EVERY: Duration = Duration::from_millis(200);

/// One load's reports to its observer.
pub(super) struct Watch {
    observer: Arc<dyn LoadObserver>,
    load: Arc<str>,
    topic: Arc<str>,
    counts: Arc<Counts>,
    dropped: AtomicU64,
}

impl Watch {
    pub(super) fn new(spec: &LoadSpec, observer: Arc<dyn LoadObserver>, counts: Arc<Counts>) -> Self {
        Watch {
            observer,
            load: spec.name.as_str().into(),
            topic: spec.topic.as_str().into(),
            counts,
            dropped: AtomicU64::new(0),
        }
    }

    pub(super) fn drop_iterations(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Reports the counts as they are, with the rate by plan.
    pub(super) fn report(&self, target_rate: f64) {
        self.observer.point(&LoadPoint {
            load: Arc::clone(&self.load),
            topic: Arc::clone(&self.topic),
            at: now(),
            produced_total: Counts::read(&self.counts.acknowledged),
            failed_total: Counts::read(&self.counts.failed),
            dropped_total: self.dropped(),
            in_flight: self.counts.in_flight(),
            target_rate,
        });
    }
}
