//! Formulas on the cluster, and pauses beside them.

use serde_json::{Value, json};

use crate::stage::{Source, Stage, until};

fn spec(formula: &str, triggers: &[(&str, &Source)]) -> Value {
    let triggers = triggers.iter().map(|(name, source)| {
        let mut trigger = source.trigger(10);
        trigger["name"] = json!(name);
        trigger
    });
    let modifiers = json!({"formula": formula, "target": "2"});
    json!({"triggers": triggers.collect::<Vec<_>>(), "advanced": {"scalingModifiers": modifiers}})
}

/// FML-07, FML-09, FML-10, EV-10, HPA-18: one metric in the HPA, all of them in the status with their own activity, and one
/// that fails makes the workload inactive
#[tokio::test]
async fn a_formula_stands_for_all_metrics() {
    let stage = Stage::new("formula").await;
    let other = Source::new(0).await;
    stage.deployment("web", 0).await;
    stage.source.says(3);
    stage.scaled_object("web", spec("a + b", &[("a", &stage.source), ("b", &other)])).await;
    stage.until_replicas("web", 1).await;
    stage.until_condition("web", "Active", "True/ScalerActive").await;
    until("one metric is in the HPA", async || stage.hpa_metrics("keda-hpa-web").await == ["composite-metric 2"]).await;
    assert_eq!(stage.metric("web", "composite-metric"), Some(Ok(3.0)));
    let status = stage.status("web").await;
    assert_eq!(status.composite_scaler_name.as_deref(), Some("composite-metric"));
    let names = ["s0-prometheus", "s1-prometheus"].map(str::to_owned).to_vec();
    assert_eq!(status.external_metric_names, Some(names));
    let activity = status.triggers_activity.unwrap();
    let active = ["s0-prometheus", "s1-prometheus"].map(|name| activity[name].is_active);
    assert_eq!(active, [Some(true), Some(false)]);
    other.breaks();
    let note = stage.until_event("KEDAMetricSourceFailed").await;
    assert!(note.contains("s1-prometheus"), "{note}");
    assert!(matches!(stage.metric("web", "composite-metric"), Some(Err(_))));
    stage.until_condition("web", "Active", "False/ScalerNotActive").await;
    stage.until_condition("web", "Ready", "False/TriggerError").await;
    assert_eq!(stage.events("KEDAScalerFailed").await, 0);
    other.is_asked(3).await;
    assert_eq!(stage.replicas("web").await, 1, "an error takes nothing away");
}

/// FB-18: with behavior scalingModifiers a trigger that fails at each poll ends no fallback at each poll
#[tokio::test]
async fn a_formula_that_does_without_a_trigger_tells_it_once() {
    let stage = Stage::new("nil").await;
    let other = Source::new(4).await;
    stage.deployment("web", 1).await;
    stage.source.breaks();
    let mut spec = spec("a ?? b", &[("a", &stage.source), ("b", &other)]);
    spec["fallback"] = json!({"failureThreshold": 1, "replicas": 3, "behavior": "scalingModifiers"});
    spec["minReplicaCount"] = json!(1);
    stage.scaled_object("web", spec).await;
    until("the other stands in", async || stage.metric("web", "composite-metric") == Some(Ok(4.0))).await;
    stage.polls(5).await;
    assert_eq!(stage.events("ScaledObjectFallbackDeactivated").await, 0);
    assert!(stage.events("ScaledObjectFallbackActivated").await <= 1);
}

/// PAU-13, PAU-14: what is left when a full pause goes is a pause still, and the HPA comes back without that direction
#[tokio::test]
async fn one_direction_stays_paused() {
    let stage = Stage::new("left").await;
    stage.deployment("web", 2).await;
    let both = json!({"autoscaling.keda.sh/paused": "true", "autoscaling.keda.sh/paused-scale-in": "true"});
    stage.annotated("web", both, json!({"cooldownPeriod": 0})).await;
    stage.until_condition("web", "Paused", "True/ScaledObjectPaused").await;
    assert!(stage.hpa("keda-hpa-web").await.is_none());
    stage.annotate("web", json!({"autoscaling.keda.sh/paused": null})).await;
    let hpa = stage.until_hpa("keda-hpa-web").await;
    assert_eq!(hpa.spec.behavior.unwrap().scale_down.unwrap().select_policy.as_deref(), Some("Disabled"));
    stage.polls(3).await;
    assert_eq!(stage.condition("web", "Paused").await, "True/ScaledObjectPaused");
    assert_eq!((stage.events("ScaledObjectUnpaused").await, stage.replicas("web").await), (0, 2));
}

/// PAU-17: a paused object is checked and deleted as any other
#[tokio::test]
async fn a_paused_object_is_checked_and_let_go() {
    let stage = Stage::new("bye").await;
    stage.deployment("web", 2).await;
    let restore = json!({"advanced": {"restoreToOriginalReplicaCount": true}, "cooldownPeriod": 0});
    stage.scaled_object("web", restore).await;
    stage.until_replicas("web", 0).await;
    until("the first count is kept", async || stage.status("web").await.original_replica_count.is_some()).await;
    assert_eq!(stage.status("web").await.original_replica_count, Some(2));
    stage.annotate("web", json!({"autoscaling.keda.sh/paused-replicas": "1"})).await;
    stage.until_replicas("web", 1).await;
    let good = stage.object("web").await.unwrap().spec.triggers.len();
    stage.change("web", json!({"triggers": [{"type": "nothing", "metadata": {"a": "b"}}]})).await;
    stage.until_condition("web", "Ready", "False/ScaledObjectCheckFailed").await;
    assert_eq!((good, stage.replicas("web").await), (1, 1));
    stage.delete("web").await;
    until("it is gone", async || stage.object("web").await.is_none()).await;
    stage.until_replicas("web", 2).await;
}
