//! From the reading that crosses the threshold to the process: twenty bursts from zero to ten pods.
//!
//! `cargo bench -p tidegate-local --bench reaction` prints the delays between the decision's record (made when the
//! reading arrived) and the first line that each pod printed, so a shell's own start is part of it. Exits with 1 when
//! the 99th percentile is above 100 ms.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tidegate_engine::{Outcome, Record, Timestamp};
use tidegate_local::logs::{LogQuery, list, read};
use tidegate_local::{GuardCommand, Silent, StateDir, Stops, UpOptions, up};

const BURSTS: usize = 20;
const PODS: u32 = 10;
const MOST: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    if args.get(1).is_some_and(|word| word == "guard") {
        return tidegate_local::guard::main(args[2..].to_vec());
    }
    let value = Arc::new(AtomicU32::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let theirs = Arc::clone(&value);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let value = Arc::clone(&theirs);
            std::thread::spawn(move || answer(stream, &value));
        }
    });
    let folder = std::env::temp_dir().join(format!("tidegate-reaction-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("all.yaml"), manifests(port)).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(bursts(&folder, &value));
    let mut delays = delays(&folder);
    std::fs::remove_dir_all(&folder).unwrap();
    delays.sort();
    let at = |share: f64| delays[((delays.len() as f64 * share).ceil() as usize).clamp(1, delays.len()) - 1];
    println!("{} pods started: median {:?}, p99 {:?}, longest {:?}", delays.len(), at(0.5), at(0.99), at(1.0));
    if at(0.99) <= MOST { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn bursts(folder: &Path, value: &AtomicU32) {
    let guard = GuardCommand { program: "/proc/self/exe".into(), args: vec!["guard".into()], env: vec![] };
    let options = UpOptions { guard, headless: true, ..UpOptions::new(folder.to_owned(), Arc::new(Silent)) };
    let stops = Stops::default();
    let run = tokio::spawn(up(options, stops.clone()));
    for burst in 1..=BURSTS {
        value.store(PODS * 10, Ordering::Relaxed);
        while list(folder).len() < burst * PODS as usize {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        value.store(0, Ordering::Relaxed);
        while records(folder).last().is_none_or(|record| record.desired_replicas != 0) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    stops.drain.cancel();
    run.await.unwrap().unwrap();
}

fn records(folder: &Path) -> Vec<Record> {
    let text = std::fs::read_to_string(StateDir::of(folder).records().join("default_work.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Each pod's first line against the newest scale-out before it.
fn delays(folder: &Path) -> Vec<Duration> {
    let scaled: Vec<Timestamp> = records(folder)
        .iter()
        .filter(|record| record.result == Outcome::Scaled && record.desired_replicas > 0)
        .map(|record| record.at)
        .collect();
    let started = list(folder).into_iter().map(|info| {
        let mut first = None;
        let query = LogQuery { folder: folder.to_owned(), name: info.pod, ..LogQuery::default() };
        read(&query, |line| {
            first = line.at.parse::<Timestamp>().ok();
            ControlFlow::Break(())
        })
        .unwrap();
        first.unwrap()
    });
    started.map(|at| at.since(scaled.iter().copied().filter(|scaled| *scaled <= at).max().unwrap())).collect()
}

fn manifests(port: u16) -> String {
    format!(
        r#"apiVersion: apps/v1
kind: Deployment
metadata: {{name: work}}
spec:
  replicas: 0
  selector: {{matchLabels: {{app: work}}}}
  template:
    metadata: {{labels: {{app: work}}}}
    spec:
      containers: [{{name: main, image: none, command: [sh, -c, "echo started; exec sleep 100000"]}}]
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{name: work}}
spec:
  scaleTargetRef: {{name: work}}
  pollingInterval: 1
  cooldownPeriod: 0
  maxReplicaCount: {PODS}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        scaleUp: {{policies: [{{type: Pods, value: 1000, periodSeconds: 1}}]}}
        scaleDown: {{stabilizationWindowSeconds: 0}}
  triggers:
    - type: prometheus
      metadata: {{serverAddress: "http://127.0.0.1:{port}", query: up, threshold: "10"}}
"#
    )
}

/// Answers every query with the value, as Prometheus would.
fn answer(mut stream: TcpStream, value: &AtomicU32) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut line = String::new();
        while reader.read_line(&mut line).ok()? > 2 {
            line.clear();
        }
        if line.is_empty() {
            return None;
        }
        let value = value.load(Ordering::Relaxed);
        let body = format!(
            r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{}},"value":[0,"{value}"]}}]}}}}"#
        );
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
    }
}
