//! What the tests share.

use std::path::Path;
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tidegate_cluster::Cluster;

/// Nothing that is waited for takes this long on a machine that works.
const PATIENCE: Duration = Duration::from_secs(120);

/// Looks until a condition holds.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let give_up = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < give_up, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A namespace of a test's own, in the cluster that all share.
pub(crate) struct Place {
    pub(crate) cluster: &'static Cluster,
    pub(crate) client: Client,
    pub(crate) namespace: String,
}

impl Place {
    pub(crate) async fn new(prefix: &str) -> Place {
        let cluster = Cluster::shared().await;
        let namespace = cluster.namespace(prefix).await;
        Place { cluster, client: cluster.client(), namespace }
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(crate) async fn create<K>(&self, object: Value) -> K
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + serde::Serialize
            + serde::de::DeserializeOwned,
        K::DynamicType: Default,
    {
        let object: K = serde_json::from_value(object).unwrap();
        self.api::<K>().create(&PostParams::default(), &object).await.unwrap()
    }

    /// A Deployment `work` whose container is `container`.
    pub(crate) async fn deployment(&self, replicas: u32, container: Value, annotations: Value) {
        let labels = json!({"app": "work"});
        let spec = json!({"containers": [container], "terminationGracePeriodSeconds": 2});
        self.create::<Deployment>(json!({
            "metadata": {"name": "work"},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": spec},
            },
        }))
        .await;
    }

    pub(crate) async fn scale(&self, replicas: u32) {
        let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        self.api::<Deployment>().patch("work", &PatchParams::default(), &patch).await.unwrap();
    }

    /// Replicas as the Deployment's status counts them: all, and ready.
    pub(crate) async fn counts(&self) -> (i32, i32) {
        let status = self.api::<Deployment>().get("work").await.unwrap().status.unwrap_or_default();
        (status.replicas.unwrap_or(0), status.ready_replicas.unwrap_or(0))
    }

    pub(crate) async fn pods(&self) -> Vec<Pod> {
        self.api::<Pod>().list(&ListParams::default()).await.unwrap().items
    }

    /// Processes of this namespace's pods: those that have its name in their environment.
    pub(crate) fn processes(&self) -> Vec<u32> {
        processes_with(&format!("POD_NAMESPACE={}", self.namespace))
    }
}

/// A container that runs a shell script.
pub(crate) fn shell(script: &str) -> Value {
    json!({"name": "main", "image": "none", "command": ["sh", "-c", script]})
}

/// The processes that have this variable.
pub(crate) fn processes_with(variable: &str) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let has = |pid: &u32| {
        let environment = std::fs::read(Path::new("/proc").join(pid.to_string()).join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|found| found == variable.as_bytes())
    };
    pids.filter(has).collect()
}
