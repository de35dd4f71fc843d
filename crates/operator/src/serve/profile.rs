//! `/debug/pprof/profile` and `/debug/pprof/heap`, in the format that `go tool pprof` and its kin read.
//!
//! Nothing is sampled before somebody asks, so that it costs nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use pprof::protos::Message;
use tokio::sync::Mutex;

/// Samples a second: not a divisor of common timers, so that what they do is not missed each time.
const FREQUENCY_HZ: i32 = 99;
/// Unwinding from within these can wait for a lock that the interrupted code holds; samples there are left out.
const UNSAFE_TO_UNWIND: [&str; 4] = ["libc", "libgcc", "pthread", "vdso"];
/// The longest CPU profile.
const LONGEST: Duration = Duration::from_secs(300);

/// Why an empty image with nothing mounted cannot make profiles.
const NEEDS: &str =
    "; is there a folder for temporary files (/tmp, or what TMPDIR names) that this process may write to?";

/// One CPU profile at a time: the profiler is the process's.
type Busy = Arc<Mutex<()>>;

pub(super) fn router() -> Router {
    Router::new()
        .route("/debug/pprof/profile", get(cpu))
        .route("/debug/pprof/heap", get(heap))
        .with_state(Busy::default())
}

fn refuse(status: StatusCode, message: String) -> Response {
    (status, message + "\n").into_response()
}

fn file(name: &'static str, bytes: Vec<u8>) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (CONTENT_DISPOSITION, HeaderValue::from_static(name)),
    ];
    (headers, bytes).into_response()
}

/// `GET /debug/pprof/profile?seconds=30`
async fn cpu(State(busy): State<Busy>, Query(parameters): Query<BTreeMap<String, String>>) -> Response {
    let given = parameters.get("seconds").map_or("30", String::as_str);
    let seconds = match given.parse::<u64>() {
        Ok(seconds) if (1..=LONGEST.as_secs()).contains(&seconds) => seconds,
        _ => {
            let message = format!("seconds: found {given:?}, expected a whole number from 1 to {}", LONGEST.as_secs());
            return refuse(StatusCode::BAD_REQUEST, message);
        }
    };
    let Ok(_alone) = busy.try_lock() else {
        return refuse(StatusCode::CONFLICT, "a CPU profile is being made; try again when it is done".to_owned());
    };
    let made = async {
        let guard =
            pprof::ProfilerGuardBuilder::default().frequency(FREQUENCY_HZ).blocklist(&UNSAFE_TO_UNWIND).build()?;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        guard.report().build()?.pprof()
    };
    match made.await.map(|profile| profile.encode_to_vec()) {
        Ok(bytes) => file("attachment; filename=\"profile.pb\"", bytes),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, format!("making a CPU profile: {error}{NEEDS}")),
    }
}

/// `GET /debug/pprof/heap`: what is allocated since the first request, which switches the sampling on.
async fn heap() -> Response {
    let Some(control) = jemalloc_pprof::PROF_CTL.as_ref() else {
        let message = "heap profiles are off; start the process with _RJEM_MALLOC_CONF=prof:true,prof_active:false,lg_prof_sample:19";
        return refuse(StatusCode::NOT_IMPLEMENTED, message.to_owned());
    };
    let mut control = control.lock().await;
    if !control.activated() {
        return match control.activate() {
            Ok(()) => refuse(
                StatusCode::ACCEPTED,
                "sampling of allocations is on from now; ask again to get what was allocated since".to_owned(),
            ),
            Err(error) => {
                refuse(StatusCode::INTERNAL_SERVER_ERROR, format!("switching on the sampling of allocations: {error}"))
            }
        };
    }
    match control.dump_pprof() {
        Ok(bytes) => file("attachment; filename=\"heap.pb.gz\"", bytes),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, format!("making a heap profile: {error}{NEEDS}")),
    }
}
