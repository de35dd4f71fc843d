//! Counters of the loop, for the console's metrics and for tests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Powers of two of microseconds: the last bucket holds everything from 2^30 µs (18 minutes) on.
const BUCKETS: usize = 31;

/// Counts since the start. Shared; read with [`Stats::snapshot`].
#[derive(Debug, Default)]
pub struct Stats {
    pub(crate) readings: AtomicU64,
    pub(crate) failed_readings: AtomicU64,
    pub(crate) panics: AtomicU64,
    pub(crate) decisions: AtomicU64,
    pub(crate) changes: AtomicU64,
    pub(crate) failed_changes: AtomicU64,
    pub(crate) findings: AtomicU64,
    pub(crate) failed_saves: AtomicU64,
    pub(crate) clock_jumps: AtomicU64,
    reaction: [AtomicU64; BUCKETS],
    slowest: AtomicU64,
}

/// The counts at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatsSnapshot {
    /// Answers of triggers, failed ones too.
    pub readings: u64,
    /// Those that were errors.
    pub failed_readings: u64,
    /// Reads that panicked. Each is also a failed reading.
    pub panics: u64,
    /// Records made.
    pub decisions: u64,
    /// Changes of a replica count that were commanded.
    pub changes: u64,
    /// Those that failed.
    pub failed_changes: u64,
    /// Faults that the checker found in records. Not zero means a bug.
    pub findings: u64,
    /// States that could not be saved.
    pub failed_saves: u64,
    /// Jumps of the wall clock.
    pub clock_jumps: u64,
    /// From a reading's arrival to the change it led to being handed to the workload, 99th percentile (upper edge of
    /// its power-of-two bucket). `None`: no reading has led to a change yet.
    pub reaction_p99: Option<Duration>,
    /// The longest of them.
    pub reaction_max: Duration,
}

impl Stats {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn reacted(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = usize::try_from(u64::BITS - micros.leading_zeros()).unwrap_or(BUCKETS).min(BUCKETS - 1);
        Self::add(&self.reaction[bucket]);
        self.slowest.fetch_max(micros, Ordering::Relaxed);
    }

    fn percentile(&self, share: f64) -> Option<Duration> {
        let counts: Vec<u64> = self.reaction.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let mut seen = 0;
        for (bucket, count) in counts.iter().enumerate() {
            seen += count;
            if *count > 0 && seen as f64 >= share * total as f64 {
                return Some(Duration::from_micros(1 << bucket));
            }
        }
        None
    }

    /// The counts now.
    #[must_use]
    pub fn snapshot(&self) -> StatsSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StatsSnapshot {
            readings: read(&self.readings),
            failed_readings: read(&self.failed_readings),
            panics: read(&self.panics),
            decisions: read(&self.decisions),
            changes: read(&self.changes),
            failed_changes: read(&self.failed_changes),
            findings: read(&self.findings),
            failed_saves: read(&self.failed_saves),
            clock_jumps: read(&self.clock_jumps),
            reaction_p99: self.percentile(0.99),
            reaction_max: Duration::from_micros(read(&self.slowest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentile_is_the_upper_edge_of_its_bucket() {
        let stats = Stats::default();
        assert_eq!(stats.snapshot().reaction_p99, None);
        for _ in 0..99 {
            stats.reacted(Duration::from_micros(100));
        }
        stats.reacted(Duration::from_millis(50));
        let seen = stats.snapshot();
        assert_eq!(seen.reaction_p99, Some(Duration::from_micros(128)));
        assert_eq!(seen.reaction_max, Duration::from_millis(50));
    }
}
