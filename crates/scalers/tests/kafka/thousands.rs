//! Thousands of triggers on a cluster with thousands of topics.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, TopicName};
use rdkafka::mocking::MockCluster;
use tidegate_engine::ReadErrorKind;
use tidegate_scalers::Clients;

use crate::offsets::trigger;
use crate::raw::{Raw, name};
use crate::tap::{Seen, Tap};

/// Ten triggers read each topic that some trigger names.
const NAMED: usize = 300;
const TRIGGERS: usize = 10 * NAMED;
const TOPICS: usize = 5_000;
/// As many as the in-process cluster gives a topic that is made because it was asked for.
const PARTITIONS: i32 = 4;
/// Topics made with one request.
const AT_ONCE: usize = 500;

/// Much longer than it takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(300);

fn named(number: usize) -> String {
    format!("orders-{}", number % NAMED)
}

/// Makes topics by asking for them. `MockCluster::create_topic` makes one at a time, and where its thread has a processor of its
/// own it often sleeps for a second before it sees the next: that would take an hour.
fn make(raw: &mut Raw, topics: impl Iterator<Item = String>) {
    let topics: Vec<String> = topics.collect();
    for topics in topics.chunks(AT_ONCE) {
        let topic = |topic: &String| MetadataRequestTopic::default().with_name(Some(TopicName(name(topic))));
        let wanted = topics.iter().map(topic).collect();
        let request = MetadataRequest::default().with_topics(Some(wanted)).with_allow_auto_topic_creation(true);
        let made = raw.ask(4, &request).topics;
        assert!(made.iter().all(|topic| topic.error_code == 0 && topic.partitions.len() == PARTITIONS as usize));
        assert_eq!(made.len(), topics.len());
    }
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
    let mut raw = Raw::connect(&cluster.bootstrap_servers());
    make(&mut raw, (0..NAMED).map(named));
    let tap = Tap::before(&cluster.bootstrap_servers());
    let alone = first_read(&tap).await;
    make(&mut raw, (NAMED..TOPICS).map(|number| format!("other-{number}")));
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
