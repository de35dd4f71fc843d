//! Measuring: how long each read took and how it ended, and the calls that it made, for metrics and the log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tidegate_engine::{ReadError, Reading, Timestamp};

use crate::scaler::Scaler;

/// Which trigger it is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TriggerName {
    /// The ScaledObject's namespace.
    pub namespace: String,
    /// The ScaledObject's name.
    pub scaled_object: String,
    /// The trigger's type as written.
    pub kind: String,
    /// Its name; empty for one without.
    pub trigger: String,
    /// The external metric's name.
    pub metric: String,
}

/// One read that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The trigger's type as written.
    pub kind: &'a str,
    /// The external metric's name.
    pub metric: &'a str,
    /// Whose read it was.
    pub name: &'a TriggerName,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub result: &'a Result<Reading, ReadError>,
}

/// One request over HTTP that a read has made and that has ended.
#[derive(Clone, Copy, Debug)]
pub struct HttpCall<'a> {
    /// Whose read it was for. Several triggers that ask the same at the same time share one request; each is told.
    pub name: &'a TriggerName,
    /// The status of the answer; `None` when there was none.
    pub status: Option<u16>,
    /// How long it took.
    pub took: Duration,
}

/// Told of every read of every trigger. It must be quick: it runs on the path of the read.
pub trait ReadObserver: Send + Sync {
    /// A read has ended.
    fn read(&self, observed: &Observed<'_>) {
        let _ = observed;
    }

    /// A request has ended.
    fn http(&self, call: &HttpCall<'_>) {
        let _ = call;
    }

    /// A source had an empty answer where a number was expected; `ignored`: the trigger's parameters make 0 of that.
    fn empty_answer(&self, name: &TriggerName, ignored: bool) {
        let _ = (name, ignored);
    }
}

/// Where one trigger tells of its calls.
#[derive(Clone, Default)]
pub(crate) struct Telemetry(Option<(Arc<dyn ReadObserver>, Arc<TriggerName>)>);

impl Telemetry {
    pub(crate) fn new(observer: Option<Arc<dyn ReadObserver>>, name: &Arc<TriggerName>) -> Self {
        Telemetry(observer.map(|observer| (observer, Arc::clone(name))))
    }

    /// A request begun at `begin` has ended.
    pub(crate) fn http(&self, status: Option<u16>, begin: Instant) {
        if let Some((observer, name)) = &self.0 {
            observer.http(&HttpCall { name, status, took: begin.elapsed() });
        }
    }

    /// The source had an empty answer.
    pub(crate) fn empty_answer(&self, ignored: bool) {
        if let Some((observer, name)) = &self.0 {
            observer.empty_answer(name, ignored);
        }
    }
}

pub(super) struct Measured<S> {
    inner: S,
    name: Arc<TriggerName>,
    observer: Arc<dyn ReadObserver>,
}

impl<S> Measured<S> {
    pub(super) fn new(inner: S, name: Arc<TriggerName>, observer: Arc<dyn ReadObserver>) -> Self {
        Measured { inner, name, observer }
    }
}

#[async_trait]
impl<S: Scaler> Scaler for Measured<S> {
    async fn read(&self, now: Timestamp, timeout: Duration) -> Result<Reading, ReadError> {
        let begin = Instant::now();
        let result = self.inner.read(now, timeout).await;
        let (name, took) = (&*self.name, begin.elapsed());
        self.observer.read(&Observed { kind: &name.kind, metric: &name.metric, name, took, result: &result });
        result
    }

    fn time_limit(&self) -> Option<Duration> {
        self.inner.time_limit()
    }
}
