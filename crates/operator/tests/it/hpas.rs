//! The HorizontalPodAutoscaler of a ScaledObject on a real API server.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::stage::{Stage, until};

/// HPA-01, HPA-02, HPA-03, HPA-05, HPA-06, HPA-10, HPA-12
#[tokio::test]
async fn it_is_as_keda_makes_it() {
    let stage = Stage::new("hpa").await;
    stage.deployment("web", 1).await;
    let annotations = json!({"note": "hello"});
    let object = stage.annotated("web", annotations, json!({"minReplicaCount": 2, "maxReplicaCount": 9})).await;
    let hpa = stage.until_hpa("keda-hpa-web").await;
    let labels = hpa.metadata.labels.unwrap();
    for (key, value) in [
        ("app.kubernetes.io/name", "keda-hpa-web"),
        ("app.kubernetes.io/version", "1.2.3"),
        ("app.kubernetes.io/part-of", "web"),
        ("app.kubernetes.io/managed-by", "keda-operator"),
        ("scaledobject.keda.sh/name", "web"),
        ("team", "blue"),
    ] {
        assert_eq!(labels.get(key).map(String::as_str), Some(value), "{key}");
    }
    assert_eq!(hpa.metadata.annotations.unwrap()["note"], "hello");
    let owner = &hpa.metadata.owner_references.unwrap()[0];
    assert_eq!((owner.kind.as_str(), Some(&owner.uid)), ("ScaledObject", object.metadata.uid.as_ref()));
    assert_eq!((owner.controller, owner.block_owner_deletion), (Some(true), Some(true)));
    let spec = hpa.spec;
    assert_eq!((spec.min_replicas, spec.max_replicas), (Some(2), 9));
    let metric = spec.metrics.unwrap()[0].external.clone().unwrap();
    assert_eq!(metric.metric.name, "s0-prometheus");
    let selector = metric.metric.selector.unwrap().match_labels.unwrap();
    assert_eq!(selector, [("scaledobject.keda.sh/name".to_owned(), "web".to_owned())].into());
    assert_eq!((metric.target.type_.as_str(), metric.target.average_value.unwrap().0.as_str()), ("AverageValue", "10"));
}

/// SO-13, HPA-20, HPA-21: what others change is put right; their own labels stay
#[tokio::test]
async fn what_others_change_is_put_right() {
    let stage = Stage::new("guard").await;
    stage.deployment("web", 1).await;
    stage.scaled_object("web", json!({"minReplicaCount": 1})).await;
    let first = stage.until_hpa("keda-hpa-web").await;
    let api: kube::Api<HorizontalPodAutoscaler> = stage.api();
    let patch = json!({"metadata": {"labels": {"theirs": "1"}}, "spec": {"maxReplicas": 3}});
    api.patch("keda-hpa-web", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    until("max is put right", async || stage.hpa("keda-hpa-web").await.unwrap().spec.max_replicas == 100).await;
    assert_eq!(stage.hpa("keda-hpa-web").await.unwrap().metadata.uid, first.metadata.uid);
    api.delete("keda-hpa-web", &DeleteParams::default()).await.unwrap();
    until("it is made again", async || {
        stage.hpa("keda-hpa-web").await.is_some_and(|hpa| hpa.metadata.uid != first.metadata.uid)
    })
    .await;
    // A label that is taken off the ScaledObject goes from the HPA too.
    let api: kube::Api<tidegate_crds::ScaledObject> = stage.api();
    let patch = json!({"metadata": {"labels": {"team": null}}});
    api.patch("web", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    until("the label is gone", async || {
        !stage.hpa("keda-hpa-web").await.unwrap().metadata.labels.unwrap().contains_key("team")
    })
    .await;
}

/// HPA-22, HPA-23: one direction of a behaviour, another version's label: nothing is written
#[tokio::test]
async fn what_only_looks_different_is_left_alone() {
    let mut stage = Stage::new("same").await;
    stage.deployment("web", 1).await;
    let behavior = json!({"scaleDown": {"stabilizationWindowSeconds": 5}});
    let advanced = json!({"horizontalPodAutoscalerConfig": {"behavior": behavior}});
    stage.scaled_object("web", json!({"minReplicaCount": 1, "advanced": advanced})).await;
    stage.until_condition("web", "Ready", "True/ScaledObjectReady").await;
    stage.until_hpa("keda-hpa-web").await;
    stage.stop().await;
    let api: kube::Api<HorizontalPodAutoscaler> = stage.api();
    let patch = json!({"metadata": {"labels": {"app.kubernetes.io/version": "2.21.0"}}});
    let before = api.patch("keda-hpa-web", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    stage.start().await;
    stage.polls(2).await;
    let after = stage.hpa("keda-hpa-web").await.unwrap();
    assert_eq!(after.metadata.resource_version, before.metadata.resource_version);
    assert_eq!(after.spec.behavior.unwrap().scale_down.unwrap().stabilization_window_seconds, Some(5));
}

/// OWN-01, ST-12
#[tokio::test]
async fn it_follows_a_change_of_its_name() {
    let stage = Stage::new("name").await;
    stage.deployment("web", 1).await;
    stage.scaled_object("web", json!({"minReplicaCount": 1})).await;
    stage.until_hpa("keda-hpa-web").await;
    let named = |name: &str| json!({"advanced": {"horizontalPodAutoscalerConfig": {"name": name}}});
    stage.change("web", named("custom")).await;
    stage.until_hpa("custom").await;
    stage.until_no_hpa("keda-hpa-web").await;
    until("the status names it", async || stage.status("web").await.hpa_name.as_deref() == Some("custom")).await;
    stage.change("web", json!({"advanced": null})).await;
    stage.until_hpa("keda-hpa-web").await;
    stage.until_no_hpa("custom").await;
}

/// OWN-03, VAL-08: a foreign HPA stands in the way, or is taken over in place
#[tokio::test]
async fn a_foreign_one_is_taken_over_only_where_that_is_asked_for() {
    let stage = Stage::new("own").await;
    stage.deployment("web", 1).await;
    let foreign: HorizontalPodAutoscaler = serde_json::from_value(json!({
        "metadata": {"name": "theirs", "labels": {"x": "y"}},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 3,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]},
    }))
    .unwrap();
    let api: kube::Api<HorizontalPodAutoscaler> = stage.api();
    let foreign = api.create(&PostParams::default(), &foreign).await.unwrap();
    let id = tidegate_crds::admission::TargetKey::new("apps/v1", "Deployment", "web");
    until("it is seen", async || !stage.operator().index().hpas_of(&stage.namespace, &id).is_empty()).await;
    stage.scaled_object("web", json!({"minReplicaCount": 1})).await;
    stage.until_condition("web", "Ready", "False/ScaledObjectCheckFailed").await;
    assert!(stage.message("web", "Ready").await.contains("theirs"));
    assert!(stage.hpa("keda-hpa-web").await.is_none());
    let transfer = json!({"scaledobject.keda.sh/transfer-hpa-ownership": "true"});
    let advanced = json!({"horizontalPodAutoscalerConfig": {"name": "theirs"}});
    stage.annotated("web", transfer, json!({"minReplicaCount": 1, "advanced": advanced})).await;
    stage.until_condition("web", "Ready", "True/ScaledObjectReady").await;
    let taken = stage.hpa("theirs").await.unwrap();
    assert_eq!(taken.metadata.uid, foreign.metadata.uid);
    assert_eq!(taken.metadata.owner_references.unwrap()[0].name, "web");
    assert_eq!(taken.spec.metrics.unwrap()[0].type_, "External");
    assert!(!taken.metadata.labels.unwrap().contains_key("x"));
}

/// VAL-06, VAL-07: without a webhook the object that came later waits, and the first goes on
#[tokio::test]
async fn of_two_for_one_workload_the_first_counts() {
    let stage = Stage::new("two").await;
    stage.deployment("web", 0).await;
    stage.scaled_object("web", json!({})).await;
    stage.until_condition("web", "Ready", "True/ScaledObjectReady").await;
    stage.scaled_object("second", json!({"scaleTargetRef": {"name": "web"}})).await;
    stage.until_condition("second", "Ready", "False/ScaledObjectCheckFailed").await;
    assert!(stage.message("second", "Ready").await.contains("\"web\""));
    stage.source.says(5);
    stage.until_replicas("web", 1).await;
    assert!(stage.condition("web", "Ready").await.starts_with("True"));
}
