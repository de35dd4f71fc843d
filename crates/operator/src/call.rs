//! Requests to the API server: each ends in time, and its failure says what kind it is.

use std::time::Duration;

/// The API server's own limit for most requests is a minute; one that hangs for this long is asked again.
const DEADLINE: Duration = Duration::from_secs(15);

/// Why a request to the API server failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// It answered with an error.
    #[error("the API server says: {} ({})", .0.message, .0.code)]
    Refused(Box<kube::core::Status>),
    /// It could not be reached, or its answer could not be understood.
    #[error("the API server cannot be reached: {0}")]
    Broken(#[source] kube::Error),
    /// It did not answer.
    #[error("the API server did not answer within {} s", DEADLINE.as_secs())]
    Timeout,
}

impl CallError {
    /// The HTTP status; 0 where there was none.
    pub(crate) fn code(&self) -> u16 {
        match self {
            CallError::Refused(status) => status.code,
            CallError::Broken(_) | CallError::Timeout => 0,
        }
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.code() == 404
    }

    pub(crate) fn is_conflict(&self) -> bool {
        self.code() == 409
    }

    /// Whether the same request may well succeed a moment later, without anybody having changed anything.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self.code(), 0 | 409 | 429 | 500..)
    }
}

impl From<kube::Error> for CallError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => CallError::Refused(status),
            other => CallError::Broken(other),
        }
    }
}

/// Waits for a request, but not for ever.
pub(crate) async fn call<T>(request: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
    match tokio::time::timeout(DEADLINE, request).await {
        Ok(answer) => answer.map_err(CallError::from),
        Err(_) => Err(CallError::Timeout),
    }
}
