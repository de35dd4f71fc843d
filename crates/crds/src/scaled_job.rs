//! `ScaledJob` of `keda.sh/v1alpha1`, field by field as KEDA's schema has it.

use k8s_openapi::api::batch::v1::JobSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scaled_object::Trigger;
use crate::status::{ScaledJobStatus, lenient};

/// A Job to be run for each piece of work that waits, and the events that tell of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaledJob {
    /// Name, namespace, labels and annotations.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::object_meta")]
    pub metadata: ObjectMeta,
    /// What is asked for.
    pub spec: ScaledJobSpec,
    /// What was found and done; written by the operator.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub status: Option<ScaledJobStatus>,
}

/// What a [`ScaledJob`] asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaledJobSpec {
    /// The Job that is created, as spec of batch/v1 Job.
    #[schemars(schema_with = "crate::schema::job_spec")]
    pub job_target_ref: Box<JobSpec>,
    /// Seconds between two reads of a trigger. Default 30.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub polling_interval: Option<u32>,
    /// Finished Jobs that are kept. Default 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successful_jobs_history_limit: Option<u32>,
    /// Failed Jobs that are kept. Default 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_jobs_history_limit: Option<u32>,
    /// What happens to running Jobs when this object changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout: Option<JobRollout>,
    /// Replaced by rollout.strategy; that one counts where both are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout_strategy: Option<RolloutStrategy>,
    /// The container whose environment ...FromEnv parameters are taken from. Default: the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env_source_container_name: Option<String>,
    /// Jobs that run also without work. Default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_replica_count: Option<u32>,
    /// Most Jobs at once. Default 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_replica_count: Option<u32>,
    /// How the number of new Jobs follows from the work that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling_strategy: Option<JobScalingStrategy>,
    /// What tells of work.
    #[schemars(length(min = 1))]
    pub triggers: Vec<Trigger>,
}

/// `rollout`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobRollout {
    /// Whether running Jobs go on. Default immediate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<RolloutStrategy>,
    /// How running Jobs are deleted. Default background.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub propagation_policy: Option<PropagationPolicy>,
}

/// `rollout.strategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RolloutStrategy {
    /// Running Jobs finish.
    Gradual,
    /// Running Jobs are deleted.
    Immediate,
}

/// `rollout.propagationPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PropagationPolicy {
    /// A Job goes after its pods.
    Foreground,
    /// A Job goes before its pods.
    Background,
}

/// `scalingStrategy`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobScalingStrategy {
    /// Which formula. Default default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<JobStrategy>,
    /// For custom: taken off the work that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_scaling_queue_length_deduction: Option<i32>,
    /// For custom: which part of the running Jobs counts, as "0.5".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_scaling_running_job_percentage: Option<String>,
    /// Conditions that a pod must have before its Job no longer counts as pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_pod_conditions: Option<Vec<String>>,
    /// How several triggers are put together. Default max.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multiple_scalers_calculation: Option<MultipleScalersCalculation>,
}

/// `scalingStrategy.strategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum JobStrategy {
    /// Work that waits, less the running Jobs.
    Default,
    /// The same with a deduction and a percentage of own choice.
    Custom,
    /// For sources that no longer count what is being worked on.
    Accurate,
    /// As many as may run, as soon as there is work.
    Eager,
}

/// `scalingStrategy.multipleScalersCalculation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum MultipleScalersCalculation {
    /// The smallest.
    Min,
    /// The mean.
    Avg,
    /// All together.
    Sum,
    /// The largest.
    Max,
}
