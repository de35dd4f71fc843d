//! Sources that are slow, fail, move, or want credentials; and what of that is seen.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use wiremock::matchers::{any, header};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::faulty::{Asked, client};
use crate::stage::{Source, Stage, until};

fn vector(value: u32) -> ResponseTemplate {
    let result = json!([{"metric": {}, "value": [1, value.to_string()]}]);
    let data = json!({"resultType": "vector", "result": result});
    ResponseTemplate::new(200).set_body_json(json!({"status": "success", "data": data}))
}

fn trigger(server: &MockServer) -> Value {
    json!({"type": "prometheus", "metadata": {"serverAddress": server.uri(), "query": "q", "threshold": "10"}})
}

/// POL-04, FT-08, PAIN-3: a source that does not answer: the HPA is told that nothing was read, others go on, and an object goes in
/// the middle of it
#[tokio::test]
async fn a_source_that_hangs_is_no_value_and_blocks_nobody() {
    let stage = Stage::new("hang").await;
    let hangs = MockServer::start().await;
    Mock::given(any()).respond_with(vector(5).set_delay(Duration::from_secs(600))).mount(&hangs).await;
    stage.deployment("slow", 1).await;
    stage.deployment("web", 0).await;
    stage.scaled_object("slow", json!({"cooldownPeriod": 0, "triggers": [trigger(&hangs)]})).await;
    until("its metric is known", async || stage.metric("slow", "s0-prometheus").is_some()).await;
    let said = stage.metric("slow", "s0-prometheus").unwrap().unwrap_err();
    assert!(said.contains("not been read yet"), "{said}");
    stage.source.says(5);
    stage.scaled_object("web", json!({})).await;
    stage.until_replicas("web", 1).await;
    stage.delete("slow").await;
    until("it is gone", async || stage.object("slow").await.is_none()).await;
    stage.source.says(0);
    stage.until_replicas("web", 0).await;
    assert_eq!(stage.replicas("slow").await, 1);
}

/// POL-05, POL-06, FT-06: what failed is an error to the HPA, what the others say stands; out by them, never in
#[tokio::test]
async fn one_of_two_sources_fails() {
    let stage = Stage::new("half").await;
    let broken = Source::new(0).await;
    stage.deployment("web", 1).await;
    stage.policy("web", "direct").await;
    let behavior = json!({"scaleDown": {"stabilizationWindowSeconds": 0}});
    let advanced = json!({"horizontalPodAutoscalerConfig": {"behavior": behavior}});
    let triggers = json!([broken.trigger(10), stage.source.trigger(10)]);
    broken.breaks();
    stage.source.says(45);
    stage.scaled_object("web", json!({"minReplicaCount": 1, "triggers": triggers, "advanced": advanced})).await;
    stage.until_replicas("web", 5).await;
    until("the failure is known", async || matches!(stage.metric("web", "s0-prometheus"), Some(Err(_)))).await;
    assert!(stage.metric("web", "s0-prometheus").unwrap().unwrap_err().contains("503"));
    assert_eq!(stage.metric("web", "s1-prometheus"), Some(Ok(45.0)));
    stage.source.says(12);
    until("the other's value is seen", async || stage.metric("web", "s1-prometheus") == Some(Ok(12.0))).await;
    stage.polls(3).await;
    assert_eq!(stage.replicas("web").await, 5, "never in while one fails");
    broken.says(0);
    stage.until_replicas("web", 2).await;
}

/// POL-09: an edit that names another source is read there at once
#[tokio::test]
async fn a_new_generation_asks_the_new_source() {
    let stage = Stage::new("moved").await;
    stage.deployment("web", 0).await;
    stage.scaled_object("web", json!({"pollingInterval": 3600})).await;
    stage.until_condition("web", "Active", "False/ScalerNotActive").await;
    let moved = Source::new(5).await;
    stage.change("web", json!({"triggers": [moved.trigger(10)]})).await;
    stage.until_replicas("web", 1).await;
    assert_eq!(stage.source.asked().await, 1);
}

/// ACT-01: triggers that cannot be built: nothing is scaled, and no HPA is made
#[tokio::test]
async fn without_triggers_nothing_is_scaled() {
    let stage = Stage::new("built").await;
    stage.deployment("web", 3).await;
    let triggers = json!([stage.source.trigger(10), {"type": "prometheus", "metadata": {"query": "q"}}]);
    stage.scaled_object("web", json!({"cooldownPeriod": 0, "triggers": triggers})).await;
    stage.until_condition("web", "Ready", "False/ScaledObjectCheckFailed").await;
    let note = stage.until_event("KEDAScalerFailed").await;
    assert!(note.contains("spec.triggers[1]"), "{note}");
    assert_eq!((stage.replicas("web").await, stage.source.asked().await), (3, 0));
    assert!(stage.hpa("keda-hpa-web").await.is_none());
}

async fn put_secret(stage: &Stage, token: &str) {
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, "stringData": {"token": token}});
    let params = PatchParams::apply("test").force();
    stage.api::<Secret>().patch("token", &params, &Patch::Apply(secret)).await.unwrap();
}

/// FB-21, POL-10: without its Secret a source is never asked; that counts as failing, so that the fallback comes; and a
/// Secret that comes, or changes, is used from the next poll on
#[tokio::test]
async fn a_missing_secret_is_a_failure_and_no_request_without_credentials() {
    let stage = Stage::new("secret").await;
    let guarded = MockServer::start().await;
    for (token, value) in [("one", 5), ("two", 0)] {
        let right = header("Authorization", format!("Bearer {token}"));
        Mock::given(right).respond_with(vector(value)).with_priority(1).mount(&guarded).await;
    }
    Mock::given(any()).respond_with(ResponseTemplate::new(401)).mount(&guarded).await;
    let authentication = json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "TriggerAuthentication", "metadata": {"name": "auth"},
        "spec": {"secretTargetRef": [{"parameter": "bearerToken", "name": "token", "key": "token"}]},
    });
    let api: Api<tidegate_crds::TriggerAuthentication> = stage.api();
    api.patch("auth", &PatchParams::apply("test"), &Patch::Apply(authentication)).await.unwrap();
    stage.deployment("web", 0).await;
    let mut trigger = trigger(&guarded);
    trigger["metadata"]["authModes"] = json!("bearer");
    trigger["authenticationRef"] = json!({"name": "auth"});
    let fallback = json!({"failureThreshold": 2, "replicas": 3});
    stage.scaled_object("web", json!({"triggers": [trigger], "fallback": fallback})).await;
    stage.until_condition("web", "Fallback", "True/FallbackExists").await;
    stage.until_replicas("web", 1).await;
    assert_eq!(stage.condition("web", "Ready").await, "False/ScaledObjectCheckFailed");
    let message = stage.message("web", "Ready").await;
    assert!(message.contains("token"), "{message}");
    assert_eq!(stage.hpa_metrics("keda-hpa-web").await, ["s0-prometheus 10"]);
    assert_eq!(stage.metric("web", "s0-prometheus"), Some(Ok(30.0)));
    assert_eq!(guarded.received_requests().await.unwrap().len(), 0);
    put_secret(&stage, "one").await;
    stage.until_condition("web", "Ready", "True/ScaledObjectReady").await;
    stage.until_condition("web", "Fallback", "False/NoFallbackFound").await;
    assert_eq!(stage.metric("web", "s0-prometheus"), Some(Ok(5.0)));
    put_secret(&stage, "two").await;
    stage.until_replicas("web", 0).await;
}

/// FB-13: a status that cannot be written stops no fallback
#[tokio::test]
async fn a_fallback_needs_no_status() {
    let mut stage = Stage::without_operator("mute").await;
    let asked = Asked::default();
    let own = client(stage.cluster, &asked, |request| request.uri().path().ends_with("/status")).await;
    stage.start_with(own, stage.options()).await;
    stage.deployment("web", 0).await;
    stage.source.breaks();
    stage.scaled_object("web", json!({"fallback": {"failureThreshold": 1, "replicas": 3}})).await;
    stage.until_replicas("web", 1).await;
    assert_eq!(stage.metric("web", "s0-prometheus"), Some(Ok(30.0)));
    // Statuses are gathered for a moment before they are written.
    until("a status was tried", async || asked.lines().iter().any(|line| line.contains("/status "))).await;
    assert!(stage.object("web").await.unwrap().status.is_none());
}

/// FB-22: a fallback goes on over polls and questions, also with values of the last poll
#[tokio::test]
async fn a_fallback_does_not_flap() {
    let stage = Stage::new("steady").await;
    stage.deployment("web", 0).await;
    stage.source.breaks();
    let mut trigger = stage.source.trigger(10);
    trigger["useCachedMetrics"] = json!(true);
    let fallback = json!({"failureThreshold": 1, "replicas": 3});
    stage.scaled_object("web", json!({"fallback": fallback, "triggers": [trigger]})).await;
    stage.until_condition("web", "Fallback", "True/FallbackExists").await;
    for _ in 0..4 {
        stage.polls(1).await;
        assert_eq!(stage.metric("web", "s0-prometheus"), Some(Ok(30.0)));
        assert_eq!(stage.condition("web", "Fallback").await, "True/FallbackExists");
        let health = stage.status("web").await.health.unwrap();
        assert_eq!(health["s0-prometheus"].status.as_deref(), Some("Failing"));
    }
    assert_eq!(stage.events("ScaledObjectFallbackDeactivated").await, 0);
}
