//! Isolation of panics: a fault in one trigger is that trigger's error and nobody else's.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use tidegate_engine::{ReadError, ReadErrorKind, Reading, Timestamp};

use crate::scaler::Scaler;

pub(super) struct Caught<S> {
    inner: S,
    kind: Arc<str>,
}

impl<S> Caught<S> {
    pub(super) fn new(inner: S, kind: &Arc<str>) -> Self {
        Caught { inner, kind: Arc::clone(kind) }
    }
}

#[async_trait]
impl<S: Scaler> Scaler for Caught<S> {
    async fn read(&self, now: Timestamp, timeout: Duration) -> Result<Reading, ReadError> {
        // A trigger keeps its state behind locks that survive a panic, so going on with it is sound.
        AssertUnwindSafe(self.inner.read(now, timeout)).catch_unwind().await.unwrap_or_else(|_| {
            // The panic's own text is left to the panic hook: it may quote what was being read.
            let message = format!(
                "reading the {} trigger failed through a fault in Tidegate itself; please report it with the log's \
                 line about the panic",
                self.kind
            );
            Err(ReadError::new(ReadErrorKind::Internal, message))
        })
    }

    fn time_limit(&self) -> Option<Duration> {
        self.inner.time_limit()
    }
}
