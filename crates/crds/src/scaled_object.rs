//! `ScaledObject` of `keda.sh/v1alpha1`, field by field as KEDA's schema has it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantity::IntOrText;
use crate::status::{ScaledObjectStatus, lenient};

/// A workload and the events that it is scaled on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaledObject {
    /// Name, namespace, labels and annotations.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::object_meta")]
    pub metadata: ObjectMeta,
    /// What is asked for.
    pub spec: ScaledObjectSpec,
    /// What was found and done; written by the operator.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub status: Option<ScaledObjectStatus>,
}

/// What a [`ScaledObject`] asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaledObjectSpec {
    /// The workload to be scaled, in the same namespace.
    pub scale_target_ref: ScaleTargetRef,
    /// Seconds between two reads of a trigger. Default 30.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub polling_interval: Option<u32>,
    /// Seconds that must pass after the last activity before the workload goes to zero or idle. Default 300.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooldown_period: Option<u32>,
    /// Seconds that must pass after creation before that happens for the first time. Default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_cooldown_period: Option<u32>,
    /// Replicas while inactive; must be below minReplicaCount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_replica_count: Option<u32>,
    /// Fewest replicas. Default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_replica_count: Option<u32>,
    /// Most replicas. Default 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_replica_count: Option<u32>,
    /// What stands in for a trigger that keeps failing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<FallbackSpec>,
    /// Further settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advanced: Option<Advanced>,
    /// What the workload is scaled on.
    #[schemars(length(min = 1))]
    pub triggers: Vec<Trigger>,
}

/// Names the workload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaleTargetRef {
    /// Its name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Its API. Default `apps/v1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Its kind. Default `Deployment`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The container whose environment `...FromEnv` parameters are taken from. Default: the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env_source_container_name: Option<String>,
}

impl ScaleTargetRef {
    /// `kind`, or its default.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.kind.as_deref().filter(|kind| !kind.is_empty()).unwrap_or("Deployment")
    }

    /// `apiVersion`, or its default.
    #[must_use]
    pub fn api_version(&self) -> &str {
        self.api_version.as_deref().filter(|version| !version.is_empty()).unwrap_or("apps/v1")
    }
}

/// `fallback`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FallbackSpec {
    /// Falls back when more than this many reads in a row have failed.
    pub failure_threshold: u32,
    /// The replica count that stands in.
    pub replicas: u32,
    /// How `replicas` is meant. Default `static`.
    #[serde(default)]
    pub behavior: FallbackKind,
}

/// `fallback.behavior`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FallbackKind {
    /// `replicas`, whatever runs now.
    #[default]
    Static,
    /// As many as run now.
    CurrentReplicas,
    /// The higher of the two.
    CurrentReplicasIfHigher,
    /// The lower of the two.
    CurrentReplicasIfLower,
    /// The formula sees nil for the failed trigger and decides.
    ScalingModifiers,
}

/// `advanced`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Advanced {
    /// The HorizontalPodAutoscaler's name and behaviour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizontal_pod_autoscaler_config: Option<HpaConfig>,
    /// Put the replica count that was found back when the ScaledObject is removed. Default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_to_original_replica_count: Option<bool>,
    /// One formula in place of the triggers' own targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling_modifiers: Option<ScalingModifiers>,
}

/// `advanced.horizontalPodAutoscalerConfig`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HpaConfig {
    /// Default `keda-hpa-` and the ScaledObject's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How fast and how far the replica count may move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behavior: Option<HpaBehavior>,
}

/// `behavior` of a HorizontalPodAutoscaler (`autoscaling/v2`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HpaBehavior {
    /// Scaling out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<HpaScalingRules>,
    /// Scaling in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<HpaScalingRules>,
}

/// One direction of a [`HpaBehavior`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HpaScalingRules {
    /// How many seconds of recommendations are looked back at.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 3600))]
    pub stabilization_window_seconds: Option<u32>,
    /// Which of the policies counts. Default `Max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select_policy: Option<HpaSelectPolicy>,
    /// How much the replica count may move in how long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies: Option<Vec<HpaScalingPolicy>>,
    /// The part by which a metric may be off its target without a change, as `"0.05"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<IntOrText>,
}

/// `selectPolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HpaSelectPolicy {
    /// The policy that allows the largest change.
    #[default]
    Max,
    /// The one that allows the smallest.
    Min,
    /// No change in this direction.
    Disabled,
}

/// One entry of `policies`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HpaScalingPolicy {
    /// What `value` counts.
    #[serde(rename = "type")]
    pub kind: HpaPolicyType,
    /// How many, or how many percent.
    #[schemars(range(min = 1))]
    pub value: u32,
    /// In how many seconds.
    #[schemars(range(min = 1, max = 1800))]
    pub period_seconds: u32,
}

/// What a policy's value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HpaPolicyType {
    /// Pods.
    Pods,
    /// Percent of the replicas at the period's start.
    Percent,
}

/// `advanced.scalingModifiers`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScalingModifiers {
    /// Over the names of triggers, as `(orders + invoices) / 2`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub formula: String,
    /// What one replica is meant to take of the formula's result.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// Active while the result is greater than this. Default 0.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub activation_target: String,
    /// How `target` is meant. Default `AverageValue`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric_type: Option<FormulaMetricType>,
}

/// `advanced.scalingModifiers.metricType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FormulaMetricType {
    /// Value per replica.
    #[default]
    AverageValue,
    /// Value in all.
    Value,
}

/// One entry of `triggers`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trigger {
    /// As `kafka`.
    #[serde(rename = "type")]
    #[schemars(length(min = 1))]
    pub kind: String,
    /// For formulas and messages; unique in the ScaledObject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Answer the HorizontalPodAutoscaler from the last poll.
    #[serde(default)]
    pub use_cached_metrics: bool,
    /// The trigger type's own parameters.
    pub metadata: BTreeMap<String, String>,
    /// Where its credentials come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication_ref: Option<AuthenticationRef>,
    /// How the target is meant. Default `AverageValue`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric_type: Option<TriggerMetricType>,
}

/// `triggers[].metricType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TriggerMetricType {
    /// Value per replica.
    #[default]
    AverageValue,
    /// Value in all.
    Value,
    /// Percent of what is requested; only for cpu and memory.
    Utilization,
}

/// `triggers[].authenticationRef`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticationRef {
    /// The object's name.
    pub name: String,
    /// Its kind. Default `TriggerAuthentication`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<AuthenticationKind>,
}

/// Kinds that an [`AuthenticationRef`] can name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AuthenticationKind {
    /// Of the same namespace.
    #[default]
    TriggerAuthentication,
    /// Of the whole cluster.
    ClusterTriggerAuthentication,
}

impl AuthenticationKind {
    /// As written in a manifest.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            AuthenticationKind::TriggerAuthentication => "TriggerAuthentication",
            AuthenticationKind::ClusterTriggerAuthentication => "ClusterTriggerAuthentication",
        }
    }
}
