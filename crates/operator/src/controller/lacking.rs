//! A trigger that is not given what it needs: a Secret or an authentication that is not there (yet).
//!
//! It fails at each poll, so that failures count and a fallback comes, and it never asks its source without credentials.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_engine::{ReadError, ReadErrorKind, Reading, Timestamp};
use tidegate_scalers::Scaler;

struct Lacking(ReadError);

/// One that fails for this reason.
pub(super) fn scaler(why: String) -> Arc<dyn Scaler> {
    Arc::new(Lacking(ReadError::new(ReadErrorKind::Configuration, why)))
}

#[async_trait]
impl Scaler for Lacking {
    async fn read(&self, _now: Timestamp, _timeout: Duration) -> Result<Reading, ReadError> {
        Err(self.0.clone())
    }
}
