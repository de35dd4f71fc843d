//! CPU beside Kafka: whichever wants more replicas has them.

use tidegate_lab::broker::{EmbeddedBroker, TopicSpec};

use super::{Done, Ground, produce};

const TEMPLATE: &str = "    metadata:\n      labels:\n        app: labels-worker\n    spec:";
/// Pods that do not consume and say what CPU they use, so that the test has both in hand.
const PRETENDING: &str = "    metadata:\n      annotations:\n        node.tidegate.dev/pretend: \"true\"\n        \
    node.tidegate.dev/cpu: 10m\n      labels:\n        app: labels-worker\n    spec:";

#[tokio::test(flavor = "multi_thread")]
async fn lag_and_cpu_each_bring_replicas() {
    let ground = Ground::prepare("cpu-and-kafka").await;
    let broker = EmbeddedBroker::start(&[TopicSpec { name: "labels".to_owned(), partitions: 8 }]).unwrap();
    let servers = broker.bootstrap_servers().to_owned();
    ground.apply("cpu-and-kafka", &[("kafka-0.kafka.svc:9092", &servers), (TEMPLATE, PRETENDING)]);
    ground.until("labels-worker", "its one replica", |replicas| replicas == 1).await;
    tokio::task::spawn_blocking(move || produce(&servers, "labels", "60/s", "1s")).await.unwrap();
    ground.until("labels-worker", "3 for 60 records of lag", |replicas| replicas == 3).await;
    // 100m each of 100m requested, where 60 % is the target: 3 × 100 / 60 = 5.
    let busy = ["annotate", "pods", "--selector=app=labels-worker", "--overwrite", "node.tidegate.dev/cpu=100m"];
    ground.until_ready("labels-worker", 3);
    ground.kubectl(&busy, "").done();
    ground.until("labels-worker", "5 for the CPU", |replicas| replicas == 5).await;
}
