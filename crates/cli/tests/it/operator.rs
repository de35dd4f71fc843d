//! `tidegate operator`, `explain --namespace` and `migrate` against a real control plane.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tidegate_cluster::Cluster;

use crate::ports::free_ports;
use crate::support::{Ran, run, tidegate, wait_for};

/// Long enough for a loaded machine; nothing is measured here.
const LONG: Duration = Duration::from_secs(60);

/// A value that must show up nowhere.
const CANARY: &str = "canary-9e107d9d372bb682";

fn api(client: &Client, namespace: Option<&str>, object: &Value) -> Api<DynamicObject> {
    let text = |field: &Value| field.as_str().unwrap().to_owned();
    let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    let (group, version) = version.split_once('/').unwrap_or(("", &version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &kind));
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

async fn apply(client: &Client, namespace: Option<&str>, object: &Value) {
    let name = object["metadata"]["name"].as_str().unwrap();
    let parameters = PatchParams::apply("tests").force();
    let api = api(client, namespace, object);
    // A kind that was defined a moment ago may not be served yet.
    let mut last = None;
    for _ in 0..200 {
        match api.patch(name, &parameters, &Patch::Apply(object)).await {
            Ok(_) => return,
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{name}: {last:?}");
}

/// A namespace with a Deployment that a schedule scales, and one whose source cannot be reached with its password.
async fn prepared(prefix: &str) -> (&'static Cluster, String) {
    let cluster = Cluster::shared().await;
    let client = cluster.client();
    for kind in tidegate_crds::crd::KINDS {
        apply(&client, None, tidegate_crds::crd::crd(kind).unwrap()).await;
    }
    let namespace = cluster.namespace(prefix).await;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"},
        "stringData": {"sasl": "plaintext", "username": "orders", "password": CANARY}});
    apply(&client, Some(&namespace), &secret).await;
    let reference = |key: &str| json!({"parameter": key, "name": "login", "key": key});
    let authentication = json!({"apiVersion": "keda.sh/v1alpha1", "kind": "TriggerAuthentication",
        "metadata": {"name": "kafka"},
        "spec": {"secretTargetRef": [reference("sasl"), reference("username"), reference("password")]}});
    apply(&client, Some(&namespace), &authentication).await;
    let schedule = json!({"type": "cron", "metadata": {"timezone": "UTC", "start": "0 0 * * *", "end": "59 23 * * *",
        "desiredReplicas": "2"}});
    let kafka = json!({"type": "kafka", "metadata": {"bootstrapServers": "127.0.0.1:9", "consumerGroup": "orders",
        "topic": "orders", "lagThreshold": "10"}, "authenticationRef": {"name": "kafka"}});
    for (name, trigger) in [("scheduled", schedule), ("failing", kafka)] {
        let labels = json!({"app": name});
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": "none"}]}}}});
        apply(&client, Some(&namespace), &deployment).await;
        let object = json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": name},
            "spec": {"scaleTargetRef": {"name": name}, "pollingInterval": 1, "triggers": [trigger]}});
        apply(&client, Some(&namespace), &object).await;
    }
    (cluster, namespace)
}

/// A running operator; killed when a test fails.
struct Running {
    child: Option<Child>,
    console: String,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

impl Running {
    fn start(cluster: &Cluster, namespace: &str) -> Running {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let [port] = free_ports().unwrap();
        let child = tidegate()
            .arg("operator")
            .arg("--kubeconfig")
            .arg(cluster.kubeconfig())
            .args(["--secure-port=0", "--admission-bind-address=0", "--metrics-bind-address=0"])
            .args(["--health-probe-bind-address=0", "--zap-log-level=debug", "--kube-api-qps=50"])
            .arg("--allow-address=127.0.0.1")
            .arg(format!("--console-bind-address=127.0.0.1:{port}"))
            .env("WATCH_NAMESPACE", namespace)
            .env("POD_NAMESPACE", namespace)
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Running { child: Some(child), console: format!("http://127.0.0.1:{port}"), log, _folder: folder }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// What `explain` says of an object, once it says something.
    fn explained(&mut self, namespace: &str, name: &str) -> Ran {
        let explain = ["explain", "--namespace", namespace, name, "--operator", &self.console.clone()];
        let start = std::time::Instant::now();
        loop {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            let ran = run(&explain);
            if ran.code == Some(0) {
                return ran;
            }
            let waits = ended.is_none() && start.elapsed() < LONG;
            assert!(waits, "no explanation: {}\nthe operator ({ended:?}) said:\n{}", ran.err, self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Ends it as Kubernetes does.
    fn terminate(mut self) -> (Option<i32>, String) {
        let mut child = self.child.take().unwrap();
        kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        let status = wait_for("its end", LONG, || child.try_wait().unwrap());
        (status.code(), self.log())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// PAIN-23, PAIN-24: decisions on a cluster are explained as those of `up`; flags without effect are told of; a password is
/// in no log, event or status; SIGTERM ends it with 0.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_explains_its_decisions_shows_no_secret_and_ends_on_a_signal() {
    let (cluster, namespace) = prepared("operator").await;
    let mut operator = Running::start(cluster, &namespace);
    let explained = operator.explained(&namespace, "scheduled");
    assert!(explained.out.contains(&format!("{namespace}/scheduled")), "{}", explained.out);
    let failing = operator.explained(&namespace, "failing");
    let unknown = run(&["explain", "--namespace", &namespace, "absent", "--operator", &operator.console]);
    assert_eq!(unknown.code, Some(2), "{}", unknown.err);
    assert!(unknown.err.contains(&format!("no ScaledObject {namespace}/absent")), "{}", unknown.err);
    let (code, log) = operator.terminate();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("--kube-api-qps has no effect"), "{log}");
    let client = cluster.client();
    let mut told = vec![log, explained.out, failing.out];
    for (version, kind) in [
        ("events.k8s.io/v1", "Event"),
        ("keda.sh/v1alpha1", "ScaledObject"),
        ("keda.sh/v1alpha1", "TriggerAuthentication"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ] {
        let object = json!({"apiVersion": version, "kind": kind});
        let list = api(&client, Some(&namespace), &object).list(&ListParams::default()).await.unwrap();
        told.push(serde_json::to_string(&list).unwrap());
    }
    assert!(told.iter().all(|text| !text.contains(CANARY)), "a password is shown");
}

/// A folder with a `kubectl` that notes how it is called, says that it forwards to the operator, and stays.
fn kubectl_in_place_of_the_real_one(console: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (file, address) = (folder.path().join("kubectl"), console.trim_start_matches("http://"));
    let script = format!(
        "#!/bin/sh\necho $$ > {0}/pid\necho \"$*\" > {0}/called\necho 'Forwarding from {address} -> 8085'\nexec sleep 600\n",
        folder.path().display()
    );
    std::fs::write(&file, script).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// Without an address: by a port-forward of kubectl to the pod that holds the lease. The test's node forwards no ports, so
/// something else says here what kubectl says; that kubectl is called as it wants to be is seen from what the real one
/// answers for a pod that is not there.
#[tokio::test(flavor = "multi_thread")]
async fn explain_finds_the_operator_by_a_port_forward_to_the_pod_at_work() {
    let (cluster, namespace) = prepared("forward").await;
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "operator.keda.sh"},
        "spec": {"holderIdentity": "tidegate-operator-7d9c"}});
    apply(&cluster.client(), Some(&namespace), &lease).await;
    let kubeconfig = cluster.kubeconfig().to_str().unwrap();
    let explain = ["explain", "--namespace", &namespace, "scheduled", "--operator-namespace", &namespace];
    let explain = [explain.as_slice(), &["--kubeconfig", kubeconfig]].concat();

    let refused = run(&explain);
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    assert!(refused.err.contains("pods \"tidegate-operator-7d9c\" not found"), "{}", refused.err);
    assert!(refused.err.contains("give --operator http://127.0.0.1:8085"), "{}", refused.err);

    let mut operator = Running::start(cluster, &namespace);
    operator.explained(&namespace, "scheduled");
    let folder = kubectl_in_place_of_the_real_one(&operator.console);
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let found = Ran::of(tidegate().args(&explain).env("PATH", path).output().unwrap());
    assert_eq!(found.code, Some(0), "{}", found.err);
    assert!(found.out.contains(&format!("{namespace}/scheduled")), "{}", found.out);
    let called = std::fs::read_to_string(folder.path().join("called")).unwrap();
    let expected = format!(
        "--kubeconfig {kubeconfig} --namespace {namespace} port-forward --address 127.0.0.1 \
         pod/tidegate-operator-7d9c :8085"
    );
    assert_eq!(called.trim(), expected);
    let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
    // Of a process that has ended nothing is left here, even where nobody has waited for it yet.
    let command = format!("/proc/{}/cmdline", pid.trim());
    wait_for("the end of the port-forward", LONG, || {
        std::fs::read(&command).map_or(true, |text| text.is_empty()).then_some(())
    });
}

/// LE-09
#[test]
fn a_bad_variable_or_flag_ends_it_with_code_2_before_anything_starts() {
    for (variable, value, flag) in [
        ("KEDA_HTTP_DEFAULT_TIMEOUT", "soon", "--leader-elect"),
        ("KEDA_BOUND_SERVICE_ACCOUNT_TOKEN_EXPIRY", "12h", "--leader-elect=false"),
        ("WATCH_LABEL_SELECTOR", "a in b", "--zap-encoder=json"),
    ] {
        let ran = Ran::of(tidegate().args(["operator", flag]).env(variable, value).output().unwrap());
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(
            ran.err.contains(&format!("environment variable {variable}: found {value:?}, expected")),
            "{}",
            ran.err
        );
    }
    for flag in ["--metrics-bind-address=here", "--zap-encoder=xml", "--no-such-flag", "--allow-address=everything"] {
        let ran = run(&["operator", flag]);
        assert_eq!(ran.code, Some(2), "{flag}: {}", ran.err);
        assert!(ran.err.contains(flag.split('=').next().unwrap()), "{}", ran.err);
    }
    let ran = run(&["operator", "--kubeconfig=/no/such/file"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("reading the kubeconfig /no/such/file"), "{}", ran.err);
}

/// PAIN-46: nothing is changed; what would break is told by exit code.
#[tokio::test(flavor = "multi_thread")]
async fn migrate_judges_a_cluster_and_changes_nothing() {
    let (cluster, namespace) = prepared("migrate").await;
    let kubeconfig = cluster.kubeconfig().to_str().unwrap();
    let migrate = ["migrate", "--kubeconfig", kubeconfig, "--namespace", &namespace];
    let ran = run(&migrate);
    // The source that fails is at a loopback address, which is refused on a cluster.
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains(&format!("ScaledObject {namespace}/failing")) && ran.out.contains("--allow-address"),
        "{}",
        ran.out
    );
    assert!(!ran.out.contains(CANARY));
    let mut json = migrate.to_vec();
    json.extend(["--output", "json"]);
    let report: Value = serde_json::from_str(&run(&json).out).unwrap();
    let of = |name: &str| {
        let objects = report["objects"].as_array().unwrap();
        objects.iter().find(|object| object["name"] == name && object["kind"] == "ScaledObject").unwrap()["weight"]
            .clone()
    };
    assert_eq!((of("failing"), of("scheduled")), (json!("breaks"), json!("note")));
    assert!(report["there"].as_array().is_some_and(|steps| steps.len() > 3));
    let client = cluster.client();
    let object = json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject"});
    let after = api(&client, Some(&namespace), &object).get("scheduled").await.unwrap();
    assert_eq!(after.metadata.generation, Some(1));
}
