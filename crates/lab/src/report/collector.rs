//! Listens to a run and keeps what the report needs, within bounds.

use std::path::Path;
use std::sync::Arc;

use tidegate_engine::{Policy, ReadError, Reading, Record, TargetId, Timestamp, Workload};

use crate::load::{LoadPoint, LoadSummary};

/// How a collector works.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CollectorOptions {
    /// Lag above this many records counts as late.
    pub lag_target: Option<u64>,
}

/// Something that happened to a pod's process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessEvent {
    /// Whose pod.
    pub target: TargetId,
    /// The pod's name.
    pub pod: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: ProcessWhat,
}

/// What happened to a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessWhat {
    /// It was started.
    Started,
    /// It became ready.
    Ready,
    /// It was asked to stop.
    Stopping,
    /// It ended, with its exit code if it had one.
    Exited {
        /// The code; `None` when a signal ended it.
        code: Option<i32>,
    },
}

/// Listens to a run. Cheap to share; every method takes the time from its caller.
#[derive(Debug, Default)]
pub struct Collector {
    options: CollectorOptions,
}

impl Collector {
    /// One that has heard nothing yet.
    #[must_use]
    pub fn new(options: CollectorOptions) -> Self {
        Collector { options }
    }

    /// A target appeared or changed (`Some`), or is gone (`None`).
    pub fn target(&self, target: &TargetId, policy: Option<&Policy>) {
        let _ = (target, policy, &self.options);
    }

    /// A decision was made.
    pub fn record(&self, record: &Arc<Record>) {
        let _ = record;
    }

    /// A source was read.
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

    /// A workload was looked at.
    pub fn workload(&self, target: &TargetId, workload: &Workload, at: Timestamp) {
        let _ = (target, workload, at);
    }

    /// A load's counts.
    pub fn load(&self, point: &LoadPoint) {
        let _ = point;
    }

    /// A load is over.
    pub fn load_finished(&self, summary: &LoadSummary) {
        let _ = summary;
    }

    /// Something happened to a pod's process.
    pub fn process(&self, event: ProcessEvent) {
        let _ = event;
    }

    /// Where a pod's consumer writes its events (`TIDEGATE_EVENTS_FILE`); read when the report is written.
    pub fn consumer_events_file(&self, target: &TargetId, pod: &str, path: &Path) {
        let _ = (target, pod, path);
    }
}
