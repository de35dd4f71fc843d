//! What a source said, or why it said nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::resource::PodUsage;
use crate::time::Timestamp;

/// One answer of a trigger's source. A reading is always knowledge: an error, a time-out, NaN or an empty reply is a
/// [`ReadError`] and never a number here (promise 1).
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The metric, finite and not negative.
    pub value: f64,
    /// What activation is judged by where it differs from `value` (Kafka: lag with the persistent part).
    pub activation_value: Option<f64>,
    /// How many replicas the source can keep busy (Kafka: partitions). `None`: no such limit, or idle ones are allowed.
    pub parallelism: Option<u32>,
    /// What the source itself says about activity (external scalers); counts instead of a comparison with the
    /// activation threshold. `None`: it does not say.
    pub active: Option<bool>,
    /// What each pod uses, for a target that [is of a resource](crate::MetricTarget::is_resource); `value` is not
    /// looked at then. `None` for any other trigger.
    pub pods: Option<Arc<[PodUsage]>>,
    /// When the source said so.
    pub at: Timestamp,
    /// What else the source knows; shown, not decided on.
    pub figures: Option<Arc<Figures>>,
}

impl Reading {
    /// A reading that is only a number.
    #[must_use]
    pub fn of(value: f64, at: Timestamp) -> Self {
        Reading { value, activation_value: None, parallelism: None, active: None, pods: None, at, figures: None }
    }

    /// A reading of what pods use of a resource.
    #[must_use]
    pub fn of_pods(pods: impl Into<Arc<[PodUsage]>>, at: Timestamp) -> Self {
        Reading { pods: Some(pods.into()), ..Reading::of(0.0, at) }
    }

    /// Whether it keeps its word: a finite value that is not negative. What activation is judged by may be negative,
    /// as a query's raw result, of which the value is cut off at 0.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.value.is_finite() && self.value >= 0.0 && self.activation_value.is_none_or(f64::is_finite)
    }
}

/// Figures beside the value, from which arrival and service rates follow without another source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Figures {
    /// Records ever produced, as far as offsets tell. Grows; its slope is the arrival rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub produced_total: Option<u64>,
    /// Records ever committed by the group. Its slope is the service rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumed_total: Option<u64>,
    /// Members of the consumer group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<u32>,
    /// The group's state, as `Stable`, `PreparingRebalance`, `Empty`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_state: Option<Arc<str>>,
    /// Each partition, in order of topic and number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<PartitionFigures>,
    /// Sentences about how the value came about, as "partition 3 has no committed offset; counted from its start".
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One partition of a topic, as its group sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionFigures {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition's number.
    pub partition: i32,
    /// Records waiting.
    pub lag: i64,
    /// The next offset to be written that a read-committed consumer can reach.
    pub end_offset: i64,
    /// The group's committed offset; `None` when it has none.
    pub committed_offset: Option<i64>,
    /// The first offset that retention has left.
    pub log_start_offset: Option<i64>,
}

/// Why there is no reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadError {
    /// What kind of failure it was.
    pub kind: ReadErrorKind,
    /// What was being done, to what, what was found, and what to do next. Never holds a secret.
    pub message: Arc<str>,
}

impl ReadError {
    /// An error of a kind with its message.
    pub fn new(kind: ReadErrorKind, message: impl Into<Arc<str>>) -> Self {
        ReadError { kind, message: message.into() }
    }
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for ReadError {}

/// Kinds of [`ReadError`]; the metric label and the advice to retry follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReadErrorKind {
    /// No connection, or it broke.
    Unreachable,
    /// No answer before the deadline.
    Timeout,
    /// Credentials missing or refused.
    Unauthorized,
    /// The thing asked for is not there (topic, group, query result).
    NotFound,
    /// The source answered with an error of its own.
    Refused,
    /// The answer cannot be understood, is empty, or is no finite number.
    Invalid,
    /// The trigger's parameters cannot be resolved now (missing Secret, ConfigMap).
    Configuration,
    /// A fault of ours; reported, never fatal.
    Internal,
}
