//! A consumer's figures, counted as it works and shown at `/metrics`.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::ConsumeSummary;

/// Counters, shared between the worker, the library's callbacks and the HTTP responder.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) processed: AtomicU64,
    pub(crate) skipped: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) rebalances: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) commit_errors: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) assigned: AtomicU64,
    pub(crate) busy: AtomicBool,
    pub(crate) joined: AtomicBool,
}

impl Figures {
    pub(crate) fn add(counter: &AtomicU64, amount: u64) {
        counter.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn summary(&self) -> ConsumeSummary {
        ConsumeSummary {
            processed: self.processed.load(Ordering::Relaxed),
            skipped: self.skipped.load(Ordering::Relaxed),
            retried: self.retried.load(Ordering::Relaxed),
            rebalances: self.rebalances.load(Ordering::Relaxed),
            commits: self.commits.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// In Prometheus' text format.
    pub(crate) fn render(&self, group: &str) -> String {
        let group = group.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = [
            ("records_processed_total", "Records worked through", load(&self.processed)),
            ("records_skipped_total", "Records passed over since they failed", load(&self.skipped)),
            ("records_retried_total", "Times that a record was worked on again", load(&self.retried)),
            ("record_bytes_total", "Bytes of the values worked through", load(&self.bytes)),
            ("rebalances_total", "Assignments received from the group", load(&self.rebalances)),
            ("commits_total", "Commits acknowledged by the group's coordinator", load(&self.commits)),
            ("commit_errors_total", "Commits that failed", load(&self.commit_errors)),
        ];
        let gauges = [
            ("assigned_partitions", "Partitions held now", load(&self.assigned)),
            ("busy", "1 while a record is being worked on", u64::from(self.busy.load(Ordering::Relaxed))),
        ];
        let mut text = String::new();
        let rows = counters.iter().map(|row| ("counter", row)).chain(gauges.iter().map(|row| ("gauge", row)));
        for (kind, (name, help, value)) in rows {
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "# HELP tidegate_consumer_{name} {help}\n# TYPE tidegate_consumer_{name} {kind}\n\
                 tidegate_consumer_{name}{{group=\"{group}\"}} {value}\n"
            );
        }
        text
    }
}
