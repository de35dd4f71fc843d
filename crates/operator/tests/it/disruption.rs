//! Killed operators, API servers that hang, other writers, leaders that die: no replica moves because of it, and what was
//! under way is carried on.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;
use tidegate_crds::ScaledObject;
use tidegate_engine::TargetId;
use tidegate_operator::Lookup;

use crate::stage::{Stage, until};
use crate::whole::{Replica, Seat, Track, ask, lease};

/// A quick HPA: no window before it scales in.
fn spec() -> serde_json::Value {
    let behavior = json!({"scaleDown": {"stabilizationWindowSeconds": 0}});
    json!({"maxReplicaCount": 6, "cooldownPeriod": 2, "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior}}})
}

/// Whether it only rose to `top` and then only fell.
fn one_hill(counts: &[i32], top: i32) -> bool {
    let peak = counts.iter().position(|count| *count == top).unwrap_or(counts.len());
    let (up, down) = counts.split_at(peak);
    up.is_sorted() && down.is_sorted_by(|one, next| one >= next)
}

/// FT-02, FT-03, FT-04, LE-04, PAIN-4, PAIN-35: killed after each step of a scale-up and of the way back
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_operator_moves_nothing_and_its_successor_goes_on() {
    let stage = Stage::without_operator("killed").await;
    let _turn = stage.cluster.alone().await;
    let seat = Seat::new(&stage);
    let again = async |old: Replica| {
        old.kill().await;
        seat.replica(&stage).await
    };
    stage.deployment("web", 0).await;
    let track = Track::start(&stage);
    let mut at_work = seat.replica(&stage).await;
    seat.aggregate(&stage).await;
    // Long enough for the HPA to go in by itself first. Its controller writes its own count over one that came between its
    // look and its write, so the two must not want to go down in the same instant.
    let mut spec = spec();
    spec["cooldownPeriod"] = json!(10);
    stage.scaled_object("web", spec).await;
    // Before it did anything with it.
    at_work = again(at_work).await;
    stage.until_condition("web", "Ready", "True/ScaledObjectReady").await;
    stage.source.says(45);
    // Before it read that.
    at_work = again(at_work).await;
    track.until("web", "is activated", |count| count >= 1).await;
    // Before it wrote down what it did, or just after.
    at_work = again(at_work).await;
    track.until("web", "is scaled out", |count| count > 1).await;
    at_work = again(at_work).await;
    track.until("web", "has as many as the load needs", |count| count == 5).await;
    at_work = again(at_work).await;
    stage.polls(3).await;
    stage.source.says(25);
    at_work = again(at_work).await;
    track.until("web", "is scaled in", |count| count == 3).await;
    stage.source.says(0);
    // In the cooldown.
    at_work = again(at_work).await;
    track.until("web", "is scaled in to the HPA's fewest", |count| count == 1).await;
    track.until("web", "is at zero", |count| count == 0).await;
    at_work = again(at_work).await;
    stage.polls(3).await;
    let counts = track.of("web");
    assert!(one_hill(&counts, 5), "{counts:?}");
    assert_eq!(counts.last(), Some(&0), "{counts:?}");
    at_work.stop().await;
    stage.cluster.disaggregate_external_metrics().await;
}

/// FT-05, FT-09, LE-01, LE-02: it hangs, then it is gone; values go on being read, nobody acts, and all goes on afterwards
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_server_that_hangs_or_goes_is_waited_for() {
    let mut stage = Stage::on_its_own_cluster("hangs").await;
    let seat = Seat::new(&stage).with(|options| options.lease = Some(lease("only")));
    stage.deployment("web", 0).await;
    let track = Track::start(&stage);
    let at_work = seat.replica(&stage).await;
    seat.aggregate(&stage).await;
    stage.source.says(45);
    stage.scaled_object("web", spec()).await;
    track.until("web", "has as many as the load needs", |count| count == 5).await;
    let (operator, id) = (at_work.operator(), TargetId::new(&stage.namespace, "web"));
    let reads = |value: f64| match operator.board().get(&id, "s0-prometheus") {
        Lookup::Known(known) => known.value == Ok(value),
        _ => false,
    };

    stage.cluster.api_server().pause();
    until("it does not lead without being able to renew", async || !operator.leading()).await;
    stage.source.says(25);
    until("values are read all the same", async || reads(25.0)).await;
    stage.cluster.api_server().resume();
    until("it leads again", async || operator.leading()).await;
    track.until("web", "follows what was read meanwhile", |count| count == 3).await;

    stage.cluster.api_server().stop().await;
    stage.source.says(35);
    until("values are read all the same", async || reads(35.0)).await;
    stage.cluster.api_server().start().await.unwrap();
    stage.client = stage.cluster.client();
    let client = stage.client.clone();
    until("metrics are answered again", async || {
        ask(&client, &stage.namespace, "s0-prometheus", "web").await.is_ok_and(|(value, _)| value == "35")
    })
    .await;
    track.until("web", "follows again", |count| count == 4).await;
    stage.source.says(0);
    track.until("web", "is at zero", |count| count == 0).await;
    let counts = track.of("web");
    assert!(one_hill(&counts[..counts.iter().position(|count| *count == 3).unwrap()], 5), "{counts:?}");
    assert!(counts.ends_with(&[3, 4, 0]) || counts.ends_with(&[3, 4, 1, 0]), "{counts:?}");
    at_work.stop().await;
}

/// LE-01, LE-02, LE-03: the leader dies without giving the lease back
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_leader_is_replaced_and_only_one_ever_writes() {
    let stage = Stage::without_operator("leaders").await;
    let _turn = stage.cluster.alone().await;
    let seats = ["first", "second"].map(|name| Seat::new(&stage).with(|options| options.lease = Some(lease(name))));
    stage.deployment("web", 0).await;
    let first = seats[0].replica(&stage).await;
    until("the first leads", async || first.operator().leading()).await;
    let second = seats[1].replica(&stage).await;
    stage.scaled_object("web", json!({"cooldownPeriod": 3600})).await;
    stage.until_condition("web", "Ready", "True/ScaledObjectReady").await;
    stage.source.says(7);
    stage.until_replicas("web", 1).await;
    // Both answer, whichever the API server asks.
    for seat in &seats {
        seat.aggregate(&stage).await;
        until("it answers", async || {
            ask(&stage.client, &stage.namespace, "s0-prometheus", "web").await.is_ok_and(|(value, _)| value == "7")
        })
        .await;
    }
    assert_eq!(second.writes.changes(), Vec::<String>::new(), "only the leader writes");
    assert!(!first.writes.changes().is_empty());
    let hpa = stage.until_hpa("keda-hpa-web").await;
    first.kill().await;
    until("the second leads", async || second.operator().leading()).await;
    // It goes on where the first stood: nothing is done anew.
    let now = stage.until_hpa("keda-hpa-web").await;
    assert_eq!((now.metadata.uid, now.metadata.generation), (hpa.metadata.uid, hpa.metadata.generation));
    stage.deployment("later", 0).await;
    stage.scaled_object("later", json!({})).await;
    stage.until_replicas("later", 1).await;
    assert_eq!(stage.replicas("web").await, 1);
    second.stop().await;
    stage.cluster.disaggregate_external_metrics().await;
}

/// PAIN-43: others who write the same objects all the time cost tries, not the outcome
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_writers_do_not_keep_it_from_its_work() {
    let stage = Stage::new("writers").await;
    stage.deployment("web", 2).await;
    let advanced = json!({"restoreToOriginalReplicaCount": true});
    stage.source.says(0);
    stage.scaled_object("web", json!({"maxReplicaCount": 4, "advanced": advanced})).await;
    stage.until_condition("web", "Ready", "True/ScaledObjectReady").await;
    let (deployments, objects) = (stage.api::<Deployment>(), stage.api::<ScaledObject>());
    let hpas = stage.api::<HorizontalPodAutoscaler>();
    let noise = tokio::spawn(async move {
        for count in 0_u64.. {
            let params = PatchParams::default();
            let mark = Patch::Merge(json!({"metadata": {"annotations": {"noise": count.to_string()}}}));
            let limit = Patch::Merge(json!({"spec": {"maxReplicas": 50 + count % 7}}));
            let status = Patch::Merge(json!({"status": {"lastActiveTime": null, "conditions": []}}));
            // They may be gone at the end.
            let _ = deployments.patch("web", &params, &mark).await;
            let _ = objects.patch("web", &params, &mark).await;
            let _ = objects.patch_status("web", &params, &status).await;
            let _ = hpas.patch("keda-hpa-web", &params, &limit).await;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    stage.until_replicas("web", 0).await;
    stage.source.says(5);
    stage.until_replicas("web", 1).await;
    stage.source.says(0);
    stage.until_replicas("web", 0).await;
    stage.source.says(5);
    stage.until_replicas("web", 1).await;
    noise.abort();
    let _ = noise.await;
    stage.until_condition("web", "Active", "True/ScalerActive").await;
    stage.until_condition("web", "Ready", "True/ScaledObjectReady").await;
    until("the HPA is as the ScaledObject says", async || {
        stage.hpa("keda-hpa-web").await.unwrap().spec.max_replicas == 4
    })
    .await;
    stage.delete("web").await;
    until("it is gone", async || stage.object("web").await.is_none()).await;
    stage.until_replicas("web", 2).await;
}

/// With the webhook out of reach everything is accepted, and what is wrong is told by its conditions
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_out_of_reach_lets_everything_in_and_nothing_wrong_through() {
    let stage = Stage::new("hookless").await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let hook = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": stage.namespace},
        "webhooks": [{
            "name": "scaledobject.keda.sh", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "failurePolicy": "Ignore", "timeoutSeconds": 1,
            "clientConfig": {"url": format!("https://localhost:{port}/validate-keda-sh-v1alpha1-scaledobject")},
            "rules": [{"apiGroups": ["keda.sh"], "apiVersions": ["v1alpha1"], "operations": ["CREATE", "UPDATE"],
                       "resources": ["scaledobjects"]}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": stage.namespace}},
        }],
    });
    crate::installed::apply(&stage.client, None, &hook).await;
    stage.source.says(5);
    stage.deployment("web", 1).await;
    // What the schema lets through and only the rules refuse.
    let broken = json!({"scalingModifiers": {"formula": "load +", "target": "2"}});
    stage.scaled_object("web", json!({"advanced": broken})).await;
    stage.until_condition("web", "Ready", "False/ScaledObjectCheckFailed").await;
    assert!(stage.hpa("keda-hpa-web").await.is_none());
    stage.change("web", json!({"advanced": null})).await;
    stage.until_condition("web", "Ready", "True/ScaledObjectReady").await;
    // A second one for the same target would fight with the first.
    stage.scaled_object("rival", json!({"scaleTargetRef": {"name": "web"}})).await;
    stage.until_condition("rival", "Ready", "False/ScaledObjectCheckFailed").await;
    assert!(stage.hpa("keda-hpa-rival").await.is_none());
    let hooks: Api<k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration> =
        Api::all(stage.client.clone());
    hooks.delete(&stage.namespace, &DeleteParams::default()).await.unwrap();
}

/// Fifty objects; every other one may have a finalizer.
async fn fifty(stage: &Stage, finalizers: bool) {
    const MANY: usize = 50;
    for number in 0..MANY {
        let name = format!("w{number}");
        stage.deployment(&name, 1).await;
        let advanced = json!({"restoreToOriginalReplicaCount": finalizers && number % 2 == 0});
        stage.scaled_object(&name, json!({"pollingInterval": 5, "advanced": advanced})).await;
    }
    let (api, all) = (stage.api::<HorizontalPodAutoscaler>(), ListParams::default());
    until("all HPAs are there", async || api.list(&all).await.unwrap().items.len() == MANY).await;
}

async fn namespace_goes(stage: &Stage) {
    let namespaces: Api<Namespace> = Api::all(stage.client.clone());
    namespaces.delete(&stage.namespace, &DeleteParams::default()).await.unwrap();
    until("the namespace is gone", async || namespaces.get_opt(&stage.namespace).await.unwrap().is_none()).await;
}

/// SO-23, PAIN-43: with finalizers, and an operator that takes them away
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_of_fifty_objects_goes_with_the_operator_at_work() {
    let stage = Stage::new("ends").await;
    fifty(&stage, true).await;
    namespace_goes(&stage).await;
    until("nothing of it is served", async || stage.operator().index().ids().is_empty()).await;
}

/// PAIN-43: nothing waits for an operator that is not there
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_of_fifty_objects_goes_without_an_operator() {
    let mut stage = Stage::new("orphans").await;
    fifty(&stage, false).await;
    stage.stop().await;
    namespace_goes(&stage).await;
}
