//! Topics that transactions are written to, against what a read-committed consumer still receives.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::broker::{Broker, shared};
use crate::offsets::{read, report};

const LIMIT: Duration = Duration::from_secs(30);

fn transactional(broker: &Broker, id: &str) -> BaseProducer {
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", &broker.plain).set("transactional.id", id).create().unwrap();
    producer.init_transactions(LIMIT).unwrap();
    producer
}

fn write(producer: &BaseProducer, topic: &str, records: usize) {
    for _ in 0..records {
        let record: BaseRecord<'_, (), str> = BaseRecord::to(topic).partition(0).payload("x");
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(LIMIT).unwrap();
}

/// How many records a read-committed consumer receives from an offset on, until the end it can reach.
fn received(broker: &Broker, topic: &str, from: i64) -> i64 {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &broker.plain)
        .set("group.id", "counter")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    let mut assigned = TopicPartitionList::new();
    assigned.add_partition_offset(topic, 0, Offset::Offset(from)).unwrap();
    consumer.assign(&assigned).unwrap();
    let (mut count, give_up) = (0, Instant::now() + LIMIT);
    while Instant::now() < give_up {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(_)) => count += 1,
            Some(Err(KafkaError::PartitionEOF(_))) => return count,
            Some(Err(error)) => panic!("{error}"),
            None => {}
        }
    }
    panic!("the end of {topic} does not come");
}

/// Compares the lag of groups that have committed each of `offsets` with what a consumer receives from there.
async fn compare(broker: &Broker, topic: &str, offsets: impl Iterator<Item = i64>) {
    let mut raw = broker.raw();
    let groups: Vec<(String, i64)> = offsets.map(|offset| (format!("{topic}-{offset}"), offset)).collect();
    for (group, offset) in &groups {
        raw.commit(group, topic, &[*offset]);
    }
    let names: Vec<&str> = groups.iter().map(|(group, _)| group.as_str()).collect();
    let found = report(&broker.plain, &names, None).await;
    for (group, offset) in &groups {
        let lag = found.iter().find(|one| *one.group == **group).unwrap().partitions[0].lag;
        assert_eq!(lag, Some(received(broker, topic, *offset)), "{topic} from {offset}");
    }
}

/// PAIN-9
#[tokio::test]
async fn committed_transactions() {
    let (broker, _turn) = shared().await;
    broker.raw().create_topic("committed", 1);
    let producer = transactional(broker, "committed");
    for records in [3, 1, 5] {
        producer.begin_transaction().unwrap();
        write(&producer, "committed", records);
        producer.commit_transaction(LIMIT).unwrap();
    }
    // Records 0-2, marker 3, record 4, marker 5, records 6-10, marker 11.
    compare(broker, "committed", [0, 2, 3, 4, 5, 6, 9, 10, 11, 12].into_iter()).await;
    broker.raw().commit("caught-up", "committed", &[11]);
    let reading = read(&broker.plain, &[("topic", "committed"), ("consumerGroup", "caught-up")]).await.unwrap();
    assert_eq!(reading.value, 0.0, "a marker is no record");
    assert!(reading.figures.unwrap().notes[0].contains("transaction markers"));
}

/// PAIN-9
#[tokio::test]
async fn aborted_transactions() {
    let (broker, _turn) = shared().await;
    broker.raw().create_topic("aborted", 1);
    let (one, other) = (transactional(broker, "aborted-1"), transactional(broker, "aborted-2"));
    one.begin_transaction().unwrap();
    write(&one, "aborted", 2);
    other.begin_transaction().unwrap();
    write(&other, "aborted", 3);
    write(&one, "aborted", 2);
    one.abort_transaction(LIMIT).unwrap();
    other.commit_transaction(LIMIT).unwrap();
    broker.produce("aborted", 1, 4);
    one.begin_transaction().unwrap();
    write(&one, "aborted", 1);
    one.commit_transaction(LIMIT).unwrap();
    one.begin_transaction().unwrap();
    write(&one, "aborted", 2);
    one.abort_transaction(LIMIT).unwrap();
    compare(broker, "aborted", 0..=18).await;
}

#[tokio::test]
async fn an_open_transaction_is_not_counted_and_counts_once_committed() {
    let (broker, _turn) = shared().await;
    broker.raw().create_topic("open", 1);
    broker.produce("open", 1, 4);
    let producer = transactional(broker, "open");
    producer.begin_transaction().unwrap();
    write(&producer, "open", 5);
    broker.produce("open", 1, 3);
    compare(broker, "open", [0, 3, 4].into_iter()).await;
    // A reader of uncommitted records may be beyond what others can reach; that is not beyond the log.
    broker.raw().commit("open-ahead", "open", &[7]);
    let metadata = [("topic", "open"), ("consumerGroup", "open-ahead"), ("offsetResetPolicy", "earliest")];
    assert_eq!(read(&broker.plain, &metadata).await.unwrap().value, 0.0);
    producer.commit_transaction(LIMIT).unwrap();
    compare(broker, "open", [0, 4, 9, 12, 13].into_iter()).await;
}

#[tokio::test]
async fn one_reader_sees_a_topic_go_on() {
    let (broker, _turn) = shared().await;
    broker.raw().create_topic("going-on", 1);
    let producer = transactional(broker, "going-on");
    let clients = tidegate_scalers::Clients::new();
    let metadata = [("topic", "going-on"), ("consumerGroup", "going-on"), ("offsetResetPolicy", "earliest")];
    let scaler = crate::offsets::trigger(&broker.plain, &metadata, &[], &clients);
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    for round in 0..10_i64 {
        producer.begin_transaction().unwrap();
        write(&producer, "going-on", 2);
        if round % 3 == 2 {
            producer.abort_transaction(LIMIT).unwrap();
        } else {
            producer.commit_transaction(LIMIT).unwrap();
        }
        // Two records and a marker each round; the consumer is one round behind.
        broker.raw().commit("going-on", "going-on", &[round * 3]);
        let expected = received(broker, "going-on", round * 3);
        let reading = scaler.read(now, crate::offsets::AMPLE).await.unwrap();
        assert_eq!(reading.value, expected as f64, "round {round}");
    }
}
