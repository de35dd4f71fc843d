//! `/metrics`: KEDA's series and Tidegate's from the console's store, and those of the operator's other parts.

use std::fmt::Write;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tidegate_console::Store;
use tidegate_engine::Timestamp;

use super::process;

/// A part of the process that has series of its own.
pub trait Series: Send + Sync {
    /// Appends them in the text format of Prometheus, each family with its `HELP` and `TYPE`.
    fn write(&self, page: &mut String);

    /// Called before anything is written: the time to bring the console's store up to date.
    fn refresh(&self) {}
}

/// Everything that `/metrics` shows.
#[derive(Clone)]
pub struct MetricsPage {
    store: Arc<Store>,
    parts: Vec<Arc<dyn Series>>,
}

impl MetricsPage {
    /// The series of a store, and of the process itself.
    #[must_use]
    pub fn new(store: Arc<Store>) -> Self {
        MetricsPage { store, parts: Vec::new() }
    }

    /// The same with the series of one more part.
    #[must_use]
    pub fn with(mut self, part: Arc<dyn Series>) -> Self {
        self.parts.push(part);
        self
    }

    /// The page at `now`.
    #[must_use]
    pub fn text(&self, now: Timestamp) -> String {
        self.parts.iter().for_each(|part| part.refresh());
        let mut page = self.store.metrics(now);
        for part in &self.parts {
            part.write(&mut page);
        }
        process::write(&mut page);
        page
    }
}

impl std::fmt::Debug for MetricsPage {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("MetricsPage").field("parts", &self.parts.len()).finish_non_exhaustive()
    }
}

/// Starts a family.
pub(crate) fn family(page: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// Adds a sample. Label values are escaped.
pub(crate) fn sample(page: &mut String, name: &str, labels: &[(&str, &str)], value: f64) {
    page.push_str(name);
    for (place, (label, value)) in labels.iter().enumerate() {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(page, "{}{label}=\"{value}\"", if place == 0 { '{' } else { ',' });
    }
    if !labels.is_empty() {
        page.push('}');
    }
    let _ = writeln!(page, " {value}");
}

/// A count as a sample's value.
#[allow(clippy::cast_precision_loss, reason = "the format knows no other numbers")]
pub(crate) fn count(number: u64) -> f64 {
    number as f64
}

pub(super) fn router(page: MetricsPage) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(page)
}

async fn metrics(State(page): State<MetricsPage>) -> impl IntoResponse {
    let now = Timestamp::from_millis(jiff::Timestamp::now().as_millisecond());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page.text(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_written_as_prometheus_reads_them() {
        let mut page = String::new();
        family(&mut page, "up", "gauge", "Whether.");
        sample(&mut page, "up", &[], 1.0);
        sample(&mut page, "up", &[("a", "x\"y\\z\nw"), ("b", "")], 0.5);
        assert_eq!(page, "# HELP up Whether.\n# TYPE up gauge\nup 1\nup{a=\"x\\\"y\\\\z\\nw\",b=\"\"} 0.5\n");
    }
}
