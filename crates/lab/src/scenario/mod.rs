//! What a `Scenario` manifest asks for: topics, load in k6's words, where the results go.
//!
//! [`Scenario::parse`] checks everything and reports everything it finds, each with the field's path, what was found,
//! what was expected and the nearest known word.

mod fields;
mod load;
mod read;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use crate::broker::TopicSpec;
pub use fields::FieldProblem;
pub use load::{Arrivals, Executor, KeySpec, LoadSpec, MessageSpec, SizeSpec, Stage, VuPool};

/// The spec of one Scenario, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// A real Kafka. `None`: the broker inside this process.
    pub bootstrap_servers: Option<String>,
    /// The TriggerAuthentication that holds the credentials for it.
    pub authentication_ref: Option<AuthenticationRef>,
    /// Topics to be made (embedded broker) or expected (real Kafka).
    pub topics: Vec<TopicSpec>,
    /// What is produced; all start together, each after its own `startTime`.
    pub load: Vec<LoadSpec>,
    /// How long the run lasts. `None`: until the load is done.
    pub duration: Option<Duration>,
    /// Lag above this many records counts as late in the report.
    pub lag_target: Option<u64>,
    /// A Prometheus to send the samples to.
    pub remote_write: Option<RemoteWriteSpec>,
}

/// Names a TriggerAuthentication or ClusterTriggerAuthentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticationRef {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
}

/// `remoteWrite`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteWriteSpec {
    /// The receiver, as `http://127.0.0.1:9090/api/v1/write`.
    pub url: String,
    /// How often samples are sent.
    pub interval: Duration,
}

impl Scenario {
    /// Reads and checks the `spec` of a Scenario.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the fields.
    pub fn parse(spec: serde_json::Value) -> Result<Scenario, Vec<FieldProblem>> {
        read::scenario(&spec)
    }

    /// How long a run takes: `duration`, or else until the last load ends by plan. Loads that end by a number of
    /// iterations count with their `maxDuration`.
    #[must_use]
    pub fn planned_duration(&self) -> Duration {
        self.duration.unwrap_or_else(|| self.load.iter().map(LoadSpec::planned_end).max().unwrap_or(Duration::ZERO))
    }
}
