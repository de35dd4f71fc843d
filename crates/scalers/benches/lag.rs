//! One pass over 10,000 groups of 10 partitions each on one real broker, against Kafka's own Java client reading the
//! same offsets in one batch, and against a client for each group (500 of them) as a scaler without sharing has it.
//!
//! `cargo bench -p tidegate-scalers --bench lag`; needs `cargo xtask setup` and a JDK.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs, unreachable_pub)]
#![allow(dead_code, reason = "shares the tests' broker and does not use all of it")]

#[path = "../tests/kafka/broker.rs"]
mod broker;
#[path = "../tests/kafka/certificates.rs"]
mod certificates;
#[path = "../../cluster/src/ports.rs"]
mod ports;
#[path = "../tests/kafka/raw.rs"]
mod raw;

use std::process::Command;
use std::time::{Duration, Instant};

use broker::Broker;
use raw::Raw;
use tidegate_scalers::kafka::{ConnectionSettings, LagQuery, LagReader, LagReport};

const GROUPS: usize = 10_000;
const TOPICS: usize = 100;
const PARTITIONS: usize = 10;
const PASSES: usize = 9;
const ALONE: usize = 500;
const AMPLE: Duration = Duration::from_secs(120);

fn main() {
    // `cargo test --benches` only asks whether it builds.
    if std::env::args().all(|argument| argument != "--bench") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (broker, _turn) = runtime.block_on(broker::shared());
    prepare(broker);
    println!("{GROUPS} groups, {PARTITIONS} partitions each, {TOPICS} topics, one broker; milliseconds");
    let (ours, lag) = runtime.block_on(ours(&broker.plain));
    let (java, java_lag) = java(&broker.plain);
    assert_eq!(lag, java_lag, "both sides read the same");
    println!("ratio of the medians, Java to Tidegate: {:.1}", java / ours);
    runtime.block_on(alone(&broker.plain));
}

fn prepare(broker: &Broker) {
    let mut raw = broker.raw();
    for topic in 0..TOPICS {
        raw.create_topic(&format!("topic-{topic}"), i32::try_from(PARTITIONS).unwrap());
        broker.produce(&format!("topic-{topic}"), i32::try_from(PARTITIONS).unwrap(), 20);
    }
    let servers = broker.plain.as_str();
    std::thread::scope(|scope| {
        for worker in 0..8 {
            scope.spawn(move || {
                let mut raw = Raw::connect(servers);
                for group in (worker..GROUPS).step_by(8) {
                    let offsets: Vec<i64> =
                        (0..PARTITIONS).map(|partition| ((group + partition) % 20) as i64).collect();
                    raw.commit(&format!("group-{group}"), &format!("topic-{}", group % TOPICS), &offsets);
                }
            });
        }
    });
}

fn query(groups: impl Iterator<Item = usize>) -> LagQuery {
    LagQuery { groups: Some(groups.map(|group| format!("group-{group}")).collect()), topics: None }
}

fn total(report: &LagReport) -> i64 {
    let groups = report.groups.iter().inspect(|group| assert_eq!(group.error, None));
    groups.flat_map(|group| &group.partitions).filter_map(|partition| partition.lag).sum()
}

/// The most memory that this process has had so far, in MiB.
fn peak_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

async fn ours(servers: &str) -> (f64, i64) {
    let reader = LagReader::new(ConnectionSettings::plain(servers).unwrap());
    let query = query(0..GROUPS);
    let before = peak_memory();
    let (mut times, mut lag) = (Vec::new(), 0);
    for pass in 0..PASSES {
        let start = Instant::now();
        let report = reader.read(&query, AMPLE).await.unwrap();
        times.push(start.elapsed().as_secs_f64() * 1e3);
        lag = total(&report);
        if pass < 2 {
            println!(
                "Tidegate, pass {pass}: {:.0} ms, {} requests, {} connection(s), {:.0} MiB more memory at most, with group states",
                times[pass],
                report.requests,
                report.connections,
                peak_memory() - before
            );
        }
    }
    let median = median(times.clone());
    println!("Tidegate, median of {PASSES}: {median:.0} ms ({times:.0?})");
    (median, lag)
}

fn java(servers: &str) -> (f64, i64) {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/LagPeer.java");
    let output = Command::new("java")
        .arg("-cp")
        .arg(broker::library().join("*"))
        .args([source, servers, &GROUPS.to_string(), &PASSES.to_string()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let passes: Vec<(f64, i64)> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(micros, lag)| (micros.parse::<f64>().unwrap() / 1e3, lag.parse().unwrap()))
        .collect();
    let times: Vec<f64> = passes.iter().map(|(time, _)| *time).collect();
    let median = median(times.clone());
    println!("Java admin client, median of {PASSES}: {median:.0} ms ({times:.0?})");
    (median, passes.last().unwrap().1)
}

async fn alone(servers: &str) {
    let start = Instant::now();
    let (mut requests, mut readers) = (0, Vec::new());
    for group in 0..ALONE {
        let reader = LagReader::new(ConnectionSettings::plain(servers).unwrap());
        requests += reader.read(&query(group..=group), AMPLE).await.unwrap().requests;
        readers.push(reader);
    }
    let first = start.elapsed().as_secs_f64() * 1e3;
    let start = Instant::now();
    let mut again = 0;
    for (group, reader) in readers.iter().enumerate() {
        again += reader.read(&query(group..=group), AMPLE).await.unwrap().requests;
    }
    let second = start.elapsed().as_secs_f64() * 1e3;
    println!(
        "a client a group, {ALONE} groups: first {first:.0} ms and {requests} requests, then {second:.0} ms and {again} requests, {ALONE} connections"
    );
    let reader = LagReader::new(ConnectionSettings::plain(servers).unwrap());
    reader.read(&query(0..ALONE), AMPLE).await.unwrap();
    let start = Instant::now();
    let report = reader.read(&query(0..ALONE), AMPLE).await.unwrap();
    let shared = start.elapsed().as_secs_f64() * 1e3;
    println!(
        "the same {ALONE} groups in one pass: {shared:.0} ms and {} requests, {} connection(s); ratio {:.0}",
        report.requests,
        report.connections,
        second / shared
    );
}
