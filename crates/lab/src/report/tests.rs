//! A made-up run whose figures are known, through the whole report.

use std::fs;
use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_engine::{
    Figures, PartitionFigures, ReadError, ReadErrorKind, Reading, Record, TargetId, Timestamp, Workload,
};

use super::*;
use crate::load::LoadPoint;

const START: i64 = 1_767_225_600_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(START + millis)
}

fn target() -> TargetId {
    TargetId::new("shop", "orders")
}

fn reading(millis: i64, produced: u64, consumed: u64) -> Reading {
    let lag = (produced - consumed) as i64;
    let partition = PartitionFigures { topic: "orders".into(), lag, ..PartitionFigures::default() };
    let figures = Figures {
        produced_total: Some(produced),
        consumed_total: Some(consumed),
        partitions: vec![partition],
        ..Figures::default()
    };
    Reading { figures: Some(Arc::new(figures)), parallelism: Some(8), ..Reading::of(lag as f64, at(millis)) }
}

/// A record as it is read from a file, so that the report is tested on the documented format.
fn record(sequence: u64, millis: i64, read: i64, from: u32, to: u32, figures: (u64, u64)) -> Arc<Record> {
    let lag = figures.0 - figures.1;
    let record: Record = serde_json::from_value(json!({
        "format": tidegate_engine::FORMAT, "sequence": sequence, "at": at(millis), "target": "shop/orders",
        "cause": {"what": "reading", "trigger": 0}, "mode": "direct",
        "workload": {"replicas": from, "current": from, "ready": from},
        "readings": [{
            "trigger": "s0", "kind": "kafka", "metric": "s0-kafka-orders", "value": lag,
            "target": {"type": "AverageValue", "value": 20.0}, "activation": 0.0, "active": lag > 0, "at": at(read),
            "wanted": to, "figures": {"producedTotal": figures.0, "consumedTotal": figures.1},
        }],
        "active": lag > 0,
        "steps": [{"rule": "metrics", "from": from, "to": to, "reason": "lag & <load>, \"quoted\""}],
        "boundBy": "metrics", "desiredReplicas": to, "limits": {"min": 0, "max": 12, "useful": 8},
        "result": if from == to { "unchanged" } else { "scaled" },
    }))
    .unwrap();
    Arc::new(record)
}

/// 100 records a second from second 1 on; one consumer from 2.15 s on, three from 4.1 s on.
fn run() -> (Collector, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::new(CollectorOptions { lag_target: Some(150) });
    for tick in 0..=50 {
        let millis = tick * 200;
        let produced = (millis - 1000).clamp(0, 5000) / 10;
        collector.load(&LoadPoint {
            load: "ramp".into(),
            topic: "orders".into(),
            at: at(millis),
            produced_total: u64::try_from(produced).unwrap(),
            failed_total: 0,
            dropped_total: 0,
            in_flight: 0,
            target_rate: 100.0,
        });
    }
    let read = |millis, produced, consumed| {
        collector.reading(&target(), 0, "s0-kafka-orders", &Ok(reading(millis, produced, consumed)), at(millis));
    };
    collector.workload(&target(), &Workload::settled(0), at(0));
    read(0, 0, 0);
    read(2000, 100, 0);
    collector.record(&record(1, 2005, 2000, 0, 1, (100, 0)));
    start(&collector, &folder, "orders-0", 2050, 2150);
    collector.workload(&target(), &Workload::settled(1), at(2050));
    read(4000, 300, 40);
    collector.record(&record(2, 4002, 4000, 1, 3, (300, 40)));
    start(&collector, &folder, "orders-1", 4040, 4400);
    start(&collector, &folder, "orders-2", 4045, 4100);
    collector.workload(&target(), &Workload::settled(3), at(4050));
    read(8000, 500, 450);
    let error = ReadError::new(ReadErrorKind::Timeout, "read lag of orders from 127.0.0.1:9092: no answer in 1 s");
    collector.reading(&target(), 0, "s0-kafka-orders", &Err(error), at(9000));
    collector.record(&record(3, 9500, 8000, 3, 0, (500, 500)));
    collector.workload(&target(), &Workload::settled(0), at(10_000));
    (collector, folder)
}

fn start(collector: &Collector, folder: &tempfile::TempDir, pod: &str, started: i64, first: i64) {
    collector.process(ProcessEvent {
        target: target(),
        pod: pod.to_owned(),
        at: at(started),
        what: ProcessWhat::Started,
    });
    let path = folder.path().join(pod);
    let assigned = json!({"at": at(first - 10), "event": "assigned", "partitions": ["orders/0"], "total": 1});
    let record = json!({"at": at(first), "event": "firstRecord", "topic": "orders", "partition": 0, "offset": 0});
    fs::write(&path, format!("{assigned}\n{record}\n{{\"at\":\"half a li")).unwrap();
    collector.consumer_events_file(&target(), pod, &path);
}

fn options() -> ReportOptions {
    ReportOptions { title: "kafka-lag <test>".to_owned(), ..ReportOptions::default() }
}

#[test]
fn the_summary_says_what_happened() {
    let (collector, folder) = run();
    let paths = write(&collector, &options(), &folder.path().join("report")).unwrap();
    let summary: Value = serde_json::from_slice(&fs::read(&paths.summary).unwrap()).unwrap();
    assert_eq!(summary["format"], "tidegate.report/1");
    assert_eq!(summary["durationSeconds"], 10.0);
    let orders = &summary["targets"][0];
    assert_eq!((&orders["scalingActions"], &orders["mostReplicas"]), (&json!(3), &json!(3)));
    assert_eq!(
        (&orders["readErrors"], &orders["processesStarted"], &orders["rebalances"]),
        (&json!(1), &json!(3), &json!(2))
    );
    // 1 replica for 2 s, then 3 for 5.95 s.
    let hours = orders["replicaHours"].as_f64().unwrap();
    assert!((hours * 3600.0 - (2.0 + 3.0 * 5.95)).abs() < 1e-6, "{hours}");
    // Lag 0 for 2 s, 100 for 2 s, 260 for 4 s, 50 for 2 s.
    let lag = &orders["lag"];
    assert_eq!((&lag["p50"], &lag["p99"], &lag["max"]), (&json!(100.0), &json!(260.0), &json!(260.0)));
    assert_eq!((&lag["mean"], &lag["secondsOverTarget"]), (&json!(134.0), &json!(4.0)));
}

#[test]
fn every_step_from_burst_to_relief_is_known() {
    let (collector, folder) = run();
    let paths = write(&collector, &options(), &folder.path().join("report")).unwrap();
    let summary: Value = serde_json::from_slice(&fs::read(&paths.summary).unwrap()).unwrap();
    let first = &summary["targets"][0]["reactions"][0];
    // The first record of all came 10 ms after the load's start at 1 s.
    assert_eq!(first["producedAt"], json!(at(1010)));
    assert_eq!((&first["producedToSeenMs"], &first["seenToDecidedMs"]), (&json!(990), &json!(5)));
    assert_eq!((&first["decidedToStartedMs"], &first["startedToConsumedMs"]), (&json!(45), &json!(100)));
    assert_eq!(first["producedToConsumedMs"], json!(1140));
    let second = &summary["targets"][0]["reactions"][1];
    // 40 consumed and 20 allowed to wait: the 61st record, at 1.61 s.
    assert_eq!(second["producedAt"], json!(at(1610)));
    assert_eq!((&second["startedAt"], &second["consumedAt"]), (&json!(at(4040)), &json!(at(4100))));
    assert_eq!(second["relievedAt"], json!(at(8000)), "lag 50 is what 3 replicas at 20 each are meant to take");
    assert_eq!(first["relievedAt"], Value::Null, "one replica is meant to take 20");
    assert_eq!(summary["targets"][0]["reactions"].as_array().unwrap().len(), 2, "the scale-in is no reaction");
}

#[test]
fn the_page_is_whole_and_escapes_what_it_shows() {
    let (collector, folder) = run();
    let aborted = ReportOptions { aborted: Some("interrupted by Ctrl-C".to_owned()), ..options() };
    let paths = write(&collector, &aborted, &folder.path().join("report")).unwrap();
    let page = fs::read_to_string(&paths.html).unwrap();
    assert!(page.contains("<title>kafka-lag &lt;test&gt;</title>"));
    assert!(page.contains("The run ended early: interrupted by Ctrl-C."));
    assert!(!page.contains("<load>") && page.contains("&lt;load&gt;"), "reasons are escaped");
    assert!(
        !page.contains("<script") && !page.contains("src=\"http") && !page.contains("href=\"http"),
        "works offline"
    );
    assert_eq!(page.matches("<svg").count(), 3);
    assert!(page.contains("no answer in 1 s"));
    for tag in ["svg", "table", "section", "dl", "g", "figure"] {
        let opened = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn pictures_decode_and_show_something() {
    let (collector, folder) = run();
    let paths = write(&collector, &options(), &folder.path().join("report")).unwrap();
    let names: Vec<_> = paths.pictures.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["rates.png", "lag.png", "replicas.png"]);
    for path in &paths.pictures {
        let mut reader = png::Decoder::new(fs::File::open(path).unwrap()).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (1280, 400));
        let colours: std::collections::HashSet<&[u8]> = pixels.chunks(3).collect();
        assert!(colours.len() > 20, "{}: lines and text have edges of many shades", path.display());
    }
}

#[test]
fn tables_have_a_row_for_each_second_and_each_action() {
    let (collector, folder) = run();
    let paths = write(&collector, &options(), &folder.path().join("report")).unwrap();
    let samples = fs::read_to_string(&paths.tables[0]).unwrap();
    let rows: Vec<&str> = samples.lines().collect();
    assert_eq!(rows.len(), 12);
    assert!(rows.iter().all(|row| row.split(',').count() == 12));
    assert_eq!(rows[5], "2026-01-01T00:00:04.000Z,4.000,shop/orders,260,100.00,13.33,1,1,1,0,12,8");
    let actions = fs::read_to_string(&paths.tables[1]).unwrap();
    assert_eq!(actions.lines().count(), 4);
    assert!(actions.contains("\"\"quoted\"\""), "{actions}");
}

#[test]
fn records_come_from_the_files_or_from_memory() {
    let (collector, folder) = run();
    let report = folder.path().join("report");
    let paths = write(&collector, &options(), &report).unwrap();
    let kept: Vec<Record> =
        fs::read_to_string(&paths.records).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(kept.iter().map(|record| record.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    let live = folder.path().join("live.jsonl");
    fs::write(&live, "{\"sequence\": 77}\n").unwrap();
    let from_files = ReportOptions { record_files: vec![live], ..options() };
    let paths = write(&collector, &from_files, &report).unwrap();
    assert_eq!(fs::read_to_string(&paths.records).unwrap(), "{\"sequence\": 77}\n");
}

#[test]
fn a_run_without_anything_still_has_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write(&Collector::default(), &options(), &folder.path().join("report")).unwrap();
    assert!(fs::read_to_string(&paths.html).unwrap().contains("Nothing was heard during this run"));
    let summary: Value = serde_json::from_slice(&fs::read(&paths.summary).unwrap()).unwrap();
    assert_eq!((&summary["startedAt"], &summary["targets"]), (&Value::Null, &json!([])));
}

#[test]
fn a_day_of_two_hundred_targets_stays_small() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::default();
    for number in 0..200 {
        let target = TargetId::new("shop", &format!("orders-{number}"));
        for minute in 0..1440 {
            let millis = minute * 60_000;
            let reading = Reading::of((minute % 100) as f64, at(millis));
            collector.reading(&target, 0, "s0", &Ok(reading), at(millis));
            collector.workload(&target, &Workload::settled(3), at(millis));
        }
    }
    let paths = write(&collector, &options(), &folder.path().join("report")).unwrap();
    let page = fs::read_to_string(&paths.html).unwrap();
    assert!(page.contains("180 more targets"));
    assert!(page.len() < 4_000_000, "{}", page.len());
    assert_eq!(paths.pictures.len(), 5 * 3);
}
