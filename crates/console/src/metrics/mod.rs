//! `/metrics`: KEDA's names and labels, so that dashboards and alerts made for it go on working, and Tidegate's own.
//!
//! Series are written from the store at each scrape, so those of a removed target are gone with it.

mod calls;
mod keda;
mod own;
mod text;

pub use calls::CallOf;
pub(crate) use calls::Calls;
use tidegate_engine::Timestamp;

use crate::store::Store;

/// The content type of the text format.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Store {
    /// The page of `/metrics` at `now`, in the text format of Prometheus, for a driver that serves it itself.
    #[must_use]
    pub fn metrics(&self, now: Timestamp) -> String {
        render(self, now)
    }
}

/// Everything, at `now`.
pub(crate) fn render(store: &Store, now: Timestamp) -> String {
    let mut text = text::Text::default();
    let streams = (store.hub().len(), store.hub().dropped());
    let state = store.lock();
    keda::write(&mut text, &state, store.options());
    calls::write(&mut text, store.calls());
    own::write(&mut text, &state, store.options(), now, streams);
    text.finish()
}
