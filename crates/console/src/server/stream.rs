//! `/api/v1/stream`: what happens, as server-sent events.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use tidegate_engine::TargetId;
use tokio_stream::wrappers::ReceiverStream;

use super::api;
use super::reply::Refusal;
use crate::store::Store;

/// How soon a browser is to try again after the connection broke.
const RETRY: Duration = Duration::from_secs(1);
/// A sign of life this often where nothing happens; the page takes three missed ones for an outage.
const ALIVE: Duration = Duration::from_secs(5);

/// `GET /api/v1/stream?target=namespace/name`
pub(super) async fn stream(
    State(store): State<Arc<Store>>,
    Query(parameters): Query<BTreeMap<String, String>>,
) -> Response {
    let target = match parameters.get("target").map(|target| target.split_once('/')) {
        None => None,
        Some(Some((namespace, name))) => Some(TargetId::new(namespace, name)),
        Some(None) => {
            return Refusal::new(StatusCode::BAD_REQUEST, "parameter target: expected namespace/name").into_response();
        }
    };
    let Some(queue) = store.subscribe(target) else {
        let most = store.options().max_streams;
        let message = format!("{most} streams are open already; close one");
        return Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message).into_response();
    };
    let hello = serde_json::json!({ "version": store.options().version, "now": api::now() }).to_string();
    let first =
        stream::once(async move { Ok::<_, Infallible>(Event::default().event("hello").retry(RETRY).data(hello)) });
    let rest = ReceiverStream::new(queue).map(|message| Ok(Event::default().event(message.event).data(&message.data)));
    let alive = KeepAlive::new().interval(ALIVE).event(Event::default().event("alive").data("{}"));
    Sse::new(first.chain(rest)).keep_alive(alive).into_response()
}
