//! The record of a decision: the one account of why a number was chosen.
//!
//! `explain`, the console, Kubernetes events, logs and golden tests print this and nothing else. It is written as JSON
//! Lines, one record a line, in the format described in `docs/records.md`; [`FORMAT`] names the version.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::Workload;
use crate::policy::{FailurePolicy, MetricTarget, Mode, TargetId};
use crate::reading::{Figures, ReadError};
use crate::time::Timestamp;

pub use crate::reason::{Reason, Rule};

/// Name and version of the format. The number grows when a reader of the older one would be misled.
pub const FORMAT: &str = "tidegate.record/1";

/// One decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// [`FORMAT`].
    pub format: Arc<str>,
    /// Counts the target's decisions, from 1.
    pub sequence: u64,
    /// When it was made.
    pub at: Timestamp,
    /// `namespace/name` of the ScaledObject.
    pub target: TargetId,
    /// What made it due.
    pub cause: Cause,
    /// Who moves the replicas.
    pub mode: Mode,
    /// The workload as it was known. `None`: not known, so nothing was moved.
    pub workload: Option<Workload>,
    /// Every trigger, in the manifest's order.
    pub readings: Vec<ReadingRecord>,
    /// The formula's result, where there is a formula.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub formula: Option<FormulaRecord>,
    /// Whether the workload counts as active.
    pub active: bool,
    /// When it last was, as far as known; cooldowns count from here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_active: Option<Timestamp>,
    /// Each rule that looked at the number, in order. The first starts from the current count; each starts where the
    /// one before ended; the last ends at `desired_replicas`.
    pub steps: Vec<Step>,
    /// The rule that bound the result: the last that changed it, or the one that kept it where it is.
    pub bound_by: Rule,
    /// The result.
    pub desired_replicas: u32,
    /// The limits in force.
    pub limits: Limits,
    /// What was done about it.
    pub result: Outcome,
    /// When the next change could come of itself, and through what.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<NextChange>,
}

/// What made a decision due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "what")]
pub enum Cause {
    /// A trigger's reading or error arrived.
    Reading {
        /// Its index.
        trigger: usize,
    },
    /// A source that pushes says that there is work.
    Activated {
        /// The trigger's index.
        trigger: usize,
    },
    /// The manifest was added or changed.
    PolicyChanged,
    /// The workload's counts changed under us.
    WorkloadObserved,
    /// A timer ran out: a cooldown, a window, a deadline.
    Timer,
    /// A change that was asked for failed or was done.
    ScaleFinished {
        /// Why it failed.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        error: Option<ReadError>,
    },
    /// The target was removed.
    Removed,
}

/// A trigger's latest knowledge as the decision used it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadingRecord {
    /// The trigger's name, or `s0`, `s1`, ... by position.
    pub trigger: Arc<str>,
    /// Its type, as `kafka`.
    pub kind: Arc<str>,
    /// The external metric's name.
    pub metric: Arc<str>,
    /// The value used. `None`: not known.
    pub value: Option<f64>,
    /// What it was measured against.
    pub target: MetricTarget,
    /// Active above this.
    pub activation: f64,
    /// Whether this trigger was active.
    pub active: bool,
    /// Whether its source said so by itself since the reading.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub pushed: bool,
    /// How many replicas the source can keep busy.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parallelism: Option<u32>,
    /// When the source said so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub at: Option<Timestamp>,
    /// How old that was at the decision, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub age_ms: Option<u64>,
    /// Why there is no fresh value.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<ReadError>,
    /// Failed reads in a row.
    #[serde(default)]
    pub failures: u32,
    /// What its failure means.
    #[serde(default)]
    pub on_failure: FailurePolicy,
    /// Whether `value` stands in by fallback.
    #[serde(default)]
    pub fallback: bool,
    /// The pods that a resource was measured by.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pods: Option<PodsRecord>,
    /// What this metric alone asks for, no more than its source can keep busy.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub wanted: Option<u32>,
    /// Figures of the source beside the value; without the single partitions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub figures: Option<Arc<Figures>>,
}

/// The pods that a resource was measured by, as the HorizontalPodAutoscaler counts them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodsRecord {
    /// Those whose use made the value.
    pub measured: u32,
    /// Those left out as not ready yet.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub unready: u32,
    /// Those whose use is not known.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub missing: u32,
    /// Where some are unready or missing: the value with an assumption for them that is on the safe side of the value
    /// without them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub assumed: Option<Assumed>,
}

/// A resource's value with assumptions for pods that nothing is known of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assumed {
    /// The value.
    pub value: f64,
    /// The pods that it is made of.
    pub over: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A formula's result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FormulaRecord {
    /// Its text.
    pub formula: Arc<str>,
    /// The result; `None` for nil or an error.
    pub value: Option<f64>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<Arc<str>>,
    /// What it was measured against.
    pub target: MetricTarget,
    /// Active above this.
    pub activation: f64,
    /// What it asks for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub wanted: Option<u32>,
    /// Whether `value` stands in by fallback.
    #[serde(default)]
    pub fallback: bool,
}

/// One rule's part in the decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Which rule.
    pub rule: Rule,
    /// The count before it.
    pub from: u32,
    /// The count after it.
    pub to: u32,
    /// Why, in words; inside the engine as numbers, so that the checker can compute it again.
    pub reason: Reason,
}

/// The limits in force at a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Fewest replicas while active.
    pub min: u32,
    /// Most replicas.
    pub max: u32,
    /// Replicas while inactive.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub idle: Option<u32>,
    /// Most replicas the sources can keep busy.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub useful: Option<u32>,
    /// How far a metric may be off its target without a change.
    #[serde(default)]
    pub tolerance: Tolerance,
}

/// How far a metric may be off its target without a change, as a part of the target, for each direction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tolerance {
    /// Above it.
    pub up: f64,
    /// Below it.
    pub down: f64,
}

impl Default for Tolerance {
    /// The HorizontalPodAutoscaler's: a tenth in each direction.
    fn default() -> Self {
        Tolerance { up: 0.1, down: 0.1 }
    }
}

/// What was done about a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// The count is as it should be.
    Unchanged,
    /// A change was commanded.
    Scaled,
    /// A change is due and was not commanded, since an earlier one is still being carried out.
    Waiting,
    /// Something needed is not known; nothing was moved.
    Held,
    /// Only recorded (mode `shadow`, or `hpa` where the HPA moves it).
    Advised,
    /// The annotations forbid it.
    Paused,
    /// An earlier command failed.
    Failed,
}

/// When the next change could come of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NextChange {
    /// When.
    pub at: Timestamp,
    /// Through what, as "cooldown ends".
    pub what: Arc<str>,
}
