//! What the API and the page are shown of the store: the types behind its JSON.

mod plain;
mod records;
mod series;
mod summary;

pub(crate) use plain::plain_page;
pub(crate) use records::{RecordItem, record_page};
pub(crate) use series::{SampleView, series_view};
pub(crate) use summary::{target_page, target_view};
