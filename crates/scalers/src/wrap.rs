//! What is around every trigger, never inside one. From the outside in: measuring, a last look at the reading, the
//! deadline, isolation of panics, faults made up by tests, the trigger itself.

mod caught;
mod deadline;
mod faults;
mod observed;
mod sound;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_engine::{ReadError, Reading, Timestamp};

use crate::clients::Clients;
use crate::scaler::Scaler;
use crate::trigger::Trigger;

pub use faults::Faults;
pub use observed::{Observed, ReadObserver};

/// A trigger as a scaler, with nothing around it.
struct Bare<T>(T);

#[async_trait]
impl<T: Trigger> Scaler for Bare<T> {
    async fn read(&self, now: Timestamp, timeout: Duration) -> Result<Reading, ReadError> {
        self.0.read(now, timeout).await
    }

    fn time_limit(&self) -> Option<Duration> {
        self.0.time_limit()
    }
}

/// Puts all wrappers around a trigger.
pub(crate) fn all<T: Trigger>(trigger: T, kind: Arc<str>, metric: Arc<str>, clients: &Clients) -> Arc<dyn Scaler> {
    let scaler = faults::around(Bare(trigger), &kind, &metric, clients.faults());
    let scaler = caught::Caught::new(scaler, &kind);
    let scaler = deadline::Deadline::new(scaler, &kind);
    let scaler = sound::Sound::new(scaler, &kind);
    match clients.observer() {
        Some(observer) => Arc::new(observed::Measured::new(scaler, kind, metric, observer)),
        None => Arc::new(scaler),
    }
}
