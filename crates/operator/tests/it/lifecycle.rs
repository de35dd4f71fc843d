//! A ScaledObject from its creation to its end.

use serde_json::json;

use crate::stage::{Stage, until};

/// SO-01, SO-02, SO-10, ST-01, ST-09, ST-12, ST-13, ST-14, EV-01, EV-07, POL-11
#[tokio::test]
async fn a_new_object_is_served_and_says_so() {
    let stage = Stage::new("new").await;
    stage.deployment("web", 2).await;
    stage.scaled_object("web", json!({"minReplicaCount": 1})).await;
    stage.until_condition("web", "Ready", "True/ScaledObjectReady").await;
    stage.until_hpa("keda-hpa-web").await;
    stage.until_condition("web", "Active", "False/ScalerNotActive").await;
    let object = stage.object("web").await.unwrap();
    assert_eq!(object.metadata.labels.as_ref().unwrap()["scaledobject.keda.sh/name"], "web");
    assert_eq!(object.metadata.finalizers, None, "nothing has to be done at its end");
    let status = object.status.unwrap();
    assert_eq!(status.scale_target_kind.as_deref(), Some("apps/v1.Deployment"));
    assert_eq!(status.scale_target_gvkr.unwrap().resource, "deployments");
    assert_eq!(status.original_replica_count, Some(2));
    assert_eq!(status.external_metric_names, Some(vec!["s0-prometheus".to_owned()]));
    assert_eq!(status.hpa_name.as_deref(), Some("keda-hpa-web"));
    assert_eq!(status.triggers_types.as_deref(), Some("prometheus"));
    let kinds: Vec<String> = status.conditions.unwrap().into_iter().map(|one| one.kind).collect();
    assert_eq!(kinds[..4], ["Ready", "Active", "Fallback", "Paused"]);
    stage.until_event("ScaledObjectReady").await;
    stage.until_event("KEDAScalersStarted").await;
}

/// EV-12: rules are looked at by admission's eyes and by those of the engine; what has no effect is said once all the same.
#[tokio::test]
async fn what_has_no_effect_is_said_once() {
    let stage = Stage::new("once").await;
    stage.deployment("web", 1).await;
    stage.scaled_object("web", json!({"minReplicaCount": 1, "pollingInterval": 7, "cooldownPeriod": 8})).await;
    let note = stage.until_event("KEDAScalerInfo").await;
    for field in ["spec.pollingInterval: has no effect", "spec.cooldownPeriod: has no effect"] {
        assert_eq!(note.matches(field).count(), 1, "{field}: {note}");
    }
}

/// SO-04, SO-05, SO-06, SO-20, EV-02, EV-03
#[tokio::test]
async fn a_target_that_cannot_be_scaled_is_told_and_taken_up_when_it_can() {
    let stage = Stage::new("target").await;
    stage.scaled_object("late", json!({})).await;
    stage.until_condition("late", "Ready", "False/ScaledObjectCheckFailed").await;
    stage.until_condition("late", "Active", "Unknown/UnknownState").await;
    assert!(stage.message("late", "Ready").await.contains("no Deployment \"late\""));
    let note = stage.until_event("ScaledObjectCheckFailed").await;
    assert!(note.contains("late"), "{note}");
    assert!(stage.hpa("keda-hpa-late").await.is_none());
    stage.deployment("late", 1).await;
    stage.until_condition("late", "Ready", "True/ScaledObjectReady").await;
    stage.until_hpa("keda-hpa-late").await;

    stage.scaled_object("daemon", json!({"scaleTargetRef": {"name": "x", "kind": "DaemonSet"}})).await;
    stage.until_condition("daemon", "Ready", "False/ScaledObjectCheckFailed").await;
    assert!(stage.message("daemon", "Ready").await.contains("no scale subresource"));
    let target = json!({"scaleTargetRef": {"name": "x", "kind": "Flow", "apiVersion": "nobody.dev/v1"}});
    stage.scaled_object("kind", target).await;
    stage.until_condition("kind", "Ready", "False/ScaledObjectCheckFailed").await;
    assert!(stage.message("kind", "Ready").await.contains("no kind \"Flow\""));
    stage.until_event("ScaledObjectUpdateFailed").await;
}

/// SO-07, SO-14, SO-17: what worked goes on working, the HPA stays as it was
#[tokio::test]
async fn a_bad_edit_keeps_the_last_good_configuration_at_work() {
    let stage = Stage::new("edit").await;
    stage.deployment("web", 0).await;
    stage.scaled_object("web", json!({})).await;
    stage.until_condition("web", "Ready", "True/ScaledObjectReady").await;
    let before = stage.until_hpa("keda-hpa-web").await;
    stage.change("web", json!({"triggers": [{"type": "promethesu", "metadata": {"a": "b"}}]})).await;
    stage.until_condition("web", "Ready", "False/ScaledObjectCheckFailed").await;
    assert!(stage.message("web", "Ready").await.contains("spec.triggers[0].type"));
    stage.source.says(5);
    stage.until_replicas("web", 1).await;
    let after = stage.hpa("keda-hpa-web").await.unwrap();
    assert_eq!(after.metadata.resource_version, before.metadata.resource_version);
    let good = stage.source.trigger(4);
    stage.change("web", json!({"triggers": [good]})).await;
    stage.until_condition("web", "Ready", "True/ScaledObjectReady").await;
    until("the HPA has the new target", async || {
        let hpa = stage.hpa("keda-hpa-web").await.unwrap();
        let target = hpa.spec.metrics.unwrap()[0].external.clone().unwrap().target;
        target.average_value.is_some_and(|value| value.0 == "4")
    })
    .await;
}

/// SO-21, SO-24, EV-04
#[tokio::test]
async fn an_object_that_goes_leaves_the_replicas_as_they_are() {
    let stage = Stage::new("gone").await;
    stage.deployment("web", 0).await;
    stage.source.says(5);
    stage.scaled_object("web", json!({})).await;
    stage.until_replicas("web", 1).await;
    stage.delete("web").await;
    until("it is gone", async || stage.object("web").await.is_none()).await;
    stage.until_no_hpa("keda-hpa-web").await;
    stage.until_event("ScaledObjectDeleted").await;
    assert_eq!(stage.replicas("web").await, 1);
    until("it is not served any more", async || stage.operator().index().ids().is_empty()).await;
}

/// SO-22, SO-25
#[tokio::test]
async fn the_original_count_is_put_back_where_that_is_asked_for() {
    let stage = Stage::new("restore").await;
    stage.deployment("web", 2).await;
    stage.scaled_object("web", json!({"advanced": {"restoreToOriginalReplicaCount": true}})).await;
    stage.until_replicas("web", 0).await;
    let finalizers = stage.object("web").await.unwrap().metadata.finalizers.unwrap();
    assert_eq!(finalizers, ["finalizer.keda.sh"]);
    stage.delete("web").await;
    until("it is gone", async || stage.object("web").await.is_none()).await;
    stage.until_replicas("web", 2).await;
}

/// SO-21, PAIN-43: the finalizer is there while something has to be done at the end, and no longer; KEDA's, which every
/// object of its has, goes too, and those of others stay
#[tokio::test]
async fn the_finalizer_goes_when_nothing_has_to_be_done_any_more() {
    let mut stage = Stage::without_operator("undo").await;
    stage.deployment("web", 2).await;
    stage.scaled_object("web", json!({"minReplicaCount": 1})).await;
    let api: kube::Api<tidegate_crds::ScaledObject> = stage.api();
    let left = json!({"metadata": {"finalizers": ["finalizer.keda.sh", "example.com/theirs"]}});
    api.patch("web", &kube::api::PatchParams::default(), &kube::api::Patch::Merge(left)).await.unwrap();
    stage.start().await;
    let finalizers = async || stage.object("web").await.unwrap().metadata.finalizers.unwrap_or_default();
    let restore = async |wanted: bool| {
        stage.change("web", json!({"advanced": {"restoreToOriginalReplicaCount": wanted}})).await;
    };
    let without = async || finalizers().await == ["example.com/theirs"];
    until("KEDA's is gone", without).await;
    restore(true).await;
    until("there is ours", async || finalizers().await == ["example.com/theirs", "finalizer.keda.sh"]).await;
    restore(false).await;
    until("ours is gone", without).await;
    let none = json!({"metadata": {"finalizers": null}});
    api.patch("web", &kube::api::PatchParams::default(), &kube::api::Patch::Merge(none)).await.unwrap();
}

/// SO-23, SO-26: an object that was KEDA's, whose target and operator are gone, is let go
#[tokio::test]
async fn a_finalizer_never_holds_up_what_is_to_go() {
    let mut stage = Stage::without_operator("final").await;
    stage.scaled_object("web", json!({"advanced": {"restoreToOriginalReplicaCount": true}})).await;
    let patch = kube::api::Patch::Merge(json!({"metadata": {"finalizers": ["finalizer.keda.sh"]}}));
    let api: kube::Api<tidegate_crds::ScaledObject> = stage.api();
    api.patch("web", &kube::api::PatchParams::default(), &patch).await.unwrap();
    stage.delete("web").await;
    assert!(stage.object("web").await.is_some());
    stage.start().await;
    until("it is gone", async || stage.object("web").await.is_none()).await;
}

/// SO-15, LE-03, LE-04, PAIN-35: a restart writes nothing and moves nothing
#[tokio::test]
async fn a_restart_changes_nothing() {
    let mut stage = Stage::new("again").await;
    // While nobody serves external metrics for the whole cluster, the HPA has no news of its own.
    let _turn = stage.cluster.alone().await;
    stage.deployment("web", 0).await;
    stage.source.says(5);
    stage.scaled_object("web", json!({"cooldownPeriod": 3600})).await;
    stage.until_replicas("web", 1).await;
    stage.until_condition("web", "Active", "True/ScalerActive").await;
    stage.source.says(0);
    stage.until_condition("web", "Active", "False/ScalerCooldown").await;
    // The HPA's own news are news after a restart too.
    stage.until_condition("web", "HPAActive", "False/FailedGetExternalMetric").await;
    stage.stop().await;
    let (object, hpa) = (stage.object("web").await.unwrap(), stage.hpa("keda-hpa-web").await.unwrap());
    stage.start().await;
    stage.polls(4).await;
    assert_eq!(stage.replicas("web").await, 1);
    assert_eq!(stage.hpa("keda-hpa-web").await.unwrap().metadata.resource_version, hpa.metadata.resource_version);
    assert_eq!(stage.object("web").await.unwrap().metadata.resource_version, object.metadata.resource_version);
}
