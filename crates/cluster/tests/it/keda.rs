//! The real KEDA works beside us.

use std::time::Duration;

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, PostParams};
use serde_json::json;
use tidegate_cluster::keda::{Keda, KedaOptions};

use crate::bench::{Place, until};

#[tokio::test]
#[ignore = "needs KEDA, ten minutes to build: `cargo xtask keda setup`, then `cargo xtask keda test`"]
async fn it_scales_a_deployment_and_refuses_nonsense() {
    let place = Place::new("keda").await;
    let _turn = place.cluster.alone().await;
    let keda = Keda::start(place.cluster, &KedaOptions::default()).await.unwrap();
    place.deployment(1, json!({"name": "main", "image": "none"}), json!({})).await;
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("keda.sh", "v1alpha1", "ScaledObject"));
    let objects: Api<DynamicObject> = Api::namespaced_with(place.client.clone(), &place.namespace, &resource);
    let object = |name: &str, replicas: &str| {
        let metadata =
            json!({"timezone": "UTC", "start": "0 0 1 1 *", "end": "59 23 31 12 *", "desiredReplicas": replicas});
        serde_json::from_value::<DynamicObject>(json!({
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "metadata": {"name": name},
            "spec": {
                "scaleTargetRef": {"name": "work"},
                "maxReplicaCount": 5,
                "triggers": [{"type": "cron", "metadata": metadata}],
            },
        }))
        .unwrap()
    };
    objects.create(&PostParams::default(), &object("work", "3")).await.unwrap();
    until("three run", async || place.counts().await == (3, 3)).await;
    assert!(place.api::<HorizontalPodAutoscaler>().get("keda-hpa-work").await.is_ok());
    let refused = objects.create(&PostParams::default(), &object("second", "3")).await.unwrap_err();
    assert!(refused.to_string().contains("already managed"), "{refused}");
    let usage = keda.operator.usage().unwrap();
    assert!(usage.resident_bytes > 20 << 20 && usage.cpu > Duration::ZERO, "{usage:?}");
    // It has a finalizer that only KEDA takes away.
    objects.delete("work", &kube::api::DeleteParams::default()).await.unwrap();
    until("it is gone", async || objects.get_opt("work").await.unwrap().is_none()).await;
    keda.uninstall().await;
}
