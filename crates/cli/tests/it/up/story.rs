//! The story of a short run: from zero, out, in, and back to zero; each change explained; nothing left behind.

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;
use tidegate_engine::{Outcome, Record, check};

use super::{LIMIT, Up, processes_of, records};
use crate::support::{folder, run, wait_for};

pub(super) const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: orders}
spec:
  selector: {matchLabels: {app: orders}}
  template:
    metadata: {labels: {app: orders}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
        - name: consumer
          image: tidegate
          command: [tidegate, consume, --topic, orders, --group, orders, --rate, 20/s, --commit-interval, 200ms]
          env:
            - name: KAFKA_BOOTSTRAP_SERVERS
              valueFrom: {configMapKeyRef: {name: tidegate-broker, key: bootstrapServers}}
";

pub(super) const SCALED_OBJECT: &str = "\
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: orders}
spec:
  scaleTargetRef: {name: orders}
  pollingInterval: 1
  cooldownPeriod: 3
  minReplicaCount: 0
  maxReplicaCount: 6
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        scaleDown: {stabilizationWindowSeconds: 3, policies: [{type: Pods, value: 4, periodSeconds: 1}]}
  triggers:
    - type: kafka
      metadata:
        bootstrapServersFromEnv: KAFKA_BOOTSTRAP_SERVERS
        consumerGroup: orders
        topic: orders
        lagThreshold: '20'
        offsetResetPolicy: earliest
";

const SCENARIO: &str = "\
apiVersion: tidegate.dev/v1alpha1
kind: Scenario
metadata: {name: orders}
spec:
  topics: [{name: orders, partitions: 4}]
  load:
    - name: burst
      topic: orders
      executor: constant-arrival-rate
      rate: 60
      timeUnit: 1s
      duration: 8s
";

pub(super) fn story() -> tempfile::TempDir {
    folder(&[("deployment.yaml", DEPLOYMENT), ("scaledobject.yaml", SCALED_OBJECT), ("scenario.yaml", SCENARIO)])
}

/// What must hold of the records of any run.
pub(super) fn sound(records: &[Record]) {
    assert!(!records.is_empty(), "no decision was recorded");
    for (number, record) in records.iter().enumerate() {
        assert_eq!(check(record), [], "{record:?}");
        assert_eq!(record.sequence, u64::try_from(number).unwrap() + 1, "a record of a decision is missing");
    }
}

#[test]
fn from_zero_and_back_with_a_report() {
    let folder = story();
    let report = folder.path().join("out");
    let mut up = Up::start(folder.path(), &["--report", report.to_str().unwrap()]);
    let (code, printed) = up.end();
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("http://127.0.0.1:"), "{printed}");

    let records = records(folder.path());
    sound(&records);
    let most = records.iter().map(|record| record.desired_replicas).max().unwrap();
    assert!(
        (2..=4).contains(&most),
        "the most was {most}; never above the 4 partitions, more than one for 60 a second"
    );
    assert_eq!(records.last().unwrap().desired_replicas, 0);
    for record in records.iter().filter(|record| record.result == Outcome::Scaled) {
        let line = format!("→ {}", record.desired_replicas);
        assert!(printed.contains(&line), "{line} is not among the lines printed: {printed}");
    }

    for file in ["report.html", "summary.json", "records.jsonl"] {
        assert!(report.join(file).is_file(), "{file} is missing in the report");
    }
    let summary: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(report.join("summary.json")).unwrap()).unwrap();
    assert!(summary.is_object());
    assert_eq!(processes_of(folder.path()), Vec::<i32>::new());

    let explained = run(&["explain", folder.path().to_str().unwrap(), "--changes"]);
    assert_eq!(explained.code, Some(0), "{}", explained.err);
    let logs = run(&["logs", folder.path().to_str().unwrap(), "orders"]);
    assert_eq!(logs.code, Some(0), "{}", logs.err);
    assert!(logs.out.contains("consumed"), "{}", logs.out);
}

/// Waits until consumers run.
pub(super) fn consumers_run(folder: &Path) {
    wait_for("the first consumer", LIMIT, || {
        records(folder).iter().any(|record| record.workload.is_some_and(|workload| workload.ready > 0)).then_some(())
    });
}

#[test]
fn interrupted_it_drains_and_still_writes_the_report() {
    let folder = story();
    let mut up = Up::start(folder.path(), &["--headless"]);
    consumers_run(folder.path());
    up.signal(Signal::SIGINT);
    let (code, printed) = up.end();
    assert_eq!(code, Some(0), "{printed}");
    assert!(folder.path().join(".tidegate/report/report.html").is_file());
    sound(&records(folder.path()));
    assert_eq!(processes_of(folder.path()), Vec::<i32>::new());
}

#[test]
fn killed_it_leaves_no_orphan_and_no_half_record() {
    let folder = story();
    let up = Up::start(folder.path(), &["--headless"]);
    consumers_run(folder.path());
    up.signal(Signal::SIGKILL);
    wait_for("the end of every pod", LIMIT, || processes_of(folder.path()).is_empty().then_some(()));
    sound(&records(folder.path()));
}

#[test]
fn bad_manifests_start_nothing() {
    let folder = story();
    fs::write(folder.path().join("scaledobject.yaml"), SCALED_OBJECT.replace("type: kafka", "type: kafak")).unwrap();
    let mut up = Up::start(folder.path(), &[]);
    let (code, _) = up.end();
    assert_eq!(code, Some(2));
    assert!(records(folder.path()).is_empty());
}
