//! librdkafka's in-process cluster: older versions of the requests, and leaders and coordinators that move at will.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::mocking::{MockCluster, MockCoordinator};
use rdkafka::{Offset, TopicPartitionList};
use tidegate_engine::Timestamp;
use tidegate_scalers::Clients;

use crate::broker::produce;
use crate::offsets::{AMPLE, report, trigger};

fn commit(servers: &str, group: &str, topic: &str, offsets: &[i64]) {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", servers).set("group.id", group).create().unwrap();
    let mut list = TopicPartitionList::new();
    for (partition, offset) in (0..).zip(offsets) {
        list.add_partition_offset(topic, partition, Offset::Offset(*offset)).unwrap();
    }
    consumer.commit(&list, CommitMode::Sync).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn lag_on_the_in_process_cluster() {
    let cluster = MockCluster::new(3).unwrap();
    let servers = cluster.bootstrap_servers();
    cluster.create_topic("orders", 4, 1).unwrap();
    produce(&servers, "orders", 4, 10);
    commit(&servers, "readers", "orders", &[3, 10, 0, 7]);
    commit(&servers, "others", "orders", &[10, 10, 10, 9]);
    let clients = Clients::new();
    let scaler = trigger(&servers, &[("topic", "orders"), ("consumerGroup", "readers")], &[], &clients);
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let reading = scaler.read(now, AMPLE).await.unwrap();
    assert_eq!((reading.value, reading.parallelism), (20.0, Some(4)));
    let groups = report(&servers, &["readers", "others"], Some(&["orders"])).await;
    let lags: Vec<i64> = groups.iter().map(|group| group.partitions.iter().filter_map(|one| one.lag).sum()).collect();
    assert_eq!(lags, [1, 20]);
    // Every leader and the coordinator move, again and again; each read gives the same number.
    for round in 0..6 {
        for partition in 0..4 {
            cluster.partition_leader("orders", partition, Some((partition + round) % 3 + 1)).unwrap();
        }
        cluster.coordinator(MockCoordinator::Group("readers".to_owned()), round % 3 + 1).unwrap();
        let reading = scaler.read(now, AMPLE).await;
        assert_eq!(reading.unwrap_or_else(|error| panic!("round {round}: {error}")).value, 20.0, "round {round}");
    }
}

/// PAIN-11: with excludePersistentLag a consumer that commits each minute keeps its lag, one that is stuck loses it after
/// three minutes, however often one looks; it still keeps the workload awake, and what it does then counts again
#[tokio::test(flavor = "multi_thread")]
async fn slow_is_not_stuck() {
    let cluster = MockCluster::new(1).unwrap();
    let servers = cluster.bootstrap_servers();
    cluster.create_topic("orders", 2, 1).unwrap();
    produce(&servers, "orders", 2, 10);
    let metadata = [("topic", "orders"), ("consumerGroup", "readers"), ("excludePersistentLag", "true")];
    let scaler = trigger(&servers, &metadata, &[], &Clients::new());
    let begin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    // Partition 0 moves each minute, partition 1 never.
    for (minute, slow) in (0..5).zip(0_i64..) {
        commit(&servers, "readers", "orders", &[slow, 4]);
        for second in [0, 1, 30, 59] {
            let after = Duration::from_secs(60 * minute + second);
            let reading = scaler.read(begin + after, AMPLE).await.unwrap();
            let (moving, stuck) = ((10 - slow) as f64, 6.0);
            let expected = if minute < 3 { (moving + stuck, None) } else { (moving, Some(moving + stuck)) };
            assert_eq!((reading.value, reading.activation_value), expected, "after {after:?}");
        }
    }
    commit(&servers, "readers", "orders", &[4, 5]);
    let reading = scaler.read(begin + Duration::from_secs(300), AMPLE).await.unwrap();
    assert_eq!((reading.value, reading.activation_value), (6.0 + 5.0, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_gone_is_gone_round() {
    let cluster = MockCluster::new(3).unwrap();
    let servers = cluster.bootstrap_servers();
    cluster.create_topic("orders", 2, 1).unwrap();
    produce(&servers, "orders", 2, 10);
    commit(&servers, "readers", "orders", &[3, 10]);
    for partition in 0..2 {
        cluster.partition_leader("orders", partition, Some(1)).unwrap();
    }
    cluster.coordinator(MockCoordinator::Group("readers".to_owned()), 1).unwrap();
    let scaler = trigger(&servers, &[("topic", "orders"), ("consumerGroup", "readers")], &[], &Clients::new());
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(scaler.read(now, AMPLE).await.unwrap().value, 7.0);
    for partition in 0..2 {
        cluster.partition_leader("orders", partition, Some(2)).unwrap();
    }
    cluster.coordinator(MockCoordinator::Group("readers".to_owned()), 3).unwrap();
    cluster.broker_down(1).unwrap();
    assert_eq!(scaler.read(now, AMPLE).await.unwrap().value, 7.0);
}
