//! The rows: one for each trigger type.
//!
//! A file below `catalog/` is one trigger type. In order: module doc (the user's page; its first paragraph is the
//! summary), `Config` with a doc comment on each parameter, `check` (pure rules between parameters), `connect`, `read`,
//! pure functions on replies, tests. One row in the table below registers it under all its KEDA type names. The parser,
//! the JSON schema, the page, `tidegate scalers list` and the behaviour suite follow from the row.

mod cron;
mod external;
mod kafka;
mod keda;
mod kubernetes_workload;
mod metrics_api;
mod page;
mod prometheus;
mod resource;
mod row;
mod schema;
mod unknown;

use std::sync::{Arc, LazyLock};

use crate::clients::Clients;
use crate::input::{Problem, TriggerInput};
use crate::scaler::{MetricSpec, Scaler};

#[cfg(fuzzing)]
pub use external::fuzzed_reply;
pub use page::page;
pub use row::Row;
pub use schema::json_schema;

use row::row;

/// Sorted by first name; a row is `row!(file::Trigger, "its file", [all its type names in KEDA])`.
static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    vec![
        row!(resource::Usage, "catalog/resource.rs", ["cpu", "memory"]),
        row!(cron::Cron, "catalog/cron.rs", ["cron"]),
        row!(external::External, "catalog/external.rs", ["external", "external-push"]),
        row!(kafka::Kafka, "catalog/kafka.rs", ["kafka", "apache-kafka"]),
        row!(kubernetes_workload::Workload, "catalog/kubernetes_workload.rs", ["kubernetes-workload"]),
        row!(metrics_api::MetricsApi, "catalog/metrics_api.rs", ["metrics-api"]),
        row!(prometheus::Prometheus, "catalog/prometheus.rs", ["prometheus"]),
    ]
});

/// All trigger types that are served, sorted by name.
#[must_use]
pub fn rows() -> &'static [Row] {
    &ROWS
}

/// The row of a type name, as `kafka` or `apache-kafka`.
#[must_use]
pub fn find(kind: &str) -> Option<&'static Row> {
    rows().iter().find(|row| row.names.contains(&kind))
}

/// KEDA's type names that are not served yet, sorted.
pub fn not_yet_served() -> impl Iterator<Item = &'static str> {
    keda::KEDA.iter().copied().filter(|kind| find(kind).is_none())
}

/// What the label `scaler` of KEDA's metrics says for a trigger without a name: `apacheKafkaScaler` for `apache-kafka`.
#[must_use]
pub fn label(kind: &str) -> String {
    match kind {
        "cpu" | "memory" => return "cpuMemoryScaler".to_owned(),
        "metrics-api" => return "metricsAPIScaler".to_owned(),
        _ => {}
    }
    let mut label = String::new();
    for (place, word) in kind.split('-').enumerate() {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if place > 0 => label.extend(first.to_uppercase()),
            first => label.extend(first),
        }
        label.push_str(letters.as_str());
    }
    label + "Scaler"
}

/// A trigger whose parameters are understood and sound.
pub struct Checked {
    /// What the decision needs to know of it. Only a stand-in where `specs_from_source` is set.
    pub spec: MetricSpec,
    /// The source names its metrics itself: [`Scaler::specs`](crate::Scaler::specs) of the connected trigger has them.
    pub specs_from_source: bool,
    /// Suspicious but allowed, as unknown parameters with the nearest known name.
    pub warnings: Vec<Problem>,
    connect: Connect,
}

type Connect = Box<dyn FnOnce(&Clients) -> Arc<dyn Scaler> + Send>;

impl Checked {
    /// Binds it to the shared clients. Does no I/O.
    #[must_use]
    pub fn connect(self, clients: &Clients) -> Arc<dyn Scaler> {
        (self.connect)(clients)
    }
}

impl std::fmt::Debug for Checked {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Checked").field("spec", &self.spec).field("warnings", &self.warnings).finish_non_exhaustive()
    }
}

/// Understands and validates a trigger's parameters. Pure.
///
/// # Errors
/// Everything that is wrong, not only the first.
pub fn check(input: &TriggerInput) -> Result<Checked, Vec<Problem>> {
    match find(&input.kind) {
        Some(row) => (row.check)(input),
        None => Err(vec![unknown::kind(&input.kind)]),
    }
}
