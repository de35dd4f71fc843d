//! What `kubectl logs` asks a kubelet for.

use std::path::PathBuf;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogsQuery {
    tail_lines: Option<usize>,
    timestamps: Option<bool>,
}

/// Serves the logs that are kept in a folder. They are not followed, and a pod's containers share one.
pub(crate) fn router(folder: PathBuf) -> Router {
    Router::new().route("/containerLogs/{namespace}/{pod}/{container}", get(logs)).with_state(folder)
}

async fn logs(
    State(folder): State<PathBuf>,
    Path((namespace, pod, _container)): Path<(String, String, String)>,
    Query(query): Query<LogsQuery>,
) -> Response {
    // Names of objects hold neither slashes nor `..`; what does is no name.
    let name = format!("{namespace}_{pod}");
    if name.contains('/') || name.contains("..") {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let folder = folder.join(name);
    let mut text = String::new();
    for file in ["previous.log", "current.log"] {
        text.push_str(&tokio::fs::read_to_string(folder.join(file)).await.unwrap_or_default());
    }
    let lines: Vec<&str> = text.lines().collect();
    let skipped = query.tail_lines.map_or(0, |tail| lines.len().saturating_sub(tail));
    let mut answer = String::new();
    for line in &lines[skipped..] {
        let plain = line.split_once(' ').map_or(*line, |(_, rest)| rest);
        answer.push_str(if query.timestamps == Some(true) { line } else { plain });
        answer.push('\n');
    }
    answer.into_response()
}
