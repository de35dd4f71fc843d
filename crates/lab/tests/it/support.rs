//! What the tests share: deadlines, observers, looking at a group's commits.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use tidegate_lab::consume::{ConsumerEvent, ConsumerEventKind};
use tidegate_lab::load::{LoadObserver, LoadPoint};
use tidegate_lab::scenario::{LoadSpec, Scenario};

use crate::ports::free_ports;

/// No test waits longer than this for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// `future`, or a failure that says what was waited for.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

/// Polls until `condition` holds.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Keeps every point of a load.
#[derive(Default)]
pub(crate) struct Points(pub(crate) Mutex<Vec<LoadPoint>>);

impl LoadObserver for Points {
    fn point(&self, point: &LoadPoint) {
        self.0.lock().unwrap().push(point.clone());
    }
}

pub(crate) fn points() -> Arc<Points> {
    Arc::default()
}

/// One load to topic `orders` from the fields of its manifest.
pub(crate) fn load(mut fields: serde_json::Value) -> LoadSpec {
    fields["topic"] = "orders".into();
    let spec = serde_json::json!({"topics": [{"name": "orders", "partitions": 4}], "load": [fields]});
    Scenario::parse(spec).unwrap_or_else(|problems| panic!("{problems:#?}")).load.remove(0)
}

/// Sums of the committed offsets and of the end offsets of `orders`.
pub(crate) fn offsets(bootstrap_servers: &str, group: &str, partitions: i32) -> (i64, i64) {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", bootstrap_servers).set("group.id", group).create().unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition("orders", partition);
    }
    let committed = consumer.committed_offsets(list, Duration::from_secs(10)).unwrap();
    let offset = |offset: Offset| if let Offset::Offset(offset) = offset { offset } else { 0 };
    let committed = committed.elements().iter().map(|part| offset(part.offset())).sum();
    let ends = |partition| consumer.fetch_watermarks("orders", partition, Duration::from_secs(10)).unwrap().1;
    (committed, (0..partitions).map(ends).sum())
}

pub(crate) fn events(path: &std::path::Path) -> Vec<ConsumerEventKind> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str::<ConsumerEvent>(line).unwrap().what).collect()
}

/// A port of 127.0.0.1 that nobody uses now.
pub(crate) fn free_port() -> u16 {
    let [port] = free_ports().unwrap();
    port
}
