//! Faults made up by tests and by rehearsals: an error, a delay or a panic instead of, or before, the real read.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_engine::{ReadError, Reading, Timestamp};

use crate::scaler::Scaler;

/// Decides at each read what goes wrong. It may wait (a slow source) and it may panic (a fault of ours); `None` lets the
/// real read happen.
#[async_trait]
pub trait Faults: Send + Sync {
    /// Called before each read of a trigger of type `kind`.
    async fn before(&self, kind: &str, metric: &str) -> Option<Result<Reading, ReadError>>;
}

struct Faulty<S> {
    inner: S,
    kind: Arc<str>,
    metric: Arc<str>,
    faults: Option<Arc<dyn Faults>>,
}

pub(super) fn around<S: Scaler>(
    inner: S,
    kind: &Arc<str>,
    metric: &Arc<str>,
    faults: Option<Arc<dyn Faults>>,
) -> impl Scaler + use<S> {
    Faulty { inner, kind: Arc::clone(kind), metric: Arc::clone(metric), faults }
}

#[async_trait]
impl<S: Scaler> Scaler for Faulty<S> {
    async fn read(&self, now: Timestamp, timeout: Duration) -> Result<Reading, ReadError> {
        if let Some(faults) = &self.faults
            && let Some(instead) = faults.before(&self.kind, &self.metric).await
        {
            return instead;
        }
        self.inner.read(now, timeout).await
    }

    fn time_limit(&self) -> Option<Duration> {
        self.inner.time_limit()
    }
}
