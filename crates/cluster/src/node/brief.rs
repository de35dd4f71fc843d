//! What the node remembers of each pod: little, since there may be many thousands.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;

use super::annotations::PRETEND;

/// A pod, in brief.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Brief {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) labels: BTreeMap<String, String>,
    /// Only those that the node understands.
    pub(crate) annotations: BTreeMap<String, String>,
    /// Names and images.
    pub(crate) containers: Arc<[(String, String)]>,
    /// Whether it has processes.
    pub(crate) real: bool,
    /// `None`: it is not to be deleted.
    pub(crate) deletion_grace: Option<Duration>,
    /// Whether it has ended for good.
    pub(crate) ended: bool,
}

impl Brief {
    pub(crate) fn of(pod: &Pod) -> Brief {
        let metadata = &pod.metadata;
        let all = metadata.annotations.clone().unwrap_or_default();
        let annotations = all.into_iter().filter(|(name, _)| name.starts_with("node.tidegate.dev/")).collect();
        let containers = pod.spec.as_ref().map_or(&[][..], |spec| &spec.containers);
        let commands = containers.iter().all(|c| c.command.as_ref().is_some_and(|command| !command.is_empty()));
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        let annotations: BTreeMap<String, String> = annotations;
        let pretends = annotations.get(PRETEND).is_some_and(|value| value == "true");
        let seconds = metadata.deletion_grace_period_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        Brief {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
            uid: metadata.uid.clone().unwrap_or_default(),
            labels: metadata.labels.clone().unwrap_or_default(),
            real: commands && !pretends,
            annotations,
            containers: containers.iter().map(|c| (c.name.clone(), c.image.clone().unwrap_or_default())).collect(),
            deletion_grace: metadata.deletion_timestamp.as_ref().map(|_| Duration::from_secs(seconds.unwrap_or(0))),
            ended: matches!(phase, Some("Succeeded" | "Failed")),
        }
    }
}
