//! From zero and back, pauses, failing sources, and the modes.

use serde_json::json;

use crate::stage::{Source, Stage, until};

/// ACT-04, ACT-09, ACT-12, ACT-13, ACT-20, ACT-31, EV-11, ST-08, ST-10
#[tokio::test]
async fn from_zero_and_back() {
    let stage = Stage::new("zero").await;
    stage.deployment("web", 0).await;
    stage.scaled_object("web", json!({})).await;
    stage.until_condition("web", "Active", "False/ScalerNotActive").await;
    stage.source.says(1);
    stage.until_replicas("web", 1).await;
    stage.until_condition("web", "Active", "True/ScalerActive").await;
    let note = stage.until_event("KEDAScaleTargetActivated").await;
    let target = format!("Scaled apps/v1.Deployment {}/web from 0 to 1", stage.namespace);
    assert!(note.starts_with(&target) && note.ends_with("s0-prometheus"), "{note}");
    let changed = stage.until_event("TidegateReplicasChanged").await;
    assert!(changed.contains("0 → 1"), "{changed}");
    let status = stage.status("web").await;
    assert!(status.last_active_time.is_some());
    assert_eq!(status.triggers_activity.unwrap()["s0-prometheus"].is_active, Some(true));
    stage.source.says(0);
    stage.until_replicas("web", 0).await;
    stage.until_event("KEDAScaleTargetDeactivated").await;
    stage.until_condition("web", "Active", "False/ScalerNotActive").await;
}

/// ACT-10, ACT-24, ACT-28, ACT-29
#[tokio::test]
async fn idle_and_forced() {
    let stage = Stage::new("idle").await;
    stage.deployment("web", 2).await;
    stage.scaled_object("web", json!({"idleReplicaCount": 0, "minReplicaCount": 2, "cooldownPeriod": 0})).await;
    stage.until_replicas("web", 0).await;
    stage.annotate("web", json!({"autoscaling.keda.sh/force-activation": "true"})).await;
    stage.until_replicas("web", 2).await;
    stage.annotate("web", json!({"autoscaling.keda.sh/force-activation": null})).await;
    stage.until_replicas("web", 0).await;
}

/// PAU-01, PAU-02, PAU-03, PAU-05, PAU-06, PAU-10, ST-05, ST-14, EV-05, EV-08, PAIN-35
#[tokio::test]
async fn a_pause_freezes_and_its_end_brings_everything_back() {
    let stage = Stage::new("pause").await;
    stage.deployment("web", 1).await;
    stage.source.says(5);
    stage.scaled_object("web", json!({"maxReplicaCount": 3})).await;
    stage.until_hpa("keda-hpa-web").await;
    stage.annotate("web", json!({"autoscaling.keda.sh/paused": "true"})).await;
    stage.until_condition("web", "Paused", "True/ScaledObjectPaused").await;
    stage.until_no_hpa("keda-hpa-web").await;
    stage.until_event("ScaledObjectPaused").await;
    stage.source.says(0);
    // One that is not paused shows that time passes.
    stage.deployment("clock", 0).await;
    let clock = Source::new(0).await;
    stage.scaled_object("clock", json!({"triggers": [clock.trigger(10)]})).await;
    until("its source is left in peace", async || {
        let before = stage.source.asked().await;
        clock.is_asked(4).await;
        stage.source.asked().await == before
    })
    .await;
    assert_eq!(stage.replicas("web").await, 1);
    stage.annotate("web", json!({"autoscaling.keda.sh/paused-replicas": "5"})).await;
    stage.until_replicas("web", 5).await;
    stage.annotate("web", json!({"autoscaling.keda.sh/paused-replicas": "2"})).await;
    stage.until_replicas("web", 2).await;
    until("the status says so", async || stage.status("web").await.paused_replica_count == Some(2)).await;
    assert_eq!(stage.condition("web", "Ready").await, "True/ScaledObjectReady");
    let both = json!({"autoscaling.keda.sh/paused": null, "autoscaling.keda.sh/paused-replicas": null});
    stage.annotate("web", both).await;
    stage.until_hpa("keda-hpa-web").await;
    stage.until_replicas("web", 0).await;
    stage.until_condition("web", "Paused", "False/ScaledObjectUnpaused").await;
    stage.until_event("ScaledObjectUnpaused").await;
    assert_eq!(stage.status("web").await.paused_replica_count, None);
}

/// PAU-09, PAU-15: a pause pauses whatever else is wrong
#[tokio::test]
async fn a_pause_holds_with_a_manifest_that_cannot_be_used() {
    let stage = Stage::new("badpause").await;
    stage.deployment("web", 3).await;
    stage.annotated("web", json!({"autoscaling.keda.sh/paused-replicas": "some"}), json!({})).await;
    stage.until_condition("web", "Ready", "False/ScaledObjectCheckFailed").await;
    stage.until_condition("web", "Paused", "True/ScaledObjectPaused").await;
    assert!(stage.hpa("keda-hpa-web").await.is_none());
    let annotations = json!({"autoscaling.keda.sh/paused-replicas": "1"});
    stage.annotated("web", annotations, json!({"triggers": [{"type": "nothing", "metadata": {"a": "b"}}]})).await;
    stage.until_replicas("web", 1).await;
}

/// PAU-11, HPA-08
#[tokio::test]
async fn scale_in_alone_can_be_paused() {
    let stage = Stage::new("in").await;
    stage.deployment("web", 2).await;
    let annotations = json!({"autoscaling.keda.sh/paused-scale-in": "true"});
    stage.annotated("web", annotations, json!({"cooldownPeriod": 0})).await;
    let hpa = stage.until_hpa("keda-hpa-web").await;
    let down = hpa.spec.behavior.unwrap().scale_down.unwrap();
    assert_eq!(down.select_policy.as_deref(), Some("Disabled"));
    stage.polls(4).await;
    assert_eq!(stage.replicas("web").await, 2);
    stage.annotate("web", json!({"autoscaling.keda.sh/paused-scale-in": null})).await;
    stage.until_replicas("web", 0).await;
}

/// ACT-08, ST-02, EV-09: an error is no number
#[tokio::test]
async fn a_failing_source_moves_nothing_and_is_told() {
    let stage = Stage::new("fail").await;
    stage.deployment("web", 1).await;
    stage.source.breaks();
    stage.scaled_object("web", json!({"cooldownPeriod": 0})).await;
    stage.until_condition("web", "Ready", "False/TriggerError").await;
    stage.until_event("KEDAScalerFailed").await;
    stage.polls(4).await;
    assert_eq!(stage.replicas("web").await, 1);
    stage.source.says(0);
    stage.until_replicas("web", 0).await;
    stage.until_condition("web", "Ready", "True/ScaledObjectReady").await;
}

/// FB-02, FB-03, FB-09, FB-10, FB-11, FB-12, FB-21, EV-06, ST-04, ST-11
#[tokio::test]
async fn a_fallback_stands_in_and_is_shown() {
    let stage = Stage::new("back").await;
    stage.deployment("web", 0).await;
    stage.source.breaks();
    stage.scaled_object("web", json!({"fallback": {"failureThreshold": 1, "replicas": 3}})).await;
    stage.until_replicas("web", 1).await;
    stage.until_condition("web", "Fallback", "True/FallbackExists").await;
    stage.until_condition("web", "Active", "True/ScalerActive").await;
    assert_eq!(stage.condition("web", "Ready").await, "True/ScaledObjectReady");
    stage.until_event("ScaledObjectFallbackActivated").await;
    let health = stage.status("web").await.health.unwrap();
    assert_eq!(health["s0-prometheus"].status.as_deref(), Some("Failing"));
    stage.source.says(0);
    stage.until_condition("web", "Fallback", "False/NoFallbackFound").await;
    stage.until_event("ScaledObjectFallbackDeactivated").await;
}

/// Mode direct: no HPA, all of it by us; back to hpa: the HPA is there again
#[tokio::test]
async fn direct_scales_without_an_hpa() {
    let stage = Stage::new("direct").await;
    stage.deployment("web", 0).await;
    stage.policy("web", "direct").await;
    stage.source.says(45);
    let behavior = json!({"scaleDown": {"stabilizationWindowSeconds": 0}});
    let advanced = json!({"horizontalPodAutoscalerConfig": {"behavior": behavior}});
    stage.scaled_object("web", json!({"advanced": advanced})).await;
    stage.until_replicas("web", 5).await;
    assert!(stage.hpa("keda-hpa-web").await.is_none());
    stage.source.says(0);
    stage.until_replicas("web", 0).await;
    stage.policy("web", "hpa").await;
    stage.until_hpa("keda-hpa-web").await;
    stage.policy("web", "direct").await;
    stage.until_no_hpa("keda-hpa-web").await;
}

/// PAIN-25: mode shadow: nothing at all is written
#[tokio::test]
async fn shadow_writes_nothing() {
    let stage = Stage::without_operator("shadow").await;
    let mut stage = stage;
    stage.deployment("web", 0).await;
    stage.policy("web", "shadow").await;
    stage.source.says(45);
    let before = stage.scaled_object("web", json!({})).await;
    stage.start().await;
    stage.polls(4).await;
    let id = tidegate_engine::TargetId::new(&stage.namespace, "web");
    assert!(stage.operator().board().all(&id).is_some(), "it is decided all the same");
    assert_eq!(stage.replicas("web").await, 0);
    assert!(stage.hpa("keda-hpa-web").await.is_none());
    assert_eq!(stage.object("web").await.unwrap().metadata.resource_version, before.metadata.resource_version);
}

/// FT-10: a target that goes is told, and taken up again when it is back
#[tokio::test]
async fn a_target_that_goes_and_comes_back() {
    let stage = Stage::new("back").await;
    stage.deployment("web", 0).await;
    stage.scaled_object("web", json!({})).await;
    stage.until_condition("web", "Ready", "True/ScaledObjectReady").await;
    let api: kube::Api<k8s_openapi::api::apps::v1::Deployment> = stage.api();
    api.delete("web", &kube::api::DeleteParams::default()).await.unwrap();
    stage.until_condition("web", "Ready", "False/ScaledObjectCheckFailed").await;
    stage.source.says(5);
    stage.deployment("web", 0).await;
    stage.until_replicas("web", 1).await;
    stage.until_condition("web", "Ready", "True/ScaledObjectReady").await;
}

/// HPA-14, ACT-22, ST-09: cpu is the HPA's to measure, and ours in mode direct
#[tokio::test]
async fn cpu_in_both_modes() {
    let stage = Stage::new("cpu").await;
    let container = json!({"name": "main", "image": "none", "resources": {"requests": {"cpu": "100m"}}});
    stage.deployment_of("web", 1, container, json!({"node.tidegate.dev/cpu": "300m"})).await;
    let trigger = json!({"type": "cpu", "metricType": "Utilization", "metadata": {"value": "100"}});
    // The HPA is not to move it before we do.
    let annotations = json!({"autoscaling.keda.sh/paused-scale-out": "true"});
    let spec = json!({"minReplicaCount": 1, "maxReplicaCount": 4, "triggers": [trigger]});
    stage.annotated("web", annotations, spec).await;
    stage.until_condition("web", "Ready", "True/ScaledObjectReady").await;
    stage.until_condition("web", "Active", "True/ScalerActive").await;
    let hpa = stage.until_hpa("keda-hpa-web").await;
    let metric = hpa.spec.metrics.unwrap()[0].resource.clone().unwrap();
    assert_eq!((metric.name.as_str(), metric.target.average_utilization), ("cpu", Some(100)));
    let status = stage.status("web").await;
    assert_eq!((status.resource_metric_names, status.external_metric_names), (Some(vec!["cpu".to_owned()]), None));
    assert_eq!(stage.replicas("web").await, 1);
    stage.policy("web", "direct").await;
    stage.until_no_hpa("keda-hpa-web").await;
    stage.annotate("web", json!({"autoscaling.keda.sh/paused-scale-out": null})).await;
    stage.until_replicas("web", 4).await;
}
