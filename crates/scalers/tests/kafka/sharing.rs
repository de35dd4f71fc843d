//! Many triggers cost few requests and one connection.

use std::collections::BTreeSet;

use futures::future::join_all;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tidegate_scalers::Clients;
use tidegate_scalers::kafka::{ConnectionSettings, KafkaClients, LagQuery, LagReader};

use crate::broker::shared;
use crate::offsets::{AMPLE, report, trigger};

#[tokio::test]
async fn concurrent_triggers_share_connection_and_requests() {
    let (broker, _turn) = shared().await;
    let mut raw = broker.raw();
    raw.create_topic("shared", 5);
    broker.produce("shared", 5, 10);
    let groups: Vec<String> = (0..200).map(|number| format!("shared-{number}")).collect();
    for (group, committed) in groups.iter().zip(0_i64..) {
        raw.commit(group, "shared", &[committed % 11; 5]);
    }
    let clients = Clients::new();
    let scalers: Vec<_> = groups
        .iter()
        .map(|group| trigger(&broker.plain, &[("topic", "shared"), ("consumerGroup", group)], &[], &clients))
        .collect();
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    // The reader sees what the triggers' shared connections were asked for.
    let settings = ConnectionSettings::plain(&broker.plain).unwrap();
    let reader = LagReader::shared(&settings, &clients.shared::<KafkaClients>());
    let none = LagQuery { groups: Some(Vec::new()), topics: None };
    for pass in 0..3 {
        let before = reader.read(&none, AMPLE).await.unwrap();
        let readings = join_all(scalers.iter().map(|scaler| scaler.read(now, AMPLE))).await;
        for (number, reading) in readings.into_iter().enumerate() {
            let expected = 5 * (10 - i64::try_from(number % 11).unwrap()).max(0);
            assert_eq!(reading.unwrap().value, expected as f64, "group {number}, pass {pass}");
        }
        let after = reader.read(&none, AMPLE).await.unwrap();
        assert_eq!(after.connections, 1, "pass {pass}");
        let requests = after.total_requests - before.total_requests;
        assert!(requests <= 12, "pass {pass} took {requests} requests for 200 triggers");
    }
}

#[tokio::test]
async fn all_groups_with_states_and_members() {
    let (broker, _turn) = shared().await;
    let mut raw = broker.raw();
    raw.create_topic("members", 2);
    broker.produce("members", 2, 3);
    raw.commit("members-none", "members", &[1, 1]);
    for (group, protocol) in [("members-classic", "classic"), ("members-newer", "consumer")] {
        raw.commit(group, "members", &[3, 0]);
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &broker.plain)
            .set("group.id", group)
            .set("group.protocol", protocol)
            .set("enable.auto.commit", "false")
            .create()
            .unwrap();
        consumer.subscribe(&["members"]).unwrap();
        let give_up = std::time::Instant::now() + AMPLE;
        loop {
            let _ = consumer.poll(std::time::Duration::from_millis(50));
            let found = report(&broker.plain, &[group], None).await.remove(0);
            assert_eq!(found.error, None);
            if found.members == Some(1) && found.state.as_deref() == Some("Stable") {
                let lags: Vec<_> = found.partitions.iter().map(|partition| partition.lag).collect();
                assert_eq!(lags, [Some(0), Some(3)], "{protocol}");
                break;
            }
            assert!(std::time::Instant::now() < give_up, "{protocol}: {found:?}");
        }
    }
    let reader = LagReader::new(ConnectionSettings::plain(&broker.plain).unwrap());
    let all = reader.read(&LagQuery::default(), AMPLE).await.unwrap();
    let names: BTreeSet<&str> = all.groups.iter().map(|group| &*group.group).collect();
    for group in ["members-none", "members-classic", "members-newer"] {
        assert!(names.contains(group), "{names:?}");
    }
    let empty = all.groups.iter().find(|group| &*group.group == "members-none").unwrap();
    assert_eq!((empty.state.as_deref(), empty.members), (Some("Empty"), Some(0)));
    let query = LagQuery { groups: None, topics: Some(vec!["members".to_owned()]) };
    let some = reader.read(&query, AMPLE).await.unwrap();
    assert_eq!(some.groups.len(), 3, "{:?}", some.groups);
}
