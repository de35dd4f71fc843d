//! What every trigger can do.

use std::time::Duration;

use async_trait::async_trait;
use tidegate_engine::{MetricTarget, ReadError, Reading, Timestamp};

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
}
