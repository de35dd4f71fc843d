//! What a target's pods use of cpu and memory, for mode `direct`: from `metrics.k8s.io`, as the HorizontalPodAutoscaler
//! asks it.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Container, Pod};
use kube::api::ListParams;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use serde_json::Value;
use tidegate_engine::{PodFacts, PodUsage as Usage, ReadError, ReadErrorKind, Reading, TargetId, Timestamp};
use tidegate_scalers::{PodUsage, Resource, UsageQuery};

use super::workloads::KubeWorkloads;
use crate::call::call;

/// The port. Asked for at each read, by what is scaled; nothing is watched for it.
#[derive(Clone)]
pub(crate) struct PodsUse {
    pub(crate) client: Client,
    pub(crate) workloads: KubeWorkloads,
}

#[async_trait]
impl PodUsage for PodsUse {
    async fn usage(&self, query: &UsageQuery, now: Timestamp) -> Result<Reading, ReadError> {
        let id = TargetId::new(&query.namespace, &query.scaled_object);
        let selector = self.workloads.selector(&id).await?;
        let by = ListParams::default().labels(&selector);
        let failed = |what: &str, error: crate::call::CallError| {
            let message = format!("listing {what} of {id} by {selector:?}: {error}");
            ReadError::new(ReadErrorKind::Unreachable, message)
        };
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &query.namespace);
        let pods = call(pods.list(&by)).await.map_err(|error| failed("pods", error))?.items;
        let metrics: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &query.namespace, &pod_metrics_resource());
        let metrics = call(metrics.list(&by)).await.map_err(|error| failed("metrics of pods", error))?.items;
        let measured: HashMap<String, DynamicObject> =
            metrics.into_iter().filter_map(|one| Some((one.metadata.name.clone()?, one))).collect();
        let of_pod = |pod: &Pod| {
            let name = pod.metadata.name.as_deref().unwrap_or_default();
            usage_of(pod, measured.get(name).map(|one| &one.data), query, now)
        };
        let usages: Vec<Usage> = pods.iter().map(of_pod).collect();
        Ok(Reading::of_pods(usages, now))
    }
}

fn pod_metrics_resource() -> ApiResource {
    let kind = GroupVersionKind::gvk("metrics.k8s.io", "v1beta1", "PodMetrics");
    ApiResource::from_gvk_with_plural(&kind, "pods")
}

fn usage_of(pod: &Pod, measured: Option<&Value>, query: &UsageQuery, now: Timestamp) -> Usage {
    let status = pod.status.clone().unwrap_or_default();
    let phase = status.phase.as_deref().unwrap_or_default();
    let at =
        |time: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Time| Timestamp::from_millis(time.0.as_millisecond());
    let conditions = status.conditions.unwrap_or_default();
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready").map(|condition| {
        let changed = condition.last_transition_time.as_ref().map_or(Timestamp::EPOCH, at);
        (condition.status != "False", changed)
    });
    let facts = PodFacts {
        deleted: pod.metadata.deletion_timestamp.is_some(),
        failed: phase == "Failed",
        pending: phase == "Pending",
        started: status.start_time.as_ref().map(at),
        ready,
        sampled: measured.and_then(sample),
    };
    let resource = match query.resource {
        Resource::Cpu => tidegate_engine::Resource::Cpu,
        Resource::Memory => tidegate_engine::Resource::Memory,
    };
    Usage {
        used_milli: measured.and_then(|measured| used(measured, query)),
        requested_milli: requested(pod, query),
        state: facts.state(resource, now),
    }
}

/// When it was measured, and over how long.
fn sample(measured: &Value) -> Option<(Timestamp, Duration)> {
    let at: jiff::Timestamp = measured.get("timestamp")?.as_str()?.parse().ok()?;
    let window = tidegate_crds::duration(measured.get("window")?.as_str()?)?;
    Some((Timestamp::from_millis(at.as_millisecond()), window))
}

/// Thousandths, rounded up as the API machinery does it.
fn milli(text: &str) -> Option<u64> {
    let amount = tidegate_crds::quantity(text)?;
    // Twelve digits are exact in a float; a part in a million of a thousandth is noise of the conversion.
    let thousandths = (amount * 1000.0 - 1e-6).ceil();
    (0.0..1e18).contains(&thousandths.max(0.0)).then_some(thousandths.max(0.0) as u64)
}

fn used(measured: &Value, query: &UsageQuery) -> Option<u64> {
    let containers = measured.get("containers")?.as_array()?;
    let counted = |container: &&Value| {
        let name = container.get("name").and_then(Value::as_str);
        query.container.as_deref().is_none_or(|wanted| name == Some(wanted))
    };
    let uses = containers.iter().filter(counted).map(|container| {
        container
            .get("usage")
            .and_then(|usage| usage.get(query.resource.name()))
            .and_then(Value::as_str)
            .and_then(milli)
    });
    let uses: Option<Vec<u64>> = uses.collect();
    uses.filter(|uses| !uses.is_empty()).map(|uses| uses.iter().sum())
}

/// What the containers request together; sidecars (containers that start first and go on) are among them.
fn requested(pod: &Pod, query: &UsageQuery) -> Option<u64> {
    let spec = pod.spec.as_ref()?;
    let sidecars = spec.init_containers.iter().flatten();
    let sidecars = sidecars.filter(|container| container.restart_policy.as_deref() == Some("Always"));
    let counted = |container: &&Container| query.container.as_ref().is_none_or(|wanted| container.name == *wanted);
    let requests = spec.containers.iter().chain(sidecars).filter(counted).map(|container| {
        let requests = container.resources.as_ref()?.requests.as_ref()?;
        milli(&requests.get(query.resource.name())?.0)
    });
    let requests: Option<Vec<u64>> = requests.collect();
    requests.filter(|requests| !requests.is_empty()).map(|requests| requests.iter().sum())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn query(resource: Resource, container: Option<&str>) -> UsageQuery {
        UsageQuery {
            namespace: "shop".into(),
            scaled_object: "orders".into(),
            resource,
            container: container.map(str::to_owned),
        }
    }

    #[test]
    fn use_and_requests_are_added_up_over_the_containers_that_count() {
        let pod: Pod = serde_json::from_value(json!({"spec": {
            "containers": [
                {"name": "main", "resources": {"requests": {"cpu": "100m", "memory": "1Ki"}}},
                {"name": "side", "resources": {"requests": {"cpu": "1"}}},
            ],
            "initContainers": [
                {"name": "once", "resources": {"requests": {"cpu": "7"}}},
                {"name": "first", "restartPolicy": "Always", "resources": {"requests": {"cpu": "50m"}}},
            ],
        }}))
        .unwrap();
        let measured = json!({"timestamp": "2026-01-01T00:00:00Z", "window": "15s", "containers": [
            {"name": "main", "usage": {"cpu": "1500001n", "memory": "2Ki"}},
            {"name": "side", "usage": {"cpu": "20m", "memory": "0"}},
        ]});
        for (container, resource, uses, requests) in [
            (None, Resource::Cpu, Some(22), Some(1150)),
            (Some("main"), Resource::Cpu, Some(2), Some(100)),
            (None, Resource::Memory, Some(2_048_000), None),
            (Some("main"), Resource::Memory, Some(2_048_000), Some(1_024_000)),
            (Some("other"), Resource::Cpu, None, None),
        ] {
            let query = query(resource, container);
            assert_eq!((used(&measured, &query), requested(&pod, &query)), (uses, requests), "{query:?}");
        }
        let at = Timestamp::from_millis(1_767_225_600_000);
        assert_eq!(sample(&measured), Some((at, Duration::from_secs(15))));
    }
}
