//! A last look at every reading: what is not a finite number of zero or more is an error, whichever trigger made it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_engine::{ReadError, ReadErrorKind, Reading, Timestamp};

use crate::scaler::Scaler;

pub(super) struct Sound<S> {
    inner: S,
    kind: Arc<str>,
}

impl<S> Sound<S> {
    pub(super) fn new(inner: S, kind: &Arc<str>) -> Self {
        Sound { inner, kind: Arc::clone(kind) }
    }
}

#[async_trait]
impl<S: Scaler> Scaler for Sound<S> {
    async fn read(&self, now: Timestamp, timeout: Duration) -> Result<Reading, ReadError> {
        let reading = self.inner.read(now, timeout).await?;
        if reading.is_sound() {
            return Ok(reading);
        }
        let value = reading.value;
        let message =
            format!("the {} trigger came to {value}, which is no metric; expected a number from 0 on", self.kind);
        Err(ReadError::new(ReadErrorKind::Invalid, message))
    }

    fn time_limit(&self) -> Option<Duration> {
        self.inner.time_limit()
    }
}
