//! Producers that follow a [`LoadSpec`].
//!
//! Arrival-rate executors are an open model: what is due starts by the clock, up to some 50,000 records a second in
//! batches of 5 ms. What cannot be started is dropped, counted and said ([`LoadSummary::warning`]), never made up for.

mod arrivals;
mod loops;
mod message;
mod observe;
mod plan;
mod sender;

use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::error::LabError;
use crate::kafka::KafkaSettings;
use crate::scenario::{Executor, LoadSpec};
use observe::Watch;
use sender::{Counts, Sender};

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
    /// A sentence when the rate could not be kept or records were lost.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let share =
            |count: u64| format!("{count} of {} ({:.1} %)", self.due, 100.0 * count as f64 / self.due.max(1) as f64);
        let mut parts = Vec::new();
        if self.dropped > 0 {
            parts.push(format!(
                "could not keep the rate: {} iterations were dropped, since as many records as maxVUs allows were \
                 unacknowledged; raise maxVUs, lower the rate, or see what slows the broker",
                share(self.dropped)
            ));
        }
        if self.failed > 0 {
            let error = self.first_error.as_deref().unwrap_or("no reason given");
            parts.push(format!("{} records were not delivered, the first because: {error}", share(self.failed)));
        }
        if self.unfinished > 0 {
            parts.push(format!("{} records were not acknowledged within gracefulStop", share(self.unfinished)));
        }
        if parts.is_empty() { None } else { Some(format!("load {}: {}", self.load, parts.join("; "))) }
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
    let begin = tokio::time::Instant::now();
    let sender = Arc::new(Sender::connect(spec, kafka).await?);
    let counts = Arc::clone(&sender.counts);
    let watch = Watch::new(spec, observer, Arc::clone(&counts));
    watch.report(0.0);
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep_until(begin + spec.start_time) => {}
    }
    let started = tokio::time::Instant::now();
    let due = match &spec.executor {
        _ if stop.is_cancelled() => 0,
        Executor::Arrivals(arrivals) => arrivals::run(arrivals, &sender, &watch, &stop).await,
        executor => loops::run(executor, &sender, &watch, &stop).await,
    };
    let duration = started.elapsed();
    let unfinished = match Arc::try_unwrap(sender) {
        Ok(sender) => sender.finish(spec.graceful_stop).await,
        Err(sender) => sender.counts.in_flight(),
    };
    watch.report(0.0);
    Ok(LoadSummary {
        load: spec.name.clone(),
        executor: spec.executor.name(),
        due,
        produced: Counts::read(&counts.acknowledged),
        failed: Counts::read(&counts.failed),
        dropped: watch.dropped(),
        unfinished,
        duration,
        aborted: stop.is_cancelled(),
        first_error: counts.first_error.lock().ok().and_then(|error| error.clone()),
    })
}
