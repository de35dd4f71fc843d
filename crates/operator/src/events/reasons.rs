//! The reasons that events bear: KEDA's, letter by letter, and our own. Alerts and scripts match on them.

/// A ScaledObject is served.
pub const SCALED_OBJECT_READY: &str = "ScaledObjectReady";
/// A ScaledObject cannot be served as it is.
pub const SCALED_OBJECT_CHECK_FAILED: &str = "ScaledObjectCheckFailed";
/// The status of a ScaledObject could not be written.
pub const SCALED_OBJECT_UPDATE_FAILED: &str = "ScaledObjectUpdateFailed";
/// A ScaledObject is gone.
pub const SCALED_OBJECT_DELETED: &str = "ScaledObjectDeleted";
/// A ScaledObject was paused by annotation.
pub const SCALED_OBJECT_PAUSED: &str = "ScaledObjectPaused";
/// A pause ended.
pub const SCALED_OBJECT_UNPAUSED: &str = "ScaledObjectUnpaused";
/// Fallback replicas took the place of what triggers could not say.
pub const SCALED_OBJECT_FALLBACK_ACTIVATED: &str = "ScaledObjectFallbackActivated";
/// Triggers answer again.
pub const SCALED_OBJECT_FALLBACK_DEACTIVATED: &str = "ScaledObjectFallbackDeactivated";

/// Something about a trigger or a setting that is worth knowing.
pub const SCALER_INFO: &str = "KEDAScalerInfo";
/// A trigger is connected, or all of an object are watched.
pub const SCALERS_STARTED: &str = "KEDAScalersStarted";
/// The triggers of an object are no longer read.
pub const SCALERS_STOPPED: &str = "KEDAScalersStopped";
/// A trigger could not be made or read.
pub const SCALER_FAILED: &str = "KEDAScalerFailed";
/// A trigger of a formula could not be read.
pub const METRIC_SOURCE_FAILED: &str = "KEDAMetricSourceFailed";
/// The target was scaled from zero or idle.
pub const SCALE_TARGET_ACTIVATED: &str = "KEDAScaleTargetActivated";
/// The target was scaled to zero or idle.
pub const SCALE_TARGET_DEACTIVATED: &str = "KEDAScaleTargetDeactivated";
/// Scaling from zero or idle failed.
pub const SCALE_TARGET_ACTIVATION_FAILED: &str = "KEDAScaleTargetActivationFailed";
/// Scaling to zero or idle failed.
pub const SCALE_TARGET_DEACTIVATION_FAILED: &str = "KEDAScaleTargetDeactivationFailed";

/// A TriggerAuthentication was added.
pub const TRIGGER_AUTHENTICATION_ADDED: &str = "TriggerAuthenticationAdded";
/// A TriggerAuthentication is gone.
pub const TRIGGER_AUTHENTICATION_DELETED: &str = "TriggerAuthenticationDeleted";
/// A ClusterTriggerAuthentication was added.
pub const CLUSTER_TRIGGER_AUTHENTICATION_ADDED: &str = "ClusterTriggerAuthenticationAdded";
/// An authentication object was changed. KEDA says this of both kinds, and so do we: what matches on it goes on working.
pub const TRIGGER_AUTHENTICATION_UPDATED: &str = "ClusterTriggerAuthenticationUpdated";
/// A ClusterTriggerAuthentication is gone.
pub const CLUSTER_TRIGGER_AUTHENTICATION_DELETED: &str = "ClusterTriggerAuthenticationDeleted";

/// Ours: the number of replicas was changed; the note is the decision's explanation.
pub const REPLICAS_CHANGED: &str = "TidegateReplicasChanged";
/// Ours: changing the number of replicas failed.
pub const REPLICAS_CHANGE_FAILED: &str = "TidegateReplicasChangeFailed";
