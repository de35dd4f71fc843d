//! What is around every trigger, never inside one. From the outside in: measuring, a last look at the reading, the
//! deadline, isolation of panics, faults made up by tests, the trigger itself.

mod caught;
mod deadline;
mod faults;
mod observed;
mod sound;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use futures::stream::BoxStream;
use tidegate_engine::{ReadError, ReadErrorKind, Reading, Timestamp};

use crate::clients::Clients;
use crate::scaler::{MetricSpec, Push, Scaler};
use crate::trigger::Trigger;

pub use faults::Faults;
pub(crate) use observed::Telemetry;
pub use observed::{HttpCall, Observed, ReadObserver, TriggerName};

/// A trigger as a scaler, with nothing around it.
struct Bare<T>(Arc<T>);

#[async_trait]
impl<T: Trigger> Scaler for Bare<T> {
    async fn read(&self, now: Timestamp, timeout: Duration) -> Result<Reading, ReadError> {
        self.0.read(now, timeout).await
    }

    fn time_limit(&self) -> Option<Duration> {
        self.0.time_limit()
    }
}

/// A trigger with all wrappers around its reads.
struct Whole<T> {
    trigger: Arc<T>,
    wrapped: Arc<dyn Scaler>,
    name: Arc<TriggerName>,
    clients: Clients,
}

#[async_trait]
impl<T: Trigger> Scaler for Whole<T> {
    async fn read(&self, now: Timestamp, timeout: Duration) -> Result<Reading, ReadError> {
        self.wrapped.read(now, timeout).await
    }

    fn time_limit(&self) -> Option<Duration> {
        self.trigger.time_limit()
    }

    async fn specs(&self, timeout: Duration) -> Result<Option<Vec<MetricSpec>>, ReadError> {
        let kind = &self.name.kind;
        let asked = AssertUnwindSafe(self.trigger.specs(timeout)).catch_unwind();
        match tokio::time::timeout(timeout.saturating_add(deadline::GRACE), asked).await {
            Ok(Ok(specs)) => specs,
            Ok(Err(_)) => {
                let message = format!(
                    "asking the {kind} trigger for its metrics failed through a fault in Tidegate itself; please report \
                     it with the log's line about the panic"
                );
                Err(ReadError::new(ReadErrorKind::Internal, message))
            }
            Err(_) => {
                let message = format!("asking the {kind} trigger for its metrics took longer than {timeout:?}");
                Err(ReadError::new(ReadErrorKind::Timeout, message))
            }
        }
    }

    fn metric(&self, name: &str) -> Option<Arc<dyn Scaler>> {
        let trigger = self.trigger.metric(name)?;
        let name = TriggerName { metric: name.to_owned(), ..TriggerName::clone(&self.name) };
        Some(all(trigger, Arc::new(name), &self.clients))
    }

    fn pushes(&self) -> Option<BoxStream<'static, Push>> {
        self.trigger.pushes()
    }
}

/// Puts all wrappers around a trigger.
pub(crate) fn all<T: Trigger>(trigger: T, name: Arc<TriggerName>, clients: &Clients) -> Arc<dyn Scaler> {
    let trigger = Arc::new(trigger);
    let (kind, metric): (Arc<str>, Arc<str>) = (name.kind.as_str().into(), name.metric.as_str().into());
    let scaler = faults::around(Bare(Arc::clone(&trigger)), &kind, &metric, clients.faults());
    let scaler = caught::Caught::new(scaler, &kind);
    let scaler = deadline::Deadline::new(scaler, &kind);
    let scaler = sound::Sound::new(scaler, &kind);
    let wrapped: Arc<dyn Scaler> = match clients.observer() {
        Some(observer) => Arc::new(observed::Measured::new(scaler, Arc::clone(&name), observer)),
        None => Arc::new(scaler),
    };
    Arc::new(Whole { trigger, wrapped, name, clients: clients.clone() })
}
