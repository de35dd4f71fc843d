//! What starts another pass over a ScaledObject, and what a pass leaves alone.

use std::pin::pin;

use futures::StreamExt;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use serde_json::{Value, json};
use tidegate_crds::ScaledObject;
use tidegate_operator::Options;

use crate::faulty::{Asked, client};
use crate::stage::{Source, Stage, until};

async fn edit(stage: &Stage, name: &str, patch: Value) {
    let api: Api<ScaledObject> = stage.api();
    api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

/// SO-11, SO-12, SO-14, ACT-26: labels and annotations reach the HPA at once and start no poll; a new spec does, and only
/// a poll sees a change
#[tokio::test]
async fn labels_reach_the_hpa_and_only_a_new_spec_polls_anew() {
    let stage = Stage::new("pass").await;
    stage.deployment("web", 0).await;
    stage.scaled_object("web", json!({"pollingInterval": 3600})).await;
    stage.until_condition("web", "Active", "False/ScalerNotActive").await;
    stage.until_hpa("keda-hpa-web").await;
    assert_eq!(stage.source.asked().await, 1);
    stage.source.says(5);
    edit(&stage, "web", json!({"metadata": {"labels": {"tier": "front"}, "annotations": {"note": "new"}}})).await;
    until("label and annotation are on the HPA", async || {
        let metadata = stage.hpa("keda-hpa-web").await.unwrap().metadata;
        metadata.labels.unwrap_or_default().contains_key("tier")
            && metadata.annotations.unwrap_or_default().contains_key("note")
    })
    .await;
    assert_eq!((stage.source.asked().await, stage.replicas("web").await), (1, 0), "no poll, so nothing is seen");
    stage.change("web", json!({"pollingInterval": 3599})).await;
    stage.until_replicas("web", 1).await;
}

/// SO-28, POL-13, PAIN-30: passes and polls that find nothing new ask nothing of the API server
#[tokio::test]
async fn a_pass_that_changes_nothing_costs_no_request() {
    let mut stage = Stage::without_operator("quiet").await;
    let asked = Asked::default();
    let own = client(stage.cluster, &asked, |_| false).await;
    stage.start_with(own, stage.options()).await;
    stage.deployment("web", 0).await;
    stage.scaled_object("web", json!({})).await;
    stage.until_condition("web", "Active", "False/ScalerNotActive").await;
    stage.until_condition("web", "HPAActive", "True/ScalingDisabled").await;
    // What is on its way when all of this can be seen has arrived some polls later.
    stage.polls(4).await;
    let before = asked.lines();
    // A finalizer of somebody else makes a pass and nothing to do.
    edit(&stage, "web", json!({"metadata": {"finalizers": ["example.com/theirs"]}})).await;
    stage.polls(4).await;
    assert_eq!(asked.lines(), before);
    assert!(before.iter().any(|line| line.starts_with("PATCH")), "it does count: {before:?}");
    let watched = asked.watched();
    assert!(watched.iter().any(|path| path.ends_with("/scaledobjects")), "{watched:?}");
    let of_pods = |path: &&String| path.ends_with("/pods") || path.contains("/pods ");
    assert_eq!(watched.iter().chain(&before).find(of_pods), None, "the HorizontalPodAutoscaler looks at pods, not we");
    edit(&stage, "web", json!({"metadata": {"finalizers": null}})).await;
}

/// SO-18, POL-01: all triggers are read, also while the first is active; one that is removed leaves the HPA
#[tokio::test]
async fn a_removed_trigger_leaves_the_hpa() {
    let stage = Stage::new("shrink").await;
    stage.deployment("web", 1).await;
    let second = Source::new(0).await;
    stage.source.says(5);
    let both = json!([stage.source.trigger(10), second.trigger(7)]);
    stage.scaled_object("web", json!({"minReplicaCount": 1, "triggers": both})).await;
    until("both are in the HPA", async || {
        stage.hpa_metrics("keda-hpa-web").await == ["s0-prometheus 10", "s1-prometheus 7"]
    })
    .await;
    second.is_asked(3).await;
    stage.change("web", json!({"triggers": [stage.source.trigger(10)]})).await;
    until("one is left", async || stage.hpa_metrics("keda-hpa-web").await == ["s0-prometheus 10"]).await;
    let names = async || stage.status("web").await.external_metric_names;
    until("the status follows", async || names().await == Some(vec!["s0-prometheus".to_owned()])).await;
}

/// SO-27, LE-08: an object that leaves the label selector is left in peace, and one outside of it was never looked at
#[tokio::test]
async fn what_leaves_the_label_selector_is_not_polled_any_more() {
    let mut stage = Stage::without_operator("select").await;
    let options = Options { label_selector: Some("team=blue".to_owned()), ..stage.options() };
    stage.start_with(stage.cluster.client(), options).await;
    stage.deployment("web", 0).await;
    stage.deployment("other", 0).await;
    stage.scaled_object("web", json!({})).await;
    stage.until_condition("web", "Ready", "True/ScaledObjectReady").await;
    stage.until_hpa("keda-hpa-web").await;
    let other = Source::new(5).await;
    let outside = json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "other", "labels": {"team": "red"}},
        "spec": {"scaleTargetRef": {"name": "other"}, "pollingInterval": 1, "triggers": [other.trigger(10)]},
    });
    let api: Api<ScaledObject> = stage.api();
    api.patch("other", &PatchParams::apply("test"), &Patch::Apply(outside)).await.unwrap();
    stage.polls(2).await;
    edit(&stage, "web", json!({"metadata": {"labels": {"team": "green"}}})).await;
    until("it is not served any more", async || stage.operator().index().ids().is_empty()).await;
    // One that is served shows that time passes.
    stage.deployment("clock", 0).await;
    let clock = Source::new(0).await;
    stage.scaled_object("clock", json!({"triggers": [clock.trigger(10)]})).await;
    clock.is_asked(1).await;
    let asked = stage.source.asked().await;
    clock.is_asked(3).await;
    assert_eq!(stage.source.asked().await, asked);
    assert_eq!((other.asked().await, stage.replicas("other").await), (0, 0));
    assert!(stage.hpa("keda-hpa-web").await.is_some(), "it may come back, or be somebody else's now");
    assert_eq!(stage.events("ScaledObjectDeleted").await, 0);
}

/// ST-15, ST-16, VAL-22: one opinion, one writer: what is wrong with the manifest stays said over polls, and conditions that
/// somebody took away are there again
#[tokio::test]
async fn conditions_do_not_flip_and_are_not_lost() {
    let stage = Stage::new("flip").await;
    stage.deployment("web", 1).await;
    stage.scaled_object("web", json!({"minReplicaCount": 1})).await;
    stage.until_condition("web", "Active", "False/ScalerNotActive").await;
    stage.until_condition("web", "HPAActive", "False/FailedGetExternalMetric").await;
    // Admission would have refused it.
    stage.change("web", json!({"triggers": [{"type": "nothing", "metadata": {"a": "b"}}]})).await;
    stage.until_condition("web", "Ready", "False/ScaledObjectCheckFailed").await;
    let api: Api<ScaledObject> = stage.api();
    let before = stage.object("web").await.unwrap();
    let only = WatchParams::default().fields("metadata.name=web");
    let changes = api.watch(&only, before.metadata.resource_version.as_deref().unwrap()).await.unwrap();
    stage.polls(4).await;
    let taken_away = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    let taken_away = api.patch_status("web", &PatchParams::default(), &Patch::Merge(taken_away)).await.unwrap();
    // What the HorizontalPodAutoscaler says changes with the metrics APIs that other tests bring to the cluster and take away.
    let ours = |object: ScaledObject| {
        let mut status = object.status.unwrap_or_default();
        status.conditions.iter_mut().for_each(|all| all.retain(|one| one.kind != "HPAActive"));
        status
    };
    let before = ours(before);
    let mut changes = pin!(changes);
    loop {
        match changes.next().await.expect("the watch goes on").unwrap() {
            WatchEvent::Modified(object)
                if object.metadata.resource_version == taken_away.metadata.resource_version =>
            {
                break;
            }
            WatchEvent::Modified(object) => {
                assert_eq!(ours(object), before, "nothing else was written over four polls")
            }
            other => panic!("{other:?}"),
        }
    }
    stage.until_condition("web", "Ready", "False/ScaledObjectCheckFailed").await;
    assert_eq!(stage.condition("web", "Active").await, "False/ScalerNotActive");
    assert_eq!(stage.condition("web", "Paused").await, "False/");
}

fn hpa_of(name: &str, workload: &str) -> HorizontalPodAutoscaler {
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": workload});
    serde_json::from_value(json!({"metadata": {"name": name}, "spec": {"scaleTargetRef": target, "maxReplicas": 3}}))
        .unwrap()
}

/// OWN-02, OWN-06: an HPA that scales something else is not taken over for its name, and the one there is stays meanwhile
#[tokio::test]
async fn a_name_that_is_taken_is_told_and_the_old_hpa_stays() {
    let stage = Stage::new("taken").await;
    stage.deployment("web", 1).await;
    let api: Api<HorizontalPodAutoscaler> = stage.api();
    let theirs = api.create(&PostParams::default(), &hpa_of("theirs", "elsewhere")).await.unwrap();
    stage.scaled_object("web", json!({"minReplicaCount": 1})).await;
    let ours = stage.until_hpa("keda-hpa-web").await;
    stage.change("web", json!({"advanced": {"horizontalPodAutoscalerConfig": {"name": "theirs"}}})).await;
    stage.until_condition("web", "Ready", "False/ScaledObjectCheckFailed").await;
    let message = stage.message("web", "Ready").await;
    assert!(message.contains("\"theirs\"") && message.contains("elsewhere"), "{message}");
    let there = stage.hpa("theirs").await.unwrap();
    assert_eq!((there.metadata.uid, there.metadata.owner_references), (theirs.metadata.uid, None));
    assert_eq!(stage.hpa("keda-hpa-web").await.unwrap().metadata.uid, ours.metadata.uid);
}

/// OWN-07: one that was renamed while nobody looked is found by its owner, whatever the status says
#[tokio::test]
async fn the_hpa_is_found_by_its_owner() {
    let mut stage = Stage::new("found").await;
    stage.deployment("web", 1).await;
    stage.scaled_object("web", json!({"minReplicaCount": 1})).await;
    stage.until_condition("web", "Ready", "True/ScaledObjectReady").await;
    stage.until_hpa("keda-hpa-web").await;
    stage.stop().await;
    let api: Api<ScaledObject> = stage.api();
    let lost = json!({"status": {"hpaName": "nobody-knows"}});
    api.patch_status("web", &PatchParams::default(), &Patch::Merge(lost)).await.unwrap();
    stage.change("web", json!({"advanced": {"horizontalPodAutoscalerConfig": {"name": "custom"}}})).await;
    stage.start().await;
    stage.until_hpa("custom").await;
    stage.until_no_hpa("keda-hpa-web").await;
    until("the status names it", async || stage.status("web").await.hpa_name.as_deref() == Some("custom")).await;
}

/// OWN-08: the HPA of an object that was made again under its name is the new one's
#[tokio::test]
async fn an_object_made_again_takes_its_hpa_over() {
    let stage = Stage::new("twice").await;
    stage.deployment("web", 1).await;
    stage.scaled_object("web", json!({"minReplicaCount": 1})).await;
    stage.until_hpa("keda-hpa-web").await;
    stage.delete("web").await;
    let again = stage.scaled_object("web", json!({"minReplicaCount": 1})).await;
    until("the HPA belongs to the new one", async || {
        let owners = stage.hpa("keda-hpa-web").await.and_then(|hpa| hpa.metadata.owner_references);
        owners.is_some_and(|owners| Some(&owners[0].uid) == again.metadata.uid.as_ref())
    })
    .await;
    stage.until_condition("web", "Ready", "True/ScaledObjectReady").await;
    assert_eq!(stage.events("ScaledObjectCheckFailed").await, 0);
}
