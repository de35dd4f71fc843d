//! Which reads the metrics of each target need, and how long before a question each has to begin.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tidegate_engine::TargetId;
use tidegate_runtime::Sink;

/// The lead of a read that was never timed.
const FIRST_MILLIS: u32 = 500;
/// On top of half as much again as the read takes: it begins a little late on a busy machine.
const MARGIN_MILLIS: u32 = 150;
/// A source that takes longer is answered for from the reading before.
const LONGEST_MILLIS: u32 = 5_000;

/// The reads of all targets. Cheap to clone; clones share.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads {
    targets: Arc<RwLock<HashMap<TargetId, Arc<[Read]>>>>,
}

/// One trigger's.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) metric: Arc<str>,
    /// Its place in the policy.
    pub(super) trigger: usize,
    lead_millis: AtomicU32,
}

impl Read {
    fn new(metric: Arc<str>, trigger: usize) -> Read {
        Read { metric, trigger, lead_millis: AtomicU32::new(FIRST_MILLIS) }
    }

    /// How long before the question it has to begin.
    pub(super) fn lead(&self) -> Duration {
        Duration::from_millis(self.lead_millis.load(Ordering::Relaxed).into())
    }

    /// At once longer after a slow read, and slowly shorter after quick ones.
    fn learn(&self, took: Duration) {
        let took = u32::try_from(took.as_millis()).unwrap_or(u32::MAX).min(LONGEST_MILLIS);
        let needed = (took + took / 2 + MARGIN_MILLIS).min(LONGEST_MILLIS);
        let lead = self.lead_millis.load(Ordering::Relaxed);
        self.lead_millis.store(needed.max(lead - lead.saturating_sub(needed) / 8), Ordering::Relaxed);
    }
}

impl Reads {
    /// Replaces the reads of a target; what was learnt of those that stay is kept.
    pub(super) fn set(&self, target: &TargetId, metrics: Vec<(Arc<str>, usize)>) {
        let known = self.of(target);
        let lead = |metric: &str| {
            let known = known.iter().flat_map(|reads| reads.iter()).find(|read| &*read.metric == metric);
            known.map_or(FIRST_MILLIS, |read| read.lead_millis.load(Ordering::Relaxed))
        };
        let reads = metrics.into_iter().map(|(metric, trigger)| {
            let lead_millis = AtomicU32::new(lead(&metric));
            Read { lead_millis, ..Read::new(metric, trigger) }
        });
        self.targets.write().unwrap_or_else(PoisonError::into_inner).insert(target.clone(), reads.collect());
    }

    pub(super) fn remove(&self, target: &TargetId) {
        self.targets.write().unwrap_or_else(PoisonError::into_inner).remove(target);
    }

    pub(super) fn of(&self, target: &TargetId) -> Option<Arc<[Read]>> {
        self.targets.read().unwrap_or_else(PoisonError::into_inner).get(target).cloned()
    }
}

impl Sink for Reads {
    fn took(&self, target: &TargetId, trigger: usize, took: Duration) {
        let reads = self.of(target);
        let read = reads.iter().flat_map(|reads| reads.iter()).find(|read| read.trigger == trigger);
        read.into_iter().for_each(|read| read.learn(took));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taught(reads: &Reads, target: &TargetId, took_millis: u64, times: usize) -> u128 {
        for _ in 0..times {
            reads.took(target, 0, Duration::from_millis(took_millis));
        }
        reads.of(target).unwrap()[0].lead().as_millis()
    }

    #[test]
    fn the_lead_follows_how_long_reads_take() {
        let (reads, target) = (Reads::default(), TargetId::new("default", "orders"));
        reads.set(&target, vec![("s0-kafka-orders".into(), 0)]);
        assert_eq!(taught(&reads, &target, 20, 0), 500);
        assert!((180..=200).contains(&taught(&reads, &target, 20, 30)), "quick reads shorten it");
        assert_eq!(taught(&reads, &target, 800, 1), 1350, "a slow one makes it longer at once");
        assert!(taught(&reads, &target, 20, 1) > 1000, "and one quick one does not undo that");
        assert_eq!(taught(&reads, &target, 60_000, 1), 5_000, "within bounds");
        reads.set(&target, vec![("s0-kafka-orders".into(), 0), ("s1-cron".into(), 1)]);
        let leads: Vec<u128> = reads.of(&target).unwrap().iter().map(|read| read.lead().as_millis()).collect();
        assert_eq!(leads, [5_000, 500], "an edit forgets nothing");
    }
}
