//! `ScalingPolicy` of `tidegate.dev/v1alpha1`: what a ScaledObject cannot say, attached to it by `targetRef`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings for one ScaledObject beyond KEDA's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScalingPolicy {
    /// Name, namespace, labels and annotations.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::object_meta")]
    pub metadata: ObjectMeta,
    /// What is asked for.
    pub spec: ScalingPolicySpec,
}

/// What a [`ScalingPolicy`] asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScalingPolicySpec {
    /// What it is attached to, in the same namespace.
    pub target_ref: PolicyTargetRef,
    /// Who moves the replicas. Default: `direct` on one machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<PolicyMode>,
    /// Settings for single triggers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<PolicyTrigger>,
    /// Where KEDA's code is to be followed instead of its documents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compat: Vec<CompatSwitch>,
}

/// Names the ScaledObject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyTargetRef {
    /// Default `keda.sh`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Default `ScaledObject`.
    #[serde(default)]
    pub kind: PolicyTargetKind,
    /// Its name.
    #[schemars(length(min = 1))]
    pub name: String,
}

/// Kinds that a ScalingPolicy can be attached to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PolicyTargetKind {
    /// A ScaledObject.
    #[default]
    ScaledObject,
}

/// Who moves the replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PolicyMode {
    /// Tidegate moves all of it.
    Direct,
    /// The cluster's HorizontalPodAutoscaler moves 1..N, Tidegate moves 0 to 1 and back.
    Hpa,
    /// Nobody; decisions are only recorded.
    Shadow,
}

/// Settings for one trigger: `name` or `index` says which.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyTrigger {
    /// `triggers[].name` of the ScaledObject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The trigger's place, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// What its failure means for the decision. Default `default`.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// How often it is read, as `5s` or `500ms`. Default: the ScaledObject's pollingInterval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub polling_interval: Option<String>,
}

/// What a failing trigger means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnFailure {
    /// As KEDA and the HPA: fallback when one is set and due; else others may scale out, nothing scales in.
    #[default]
    Default,
    /// No change at all while it fails.
    Hold,
    /// Decide as if the trigger were not there.
    Ignore,
    /// Use the ScaledObject's fallback at once.
    Fallback,
    /// Others may scale out; nothing scales in.
    OnlyUp,
}

/// Names of compatibility switches; also the words of the annotation `tidegate.dev/compat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CompatSwitch {
    /// Cap Kafka lag by integer division, so that one replica more than partitions can result.
    PartitionCapRoundsDown,
    /// Cap at partitions × threshold before the tolerance, so that the last replicas may never come.
    PartitionCapBeforeTolerance,
    /// `fallback.replicas: 0` lets an outage scale to zero.
    FallbackZeroScalesToZero,
    /// A formula target that is no whole number disables fallback.
    FallbackNeedsWholeFormulaTarget,
}

impl CompatSwitch {
    /// All of them.
    pub const ALL: [CompatSwitch; 4] = [
        CompatSwitch::PartitionCapRoundsDown,
        CompatSwitch::PartitionCapBeforeTolerance,
        CompatSwitch::FallbackZeroScalesToZero,
        CompatSwitch::FallbackNeedsWholeFormulaTarget,
    ];

    /// As written in a manifest.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            CompatSwitch::PartitionCapRoundsDown => "partition-cap-rounds-down",
            CompatSwitch::PartitionCapBeforeTolerance => "partition-cap-before-tolerance",
            CompatSwitch::FallbackZeroScalesToZero => "fallback-zero-scales-to-zero",
            CompatSwitch::FallbackNeedsWholeFormulaTarget => "fallback-needs-whole-formula-target",
        }
    }
}
