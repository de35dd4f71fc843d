//! What a manifest asks for, validated and in the engine's own words.
//!
//! Crate `crds` makes a [`Policy`] from a ScaledObject (with its ScalingPolicy) and the triggers' targets. After that
//! nobody reads the manifest again. A policy is immutable; a change is a new one, sent as
//! [`Event::PolicyChanged`](crate::Event::PolicyChanged).

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::formula::Formula;
use crate::time::Timestamp;

/// Names one scaled workload: `namespace/name` of its ScaledObject. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TargetId(Arc<str>);

impl TargetId {
    /// From a namespace and a name.
    #[must_use]
    pub fn new(namespace: &str, name: &str) -> Self {
        TargetId(format!("{namespace}/{name}").into())
    }

    /// The whole, `namespace/name`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the slash.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.0.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// The part after the slash.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(_, name)| name)
    }
}

impl std::fmt::Display for TargetId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

/// Everything the engine needs to know of one ScaledObject.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Fewest replicas while active (`minReplicaCount`). Zero allows scaling to zero.
    pub min_replicas: u32,
    /// Most replicas (`maxReplicaCount`).
    pub max_replicas: u32,
    /// Replicas while inactive (`idleReplicaCount`), below `min_replicas`. `None`: `min_replicas`.
    pub idle_replicas: Option<u32>,
    /// How long after the last activity the workload may go to zero or idle.
    pub cooldown: Duration,
    /// How long after `created` it may first do so when it has never been active.
    pub initial_cooldown: Duration,
    /// When the ScaledObject was made. `None`: long ago.
    pub created: Option<Timestamp>,
    /// One entry a metric, in the manifest's order. Commands and answers name an entry by its place here.
    pub triggers: Vec<TriggerPolicy>,
    /// `horizontalPodAutoscalerConfig.behavior`, completed with the API server's defaults.
    /// `None`: as a HorizontalPodAutoscaler without one (see [`Behavior`]).
    pub behavior: Option<Behavior>,
    /// Part of the target by which a metric may be off without a change, where the direction does not say: 0.1.
    pub tolerance: f64,
    /// What stands in for a trigger that keeps failing.
    pub fallback: Option<Fallback>,
    /// `scalingModifiers`: one formula in place of the triggers' own targets.
    pub formula: Option<FormulaPolicy>,
    /// The pause annotations.
    pub pause: Pause,
    /// `autoscaling.keda.sh/force-activation`.
    pub force_activation: bool,
    /// Put the replica count that was found back when the target is removed.
    pub restore_original: bool,
    /// Who moves the replicas.
    pub mode: Mode,
    /// Switches to KEDA's code where it departs from its documents.
    pub compat: Compat,
}

impl Policy {
    /// Whether we read this trigger. In mode `hpa` the HorizontalPodAutoscaler reads cpu and memory itself.
    #[must_use]
    pub fn reads(&self, trigger: &TriggerPolicy) -> bool {
        self.mode != Mode::Hpa || !trigger.target.is_resource()
    }

    /// Whether it is polled now. While nothing may move, sources are left in peace.
    pub(crate) fn polls(&self, trigger: &TriggerPolicy) -> bool {
        !self.pause.is_full() && self.reads(trigger)
    }

    /// Whether only who moves the replicas is another. Everything in a policy shows in its `Debug` form.
    pub(crate) fn differs_only_in_mode(&self, other: &Policy) -> bool {
        let in_one_mode =
            |policy: &Policy| format!("{:?}", Policy { mode: Mode::Hpa, created: None, ..policy.clone() });
        self.mode != other.mode && in_one_mode(self) == in_one_mode(other)
    }

    /// Whether nothing but cpu and memory is measured. Such a workload is always active.
    pub(crate) fn only_resources(&self) -> bool {
        !self.triggers.is_empty() && self.triggers.iter().all(|trigger| trigger.target.is_resource())
    }
}

/// One trigger, as the engine needs it.
#[derive(Clone, Debug)]
pub struct TriggerPolicy {
    /// Its place in the manifest's `triggers`, for names and messages. Several entries share it where one trigger of
    /// the manifest has several metrics (an external scaler may say so).
    pub index: usize,
    /// `triggers[].name`; formulas refer to it.
    pub name: Option<Arc<str>>,
    /// KEDA's type name, as `kafka`.
    pub kind: Arc<str>,
    /// The external metric's name, as `s0-kafka-orders`. Unique in the policy.
    pub metric: Arc<str>,
    /// What one replica is meant to take.
    pub target: MetricTarget,
    /// The trigger is active while its value is greater than this.
    pub activation: f64,
    /// How often it is read.
    pub polling_interval: Duration,
    /// Equal for triggers that one request can serve together; they are read at the same moment.
    /// Others are spread over the interval by it.
    pub source: u64,
    /// How long a read may take where that is more than the engine's own limit (the polling interval, but at least 3 and
    /// at most 10 seconds).
    pub time_limit: Option<Duration>,
    /// What its failure means for the decision.
    pub on_failure: FailurePolicy,
}

/// A metric target in the HPA's forms: two for external metrics, two for what the pods themselves use.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value")]
pub enum MetricTarget {
    /// Value per replica; wanted is ⌈value / target⌉.
    AverageValue(f64),
    /// Value in all; wanted is ⌈ready × value / target⌉.
    Value(f64),
    /// Percent of what the pods request of a resource (cpu, memory).
    Utilization(f64),
    /// What a pod uses of a resource on average, in cores or bytes.
    ResourceAverage(f64),
}

impl MetricTarget {
    /// The number alone.
    #[must_use]
    pub fn amount(self) -> f64 {
        match self {
            MetricTarget::AverageValue(amount)
            | MetricTarget::Value(amount)
            | MetricTarget::Utilization(amount)
            | MetricTarget::ResourceAverage(amount) => amount,
        }
    }

    /// Whether it measures what the pods use (cpu, memory) and not an event source. Such a trigger never takes a
    /// workload to zero or out of it, and no fallback stands in for it.
    #[must_use]
    pub fn is_resource(self) -> bool {
        matches!(self, MetricTarget::Utilization(_) | MetricTarget::ResourceAverage(_))
    }
}

/// What a failing trigger means (`ScalingPolicy`, beyond KEDA).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FailurePolicy {
    /// As KEDA and the HPA: fallback when one is set and due; else other triggers may scale out, nothing scales in.
    #[default]
    Default,
    /// No change at all while it fails.
    Hold,
    /// Decide as if the trigger were not there.
    Ignore,
    /// Use the ScaledObject's fallback at once, without waiting for the failure threshold.
    Fallback,
    /// Others may scale out; nothing scales in.
    OnlyUp,
}

/// `advanced.scalingModifiers`.
#[derive(Clone, Debug)]
pub struct FormulaPolicy {
    /// The compiled formula.
    pub formula: Formula,
    /// Its target.
    pub target: MetricTarget,
    /// Active while the result is greater than this.
    pub activation: f64,
}

/// `fallback`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// Falls back when more than this many reads in a row have failed.
    pub failure_threshold: u32,
    /// The replica count it stands for.
    pub replicas: u32,
    /// How `replicas` is meant.
    pub behavior: FallbackBehavior,
}

/// `fallback.behavior`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FallbackBehavior {
    /// `replicas`, whatever runs now.
    #[default]
    Static,
    /// As many as run now.
    CurrentReplicas,
    /// The higher of the two.
    CurrentReplicasIfHigher,
    /// The lower of the two.
    CurrentReplicasIfLower,
    /// The formula sees `nil` for the failed trigger and decides.
    ScalingModifiers,
}

/// HPA behaviour, complete: what the API server would store.
#[derive(Clone, Debug, PartialEq)]
pub struct Behavior {
    /// Rules for scaling out.
    pub scale_up: ScalingRules,
    /// Rules for scaling in.
    pub scale_down: ScalingRules,
}

/// One direction of a [`Behavior`].
#[derive(Clone, Debug, PartialEq)]
pub struct ScalingRules {
    /// How far back recommendations are looked at.
    pub stabilization: Duration,
    /// Which of the policies counts.
    pub select: SelectPolicy,
    /// At least one, unless disabled.
    pub policies: Vec<StepPolicy>,
    /// Overrides [`Policy::tolerance`] in this direction.
    pub tolerance: Option<f64>,
}

impl Behavior {
    /// The API server's defaults: out by the larger of 4 pods and 100 % in 15 s at once; in by 100 % in 15 s after
    /// 300 s of stabilization.
    #[must_use]
    pub fn api_server_defaults() -> Self {
        let period = Duration::from_secs(15);
        let step = |kind, value| StepPolicy { kind, value, period };
        Behavior {
            scale_up: ScalingRules {
                stabilization: Duration::ZERO,
                select: SelectPolicy::Max,
                policies: vec![step(StepKind::Pods, 4), step(StepKind::Percent, 100)],
                tolerance: None,
            },
            scale_down: ScalingRules {
                stabilization: Duration::from_secs(300),
                select: SelectPolicy::Max,
                policies: vec![step(StepKind::Percent, 100)],
                tolerance: None,
            },
        }
    }
}

/// `selectPolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SelectPolicy {
    /// The policy that allows the largest change.
    #[default]
    Max,
    /// The one that allows the smallest.
    Min,
    /// No change in this direction.
    Disabled,
}

/// One entry of `policies`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepPolicy {
    /// What `value` counts.
    pub kind: StepKind,
    /// Pods, or percent of the count at the period's start.
    pub value: u32,
    /// The window in which the change counts.
    pub period: Duration,
}

/// What a [`StepPolicy`]'s value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepKind {
    /// Pods.
    Pods,
    /// Percent of the replicas at the start of the period.
    Percent,
}

/// The pause annotations of a ScaledObject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pause {
    /// `paused`: nothing moves.
    pub all: bool,
    /// `paused-replicas`: put to this count, then nothing moves. May be above max.
    pub at: Option<u32>,
    /// `paused-scale-in`.
    pub scale_in: bool,
    /// `paused-scale-out`.
    pub scale_out: bool,
}

impl Pause {
    /// `paused` or `paused-replicas`: nothing moves, whatever triggers say.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.all || self.at.is_some()
    }
}

/// Who moves the replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// The cluster's HorizontalPodAutoscaler moves 1..N, we move 0↔1.
    Hpa,
    /// We move all of it.
    #[default]
    Direct,
    /// Nobody; decisions are only recorded.
    Shadow,
}

/// Where KEDA's code departs from its documents and somebody may rely on it. All off by default; each is set by the
/// annotation `tidegate.dev/compat` on the ScaledObject (a comma list of these names in kebab-case).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compat {
    /// Cap Kafka lag by integer division, so that one replica more than partitions can result (keda-surface 1.10 row 1).
    pub partition_cap_rounds_down: bool,
    /// Cap at partitions × threshold before the HPA's tolerance, so that the last replicas may never come.
    pub partition_cap_before_tolerance: bool,
    /// `fallback.replicas: 0` lets an outage scale to zero (row 13).
    pub fallback_zero_scales_to_zero: bool,
    /// A formula target that is no whole number disables fallback (row 4).
    pub fallback_needs_whole_formula_target: bool,
}
