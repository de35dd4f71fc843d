//! Thousands of triggers on a cluster with thousands of topics.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use rdkafka::mocking::MockCluster;
use tidegate_engine::ReadErrorKind;
use tidegate_scalers::Clients;

use crate::offsets::trigger;
use crate::tap::{Seen, Tap};

/// Ten triggers read each topic that some trigger names.
const NAMED: usize = 300;
const TRIGGERS: usize = 10 * NAMED;
const TOPICS: usize = 5_000;
const PARTITIONS: i32 = 10;

/// Much longer than it takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(300);

fn named(number: usize) -> String {
    format!("orders-{}", number % NAMED)
}

/// Reads all triggers with clients that know nothing yet, as after a start; what that took.
async fn first_read(tap: &Tap) -> Seen {
    let clients = Clients::new();
    let of = |number: usize, topic: &str| {
        trigger(&tap.address, &[("topic", topic), ("consumerGroup", &format!("group-{number}"))], &[], &clients)
    };
    let scalers: Vec<_> = (0..TRIGGERS).map(|number| of(number, &named(number))).collect();
    let (lost, now) = (of(0, "not-there"), "2026-01-01T00:00:00Z".parse().unwrap());
    let readings = join_all(scalers.iter().chain([&lost]).map(|scaler| scaler.read(now, PATIENCE))).await;
    let (readings, of_lost) = readings.split_at(TRIGGERS);
    for (number, reading) in readings.iter().enumerate() {
        let reading = reading.as_ref().unwrap_or_else(|error| panic!("trigger {number}: {error}"));
        // Nobody has committed anything, which counts one for each partition.
        assert_eq!(reading.value, f64::from(PARTITIONS), "trigger {number}");
    }
    let error = of_lost[0].as_ref().unwrap_err();
    assert!(error.kind == ReadErrorKind::NotFound && error.message.contains("not-there"), "{error}");
    tap.take()
}

/// PAIN-1: three thousand triggers share one connection, ask for the topics that they name and are told of no other,
/// however many there are; a topic that is not there fails its own trigger and is not made
#[tokio::test]
async fn only_the_topics_that_triggers_name_are_asked_for() {
    let cluster = MockCluster::new(1).unwrap();
    let make = |topic: &str| cluster.create_topic(topic, PARTITIONS, 1).unwrap();
    (0..NAMED).for_each(|number| make(&named(number)));
    let tap = Tap::before(&cluster.bootstrap_servers());
    let alone = first_read(&tap).await;
    (NAMED..TOPICS).for_each(|number| make(&format!("other-{number}")));
    let among_others = first_read(&tap).await;
    let mut wanted: BTreeSet<String> = (0..NAMED).map(named).collect();
    wanted.insert("not-there".to_owned());
    for seen in [&alone, &among_others] {
        assert_eq!((&seen.asked, &seen.told), (&wanted, &wanted));
        assert_eq!((seen.connections, seen.would_create), (1, false));
        // The in-process cluster is of the age in which each group was asked for by itself, twice: where, and what. The
        // rest is one question for all.
        assert!(seen.total() <= 2 * TRIGGERS + 30, "{:?}", seen.requests);
    }
}
