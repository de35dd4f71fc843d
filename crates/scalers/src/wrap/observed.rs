//! Measuring: how long each read took and how it ended, for metrics and the log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tidegate_engine::{ReadError, Reading, Timestamp};

use crate::scaler::Scaler;

/// One read that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The trigger's type as written.
    pub kind: &'a str,
    /// The external metric's name.
    pub metric: &'a str,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub result: &'a Result<Reading, ReadError>,
}

/// Told of every read of every trigger.
pub trait ReadObserver: Send + Sync {
    /// Must be quick: it runs on the path of the read.
    fn read(&self, observed: &Observed<'_>);
}

pub(super) struct Measured<S> {
    inner: S,
    kind: Arc<str>,
    metric: Arc<str>,
    observer: Arc<dyn ReadObserver>,
}

impl<S> Measured<S> {
    pub(super) fn new(inner: S, kind: Arc<str>, metric: Arc<str>, observer: Arc<dyn ReadObserver>) -> Self {
        Measured { inner, kind, metric, observer }
    }
}

#[async_trait]
impl<S: Scaler> Scaler for Measured<S> {
    async fn read(&self, now: Timestamp, timeout: Duration) -> Result<Reading, ReadError> {
        let begin = Instant::now();
        let result = self.inner.read(now, timeout).await;
        let (kind, metric, took) = (&*self.kind, &*self.metric, begin.elapsed());
        self.observer.read(&Observed { kind, metric, took, result: &result });
        result
    }

    fn time_limit(&self) -> Option<Duration> {
        self.inner.time_limit()
    }
}
