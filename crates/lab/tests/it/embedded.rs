//! Produce, consume and lag against the embedded broker.

use std::time::Duration;

use serde_json::json;
use tidegate_lab::broker::{EmbeddedBroker, TopicSpec};
use tidegate_lab::consume::{ConsumeOptions, ConsumerEventKind, Failing, FailureHandling, Speed};
use tidegate_lab::{LabError, consume, load};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use crate::support::{self, events, offsets, points, soon, until};

const PARTITIONS: i32 = 4;

fn broker() -> EmbeddedBroker {
    EmbeddedBroker::start(&[TopicSpec { name: "orders".to_owned(), partitions: 4 }]).unwrap()
}

fn consumer(broker: &EmbeddedBroker) -> ConsumeOptions {
    ConsumeOptions::new(broker.settings(), vec!["orders".to_owned()], "workers")
}

async fn produce(broker: &EmbeddedBroker, fields: serde_json::Value) -> load::LoadSummary {
    let spec = support::load(fields);
    let settings = broker.settings();
    soon("the load", load::run(&spec, &settings, points(), CancellationToken::new())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_produced_is_consumed_and_committed_once() {
    let broker = broker();
    let spec = support::load(json!({"executor": "constant-arrival-rate", "rate": 500, "duration": "2s"}));
    let seen = points();
    let settings = broker.settings();
    let run = load::run(&spec, &settings, seen.clone(), CancellationToken::new());
    let summary = soon("the load", run).await.unwrap();
    assert_eq!((summary.due, summary.produced, summary.dropped, summary.failed), (1000, 1000, 0, 0));
    assert_eq!(summary.warning(), None);
    {
        let seen = seen.0.lock().unwrap();
        assert!(seen.windows(2).all(|pair| pair[0].produced_total <= pair[1].produced_total));
        assert_eq!(seen.last().unwrap().produced_total, 1000);
        assert!(seen.iter().any(|point| (point.target_rate - 500.0).abs() < 1e-9));
    }
    assert_eq!(offsets(broker.bootstrap_servers(), "workers", PARTITIONS), (0, 1000), "lag before anybody consumes");

    let folder = tempfile::tempdir().unwrap();
    let mut options = consumer(&broker);
    options.max_records = Some(1000);
    options.events_file = Some(folder.path().join("events.jsonl"));
    let summary = soon("consuming", consume::run(options, CancellationToken::new())).await.unwrap();
    assert_eq!((summary.processed, summary.skipped, summary.retried), (1000, 0, 0));
    assert_eq!(offsets(broker.bootstrap_servers(), "workers", PARTITIONS), (1000, 1000), "lag afterwards");

    let events = events(&folder.path().join("events.jsonl"));
    assert!(matches!(events[0], ConsumerEventKind::Started { .. }), "{events:?}");
    assert!(matches!(events[1], ConsumerEventKind::Assigned { total: 4, .. }), "{events:?}");
    let produced = events.iter().find_map(|event| match event {
        ConsumerEventKind::FirstRecord { produced, .. } => *produced,
        _ => None,
    });
    assert!(produced.is_some(), "the record's own time: {events:?}");
    assert!(matches!(events.last(), Some(ConsumerEventKind::Stopped { processed: 1000 })), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_consumer_commits_exactly_what_it_has_done() {
    let broker = broker();
    produce(&broker, json!({"executor": "shared-iterations", "vus": 4, "iterations": 200})).await;
    let mut options = consumer(&broker);
    options.speed = Speed::Rate(50.0);
    options.commit_interval = Duration::from_secs(3600);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    options.events_file = Some(path.clone());
    let stop = CancellationToken::new();
    let running = tokio::spawn(consume::run(options, stop.clone()));
    let begun = || events(&path).iter().any(|event| matches!(event, ConsumerEventKind::FirstRecord { .. }));
    until("the first record", begun).await;
    assert_eq!(offsets(broker.bootstrap_servers(), "workers", PARTITIONS).0, 0, "never ahead of the interval");
    stop.cancel();
    let summary = soon("the consumer's end", running).await.unwrap().unwrap();
    assert!((1..200).contains(&summary.processed), "{summary:?}");
    let committed = offsets(broker.bootstrap_servers(), "workers", PARTITIONS).0;
    assert_eq!(committed, i64::try_from(summary.processed).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_member_gets_its_share_and_nothing_is_lost_when_one_leaves() {
    let broker = broker();
    let folder = tempfile::tempdir().unwrap();
    let mut members = Vec::new();
    for name in ["one", "two"] {
        let mut options = consumer(&broker);
        options.events_file = Some(folder.path().join(name));
        let stop = CancellationToken::new();
        members.push((tokio::spawn(consume::run(options, stop.clone())), stop));
        let path = folder.path().join(name);
        let has_some = || {
            events(&path).iter().any(|event| matches!(event, ConsumerEventKind::Assigned { total, .. } if *total > 0))
        };
        until("an assignment", has_some).await;
    }
    produce(&broker, json!({"executor": "constant-arrival-rate", "rate": 200, "duration": "1s"})).await;
    let (leaving, stop) = members.pop().unwrap();
    stop.cancel();
    let first = soon("leaving", leaving).await.unwrap().unwrap();
    produce(&broker, json!({"executor": "constant-arrival-rate", "rate": 200, "duration": "1s"})).await;
    until("no lag", || offsets(broker.bootstrap_servers(), "workers", PARTITIONS) == (400, 400)).await;
    let (staying, stop) = members.pop().unwrap();
    stop.cancel();
    let second = soon("leaving", staying).await.unwrap().unwrap();
    assert!(first.processed + second.processed >= 400, "{first:?} {second:?}");
    assert!(second.processed > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_records_are_retried_or_passed_over() {
    for handling in [FailureHandling::Retry, FailureHandling::Skip] {
        let broker = broker();
        produce(&broker, json!({"executor": "per-vu-iterations", "vus": 2, "iterations": 100})).await;
        let mut options = consumer(&broker);
        options.failing = Some(Failing { share: 0.3, handling });
        options.max_records = Some(200);
        let summary = soon("consuming", consume::run(options, CancellationToken::new())).await.unwrap();
        match handling {
            FailureHandling::Retry => {
                assert_eq!((summary.processed, summary.skipped), (200, 0));
                assert!(summary.retried > 20, "{summary:?}");
            }
            FailureHandling::Skip => {
                assert_eq!(summary.processed + summary.skipped, 200);
                assert!((20..120).contains(&summary.skipped), "{summary:?}");
            }
        }
        assert_eq!(offsets(broker.bootstrap_servers(), "workers", PARTITIONS), (200, 200));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_that_cannot_be_kept_is_said() {
    let broker = broker();
    broker.delay_answers(Duration::from_millis(400)).unwrap();
    let fields = json!({"executor": "constant-arrival-rate", "rate": 500, "duration": "2s", "maxVUs": 10});
    let summary = produce(&broker, fields).await;
    assert_eq!(summary.due, 1000);
    assert_eq!(summary.produced + summary.dropped, 1000);
    assert!(summary.dropped > 500, "{summary:?}");
    assert!(summary.warning().unwrap().contains("could not keep the rate"), "{:?}", summary.warning());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_goes_away_and_comes_back_loses_nothing() {
    let broker = broker();
    let mut options = consumer(&broker);
    options.max_records = Some(300);
    let consuming = tokio::spawn(consume::run(options, CancellationToken::new()));
    produce(&broker, json!({"executor": "constant-arrival-rate", "rate": 150, "duration": "1s"})).await;
    broker.pause().unwrap();
    let settings = broker.settings();
    let producing = tokio::spawn(async move {
        let spec = support::load(json!({"executor": "shared-iterations", "vus": 5, "iterations": 150}));
        load::run(&spec, &settings, points(), CancellationToken::new()).await
    });
    tokio::time::sleep(Duration::from_millis(700)).await;
    broker.resume().unwrap();
    let produced = soon("producing after the pause", producing).await.unwrap().unwrap();
    assert_eq!((produced.produced, produced.failed), (150, 0));
    let consumed = soon("consuming after the pause", consuming).await.unwrap().unwrap();
    assert_eq!(consumed.processed, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_and_an_unreachable_broker_are_clear_errors() {
    let broker = broker();
    let mut spec = support::load(json!({"executor": "shared-iterations"}));
    spec.topic = "nowhere".to_owned();
    let error = load::run(&spec, &broker.settings(), points(), CancellationToken::new()).await.unwrap_err();
    assert!(matches!(&error, LabError::NoTopic { topic, .. } if topic == "nowhere"), "{error}");

    let gone = tidegate_lab::kafka::KafkaSettings::plaintext("127.0.0.1:1");
    let error = load::run(&spec, &gone, points(), CancellationToken::new()).await.unwrap_err().to_string();
    assert!(error.contains("kafka at 127.0.0.1:1: look for its topics"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_served() {
    let broker = broker();
    produce(&broker, json!({"executor": "shared-iterations", "iterations": 20})).await;
    let port = support::free_port();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let mut options = consumer(&broker);
    options.metrics_address = Some(address);
    let stop = CancellationToken::new();
    let running = tokio::spawn(consume::run(options, stop.clone()));
    let deadline = std::time::Instant::now() + support::PATIENCE;
    let text = loop {
        let text = get(address, "/metrics").await.unwrap_or_default();
        if text.contains("tidegate_consumer_records_processed_total{group=\"workers\"} 20") {
            break text;
        }
        assert!(std::time::Instant::now() < deadline, "{text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(text.contains("tidegate_consumer_assigned_partitions{group=\"workers\"} 4"), "{text}");
    assert!(get(address, "/healthz").await.unwrap().starts_with("HTTP/1.1 200"));
    assert!(get(address, "/else").await.unwrap().starts_with("HTTP/1.1 404"));
    stop.cancel();
    soon("the end", running).await.unwrap().unwrap();
}

async fn get(address: std::net::SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: lab\r\n\r\n").as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}
