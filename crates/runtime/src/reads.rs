//! One read of one trigger, kept from doing harm: it ends at its deadline, a panic in it is an error, and a value that
//! is no finite number is an error.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tidegate_engine::{ReadError, ReadErrorKind, Reading, Timestamp};
use tidegate_scalers::Scaler;
use tokio::sync::Semaphore;

/// What came of a read.
pub(crate) struct Answer {
    pub(crate) outcome: Result<Reading, ReadError>,
    pub(crate) panicked: bool,
}

/// Reads once. Waiting for one of `permits` counts towards `timeout`.
pub(crate) async fn read(
    scaler: Option<Arc<dyn Scaler>>,
    permits: Option<Arc<Semaphore>>,
    now: Timestamp,
    timeout: Duration,
) -> Answer {
    let (Some(scaler), Some(permits)) = (scaler, permits) else {
        let message =
            "the policy has a trigger that no scaler was given for; this is a fault of ours, please report it";
        return failed(ReadErrorKind::Internal, message.to_owned());
    };
    // A trigger may ask for less time than the engine gives it, never for more: the engine has stopped waiting by then.
    let timeout = scaler.time_limit().map_or(timeout, |limit| limit.min(timeout));
    let work = async {
        let _permit = permits.acquire().await;
        scaler.read(now, timeout).await
    };
    match tokio::time::timeout(timeout, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(outcome)) => Answer { outcome: outcome.and_then(sound), panicked: false },
        Ok(Err(panic)) => {
            let message = format!("reading the trigger panicked: {}; please report it", panic_text(&*panic));
            Answer { panicked: true, ..failed(ReadErrorKind::Internal, message) }
        }
        Err(_) => {
            let message = format!("the source gave no answer within {} ms", timeout.as_millis());
            failed(ReadErrorKind::Timeout, message)
        }
    }
}

fn failed(kind: ReadErrorKind, message: String) -> Answer {
    Answer { outcome: Err(ReadError::new(kind, message)), panicked: false }
}

/// Refuses what is no knowledge, whatever the scaler thought of it.
fn sound(reading: Reading) -> Result<Reading, ReadError> {
    if reading.is_sound() {
        return Ok(reading);
    }
    let message = format!("the trigger gave {}, expected a finite number that is not negative", reading.value);
    Err(ReadError::new(ReadErrorKind::Invalid, message))
}

pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
