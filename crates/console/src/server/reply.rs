//! JSON answers, errors included.

use axum::Json;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// `content` as JSON.
pub(super) fn json(content: &impl Serialize) -> Response {
    Json(content).into_response()
}

/// Why a request is not answered: a status, and `{"error": "..."}`.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    /// With its status and message.
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Refusal { status, message: message.into() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(serde_json::json!({ "error": self.message }))).into_response()
    }
}

/// No such page.
pub(super) async fn not_found(uri: Uri) -> Refusal {
    let message = format!("nothing is served at {}; see / and /api/v1/targets", uri.path());
    Refusal::new(StatusCode::NOT_FOUND, message)
}

/// Everything here can only be read.
pub(super) async fn method_not_allowed() -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are allowed here")
}
