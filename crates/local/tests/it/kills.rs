//! What is left when `up` or its pods are killed: nothing that nobody looks after.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::bench::{Source, Upping, manifests, processes, records, supervisor, until, write};

/// One ends on SIGTERM, one ignores it, one starts a daemon in a session of its own.
const SCRIPTS: [(&str, &str); 3] = [
    ("polite", "exec sleep 600"),
    ("stubborn", "trap '' TERM; while true; do sleep 600; done"),
    ("daemon", "setsid sleep 600 & exec sleep 600"),
];

fn write_all(folder: &std::path::Path, source: &Source) {
    for (name, script) in SCRIPTS {
        write(folder, &format!("{name}.yaml"), &manifests(name, script, source, "maxReplicaCount: 3"));
    }
}

/// Kills with signal 9: a process, or (negative) a group.
fn kill_9(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_process_survives_the_kill_9_of_its_supervisor() {
    // By its number, and with its whole group as a shell kills a job.
    for group in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::start(Some(30.0));
        write_all(folder.path(), &source);
        let mut up = supervisor(folder.path());
        // Three of each; the second and third have a second process each.
        until("all run", || processes(folder.path()).len() == 15).await;
        let pid = i32::try_from(up.id()).unwrap();
        kill_9(if group { -pid } else { pid });
        up.wait().unwrap();
        until("none is left", || processes(folder.path()).is_empty()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_run_and_its_guard_left_is_ended_by_the_next_and_the_count_stays() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::start(Some(40.0));
    write(folder.path(), "all.yaml", &manifests("work", "exec sleep 600", &source, "cooldownPeriod: 1"));
    let mut up = supervisor(folder.path());
    until("four run", || processes(folder.path()).len() == 4).await;
    let orphans = processes(folder.path());
    until("the count is saved", || {
        let saved = std::fs::read_to_string(folder.path().join(".tidegate/state/default_work.replicas.json"));
        saved.is_ok_and(|saved| saved.contains("\"replicas\":4"))
    })
    .await;
    // The guard first, so that nobody is left to end the pods.
    let guard = guard_of(up.id());
    kill_9(guard);
    kill_9(i32::try_from(up.id()).unwrap());
    up.wait().unwrap();
    assert_eq!(processes(folder.path()), orphans, "there is nobody to end them");

    // Nothing is known at the restart: the count of before stays.
    source.set(None);
    let run = Upping::start(folder.path());
    until("four run again", || {
        let now = processes(folder.path());
        now.len() == 4 && now.is_disjoint(&orphans)
    })
    .await;
    assert_eq!(run.lines.with("ended 4 processes that an earlier run had left behind").len(), 1);
    until("the source was asked in vain", || !run.lines.with("cannot be read").is_empty()).await;
    assert_eq!(processes(folder.path()).len(), 4);
    run.stop().await;
    let records = records(folder.path(), "work");
    let sequences: Vec<u64> = records.iter().map(|record| record.sequence).collect();
    assert!(sequences.windows(2).all(|pair| pair[0] < pair[1]), "numbers go on over the restart: {sequences:?}");
}

/// The guard is the child of `up` that bears no owner's mark and is not a pod.
fn guard_of(up: u32) -> i32 {
    let children = std::fs::read_dir(format!("/proc/{up}/task")).unwrap().flatten().flat_map(|task| {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        children.split_whitespace().map(|pid| pid.parse::<i32>().unwrap()).collect::<Vec<_>>()
    });
    let is_guard = |pid: &i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(b"TIDEGATE_TEST_GUARD="))
            && !environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(b"TIDEGATE_OWNER="))
    };
    children.into_iter().find(is_guard).expect("up has a guard")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_pods_are_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::start(Some(20.0));
    write(folder.path(), "all.yaml", &manifests("work", "exec sleep 600", &source, ""));
    let run = Upping::start(folder.path());
    until("two run", || processes(folder.path()).len() == 2).await;
    let before = processes(folder.path());
    for pid in &before {
        kill_9(i32::try_from(*pid).unwrap());
    }
    until("two others run", || {
        let now = processes(folder.path());
        now.len() == 2 && now.is_disjoint(&before)
    })
    .await;
    assert_eq!(run.lines.with("ended by itself (SIGKILL)").len(), 2);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_drains_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::start(Some(20.0));
    write_all(folder.path(), &source);
    let mut up = supervisor(folder.path());
    until("all run", || processes(folder.path()).len() == 10).await;
    kill(Pid::from_raw(i32::try_from(up.id()).unwrap()), Signal::SIGTERM).unwrap();
    assert!(up.wait().unwrap().success());
    assert!(processes(folder.path()).is_empty());
}
