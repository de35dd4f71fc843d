//! Workloads of other kinds than Deployment.

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};

use crate::stage::{Stage, until};

fn of_pods(name: &str) -> Value {
    let labels = json!({"app": name});
    let annotations = json!({"node.tidegate.dev/pretend": "true"});
    let containers = json!([{"name": "main", "image": "none"}]);
    json!({
        "metadata": {"name": name},
        "spec": {
            "replicas": 0, "serviceName": name, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": {"containers": containers}},
        },
    })
}

/// SO-19: a StatefulSet and a ReplicaSet, out and in
#[tokio::test]
async fn stateful_sets_and_replica_sets() {
    let stage = Stage::new("kinds").await;
    let (sets, replica_sets): (Api<StatefulSet>, Api<ReplicaSet>) = (stage.api(), stage.api());
    sets.create(&PostParams::default(), &serde_json::from_value(of_pods("stateful")).unwrap()).await.unwrap();
    replica_sets.create(&PostParams::default(), &serde_json::from_value(of_pods("set")).unwrap()).await.unwrap();
    for (name, kind) in [("stateful", "StatefulSet"), ("set", "ReplicaSet")] {
        stage.scaled_object(name, json!({"scaleTargetRef": {"name": name, "kind": kind}})).await;
        stage.until_condition(name, "Ready", "True/ScaledObjectReady").await;
    }
    for (value, replicas) in [(5, 1), (0, 0)] {
        stage.source.says(value);
        until("both follow", async || {
            let stateful = sets.get("stateful").await.unwrap().spec.unwrap().replicas;
            let set = replica_sets.get("set").await.unwrap().spec.unwrap().replicas;
            (stateful, set) == (Some(replicas), Some(replicas))
        })
        .await;
    }
    assert_eq!(stage.status("set").await.scale_target_kind.as_deref(), Some("apps/v1.ReplicaSet"));
}

/// SO-19: any kind with a scale subresource
#[tokio::test]
async fn a_kind_of_somebody_else() {
    let stage = Stage::new("custom").await;
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let scale = json!({"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"});
    let version = json!({
        "name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema},
        "subresources": {"scale": scale, "status": {}},
    });
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "rollouts.test.example.com"},
        "spec": {"group": "test.example.com", "scope": "Namespaced", "names": {"kind": "Rollout", "plural": "rollouts"},
            "versions": [version]},
    });
    let definitions: Api<CustomResourceDefinition> = Api::all(stage.client.clone());
    let params = PatchParams::apply("test").force();
    definitions.patch("rollouts.test.example.com", &params, &Patch::Apply(definition)).await.unwrap();
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("test.example.com", "v1", "Rollout"));
    let rollouts: Api<DynamicObject> = Api::namespaced_with(stage.client.clone(), &stage.namespace, &resource);
    let rollout = json!({
        "apiVersion": "test.example.com/v1", "kind": "Rollout", "metadata": {"name": "web"}, "spec": {"replicas": 0},
    });
    until("the kind is served", async || rollouts.patch("web", &params, &Patch::Apply(&rollout)).await.is_ok()).await;
    stage.source.says(5);
    let target = json!({"name": "web", "kind": "Rollout", "apiVersion": "test.example.com/v1"});
    stage.scaled_object("web", json!({"scaleTargetRef": target})).await;
    let replicas = async || rollouts.get("web").await.unwrap().data["spec"]["replicas"].as_i64();
    until("it is brought up", async || replicas().await == Some(1)).await;
    stage.source.says(0);
    until("it is brought down", async || replicas().await == Some(0)).await;
    let status = stage.status("web").await;
    assert_eq!(status.scale_target_kind.as_deref(), Some("test.example.com/v1.Rollout"));
}
