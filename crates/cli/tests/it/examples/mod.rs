//! The folders of `examples/` on a real cluster: the files as they are, but for the addresses of what they refer to.

mod cpu_and_kafka;
mod idle_executors;
mod kafka_lag;
mod secured;
mod sound;

use std::fs::{self, File};
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use tidegate_cluster::Cluster;
use tokio::sync::MutexGuard;

use crate::ports::free_ports;
use crate::support::{Ran, root, tidegate};

/// Long enough for a loaded machine; nothing is measured here.
const LONG: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(100);

/// A cluster that `tidegate operator` serves, watching one fresh namespace. All of it ends with this.
struct Ground {
    cluster: &'static Cluster,
    namespace: String,
    operator: Child,
    folder: tempfile::TempDir,
    /// The registrations, with this operator's ports.
    switch: String,
    /// A cluster has one provider of external metrics.
    _turn: MutexGuard<'static, ()>,
}

impl Ground {
    /// As docs/test-cluster.md says: the definitions, `deploy/outside`, the operator.
    async fn prepare(prefix: &str) -> Ground {
        let cluster = Cluster::shared().await;
        let turn = cluster.alone().await;
        let namespace = cluster.namespace(prefix).await;
        let [metrics, admission] = free_ports().unwrap();
        let switch = fs::read_to_string(root().join("deploy/outside/switch.yaml")).unwrap();
        let switch = switch
            .replace("port: 6443", &format!("port: {metrics}"))
            .replace("port: 9443", &format!("port: {admission}"));
        let folder = tempfile::tempdir().unwrap();
        let crds = fs::read_to_string(root().join("deploy/crds.yaml")).unwrap();
        kubectl(cluster, &["apply", "-f", "-"], &crds).done();
        kubectl(cluster, &["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"], "").done();
        kubectl(cluster, &["apply", "-f", "-"], &switch).done();
        let operator = tidegate()
            .args(["operator", "--enable-cert-rotation", "--cert-secret-name=tidegate-certs", "--kubeconfig"])
            .arg(cluster.kubeconfig())
            .args(["--metrics-server-service-name=tidegate-metrics-apiserver"])
            .args(["--webhooks-service-name=tidegate-admission", "--allow-address=127.0.0.1", "--allow-address=::1"])
            .args(["--metrics-bind-address=0", "--health-probe-bind-address=0", "--console-bind-address=0"])
            .arg(format!("--secure-port=127.0.0.1:{metrics}"))
            .arg(format!("--admission-bind-address=127.0.0.1:{admission}"))
            .env("WATCH_NAMESPACE", &namespace)
            .stderr(File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let ground = Ground { cluster, namespace, operator, folder, switch, _turn: turn };
        let api = "apiservice/v1beta1.external.metrics.k8s.io";
        let ran = kubectl(cluster, &["wait", "--for=condition=Available", api, "--timeout=120s"], "");
        assert_eq!(ran.code, Some(0), "{}{}", ran.err, ground.log());
        ground
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn kubectl(&self, args: &[&str], input: &str) -> Ran {
        kubectl(self.cluster, &[&["--namespace", &self.namespace], args].concat(), input)
    }

    /// Applies the files of an example, each `from` replaced by its `to`.
    fn apply(&self, example: &str, replacements: &[(&str, &str)]) {
        self.kubectl(&["apply", "-f", "-"], &text_of(example, replacements)).done();
    }

    async fn replicas(&self, name: &str) -> i32 {
        let api: Api<Deployment> = Api::namespaced(self.cluster.client(), &self.namespace);
        api.get(name).await.unwrap().spec.unwrap().replicas.unwrap()
    }

    /// Waits for ready pods.
    fn until_ready(&self, name: &str, count: u32) {
        let ready = format!("--for=jsonpath={{.status.readyReplicas}}={count}");
        self.kubectl(&["wait", &format!("deployment/{name}"), &ready, "--timeout=120s"], "").done();
    }

    /// Looks until the replicas of a Deployment are as wanted.
    async fn until(&self, name: &str, what: &str, wanted: impl Fn(i32) -> bool) {
        let give_up = Instant::now() + LONG;
        loop {
            let found = self.replicas(name).await;
            if wanted(found) {
                return;
            }
            if Instant::now() > give_up {
                let told = self.kubectl(&["get", "so,hpa,pods,events", "--output=wide"], "").out;
                panic!("{name} stays at {found} replicas, expected {what}\n{told}\n{}", self.log());
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // While it still runs, since it lets its finalizers go.
        kubectl(self.cluster, &["delete", "namespace", &self.namespace, "--timeout=60s"], "");
        let _ = self.operator.kill();
        let _ = self.operator.wait();
        // What all share is taken away again; the namespace of the operator may stay.
        let registrations: Vec<&str> = self
            .switch
            .split("\n---\n")
            .filter(|text| text.contains("kind: APIService") || text.contains("kind: ValidatingWebhook"))
            .collect();
        kubectl(self.cluster, &["delete", "-f", "-"], &registrations.join("\n---\n"));
    }
}

/// The manifests of an example as one text; the Scenario is for `tidegate up` alone.
fn text_of(example: &str, replacements: &[(&str, &str)]) -> String {
    let mut files: Vec<_> = fs::read_dir(root().join("examples").join(example)).unwrap().flatten().collect();
    files.sort_by_key(std::fs::DirEntry::file_name);
    let yaml = files.iter().map(std::fs::DirEntry::path).filter(|path| {
        path.extension().is_some_and(|extension| extension == "yaml") && !path.ends_with("scenario.yaml")
    });
    let texts: Vec<String> = yaml.map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut text = texts.join("---\n");
    for (from, to) in replacements {
        assert!(text.contains(from), "{example} has no {from:?}");
        text = text.replace(from, to);
    }
    text
}

fn kubectl(cluster: &Cluster, args: &[&str], input: &str) -> Ran {
    let mut command = Command::new("kubectl");
    command.env("KUBECONFIG", cluster.kubeconfig()).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("kubectl starts");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Ran::of(child.wait_with_output().unwrap())
}

trait Done {
    fn done(self);
}

impl Done for Ran {
    #[track_caller]
    fn done(self) {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
    }
}

/// Records at a steady rate.
fn produce(servers: &str, topic: &str, rate: &str, duration: &str) {
    let args = ["produce", "-b", servers, "--topic", topic, "--rate", rate, "--duration", duration];
    crate::support::run(&args).done();
}
