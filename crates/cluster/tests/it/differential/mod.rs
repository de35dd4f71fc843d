//! The engine's mode `direct` beside the real HorizontalPodAutoscaler controller: the same readings, pods and counts give
//! the same replicas, sync by sync, over random scripts.
//!
//! A cluster of its own, with a short sync period. Each object is a toy with a scale subresource, an HPA on it, and a twin
//! in the engine. This process serves `external.metrics.k8s.io` and `metrics.k8s.io`, so it knows when the controller looks
//! (it asks for the first metric, and has read the scale), what it is told, and not before what instant it decides (it has
//! the last answer). With the first question of the next look it is known what the controller made of this one, for it
//! looks at an object once at a time. While that question waits for its answer the script goes on, so nothing depends on
//! how busy the machine is. `docs/differences-from-hpa.md` says where the two differ, and why.

mod object;
mod pods;
mod policies;
mod random;
mod seen;
mod server;
mod twin;

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;
use tidegate_cluster::{ApiServiceName, Cluster, ClusterOptions};
use tokio::runtime::Runtime;

use crate::bench::until;
use object::{Object, Tally};

/// Between two looks of the controller. With what a look takes, its multiples keep away from the windows and periods of
/// [`policies`].
const SYNC: Duration = Duration::from_millis(2_300);

/// Looks at each object; `TIDEGATE_DIFFERENTIAL_SYNCS` asks for more.
const SYNCS: usize = 6;

/// So long nobody may look at anything.
const PATIENCE: Duration = Duration::from_secs(180);

/// The group of the toys.
const GROUP: &str = "toys.tidegate.dev";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engine_moves_as_the_horizontal_pod_autoscaler_does() {
    let syncs = std::env::var("TIDEGATE_DIFFERENTIAL_SYNCS").map_or(SYNCS, |text| text.parse().unwrap());
    let options = ClusterOptions {
        hpa_sync: SYNC,
        // So that a pod's age never decides by itself; see `pods`.
        hpa_cpu_initialization: pods::CPU_INITIALIZATION,
        hpa_initial_readiness_delay: pods::READINESS_DELAY,
        // So that none waits while another is being answered.
        hpa_workers: 40,
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
    // What answers the controller ends before the cluster does, with whatever it was doing.
    let answering = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    serve(&cluster, &objects, &answering).await;
    for object in &objects {
        object.create().await;
    }
    let (mut seen, mut since) = (0, Instant::now());
    while !objects.iter().all(|object| object.is_over(syncs)) {
        let compared: usize = objects.iter().map(|object| object.tally().compared).sum();
        if compared > seen {
            (seen, since) = (compared, Instant::now());
        }
        assert!(since.elapsed() < PATIENCE, "the controller does not look any more, after {seen} looks");
        tokio::time::sleep(SYNC / 4).await;
    }
    let all = objects.iter().map(|object| object.tally()).fold(Tally::default(), Tally::and);
    let Tally { compared, moved, either_way, unclear, lost, apart } = all;
    eprintln!(
        "{compared} looks compared with {moved} changes of a count; {either_way} of them the same only as an age near to an \
         end or a forgotten event is taken, {unclear} not clear; {lost} questions lost; {} apart",
        apart.len()
    );
    tokio::task::spawn_blocking(move || answering.shutdown_timeout(PATIENCE)).await.unwrap();
    cluster.stop().await;
    assert!(apart.is_empty(), "{} of {compared} looks ended apart:\n{}", apart.len(), apart.join("\n"));
    assert!(moved * 30 > compared, "the scripts move too little: {moved} of {compared}");
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

async fn serve(cluster: &Cluster, objects: &[Arc<Object>], answering: &Runtime) {
    let certificate = cluster.authority().server("differential", &["metrics.differential-test.svc"]).unwrap();
    let objects = objects.to_vec();
    let started = answering.spawn(async move { server::start(&certificate, &objects).await });
    let port = started.await.unwrap();
    let service = ApiServiceName { namespace: "differential-test".to_owned(), name: "metrics".to_owned(), port };
    for group in ["external.metrics.k8s.io", "metrics.k8s.io"] {
        cluster.aggregate(group, "v1beta1", &service, &cluster.authority().pem()).await.unwrap();
    }
}
