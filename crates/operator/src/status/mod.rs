//! The status of ScaledObjects: put together from what the parts of the operator know, in one place, and written only when
//! it changes.

mod desired;
mod findings;
mod patch;
mod writer;

pub(crate) use desired::{HpaPart, PausePart, ReconcilePart, find, kind_text};
pub(crate) use findings::{Findings, is_resource};
pub(crate) use writer::{FIELD_MANAGER, StatusWriter};

/// `status` of a ScaledObject as KEDA writes it.
pub(crate) type Status = tidegate_crds::ScaledObjectStatus;

/// Why a ScaledObject is in the state it is in: the reasons of its conditions, as KEDA's users know them.
pub(crate) mod reasons {
    pub(crate) const READY: &str = "ScaledObjectReady";
    pub(crate) const CHECK_FAILED: &str = "ScaledObjectCheckFailed";
    pub(crate) const PARTIAL_ERROR: &str = "PartialTriggerError";
    pub(crate) const TRIGGER_ERROR: &str = "TriggerError";
    pub(crate) const COUNT_ERROR: &str = "ErrorGettingCurrentReplicas";
    pub(crate) const ACTIVE: &str = "ScalerActive";
    pub(crate) const NOT_ACTIVE: &str = "ScalerNotActive";
    pub(crate) const COOLDOWN: &str = "ScalerCooldown";
    pub(crate) const UNKNOWN: &str = "UnknownState";
    pub(crate) const FALLBACK: &str = "FallbackExists";
    pub(crate) const NO_FALLBACK: &str = "NoFallbackFound";
    pub(crate) const PAUSED: &str = "ScaledObjectPaused";
    pub(crate) const UNPAUSED: &str = "ScaledObjectUnpaused";
    pub(crate) const HPA_ACTIVE: &str = "HPAActive";
    pub(crate) const SCALING_DISABLED: &str = "ScalingDisabled";
    pub(crate) const HPA_METRICS: &str = "HPAMetricsUnavailable";
}
