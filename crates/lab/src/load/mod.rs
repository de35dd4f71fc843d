//! Producers that follow a [`LoadSpec`].

use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::error::LabError;
use crate::kafka::KafkaSettings;
use crate::scenario::LoadSpec;

/// Hears about a load as it runs, several times a second and at its first record.
pub trait LoadObserver: Send + Sync {
    /// The load's counts now.
    fn point(&self, point: &LoadPoint);
}

/// A load's counts at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadPoint {
    /// The load's name.
    pub load: Arc<str>,
    /// Where it produces to.
    pub topic: Arc<str>,
    /// When.
    pub at: Timestamp,
    /// Records acknowledged by the broker since the load's start.
    pub produced_total: u64,
    /// Records that could not be delivered.
    pub failed_total: u64,
    /// Iterations that came due and could not be started.
    pub dropped_total: u64,
    /// Handed to the producer, not acknowledged yet.
    pub in_flight: u64,
    /// Records a second by plan; for loops (VUs) what they managed last.
    pub target_rate: f64,
}

/// What a load did.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadSummary {
    /// The load's name.
    pub load: String,
    /// k6's name of its executor.
    pub executor: &'static str,
    /// Iterations that came due by plan (loops: that were started).
    pub due: u64,
    /// Records acknowledged.
    pub produced: u64,
    /// Records that could not be delivered.
    pub failed: u64,
    /// Iterations that came due and could not be started, as k6's `dropped_iterations`.
    pub dropped: u64,
    /// Records that were neither acknowledged nor refused when the graceful stop was over.
    pub unfinished: u64,
    /// From the first to the last iteration.
    #[serde(rename = "durationSeconds", serialize_with = "seconds")]
    pub duration: Duration,
    /// Whether it was stopped before its end.
    pub aborted: bool,
    /// The first delivery error, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_error: Option<String>,
}

fn seconds<S: serde::Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(span.as_secs_f64())
}

impl LoadSummary {
    /// A sentence when the rate could not be kept.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        None
    }
}

/// Runs one load from now on (its `startTime` included) until it is done or stopped.
///
/// # Errors
/// If the Kafka cannot be reached or the topic is not there. Single records that fail are counted instead.
pub async fn run(
    spec: &LoadSpec,
    kafka: &KafkaSettings,
    observer: Arc<dyn LoadObserver>,
    stop: CancellationToken,
) -> Result<LoadSummary, LabError> {
    let _ = (spec, kafka, observer, stop);
    Err(LabError::kafka("", "produce", "not yet"))
}
