//! `/api/v1` and `/metrics`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use tidegate_engine::{TargetId, Timestamp};

use super::reply::{self, Refusal};
use crate::metrics;
use crate::store::{RecordFilter, Store};
use crate::view;

/// Shown where `from` is left out.
const DEFAULT_RANGE: Duration = Duration::from_secs(15 * 60);
/// The longest range; nothing older is kept.
const LONGEST_RANGE: Duration = Duration::from_secs(31 * 24 * 3_600);

type Parameters = Query<BTreeMap<String, String>>;
type Answer = Result<Response, Refusal>;

/// Now, on this machine's clock.
pub(super) fn now() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}

/// A query parameter, or what is wrong with it.
fn parameter<T: FromStr>(
    parameters: &BTreeMap<String, String>,
    name: &str,
    expected: &str,
) -> Result<Option<T>, Refusal> {
    let Some(found) = parameters.get(name).filter(|found| !found.is_empty()) else { return Ok(None) };
    found.parse().map(Some).map_err(|_| bad(name, found, expected))
}

fn bad(name: &str, found: &str, expected: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, format!("parameter {name}: found {found:?}, expected {expected}"))
}

/// A whole number within a range.
fn bounded(
    parameters: &BTreeMap<String, String>,
    name: &str,
    range: RangeInclusive<usize>,
    default: usize,
) -> Result<usize, Refusal> {
    let expected = format!("a whole number from {} to {}", range.start(), range.end());
    let number = parameter(parameters, name, &expected)?.unwrap_or(default);
    if range.contains(&number) { Ok(number) } else { Err(bad(name, &number.to_string(), &expected)) }
}

fn time(parameters: &BTreeMap<String, String>, name: &str) -> Result<Option<Timestamp>, Refusal> {
    if let Some(millis) = parameters.get(name).and_then(|found| found.parse().ok()) {
        return Ok(Some(Timestamp::from_millis(millis)));
    }
    parameter(parameters, name, "milliseconds since 1970 or an RFC 3339 time as 2026-01-01T00:00:00Z")
}

fn missing(target: &TargetId) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, format!("no target {target}; /api/v1/targets lists those there are"))
}

/// `GET /api/v1/targets?q=&after=&limit=`
pub(super) async fn targets(State(store): State<Arc<Store>>, Query(parameters): Parameters) -> Answer {
    let limit = bounded(&parameters, "limit", 1..=1_000, 200)?;
    let search = parameters.get("q").map_or("", String::as_str);
    let after = parameters.get("after").map(|after| match after.split_once('/') {
        Some((namespace, name)) => TargetId::new(namespace, name),
        None => TargetId::new(after, ""),
    });
    let state = store.lock();
    Ok(reply::json(&view::target_page(&state, &store.options().version, now(), search, after.as_ref(), limit)))
}

/// `GET /api/v1/targets/{namespace}/{name}`
pub(super) async fn target(State(store): State<Arc<Store>>, Path((namespace, name)): Path<(String, String)>) -> Answer {
    let target = TargetId::new(&namespace, &name);
    let state = store.lock();
    let view = view::target_view(&state, &target, now()).ok_or_else(|| missing(&target))?;
    Ok(reply::json(&view))
}

/// `GET /api/v1/targets/{namespace}/{name}/series?from=&to=&points=`
pub(super) async fn series(
    State(store): State<Arc<Store>>,
    Path((namespace, name)): Path<(String, String)>,
    Query(parameters): Parameters,
) -> Answer {
    let target = TargetId::new(&namespace, &name);
    let to = time(&parameters, "to")?.unwrap_or_else(now);
    let from = time(&parameters, "from")?.unwrap_or(to - DEFAULT_RANGE);
    if from >= to || to.since(from) > LONGEST_RANGE {
        return Err(bad("from", &from.to_string(), &format!("a time before {to} and at most 31 days earlier")));
    }
    let points = bounded(&parameters, "points", 2..=5_000, 600)?;
    let view = view::series_view(&store.lock(), &target, from, to, points);
    Ok(reply::json(&view.ok_or_else(|| missing(&target))?))
}

/// `GET /api/v1/targets/{namespace}/{name}/records?limit=&before=&kind=all|actions`
pub(super) async fn records(
    State(store): State<Arc<Store>>,
    Path((namespace, name)): Path<(String, String)>,
    Query(parameters): Parameters,
) -> Answer {
    let target = TargetId::new(&namespace, &name);
    let limit = bounded(&parameters, "limit", 1..=500, 50)?;
    let before = parameter(&parameters, "before", "a record's sequence number")?;
    let filter = match parameters.get("kind").map_or("all", String::as_str) {
        "all" | "" => RecordFilter::All,
        "actions" => RecordFilter::Actions,
        other => return Err(bad("kind", other, "all or actions")),
    };
    let state = store.lock();
    let page = view::record_page(&state, &target, filter, before, limit).ok_or_else(|| missing(&target))?;
    Ok(reply::json(&page))
}

/// `GET /api/v1/targets/{namespace}/{name}/records/{sequence}`
pub(super) async fn record(
    State(store): State<Arc<Store>>,
    Path((namespace, name, sequence)): Path<(String, String, String)>,
) -> Answer {
    let target = TargetId::new(&namespace, &name);
    let number = sequence.parse().map_err(|_| bad("sequence", &sequence, "a record's sequence number"))?;
    let state = store.lock();
    let found = state.targets.get(&target).ok_or_else(|| missing(&target))?;
    let record = found.decisions.get(number).ok_or_else(|| {
        let message = format!("no record {number} of {target} is kept in memory; its records file may still have it");
        Refusal::new(StatusCode::NOT_FOUND, message)
    })?;
    Ok(reply::json(&view::RecordItem::of(record)))
}

/// `GET /metrics`
pub(super) async fn metrics(State(store): State<Arc<Store>>) -> Response {
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::render(&store, now())).into_response()
}
