//! A pod that does not want to end, and a person who does not want to wait.

use std::fs;

use nix::sys::signal::{Signal, kill};
use tidegate_engine::Record;

use super::story::story;
use super::{LIMIT, Up, processes_of, records};
use crate::support::{folder, run, wait_for};

/// Its grace is longer than the test would wait.
const STUBBORN: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: stubborn}
spec:
  replicas: 2
  selector: {matchLabels: {app: stubborn}}
  template:
    metadata: {labels: {app: stubborn}}
    spec:
      terminationGracePeriodSeconds: 3600
      containers:
        - name: stubborn
          image: any
          command: [sh, -c, \"trap '' TERM; touch \\\"$MARK/$POD_NAME\\\"; while :; do sleep 1; done\"]
          env: [{name: MARK, value: MARK_FOLDER}]
";

#[test]
fn a_second_interrupt_ends_pods_that_ignore_the_first() {
    let marks = tempfile::tempdir().unwrap();
    let manifest = STUBBORN.replace("MARK_FOLDER", marks.path().to_str().unwrap());
    let folder = folder(&[("deployment.yaml", &manifest)]);
    let mut up = Up::start(folder.path(), &["--headless"]);
    wait_for("both pods", LIMIT, || (fs::read_dir(marks.path()).unwrap().count() == 2).then_some(()));
    let pid = up.pid();
    // Again and again: the first begins to drain, any later one ends it.
    wait_for("the end of up", LIMIT, || {
        let _ = kill(pid, Signal::SIGINT);
        up.child.try_wait().unwrap()
    });
    let (code, printed) = up.end();
    assert_eq!(code, Some(0), "{printed}");
    assert_eq!(processes_of(folder.path()), Vec::<i32>::new());
}

#[test]
fn asked_twice_to_terminate_it_still_drains() {
    let folder = story();
    let mut up = Up::start(folder.path(), &["--headless"]);
    // A process that has only just been started hears no signal yet; one that has committed does.
    wait_for("a committed offset", LIMIT, || {
        let consumed = |record: &Record| record.readings[0].figures.as_ref().and_then(|figures| figures.consumed_total);
        records(folder.path()).iter().any(|record| consumed(record).is_some_and(|total| total > 0)).then_some(())
    });
    up.signal(Signal::SIGTERM);
    up.signal(Signal::SIGTERM);
    let (code, printed) = up.end();
    assert_eq!(code, Some(0), "{printed}");
    let logs = run(&["logs", folder.path().to_str().unwrap(), "orders"]);
    assert!(logs.out.contains("consumed"), "a consumer was not let finish: {}", logs.out);
}
