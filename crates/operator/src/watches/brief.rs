//! What is kept of the objects of a cluster: only what somebody asks for.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::autoscaling::v2::{HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tidegate_crds::ScaledObject;
use tidegate_crds::admission::TargetKey;
use tidegate_engine::{TargetId, Workload};
use tokio::time::Instant;

use super::packed::Packed;
use crate::status::Status;

/// Label that KEDA's HorizontalPodAutoscalers bear.
pub(crate) const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "keda-operator");

/// The annotation of a HorizontalPodAutoscaler that is to be passed over when ownership is checked.
pub(crate) const HPA_OWNERSHIP: &str = "validations.keda.sh/hpa-ownership";

/// A ScaledObject as it was last seen.
#[derive(Clone, Debug)]
pub struct KnownObject {
    /// Without managed fields. Only its metadata counts where `unreadable` says why.
    pub object: Arc<ScaledObject>,
    /// Its status.
    pub status: Arc<Status>,
    /// Why its spec could not be understood.
    pub unreadable: Option<Arc<str>>,
    /// When it came, if that was while this process watched: its age by our own clock, which may be apart from the API
    /// server's.
    pub came: Option<Instant>,
}

impl KnownObject {
    /// Whether it is being deleted.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.object.metadata.deletion_timestamp.is_some()
    }
}

/// A HorizontalPodAutoscaler's owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HpaOwner {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

/// The condition `ScalingActive` of a HorizontalPodAutoscaler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HpaScaling {
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Its reason.
    pub reason: String,
    /// Its message.
    pub message: String,
}

/// What is kept of a HorizontalPodAutoscaler.
#[derive(Clone, Debug, PartialEq)]
pub struct HpaBrief {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// What it scales.
    pub target: TargetKey,
    /// Its controller.
    pub owner: Option<HpaOwner>,
    /// All labels of one of KEDA's; none of others.
    pub labels: BTreeMap<String, String>,
    /// All annotations of one of KEDA's; of others only `validations.keda.sh/hpa-ownership`.
    pub annotations: BTreeMap<String, String>,
    /// Of one of KEDA's.
    pub spec: Option<Packed<HorizontalPodAutoscalerSpec>>,
    /// Of one of KEDA's, once it has one.
    pub scaling: Option<HpaScaling>,
}

impl HpaBrief {
    /// Keeps what is needed.
    pub(crate) fn of(hpa: HorizontalPodAutoscaler) -> Self {
        let HorizontalPodAutoscaler { metadata, spec, status } = hpa;
        let scaled = &spec.scale_target_ref;
        let target = TargetKey::new(scaled.api_version.as_deref().unwrap_or_default(), &scaled.kind, &scaled.name);
        let owner = owner(&metadata);
        let labels = metadata.labels.unwrap_or_default();
        let mut annotations = metadata.annotations.unwrap_or_default();
        let ours = labels.get(MANAGED_BY.0).is_some_and(|by| by == MANAGED_BY.1)
            || owner.as_ref().is_some_and(|owner| owner.kind == "ScaledObject");
        let conditions = status.and_then(|status| status.conditions).unwrap_or_default();
        let scaling = conditions.into_iter().find(|condition| condition.type_ == "ScalingActive");
        let scaling = scaling.map(|condition| HpaScaling {
            status: condition.status,
            reason: condition.reason.unwrap_or_default(),
            message: condition.message.unwrap_or_default(),
        });
        if !ours {
            annotations.retain(|key, _| key == HPA_OWNERSHIP);
        }
        HpaBrief {
            name: metadata.name.unwrap_or_default(),
            uid: metadata.uid.unwrap_or_default(),
            target,
            owner,
            labels: if ours { labels } else { BTreeMap::new() },
            annotations,
            spec: if ours { Packed::new(&spec) } else { None },
            scaling: scaling.filter(|_| ours),
        }
    }

    /// Whether the ScaledObject of this name owns it. By name and kind, as KEDA does, so that one that was made again
    /// under the same name counts.
    #[must_use]
    pub fn is_owned_by(&self, scaled_object: &str) -> bool {
        self.owner.as_ref().is_some_and(|owner| owner.kind == "ScaledObject" && owner.name == scaled_object)
    }

    /// Whether all but its status is the same.
    pub(crate) fn same_but_status(&self, other: &HpaBrief) -> bool {
        (&self.uid, &self.target, &self.owner, &self.labels, &self.annotations, &self.spec)
            == (&other.uid, &other.target, &other.owner, &other.labels, &other.annotations, &other.spec)
    }
}

fn owner(metadata: &ObjectMeta) -> Option<HpaOwner> {
    let owners = metadata.owner_references.as_deref().unwrap_or_default();
    let owner = owners.iter().find(|owner| owner.controller == Some(true))?;
    Some(HpaOwner { kind: owner.kind.clone(), name: owner.name.clone(), uid: owner.uid.clone() })
}

/// What is kept of a scaled workload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkloadBrief {
    /// Asked for.
    pub replicas: u32,
    /// Existing.
    pub current: u32,
    /// Running and ready, where the kind's status says so.
    pub ready: Option<u32>,
    /// Selects its pods.
    pub selector: Option<Arc<str>>,
    /// Its pods' containers with what they ask for and their environment; only of workloads that a ScaledObject names.
    pub template: Option<Packed<PodTemplateSpec>>,
}

impl WorkloadBrief {
    /// The counts, `ready` being known from elsewhere where the kind does not tell.
    #[must_use]
    pub fn counts(&self, ready: Option<u32>) -> Workload {
        // A status that lags behind must not tell of more ready pods than exist.
        let ready = self.ready.or(ready).unwrap_or(self.current).min(self.current);
        Workload { replicas: self.replicas, current: self.current, ready, busy: None }
    }
}

/// A name within a namespace, as `TargetId` has it.
pub(crate) type Named = TargetId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_pods_are_ready_than_exist() {
        let brief = WorkloadBrief { replicas: 3, current: 2, ready: Some(3), ..WorkloadBrief::default() };
        assert_eq!(brief.counts(None), Workload { replicas: 3, current: 2, ready: 2, busy: None });
        let without = WorkloadBrief { ready: None, ..brief };
        assert_eq!(without.counts(Some(1)).ready, 1);
    }
}
