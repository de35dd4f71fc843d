//! What every trigger can do.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use tidegate_engine::{MetricTarget, ReadError, Reading, Timestamp};

use crate::ports::Resource;

/// A trigger that is connected to its source.
///
/// Retry, timeout, rate limit, metrics and fault injection are wrappers around it, never code inside one.
#[async_trait]
pub trait Scaler: Send + Sync {
    /// Asks the source once. `now` is the time that the reading bears.
    ///
    /// # Errors
    /// Whenever the source did not give a finite, non-negative number that it vouches for. Never a default.
    async fn read(&self, now: Timestamp, timeout: Duration) -> Result<Reading, ReadError>;

    /// How long a read may take by the trigger's own parameters. `None`: the driver's limit for all triggers. Whoever
    /// calls [`Scaler::read`] gives this as `timeout` where it is set.
    fn time_limit(&self) -> Option<Duration> {
        None
    }

    /// The metrics that the source itself names, in its order. `None`: the source names none, and the spec of
    /// [`Checked`](crate::Checked) holds.
    ///
    /// A source that has named its metrics before and cannot be asked now is taken at its last word.
    ///
    /// # Errors
    /// When the source cannot be asked and has never been heard, or names metrics that cannot be used.
    async fn specs(&self, timeout: Duration) -> Result<Option<Vec<MetricSpec>>, ReadError> {
        let _ = timeout;
        Ok(None)
    }

    /// What reads one of the metrics of [`Scaler::specs`], by [`MetricSpec::metric`]. `None`: this scaler reads its only
    /// metric itself.
    fn metric(&self, name: &str) -> Option<Arc<dyn Scaler>> {
        let _ = name;
        None
    }

    /// What the source tells unasked. `None`: nothing ever. The stream never ends; it reconnects by itself and does no
    /// I/O before it is polled, and its connections are closed when it is dropped.
    fn pushes(&self) -> Option<BoxStream<'static, Push>> {
        None
    }
}

/// The scaler of one of the metrics of `scaler`: [`Scaler::metric`], or the scaler itself.
#[must_use]
pub fn metric_of(scaler: &Arc<dyn Scaler>, name: &str) -> Arc<dyn Scaler> {
    scaler.metric(name).unwrap_or_else(|| Arc::clone(scaler))
}

/// What a source tells unasked.
#[derive(Clone, Debug, PartialEq)]
pub enum Push {
    /// There is work now.
    Active,
    /// These are its metrics from now on.
    Specs(Vec<MetricSpec>),
}

/// What the decision needs to know of a trigger besides its readings.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricSpec {
    /// The external metric's name, as `s0-kafka-orders`.
    pub metric: String,
    /// What one replica is meant to take.
    pub target: MetricTarget,
    /// Active above this.
    pub activation: f64,
    /// Equal for triggers that one request can serve together (same source and identity).
    pub source: u64,
    /// How long a read may take by the trigger's own parameters, as [`Scaler::time_limit`].
    pub time_limit: Option<Duration>,
    /// What a HorizontalPodAutoscaler measures itself for this trigger (`cpu`, `memory`).
    pub resource: Option<ResourceMetric>,
}

/// A metric of type `Resource` or `ContainerResource` of a HorizontalPodAutoscaler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceMetric {
    /// What is measured.
    pub resource: Resource,
    /// The only container that counts; `None`: all of a pod's.
    pub container: Option<String>,
    /// The target as written: a percentage, or a Kubernetes quantity as `500m`.
    pub value: String,
}
