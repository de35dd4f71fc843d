//! The rules a decision passes through, and why each did what it did.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Text(text) => out.write_str(text),
        }
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
