//! The example of `tidegate up`, from the same files.

use tidegate_lab::broker::{EmbeddedBroker, TopicSpec};

use super::{Done, Ground, produce};

/// From zero out and back to zero, which takes the consumers to have consumed everything: a group with lag is active.
#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_up_runs_on_a_cluster_from_the_same_files() {
    let ground = Ground::prepare("kafka-lag").await;
    let broker = EmbeddedBroker::start(&[TopicSpec { name: "orders".to_owned(), partitions: 8 }]).unwrap();
    let servers = broker.bootstrap_servers().to_owned();
    let literal = format!("--from-literal=bootstrapServers={servers}");
    ground.kubectl(&["create", "configmap", "tidegate-broker", &literal], "").done();
    ground.apply("kafka-lag", &[]);
    assert_eq!(ground.replicas("orders-worker").await, 0);
    let load = tokio::task::spawn_blocking(move || produce(&servers, "orders", "60/s", "10s"));
    ground.until("orders-worker", "3 or more", |replicas| replicas >= 3).await;
    load.await.unwrap();
    ground.until("orders-worker", "0 again", |replicas| replicas == 0).await;
}
