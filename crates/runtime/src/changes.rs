//! Calls of the [`Workloads`] port, kept from doing harm: each ends in time, and a panic in it is an error.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tidegate_engine::{ReadError, ReadErrorKind, Record, TargetId, Workload};

use crate::ports::Workloads;
use crate::reads::panic_text;

pub(crate) async fn change_replicas(
    workloads: &dyn Workloads,
    id: &TargetId,
    replicas: u32,
    record: Option<&Arc<Record>>,
    timeout: Duration,
) -> Result<(), ReadError> {
    guarded(&format!("setting {id} to {replicas} replicas"), timeout, workloads.set_replicas(id, replicas, record))
        .await
}

pub(crate) async fn observe_once(
    workloads: &dyn Workloads,
    id: &TargetId,
    timeout: Duration,
) -> Result<Workload, ReadError> {
    guarded(&format!("looking at the workload of {id}"), timeout, workloads.observe(id)).await
}

async fn guarded<T>(
    doing: &str,
    timeout: Duration,
    call: impl Future<Output = Result<T, ReadError>>,
) -> Result<T, ReadError> {
    match tokio::time::timeout(timeout, AssertUnwindSafe(call).catch_unwind()).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => {
            let message = format!("{doing} panicked: {}; please report it", panic_text(&*panic));
            Err(ReadError::new(ReadErrorKind::Internal, message))
        }
        Err(_) => {
            let message = format!("{doing} took longer than {} s", timeout.as_secs());
            Err(ReadError::new(ReadErrorKind::Timeout, message))
        }
    }
}
