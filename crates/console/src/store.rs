//! What the console remembers.

use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::{ReadError, Reading, Record, TargetId, Timestamp, Workload};

use crate::info::{LoadPoint, TargetInfo};

/// How much a [`Store`] keeps and how it presents itself.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Version shown on the page and in `keda_build_info`.
    pub version: String,
    /// Commit shown in `keda_build_info`.
    pub git_commit: String,
    /// Host names accepted in a request's `Host` beside the loopback names. `*` accepts any.
    pub allowed_hosts: Vec<String>,
    /// Decision records kept in all, shared evenly by the targets.
    pub max_records: usize,
    /// Partitions with a series of their own, in all.
    pub max_partition_series: usize,
    /// Streams open at once.
    pub max_streams: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            git_commit: "unknown".to_owned(),
            allowed_hosts: Vec::new(),
            max_records: 6_000,
            max_partition_series: 500,
            max_streams: 64,
        }
    }
}

/// A bounded memory of every target's recent past.
#[derive(Debug)]
pub struct Store {
    options: StoreOptions,
}

impl Store {
    /// An empty store.
    #[must_use]
    pub fn new(options: StoreOptions) -> Arc<Self> {
        Arc::new(Store { options })
    }

    /// A target was added or its manifest changed.
    pub fn target(&self, target: &TargetId, info: TargetInfo) {
        let _ = (target, info, &self.options);
    }

    /// A target is gone; everything about it is forgotten.
    pub fn remove_target(&self, target: &TargetId) {
        let _ = target;
    }

    /// A decision was made.
    pub fn record(&self, record: &Arc<Record>) {
        let _ = record;
    }

    /// A trigger's source answered, or did not, at `at`.
    pub fn reading(
        &self,
        target: &TargetId,
        trigger: usize,
        metric: &str,
        outcome: &Result<Reading, ReadError>,
        at: Timestamp,
    ) {
        let _ = (target, trigger, metric, outcome, at);
    }

    /// How long a trigger's source took to answer.
    pub fn reading_took(&self, target: &TargetId, trigger: usize, took: Duration) {
        let _ = (target, trigger, took);
    }

    /// How late the loop came to a target that was due (`keda_internal_scale_loop_latency_seconds`).
    pub fn lateness(&self, target: &TargetId, late: Duration) {
        let _ = (target, late);
    }

    /// A workload's counts, as they were seen at `at`.
    pub fn workload(&self, target: &TargetId, workload: &Workload, at: Timestamp) {
        let _ = (target, workload, at);
    }

    /// What the load generator has done so far.
    pub fn load(&self, point: LoadPoint) {
        let _ = point;
    }

    /// Adds to what is wrong now, until [`Store::clear_problems`].
    pub fn problem(&self, text: impl Into<String>) {
        let _: String = text.into();
    }

    /// Nothing is wrong any more.
    pub fn clear_problems(&self) {}

    /// Replaces everything that `source` (as a file's name) had found wrong; an empty list clears it.
    pub fn set_problems(&self, source: &str, texts: Vec<String>) {
        let _ = (source, texts);
    }

    /// How many objects of a kind (as `trigger_authentication`) a namespace has (`keda_resource_registered_total`).
    pub fn resources(&self, kind: &str, namespace: &str, count: usize) {
        let _ = (kind, namespace, count);
    }
}
