//! An external push scaler on the cluster, a real gRPC server: its metrics, its pushes, and it being away.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::stage::{Stage, until};

#[allow(dead_code, unreachable_pub, reason = "it belongs to the tests of the triggers, which need more of it")]
#[path = "../../../scalers/tests/it/external/server.rs"]
mod server;

use server::{Running, State, number, spec};

fn trigger(kind: &str, server: &Running) -> Value {
    json!({"type": kind, "metadata": {"scalerAddress": server.address.to_string()}})
}

async fn quiet(value: i64) -> Running {
    let server = Running::start(State::new()).await;
    *server.state.active.lock().unwrap() = false;
    *server.state.values.lock().unwrap() = vec![number(value, 0.0)];
    server
}

/// EXT-01, EXT-04, EXT-05, HPA-24: the source names metrics and targets; a push wakes the workload long before the next poll;
/// pushed targets reach the HPA without an edit
#[tokio::test]
async fn pushes_and_targets_of_the_source() {
    let stage = Stage::new("push").await;
    stage.deployment("web", 0).await;
    let server = quiet(0).await;
    *server.state.specs.lock().unwrap() = vec![spec("waiting", 10, 0.0), spec("size", 10, 6.111)];
    let triggers = json!([trigger("external-push", &server)]);
    stage.scaled_object("web", json!({"pollingInterval": 3600, "triggers": triggers})).await;
    until("both metrics are in the HPA", async || {
        stage.hpa_metrics("keda-hpa-web").await == ["s0-waiting 10", "s0-size 6111m"]
    })
    .await;
    stage.until_condition("web", "Active", "False/ScalerNotActive").await;
    until("it is listened to", async || server.state.activity.receiver_count() > 0).await;
    server.state.activity.send(false).unwrap();
    let changes = server.state.changes.as_ref().unwrap();
    until("its specs are listened to", async || changes.receiver_count() > 0).await;
    *server.state.specs.lock().unwrap() = vec![spec("waiting", 20, 0.0)];
    changes.send(vec![spec("waiting", 20, 0.0)]).unwrap();
    until("the HPA follows", async || stage.hpa_metrics("keda-hpa-web").await == ["s0-waiting 20"]).await;
    assert_eq!(stage.replicas("web").await, 0, "a push of false is passed over");
    *server.state.active.lock().unwrap() = true;
    server.state.activity.send(true).unwrap();
    stage.until_replicas("web", 1).await;
    stage.until_condition("web", "Active", "True/ScalerActive").await;
}

/// SO-08, SO-09, EXT-06: a source that cannot be asked for its metrics leaves the others in the HPA; where there are no
/// others it is an error; once it can be reached all is as it should be, without an edit
#[tokio::test]
async fn a_source_that_is_away_at_first() {
    let stage = Stage::new("away").await;
    stage.deployment("web", 0).await;
    stage.deployment("alone", 0).await;
    let server = quiet(0).await;
    let triggers = json!([stage.source.trigger(10), trigger("external-push", &server)]);
    let alone = json!([trigger("external-push", &server)]);
    let (address, state) = server.away().await;
    stage.scaled_object("web", json!({"triggers": triggers})).await;
    stage.scaled_object("alone", json!({"triggers": alone})).await;
    until("one metric is in the HPA", async || stage.hpa_metrics("keda-hpa-web").await == ["s0-prometheus 10"]).await;
    stage.until_condition("alone", "Ready", "False/ScaledObjectCheckFailed").await;
    assert!(stage.message("alone", "Ready").await.contains("no metric specs returned"));
    assert!(stage.hpa("keda-hpa-alone").await.is_none());
    let server = Running::back(address, state).await;
    until("both are", async || stage.hpa_metrics("keda-hpa-web").await == ["s0-prometheus 10", "s1-waiting 10"]).await;
    stage.until_condition("alone", "Ready", "True/ScaledObjectReady").await;
    stage.until_hpa("keda-hpa-alone").await;
    until("both are listened to", async || server.state.activity.receiver_count() == 2).await;
    server.state.activity.send(true).unwrap();
    stage.until_replicas("alone", 1).await;
}

/// FT-07, POL-07, PAIN-31: a trigger that fails, again and again, leaves the connection of a healthy one alone
#[tokio::test]
async fn a_failing_trigger_leaves_healthy_ones_connected() {
    let stage = Stage::new("alone").await;
    stage.deployment("web", 1).await;
    let server = quiet(5).await;
    let triggers = json!([trigger("external", &server), stage.source.trigger(10)]);
    stage.source.breaks();
    stage.scaled_object("web", json!({"minReplicaCount": 1, "triggers": triggers})).await;
    stage.until_condition("web", "Ready", "False/TriggerError").await;
    stage.polls(4).await;
    assert_eq!(stage.metric("web", "s0-waiting"), Some(Ok(5.0)));
    assert_eq!(server.state.connections.load(Ordering::SeqCst), 1);
    stage.source.says(1);
    stage.until_condition("web", "Ready", "True/ScaledObjectReady").await;
    assert_eq!(server.state.connections.load(Ordering::SeqCst), 1);
}
