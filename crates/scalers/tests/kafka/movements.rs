//! Brokers that stop and go on, topics that are deleted and made again.

use std::time::{Duration, Instant};

use tidegate_engine::ReadErrorKind;
use tidegate_scalers::Clients;

use crate::broker::alone;
use crate::offsets::{AMPLE, trigger};

#[tokio::test]
async fn a_stopped_broker_costs_the_deadline_and_not_more() {
    let (broker, _turn) = alone().await;
    let mut raw = broker.raw();
    raw.create_topic("stopped", 1);
    broker.produce("stopped", 1, 10);
    raw.commit("stopped", "stopped", &[4]);
    let scaler = trigger(&broker.plain, &[("topic", "stopped"), ("consumerGroup", "stopped")], &[], &Clients::new());
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(scaler.read(now, AMPLE).await.unwrap().value, 6.0);
    broker.signal("-STOP");
    for _ in 0..3 {
        let error = scaler.read(now, Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(error.kind, ReadErrorKind::Timeout, "{error}");
        assert!(error.message.contains(&broker.plain), "{error}");
    }
    broker.signal("-CONT");
    assert_eq!(scaler.read(now, AMPLE).await.unwrap().value, 6.0);
}

#[tokio::test]
async fn a_topic_deleted_and_made_again() {
    let (broker, _turn) = alone().await;
    let mut raw = broker.raw();
    raw.create_topic("again", 3);
    broker.produce("again", 3, 10);
    raw.commit("again", "again", &[4, 4, 4]);
    let metadata = [("topic", "again"), ("consumerGroup", "again"), ("offsetResetPolicy", "earliest")];
    let scaler = trigger(&broker.plain, &metadata, &[], &Clients::new());
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(scaler.read(now, AMPLE).await.unwrap().value, 18.0);
    raw.delete_topic("again");
    let error = scaler.read(now, AMPLE).await.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::NotFound, "{error}");
    raw.create_topic("again", 2);
    broker.produce("again", 2, 5);
    // The reader sees the new topic as soon as the broker serves it.
    let give_up = Instant::now() + AMPLE;
    loop {
        match scaler.read(now, AMPLE).await {
            Ok(reading) => {
                assert_eq!((reading.value, reading.parallelism), (10.0, Some(2)), "{:?}", reading.figures);
                break;
            }
            Err(error) => assert!(Instant::now() < give_up, "{error}"),
        }
    }
    // Offsets of the old topic, put back by a consumer that did not notice.
    raw.commit("again", "again", &[9, 2]);
    assert_eq!(scaler.read(now, AMPLE).await.unwrap().value, 5.0 + 3.0);
}
