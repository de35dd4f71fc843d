//! The page's files, as the build script made them, and the page without scripts.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::api;
use super::reply::{self, Refusal};
use crate::store::Store;
use crate::view;

/// What the build script put in: the page's files, or why there are none.
mod built {
    include!(concat!(env!("OUT_DIR"), "/page.rs"));
}

/// Whether the full page is in this binary; without Node at build time, only the plain one is.
pub fn page_is_built() -> bool {
    !built::FILES.is_empty()
}

fn file_of(name: &str) -> Option<Response> {
    let (_, bytes) = built::FILES.iter().find(|(file, _)| *file == name)?;
    let kind = match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
    Some(([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], *bytes).into_response())
}

/// `GET /`
pub(super) async fn index(State(store): State<Arc<Store>>) -> Response {
    if page_is_built()
        && let Some(page) = file_of("index.html")
    {
        return page;
    }
    html(&store, Some(built::NOTE))
}

/// `GET /plain`
pub(super) async fn plain(State(store): State<Arc<Store>>) -> Response {
    html(&store, None)
}

fn html(store: &Store, note: Option<&str>) -> Response {
    let page = view::plain_page(&store.lock(), &store.options().version, api::now(), note);
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}

/// `GET /plain.css`
pub(super) async fn plain_style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("plain.css")).into_response()
}

/// `GET /assets/{name}`
pub(super) async fn file(Path(name): Path<String>, uri: Uri) -> Response {
    match file_of(&name).filter(|_| name != "index.html") {
        Some(file) => file,
        None if page_is_built() => reply::not_found(uri).await.into_response(),
        None => Refusal::new(StatusCode::NOT_FOUND, built::NOTE).into_response(),
    }
}
