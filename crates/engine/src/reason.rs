//! The rules a decision passes through, and why each did what it did.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::policy::{MetricTarget, StepKind};
use crate::time::Timestamp;
use crate::words;

/// The rules, in the order in which they look at the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Rule {
    /// The largest count that any metric asks for.
    Metrics,
    /// A metric is within tolerance of its target.
    Tolerance,
    /// A metric is missing, so nothing scales in (or at all).
    MissingMetric,
    /// A fallback stands in for a failing trigger.
    Fallback,
    /// No trigger is active, or one is: 0↔1 and idle.
    Activation,
    /// `force-activation`.
    ForceActivation,
    /// Inactive, but not for long enough.
    Cooldown,
    /// Never active yet, and made not long enough ago.
    InitialCooldown,
    /// Scaling to `idleReplicaCount`.
    Idle,
    /// The highest (lowest) recommendation of the scale-in (scale-out) window.
    Stabilization,
    /// A scale-out policy's step.
    ScaleUpPolicy,
    /// A scale-in policy's step.
    ScaleDownPolicy,
    /// `selectPolicy: Disabled`.
    Disabled,
    /// `minReplicaCount`.
    Min,
    /// `maxReplicaCount`.
    Max,
    /// What the source can keep busy.
    UsefulParallelism,
    /// Pods known to be busy.
    BusyPods,
    /// The pause annotations.
    Paused,
    /// The workload's count is not known.
    UnknownWorkload,
    /// The count found at first is put back.
    RestoreOriginal,
    /// The HorizontalPodAutoscaler reads a metric itself (cpu, memory), so what it makes of it is not known here.
    LeftToHpa,
    /// Nothing bound it.
    None,
}

impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(out)
    }
}

/// Why a rule did what it did. Inside the engine it is numbers, cheap to make; in a record it is a sentence.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// A sentence, as read back from a record.
    Text(String),
    /// The metric that asks for most, by the HPA's arithmetic.
    Wants {
        /// The trigger's name, or "formula".
        trigger: Arc<str>,
        /// Its value.
        value: f64,
        /// What it is measured against.
        target: MetricTarget,
        /// Ready pods, which `Value` counts by.
        ready: u32,
        /// What it asks for.
        wanted: u32,
    },
    /// The metric that asks for most is so near its target that it keeps what is there.
    WithinTolerance {
        /// The trigger's name, or "formula".
        trigger: Arc<str>,
        /// Its value as a part of its target.
        ratio: f64,
        /// Lowest ratio without a change.
        low: f64,
        /// Highest ratio without a change.
        high: f64,
    },
    /// A fallback asks for most.
    FallbackWants {
        /// The trigger's name, or "formula".
        trigger: Arc<str>,
        /// Failed reads in a row.
        failures: u32,
        /// What the fallback stands for.
        replicas: u32,
    },
    /// No metric is known.
    NothingKnown {
        /// How many metrics there are.
        of: u32,
    },
    /// Some metrics are missing, so nothing scales in.
    NoScaleInWhileMissing {
        /// The first missing trigger's name, or "formula".
        trigger: Arc<str>,
        /// How many are missing.
        missing: u32,
    },
    /// A trigger's failure policy is `hold`.
    HoldsOnFailure {
        /// Its name.
        trigger: Arc<str>,
    },
    /// Nothing known is active, and not all is known.
    ActivityUnknown {
        /// The first trigger of unknown activity, or "formula".
        trigger: Arc<str>,
    },
    /// A trigger is active, so the workload leaves zero or idle.
    Activated {
        /// Its name, or "formula".
        trigger: Arc<str>,
        /// What its activity is judged by.
        value: f64,
        /// It is active above this.
        activation: f64,
    },
    /// The source itself says that there is work.
    SourceSays {
        /// Its trigger's name.
        trigger: Arc<str>,
    },
    /// Nothing but cpu and memory is measured, so the workload is always active.
    OnlyResources,
    /// The HorizontalPodAutoscaler reads this metric itself.
    LeftToHpa {
        /// Its trigger's name.
        trigger: Arc<str>,
    },
    /// `force-activation` counts as activity.
    Forced,
    /// No trigger is active and the cooldown is over.
    Inactive {
        /// When one last was. `None`: never.
        last_active: Option<Timestamp>,
        /// How long it had to be over.
        cooldown: Duration,
    },
    /// No trigger is active and nothing runs.
    StaysInactive,
    /// No trigger is active, but the cooldown is not over.
    Cooling {
        /// When it ends.
        until: Timestamp,
    },
    /// A recommendation of the past binds.
    Recommended {
        /// What it asked for.
        replicas: u32,
        /// When.
        at: Timestamp,
        /// How far back the window looks.
        window: Duration,
    },
    /// A scaling policy's step.
    Policy {
        /// What it counts.
        kind: StepKind,
        /// How many pods or percent.
        value: u32,
        /// In which time.
        period: Duration,
        /// The count at that time's start.
        start: u32,
        /// The furthest count allowed.
        limit: u32,
    },
    /// The HPA's limit without behaviour.
    Doubling {
        /// The count 15 seconds ago.
        start: u32,
        /// The furthest count allowed.
        limit: u32,
    },
    /// `selectPolicy: Disabled`.
    SelectDisabled,
    /// `minReplicaCount`.
    Min {
        /// Its value.
        min: u32,
    },
    /// While active at least one runs.
    AtLeastOne,
    /// `maxReplicaCount`.
    Max {
        /// Its value.
        max: u32,
    },
    /// More than the sources can keep busy.
    Parallelism {
        /// What they can keep busy.
        useful: u32,
    },
    /// As [`Reason::Parallelism`], where the fewest allowed are more.
    ParallelismBelowMin {
        /// What they can keep busy.
        useful: u32,
        /// The fewest allowed.
        min: u32,
    },
    /// Pods are busy.
    Busy {
        /// How many.
        busy: u32,
    },
    /// Annotation `paused`.
    Paused,
    /// Annotation `paused-replicas`.
    PausedAt {
        /// Its value.
        replicas: u32,
    },
    /// Annotation `paused-scale-in`.
    PausedScaleIn,
    /// Annotation `paused-scale-out`.
    PausedScaleOut,
    /// The workload's counts cannot be seen.
    WorkloadUnknown {
        /// Why.
        error: Arc<str>,
    },
    /// The count found at first is put back.
    Original {
        /// How many it was.
        replicas: u32,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        words::reason(self, out)
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Reason::Text(String::deserialize(deserializer)?))
    }
}
