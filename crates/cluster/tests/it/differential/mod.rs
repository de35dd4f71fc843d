//! The engine's mode `direct` beside the real HorizontalPodAutoscaler controller: the same readings, pods and counts give
//! the same replicas, sync by sync, over random scripts.
//!
//! A cluster of its own, with a short sync period. Each object is a toy with a scale subresource, an HPA on it, and a twin
//! in the engine. This process serves `external.metrics.k8s.io` and `metrics.k8s.io`, so it knows when the controller looks
//! (it asks for the first metric) and what it is told. At that instant the twin is told the same. What the controller made
//! of it is seen when it looks the next time. `docs/differences-from-hpa.md` says where the two differ, and why.

mod object;
mod pods;
mod policies;
mod random;
mod server;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;
use tidegate_cluster::{ApiServiceName, Cluster, ClusterOptions};

use crate::bench::until;
use object::Object;

/// Between two looks of the controller. With what a look takes, its multiples keep away from the windows and periods of
/// [`policies`].
const SYNC: Duration = Duration::from_millis(2_300);

/// Looks at each object; `TIDEGATE_DIFFERENTIAL_SYNCS` asks for more.
const SYNCS: usize = 40;

/// The group of the toys.
const GROUP: &str = "toys.tidegate.dev";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "in real time, for a quiet machine, and with objects of two external metrics still apart (docs/differences-from-hpa.md): \
            cargo test -p tidegate-cluster --test it differential -- --ignored"]
async fn the_engine_moves_as_the_horizontal_pod_autoscaler_does() {
    let syncs = std::env::var("TIDEGATE_DIFFERENTIAL_SYNCS").map_or(SYNCS, |text| text.parse().unwrap());
    let options = ClusterOptions {
        hpa_sync: SYNC,
        // So that a pod's age never decides by itself; see `pods`.
        hpa_cpu_initialization: pods::CPU_INITIALIZATION,
        hpa_initial_readiness_delay: pods::READINESS_DELAY,
        hpa_workers: 10,
        client_qps: Some(1_000),
        node: None,
        ..ClusterOptions::default()
    };
    let cluster = Cluster::start(options).await.unwrap();
    define_toys(&cluster).await;
    let namespace = cluster.namespace("differential").await;
    let objects: Vec<Arc<Object>> = policies::all()
        .into_iter()
        .enumerate()
        .map(|(number, plan)| Object::new(&cluster.client(), &namespace, number, plan))
        .collect();
    serve(&cluster, &objects).await;
    for object in &objects {
        object.create().await;
    }
    let enough = || objects.iter().all(|object| object.is_over(syncs));
    let mut looks = 0;
    while !enough() {
        looks += 1;
        assert!(looks < syncs * 20, "the controller does not look: {:?}", progress(&objects));
        tokio::time::sleep(SYNC / 4).await;
    }
    let compared: usize = objects.iter().map(|object| object.compared()).sum();
    let moved: usize = objects.iter().map(|object| object.moved()).sum();
    let given_up: Vec<String> = objects.iter().filter_map(|object| object.given_up()).collect();
    let apart: Vec<String> = objects.iter().flat_map(|object| object.apart()).collect();
    eprintln!(
        "{compared} looks compared, {moved} changes of a count, {} objects given up: {given_up:?}",
        given_up.len()
    );
    cluster.stop().await;
    assert!(apart.is_empty(), "{} of {compared} looks ended apart:\n{}", apart.len(), apart.join("\n"));
    assert!(given_up.len() * 4 <= objects.len(), "the machine was too slow to compare: {given_up:?}");
    assert!(moved * 10 > compared, "the scripts move too little");
}

fn progress(objects: &[Arc<Object>]) -> Vec<usize> {
    objects.iter().map(|object| object.compared()).collect()
}

/// Something with a scale subresource and nothing behind it.
async fn define_toys(cluster: &Cluster) {
    let scale = json!({
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    });
    let schema = json!({"type": "object", "properties": {
        "spec": {"type": "object", "properties": {"replicas": {"type": "integer"}}},
        "status": {"type": "object", "properties": {"replicas": {"type": "integer"}, "selector": {"type": "string"}}},
    }});
    let definition: CustomResourceDefinition = serde_json::from_value(json!({
        "metadata": {"name": format!("toys.{GROUP}")},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"plural": "toys", "singular": "toy", "kind": "Toy"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": {"status": {}, "scale": scale},
                "schema": {"openAPIV3Schema": schema},
            }],
        },
    }))
    .unwrap();
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client());
    definitions.create(&PostParams::default(), &definition).await.unwrap();
    until("toys can be made", async || {
        let found = definitions.get(&format!("toys.{GROUP}")).await.unwrap();
        let conditions = found.status.and_then(|status| status.conditions).unwrap_or_default();
        conditions.iter().any(|condition| condition.type_ == "Established" && condition.status == "True")
    })
    .await;
}

async fn serve(cluster: &Cluster, objects: &[Arc<Object>]) {
    let certificate = cluster.authority().server("differential", &["metrics.differential-test.svc"]).unwrap();
    let port = server::start(&certificate, objects).await;
    let service = ApiServiceName { namespace: "differential-test".to_owned(), name: "metrics".to_owned(), port };
    for group in ["external.metrics.k8s.io", "metrics.k8s.io"] {
        cluster.aggregate(group, "v1beta1", &service, &cluster.authority().pem()).await.unwrap();
    }
}
