//! Pods with real processes: small shell scripts.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use super::*;
use crate::guard::GuardCommand;
use crate::logs::{LogOptions, LogQuery};
use crate::processes;

/// Remembers everything that it is told.
#[derive(Default)]
struct Witness {
    counts: Mutex<HashMap<String, Workload>>,
    events: Mutex<Vec<(String, PodWhat)>>,
}

impl PodObserver for Witness {
    fn counts(&self, deployment: &DeploymentKey, workload: Workload) {
        self.counts.lock().unwrap().insert(deployment.to_string(), workload);
    }

    fn event(&self, _deployment: &DeploymentKey, pod: &Arc<str>, what: &PodWhat) {
        self.events.lock().unwrap().push((pod.to_string(), what.clone()));
    }
}

struct Bench {
    folder: tempfile::TempDir,
    witness: Arc<Witness>,
    logs: Logs,
    pods: Pods,
}

impl Bench {
    fn new() -> Bench {
        Bench::with(RestartDelays { first: Duration::from_millis(50), most: Duration::from_millis(200) })
    }

    fn with(restart_delays: RestartDelays) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        let state = root.join(".tidegate");
        let options = PodOptions {
            pods: state.join("pods"),
            bin: state.join("bin"),
            program: std::env::current_exe().unwrap(),
            folder: root,
            state: state.clone(),
            restart_delays,
        };
        // `cat` listens as the guard does, and ends when the pipe closes.
        let command = GuardCommand { program: "cat".into(), args: vec!["-".into()], env: vec![] };
        let guard = GuardLink::start(command, Path::new("/dev/null")).unwrap();
        let logs = Logs::start(LogOptions::new(state.join("logs"))).unwrap();
        let witness = Arc::new(Witness::default());
        let observer: Arc<dyn PodObserver> = Arc::<Witness>::clone(&witness);
        let pods = Pods::start(options, guard, logs.clone(), observer);
        Bench { folder, witness, logs, pods }
    }

    fn put(&self, replicas: u32, template: PodTemplate) {
        self.put_revision(1, replicas, template);
    }

    fn put_revision(&self, revision: u64, replicas: u32, template: PodTemplate) {
        self.pods.put(
            DeploymentSpec { key: key(), revision, template: Arc::new(template), nature: Arc::default() },
            replicas,
        );
    }

    fn counts(&self) -> (u32, u32) {
        let counts = self.witness.counts.lock().unwrap();
        counts.get("default/work").map_or((0, 0), |workload| (workload.current, workload.ready))
    }

    fn events(&self) -> Vec<(String, PodWhat)> {
        self.witness.events.lock().unwrap().clone()
    }

    fn seen(&self, wanted: impl Fn(&PodWhat) -> bool) -> usize {
        self.events().iter().filter(|(_, what)| wanted(what)).count()
    }

    fn processes(&self) -> usize {
        processes::of_run(&self.folder.path().join(".tidegate")).len()
    }

    async fn log(&self) -> Vec<String> {
        self.logs.flush().await;
        let query = LogQuery { folder: self.folder.path().into(), name: "work".into(), ..LogQuery::default() };
        let mut lines = Vec::new();
        let _ = crate::logs::read(&query, |line| {
            lines.push(line.text);
            std::ops::ControlFlow::Continue(())
        });
        lines
    }
}

fn key() -> DeploymentKey {
    DeploymentKey::new("default", "work")
}

fn shell(script: &str) -> ContainerTemplate {
    let command = ["sh", "-c", script].map(str::to_owned).to_vec();
    ContainerTemplate {
        name: "main".to_owned(),
        command,
        variables: Arc::new(template::NoVariables),
        working_dir: None,
        readiness: None,
        pre_stop: None,
    }
}

fn template(script: &str) -> PodTemplate {
    PodTemplate {
        containers: vec![shell(script)],
        grace: Duration::from_secs(20),
        deletion_cost: 0,
        restart: RestartPolicy::Always,
    }
}

/// Waits for a condition; what is waited for is named when it does not come.
async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(30), "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_processes_come_and_go() {
    let bench = Bench::new();
    bench.put(200, template("exec sleep 600"));
    until("all are ready", || bench.counts() == (200, 200)).await;
    assert_eq!(bench.processes(), 200);
    assert!(bench.pods.scale(key(), 3).await);
    until("three are left", || bench.counts() == (3, 3) && bench.processes() == 3).await;
    assert_eq!(bench.seen(|what| *what == PodWhat::Killed), 0, "sleep ends on SIGTERM");
    bench.pods.shutdown().await;
    assert_eq!(bench.processes(), 0);
    assert_eq!(bench.seen(|what| *what == PodWhat::Gone), 200);
}

#[derive(Debug)]
struct Who;

impl Variables for Who {
    fn of(&self, pod: &PodIdentity<'_>) -> Result<tidegate_crds::env::Environment, String> {
        let value = tidegate_crds::SecretText::new(format!("me@{}", pod.namespace));
        Ok([("WHO".to_owned(), value)].into_iter().collect())
    }
}

#[tokio::test]
async fn a_pod_knows_who_it_is_and_its_output_is_kept_in_order() {
    let bench = Bench::new();
    let mut template =
        template("echo $POD_NAME $POD_NAMESPACE $POD_IP $HOSTNAME; echo oops >&2; echo $0 $1; pwd; exec sleep 600");
    template.containers[0].command.extend(["$(WHO)".to_owned(), "$$(WHO)".to_owned()]);
    template.containers[0].variables = Arc::new(Who);
    bench.put(1, template);
    until("it printed", || bench.folder.path().join(".tidegate/logs").read_dir().is_ok_and(|mut d| d.next().is_some()))
        .await;
    let mut log = Vec::new();
    while log.len() < 4 {
        log = bench.log().await;
    }
    let name = bench.events()[0].0.clone();
    assert!(name.starts_with("work-"), "{name}");
    assert_eq!(log[0], format!("{name} default 127.0.0.1 {name}"));
    assert_eq!(log[1..3], ["oops", "me@default $(WHO)"]);
    assert_eq!(Path::new(&log[3]).canonicalize().unwrap(), bench.folder.path().canonicalize().unwrap());
    bench.pods.shutdown().await;
}

#[tokio::test]
async fn a_crashing_pod_is_restarted_with_growing_delays() {
    let bench = Bench::new();
    bench.put(1, template("echo up; exit 3"));
    until("some restarts", || bench.seen(|what| matches!(what, PodWhat::Restarting { .. })) >= 6).await;
    let delays: Vec<u128> = bench
        .events()
        .iter()
        .filter_map(|(_, what)| if let PodWhat::Restarting { wait, .. } = what { Some(wait.as_millis()) } else { None })
        .collect();
    assert_eq!(delays[..5], [0, 50, 100, 200, 200]);
    assert!(bench.seen(|what| *what == PodWhat::Exited { code: 3, status: "exit code 3".to_owned() }) >= 5);
    assert_eq!(bench.events().iter().filter(|(_, what)| *what == PodWhat::Created).count(), 1, "the same pod");
    bench.pods.shutdown().await;
}

#[tokio::test]
async fn a_command_that_does_not_exist_says_so_and_is_tried_again() {
    let bench = Bench::new();
    let mut template = template("");
    template.containers[0].command = vec!["no-such-program".to_owned()];
    bench.put(1, template);
    until("two failures", || bench.seen(|what| matches!(what, PodWhat::StartFailed { .. })) >= 2).await;
    assert!(bench.log().await[0].contains("\"no-such-program\" is not found on PATH"));
    assert_eq!(bench.counts(), (1, 0));
    bench.pods.shutdown().await;
}

#[tokio::test]
async fn what_ignores_sigterm_is_killed_after_its_grace_and_takes_its_children_along() {
    let bench = Bench::new();
    let script = "trap '' TERM; sleep 600 & echo ready; while true; do sleep 600; done";
    bench.put(1, PodTemplate { grace: Duration::from_millis(300), ..template(script) });
    until("it runs with its children", || bench.processes() == 3).await;
    assert!(bench.pods.scale(key(), 0).await);
    until("it is gone", || bench.seen(|what| *what == PodWhat::Gone) == 1).await;
    assert_eq!(bench.seen(|what| *what == PodWhat::Killed), 1);
    assert_eq!(bench.processes(), 0);
    bench.pods.shutdown().await;
}

#[tokio::test]
async fn ends_gracefully_when_it_can_and_runs_its_pre_stop_first() {
    let bench = Bench::new();
    let mut template = template("trap 'echo bye >> ended; exit 0' TERM; touch up; while true; do sleep 0.01; done");
    let pre_stop = ["sh", "-c", "echo pre >> ended"].map(str::to_owned).to_vec();
    template.containers[0].pre_stop = Some(pre_stop);
    bench.put(1, template);
    until("it traps", || bench.folder.path().join("up").exists()).await;
    bench.pods.shutdown().await;
    assert_eq!(fs::read_to_string(bench.folder.path().join("ended")).unwrap(), "pre\nbye\n");
    assert_eq!(bench.seen(|what| *what == PodWhat::Killed), 0);
}

#[tokio::test]
async fn is_ready_when_its_probe_says_so_and_goes_first_when_not() {
    let bench = Bench::new();
    let mut template = template("exec sleep 600");
    template.containers[0].readiness = Some(Probe {
        action: ProbeAction::Exec(["sh", "-c", "test -e ok || test -e ok-$POD_NAME"].map(str::to_owned).to_vec()),
        initial_delay: Duration::ZERO,
        period: Duration::from_millis(20),
        timeout: Duration::from_secs(10),
        success_threshold: 1,
        failure_threshold: 2,
    });
    bench.put(3, template);
    until("three run", || bench.seen(|what| matches!(what, PodWhat::Started { .. })) == 3).await;
    assert_eq!(bench.counts(), (3, 0));
    fs::write(bench.folder.path().join("ok"), "").unwrap();
    until("all are ready", || bench.counts() == (3, 3)).await;

    // Only the oldest and the newest stay ready, so the one between them goes first.
    let names: Vec<String> =
        bench.events().iter().filter(|(_, what)| *what == PodWhat::Created).map(|(pod, _)| pod.clone()).collect();
    for name in [&names[0], &names[2]] {
        fs::write(bench.folder.path().join(format!("ok-{name}")), "").unwrap();
    }
    fs::remove_file(bench.folder.path().join("ok")).unwrap();
    until("one is not ready", || bench.counts() == (3, 2)).await;
    assert!(bench.pods.scale(key(), 2).await);
    until("two are left", || bench.counts() == (2, 2)).await;
    let stopped = bench.events().into_iter().find(|(_, what)| *what == PodWhat::Terminating).unwrap();
    assert_eq!(stopped.0, names[1]);
    bench.pods.shutdown().await;
}

#[tokio::test]
async fn scale_in_honours_the_cost_that_a_pod_names() {
    let bench = Bench::new();
    bench.put(1, template("exec sleep 600"));
    until("the first runs", || bench.counts() == (1, 1)).await;
    bench.pods.scale(key(), 2).await;
    until("the second runs", || bench.counts() == (2, 2)).await;
    let created = |bench: &Bench| {
        let events = bench.events();
        events.into_iter().filter(|(_, what)| *what == PodWhat::Created).map(|(pod, _)| pod).collect::<Vec<_>>()
    };
    let newest = created(&bench)[1].clone();
    fs::write(bench.folder.path().join(".tidegate/pods").join(&newest).join("deletion-cost"), "100\n").unwrap();
    bench.pods.scale(key(), 1).await;
    until("one is left", || bench.seen(|what| *what == PodWhat::Gone) == 1).await;
    let gone = bench.events().into_iter().find(|(_, what)| *what == PodWhat::Gone).unwrap().0;
    assert_eq!(gone, created(&bench)[0], "the older one went, since the newer one is dear");
    bench.pods.shutdown().await;
}

#[tokio::test]
async fn a_changed_template_replaces_the_pods_one_after_the_other() {
    let bench = Bench::new();
    bench.put(2, template("echo old; exec sleep 600"));
    until("the old run", || bench.counts() == (2, 2)).await;
    bench.put_revision(2, 9, template("echo new; exec sleep 600"));
    until("the old are gone", || bench.seen(|what| *what == PodWhat::Gone) == 2 && bench.counts() == (2, 2)).await;
    assert_eq!(bench.seen(|what| *what == PodWhat::Created), 4, "the count stays, whatever the manifest says");
    bench.pods.remove(key());
    until("all are gone", || bench.processes() == 0).await;
    assert!(!bench.pods.scale(key(), 1).await, "it is forgotten");
    bench.pods.shutdown().await;
}

#[tokio::test]
async fn several_containers_make_one_pod() {
    let bench = Bench::new();
    let mut template = template("echo one; exec sleep 600");
    template.containers.push(ContainerTemplate { name: "side".to_owned(), ..shell("echo two; exec sleep 600") });
    bench.put(1, template);
    until("both run", || bench.processes() == 2).await;
    until("ready", || bench.counts() == (1, 1)).await;
    let mut log = Vec::new();
    while log.len() < 2 {
        log = bench.log().await;
    }
    log.sort();
    assert_eq!(log, ["main: one", "side: two"]);
    bench.pods.shutdown().await;
    assert_eq!(bench.processes(), 0);
}

#[tokio::test]
async fn a_second_stop_does_not_wait_for_the_grace() {
    let bench = Bench::new();
    bench.put(
        2,
        PodTemplate {
            grace: Duration::from_secs(3600),
            ..template("trap '' TERM; echo; sleep 3600 & wait; sleep 3600")
        },
    );
    until("both trap", || bench.processes() >= 4).await;
    let pods = bench.pods.clone();
    let ending = tokio::spawn(async move { pods.shutdown().await });
    until("both are ending", || bench.seen(|what| *what == PodWhat::Terminating) == 2).await;
    bench.pods.kill();
    ending.await.unwrap();
    assert_eq!(bench.processes(), 0);
}
