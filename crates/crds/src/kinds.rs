//! The kinds that are read, and the Kubernetes kinds that are known but have no meaning here.

/// A kind that [`parse`](crate::parse) understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    ScaledObject,
    ScalingPolicy,
    TriggerAuthentication,
    ClusterTriggerAuthentication,
    ScaledJob,
    CloudEventSource,
    ClusterCloudEventSource,
    Deployment,
    Secret,
    ConfigMap,
    Scenario,
}

impl Known {
    const ALL: [Known; 11] = [
        Known::ScaledObject,
        Known::ScalingPolicy,
        Known::TriggerAuthentication,
        Known::ClusterTriggerAuthentication,
        Known::ScaledJob,
        Known::CloudEventSource,
        Known::ClusterCloudEventSource,
        Known::Deployment,
        Known::Secret,
        Known::ConfigMap,
        Known::Scenario,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Known::ScaledObject => "ScaledObject",
            Known::ScalingPolicy => "ScalingPolicy",
            Known::TriggerAuthentication => "TriggerAuthentication",
            Known::ClusterTriggerAuthentication => "ClusterTriggerAuthentication",
            Known::ScaledJob => "ScaledJob",
            Known::CloudEventSource => "CloudEventSource",
            Known::ClusterCloudEventSource => "ClusterCloudEventSource",
            Known::Deployment => "Deployment",
            Known::Secret => "Secret",
            Known::ConfigMap => "ConfigMap",
            Known::Scenario => "Scenario",
        }
    }

    pub(crate) fn api_version(self) -> &'static str {
        match self {
            Known::ScaledObject
            | Known::ScaledJob
            | Known::TriggerAuthentication
            | Known::ClusterTriggerAuthentication => "keda.sh/v1alpha1",
            Known::CloudEventSource | Known::ClusterCloudEventSource => "eventing.keda.sh/v1alpha1",
            Known::ScalingPolicy | Known::Scenario => "tidegate.dev/v1alpha1",
            Known::Deployment => "apps/v1",
            Known::Secret | Known::ConfigMap => "v1",
        }
    }

    /// Whether its objects belong to no namespace.
    pub(crate) fn is_cluster_wide(self) -> bool {
        matches!(self, Known::ClusterTriggerAuthentication | Known::ClusterCloudEventSource)
    }

    /// Whether it is one of Kubernetes' own, whose schemas come with Kubernetes.
    pub(crate) fn is_kubernetes(self) -> bool {
        matches!(self, Known::Deployment | Known::Secret | Known::ConfigMap)
    }

    /// Why a kind that is checked is not used further; `None` for one that is.
    pub(crate) fn not_served(self) -> Option<&'static str> {
        match self {
            Known::ScaledJob => Some("ScaledJobs are not served yet, so this is ignored"),
            Known::CloudEventSource | Known::ClusterCloudEventSource => {
                Some("CloudEvents are not sent yet, so this is ignored")
            }
            _ => None,
        }
    }

    pub(crate) fn named(kind: &str) -> Option<Known> {
        Known::ALL.into_iter().find(|known| known.name() == kind)
    }
}

/// Kinds that are left alone, with a warning.
pub(crate) const IGNORED: &[&str] = &[
    "APIService",
    "CertificateSigningRequest",
    "ClusterRole",
    "ClusterRoleBinding",
    "ControllerRevision",
    "CronJob",
    "CSIDriver",
    "CustomResourceDefinition",
    "DaemonSet",
    "EndpointSlice",
    "Endpoints",
    "Event",
    "Gateway",
    "HTTPRoute",
    "HorizontalPodAutoscaler",
    "Ingress",
    "IngressClass",
    "Job",
    "Kustomization",
    "Lease",
    "LimitRange",
    "MutatingWebhookConfiguration",
    "Namespace",
    "NetworkPolicy",
    "Node",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Pod",
    "PodDisruptionBudget",
    "PodMonitor",
    "PodTemplate",
    "PriorityClass",
    "PrometheusRule",
    "ReplicaSet",
    "ReplicationController",
    "ResourceQuota",
    "Role",
    "RoleBinding",
    "RuntimeClass",
    "Service",
    "ServiceAccount",
    "ServiceMonitor",
    "StatefulSet",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingWebhookConfiguration",
    "VerticalPodAutoscaler",
];

/// Every kind's name, for suggestions.
pub(crate) fn names() -> Vec<&'static str> {
    Known::ALL.into_iter().map(Known::name).chain(IGNORED.iter().copied()).collect()
}
