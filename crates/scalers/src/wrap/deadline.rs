//! The deadline: no read takes longer than it was given, whatever the source does.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_engine::{ReadError, ReadErrorKind, Reading, Timestamp};

use crate::scaler::Scaler;

pub(super) struct Deadline<S> {
    inner: S,
    kind: Arc<str>,
}

impl<S> Deadline<S> {
    pub(super) fn new(inner: S, kind: &Arc<str>) -> Self {
        Deadline { inner, kind: Arc::clone(kind) }
    }
}

/// The most by which a trigger is told less than its deadline.
pub(super) const GRACE: Duration = Duration::from_millis(100);

/// A trigger is told a little less than its deadline, so that it can say itself what it was waiting for, and where.
fn margin(timeout: Duration) -> Duration {
    (timeout / 20).min(GRACE)
}

#[async_trait]
impl<S: Scaler> Scaler for Deadline<S> {
    async fn read(&self, now: Timestamp, timeout: Duration) -> Result<Reading, ReadError> {
        let answer = tokio::time::timeout(timeout, self.inner.read(now, timeout - margin(timeout))).await;
        answer.unwrap_or_else(|_| {
            let message = format!(
                "reading the {} trigger took longer than the {} ms it was given; look whether its source is overloaded \
                 or hangs",
                self.kind,
                timeout.as_millis()
            );
            Err(ReadError::new(ReadErrorKind::Timeout, message))
        })
    }

    fn time_limit(&self) -> Option<Duration> {
        self.inner.time_limit()
    }
}
