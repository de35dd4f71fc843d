//! What a driver tells the console of its targets, beside readings, workloads and records.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tidegate_engine::{MetricTarget, Mode, Pause, Policy, Timestamp};

/// One target as its manifest describes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TargetInfo {
    /// Kind of the scaled workload, as `Deployment`.
    pub kind: String,
    /// Name of the scaled workload.
    pub workload: String,
    /// Fewest replicas while active.
    pub min: u32,
    /// Most replicas.
    pub max: u32,
    /// Replicas while inactive, where that differs from `min`.
    pub idle: Option<u32>,
    /// Who moves the replicas.
    pub mode: Mode,
    /// Whether the pause annotations forbid every change.
    pub paused: bool,
    /// Whether any pause annotation is in force, also one for a single direction.
    pub held: bool,
    /// In the manifest's order; a trigger's index is its place here.
    pub triggers: Vec<TriggerInfo>,
    /// `scalingModifiers.formula`, where there is one.
    pub formula: Option<Arc<str>>,
}

impl TargetInfo {
    /// The description of `policy`, which scales the workload `kind`/`workload`.
    #[must_use]
    pub fn of(policy: &Policy, kind: &str, workload: &str) -> Self {
        TargetInfo {
            kind: kind.to_owned(),
            workload: workload.to_owned(),
            min: policy.min_replicas,
            max: policy.max_replicas,
            idle: policy.idle_replicas,
            mode: policy.mode,
            paused: policy.pause.is_full(),
            held: policy.pause != Pause::default(),
            formula: policy.formula.as_ref().map(|formula| formula.formula.text().clone()),
            triggers: policy
                .triggers
                .iter()
                .map(|trigger| TriggerInfo {
                    name: trigger.name.clone(),
                    kind: trigger.kind.clone(),
                    metric: trigger.metric.clone(),
                    target: trigger.target,
                    activation: trigger.activation,
                })
                .collect(),
        }
    }
}

/// One trigger of a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TriggerInfo {
    /// `triggers[].name`, where it has one.
    pub name: Option<Arc<str>>,
    /// The trigger's type, as `kafka`.
    pub kind: Arc<str>,
    /// The external metric's name, as `s0-kafka-orders`.
    pub metric: Arc<str>,
    /// What one replica is meant to take.
    pub target: MetricTarget,
    /// Active above this.
    pub activation: f64,
}

/// What the load generator has done so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadPoint {
    /// When.
    pub at: Timestamp,
    /// Records produced since the start of the scenario.
    pub produced_total: u64,
    /// The rate that the scenario asks for now, in records a second.
    pub target_rate: f64,
}
