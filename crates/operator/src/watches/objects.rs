//! Watches of ScaledObjects, ScalingPolicies and HorizontalPodAutoscalers.

use std::sync::Arc;

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use tidegate_crds::{ScaledObject, ScalingPolicy};
use tidegate_engine::TargetId;
use tokio::time::Instant;

use super::brief::{HpaBrief, KnownObject};
use super::feed::{Step, follow};
use super::index::Index;
use super::{Change, Tools, api};
use crate::status::Status;

/// Where ScaledObjects are.
pub(crate) fn scaled_object_resource() -> ApiResource {
    let kind = GroupVersionKind::gvk("keda.sh", "v1alpha1", "ScaledObject");
    ApiResource::from_gvk_with_plural(&kind, "scaledobjects")
}

/// Where ScalingPolicies are.
pub(crate) fn scaling_policy_resource() -> ApiResource {
    let kind = GroupVersionKind::gvk("tidegate.dev", "v1alpha1", "ScalingPolicy");
    ApiResource::from_gvk_with_plural(&kind, "scalingpolicies")
}

pub(super) fn scaled_objects(
    client: Client,
    namespace: Option<&str>,
    labels: Option<String>,
    (lists, index, changes): Tools,
) -> impl Future<Output = ()> + Send + 'static {
    let api: Api<DynamicObject> = api(client, namespace, &scaled_object_resource());
    let mut listed = false;
    let take = move |step| {
        let change = match step {
            Step::Apply(object) => {
                let known = KnownObject { came: listed.then(Instant::now), ..understand(object) };
                let (id, after) = (super::id_of(&known.object), known.clone());
                let before = index.put_object(known);
                asks_for_something(before.as_ref(), &after).then_some(Change::Object(id))
            }
            Step::Gone(id) => index.remove_object(&id).map(|_| Change::Gone(id)),
            Step::Complete => {
                index.list_is_in();
                listed = true;
                None
            }
        };
        // Nobody listens while the process ends.
        change.into_iter().for_each(|change| drop(changes.send(change)));
    };
    async move { follow(api, labels, lists, take).await }
}

/// Reads an object that the API server has checked against the schema. What cannot be read even so is told in the
/// object's status and not dropped.
fn understand(object: DynamicObject) -> KnownObject {
    let DynamicObject { mut metadata, mut data, .. } = object;
    metadata.managed_fields = None;
    let status = data.get_mut("status").map(serde_json::Value::take);
    let status = status.and_then(|status| serde_json::from_value::<Status>(status).ok()).unwrap_or_default();
    let (spec, unreadable) =
        match serde_json::from_value(data.get_mut("spec").map_or_else(Default::default, |spec| spec.take())) {
            Ok(spec) => (spec, None),
            Err(error) => (Default::default(), Some(format!("spec cannot be read: {error}").into())),
        };
    let object = ScaledObject { metadata, spec, ..ScaledObject::default() };
    KnownObject { object: Arc::new(object), status: Arc::new(status), unreadable, came: None }
}

/// Whether a change is more than one of the status. Labels and annotations count, since they are on the
/// HorizontalPodAutoscaler too.
fn asks_for_something(before: Option<&KnownObject>, after: &KnownObject) -> bool {
    let Some(before) = before else { return true };
    let (before, after) = (&before.object.metadata, &after.object.metadata);
    (&before.uid, before.generation, &before.labels, &before.annotations, &before.finalizers)
        != (&after.uid, after.generation, &after.labels, &after.annotations, &after.finalizers)
        || before.deletion_timestamp.is_some() != after.deletion_timestamp.is_some()
}

pub(super) fn scaling_policies(
    client: Client,
    namespace: Option<&str>,
    (lists, index, changes): Tools,
) -> impl Future<Output = ()> + Send + 'static {
    let api: Api<DynamicObject> = api(client, namespace, &scaling_policy_resource());
    let take = move |step: Step<DynamicObject>| {
        let touched = match step {
            Step::Apply(object) => {
                let name = TargetId::new(
                    object.metadata.namespace.as_deref().unwrap_or_default(),
                    object.metadata.name.as_deref().unwrap_or_default(),
                );
                match serde_json::from_value(object.data.get("spec").cloned().unwrap_or_default()) {
                    Ok(spec) => {
                        let mut metadata = object.metadata;
                        metadata.managed_fields = None;
                        index.put_policy(name, ScalingPolicy { metadata, spec })
                    }
                    // What held before holds on.
                    Err(error) => {
                        tracing::error!(policy = %name, %error, "a ScalingPolicy cannot be read and is passed over");
                        Vec::new()
                    }
                }
            }
            Step::Gone(name) => index.remove_policy(&name),
            Step::Complete => {
                index.list_is_in();
                Vec::new()
            }
        };
        touched.into_iter().for_each(|id| drop(changes.send(Change::Object(id))));
    };
    async move { follow(api, None, lists, take).await }
}

pub(super) fn hpas(
    client: Client,
    namespace: Option<&str>,
    (lists, index, changes): Tools,
) -> impl Future<Output = ()> + Send + 'static {
    let api: Api<HorizontalPodAutoscaler> = match namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let take = move |step: Step<HorizontalPodAutoscaler>| match step {
        Step::Apply(hpa) => {
            let namespace = hpa.metadata.namespace.clone().unwrap_or_default();
            let after = Arc::new(HpaBrief::of(hpa));
            let before = index.put_hpa(&namespace, Arc::clone(&after));
            let change = match &before {
                Some(before) if *before == after => return,
                Some(before) if before.same_but_status(&after) => Change::HpaStatus,
                _ => Change::Object,
            };
            for id in concerned(&index, &namespace, &after) {
                let _ = changes.send(change(id));
            }
        }
        Step::Gone(name) => {
            if let Some(before) = index.remove_hpa(&name) {
                for id in concerned(&index, name.namespace(), &before) {
                    let _ = changes.send(Change::Object(id));
                }
            }
        }
        Step::Complete => index.list_is_in(),
    };
    async move { follow(api, None, lists, take).await }
}

/// The ScaledObjects that a HorizontalPodAutoscaler matters to.
fn concerned(index: &Index, namespace: &str, hpa: &HpaBrief) -> Vec<TargetId> {
    let mut ids = index.scaled_objects_with_hpa(namespace, &hpa.name);
    let owner = hpa.owner.as_ref().filter(|owner| owner.kind == "ScaledObject");
    ids.extend(owner.map(|owner| TargetId::new(namespace, &owner.name)));
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled_object(json: serde_json::Value) -> KnownObject {
        understand(serde_json::from_value(json).unwrap())
    }

    fn sample() -> serde_json::Value {
        serde_json::json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
            "metadata": {"name": "orders", "namespace": "shop", "generation": 1, "managedFields": [{"manager": "x"}]},
            "spec": {"scaleTargetRef": {"name": "worker"}, "triggers": [{"type": "cron", "metadata": {"a": "b"}}]},
            "status": {"hpaName": "keda-hpa-orders"},
        })
    }

    #[test]
    fn an_object_is_read_with_its_status_and_without_managed_fields() {
        let known = scaled_object(sample());
        assert_eq!(known.object.spec.triggers[0].kind, "cron");
        assert_eq!(known.status.hpa_name.as_deref(), Some("keda-hpa-orders"));
        assert!(known.object.metadata.managed_fields.is_none());
        assert!(known.unreadable.is_none());
    }

    #[test]
    fn what_cannot_be_read_is_kept_with_the_reason() {
        let mut json = sample();
        json["spec"]["triggers"] = serde_json::json!("none");
        let known = scaled_object(json);
        assert!(known.unreadable.unwrap().contains("spec cannot be read"));
        assert_eq!(super::super::id_of(&known.object), TargetId::new("shop", "orders"));
    }

    #[test]
    fn status_alone_asks_for_nothing_and_an_annotation_does() {
        let first = scaled_object(sample());
        let mut json = sample();
        json["status"]["hpaName"] = "other".into();
        assert!(!asks_for_something(Some(&first), &scaled_object(json.clone())));
        json["metadata"]["annotations"] = serde_json::json!({"autoscaling.keda.sh/paused": "true"});
        assert!(asks_for_something(Some(&first), &scaled_object(json)));
        assert!(asks_for_something(None, &first));
    }
}
