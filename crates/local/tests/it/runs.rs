//! Whole runs, from the first look at the folder to the summary.

use tidegate_engine::{Outcome, check};
use tidegate_local::ProgressKind;

use crate::bench::{Source, Upping, manifests, processes, records, until, write};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scales_with_its_source_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::start(Some(0.0));
    let settings = "cooldownPeriod: 1\n  maxReplicaCount: 5";
    write(folder.path(), "all.yaml", &manifests("work", "exec sleep 600", &source, settings));
    let run = Upping::start(folder.path());
    until("it is served", || !run.lines.with("ScaledObject default/work is served").is_empty()).await;
    source.set(Some(95.0));
    until("five run", || processes(folder.path()).len() == 5).await;
    source.set(Some(25.0));
    until("three run", || processes(folder.path()).len() == 3).await;
    source.set(Some(0.0));
    until("none runs", || processes(folder.path()).is_empty()).await;
    let scaling = run.lines.of(ProgressKind::Scaling);
    let summary = run.stop().await;
    assert!(summary.problems.is_empty(), "{:?}", summary.problems);
    assert_eq!(summary.targets[0].findings, 0);
    assert_eq!(summary.targets[0].most, 5);

    let records = records(folder.path(), "work");
    let sequences: Vec<u64> = records.iter().map(|record| record.sequence).collect();
    assert_eq!(sequences, (1..=records.len() as u64).collect::<Vec<_>>(), "no record is missing");
    assert_eq!(records.len() as u64, summary.targets[0].decisions);
    assert!(records.iter().all(|record| check(record).is_empty()));
    let scaled = records.iter().filter(|record| record.result == Outcome::Scaled).count();
    assert_eq!(scaled, scaling.len(), "each scaling action was told: {scaling:?}");
    assert!(!folder.path().join(".tidegate/up.json").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_gone_changes_nothing_and_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::start(Some(35.0));
    write(folder.path(), "all.yaml", &manifests("work", "exec sleep 600", &source, "cooldownPeriod: 1"));
    let run = Upping::start(folder.path());
    until("four run", || processes(folder.path()).len() == 4).await;
    let before = processes(folder.path());
    source.set(None);
    until("it fails", || !run.lines.with("cannot be read").is_empty()).await;
    let failed = |folder| records(folder, "work").iter().filter(|record| record.readings[0].error.is_some()).count();
    until("it fails again", || failed(folder.path()) >= 2).await;
    assert_eq!(processes(folder.path()), before);
    source.set(Some(15.0));
    until("two run", || processes(folder.path()).len() == 2).await;
    assert_eq!((run.lines.with("cannot be read").len(), run.lines.with("can be read again").len()), (1, 1));
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_of_one_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::start(Some(15.0));
    write(folder.path(), "all.yaml", &manifests("work", "exec sleep 600", &source, ""));
    let first = Upping::start(folder.path());
    until("two run", || processes(folder.path()).len() == 2).await;
    let up = tidegate_local::running::find(folder.path()).unwrap();
    assert_eq!(up.pid, std::process::id());
    let second = crate::bench::options(folder.path(), std::sync::Arc::new(tidegate_local::Silent));
    let error = tidegate_local::up(second, tidegate_local::Stops::default()).await.unwrap_err().to_string();
    assert!(
        error.contains(&format!("another `tidegate up` runs {}", folder.path().canonicalize().unwrap().display())),
        "{error}"
    );
    assert!(error.contains(&format!("process {}", up.pid)), "{error}");
    assert_eq!(processes(folder.path()).len(), 2, "the first is not disturbed");
    first.stop().await;
    assert_eq!(tidegate_local::running::find(folder.path()), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_processes_up_and_down() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::start(Some(2000.0));
    let settings = "cooldownPeriod: 1\n  maxReplicaCount: 200";
    write(folder.path(), "all.yaml", &manifests("work", "exec sleep 600", &source, settings));
    let run = Upping::start(folder.path());
    until("two hundred run", || processes(folder.path()).len() == 200).await;
    source.set(Some(0.0));
    until("none runs", || processes(folder.path()).is_empty()).await;
    let summary = run.stop().await;
    assert!(summary.problems.is_empty(), "{:?}", summary.problems);
    assert_eq!(summary.targets[0].findings, 0);
}
