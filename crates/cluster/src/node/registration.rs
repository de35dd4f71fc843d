//! The Node object and its heart-beat.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::kubelet::Kubelet;
use crate::error::Error;

/// As a kubelet does; the node counts as lost after 40 s and more.
const BEAT: Duration = Duration::from_secs(10);
/// Before a beat that failed is tried again.
const AGAIN: Duration = Duration::from_millis(500);
const MANAGER: &str = "tidegate-test-node";

/// Registers the node and keeps it alive. `port` is where the node answers.
pub(crate) async fn register(kubelet: &Arc<Kubelet>, port: u16) -> Result<(), Error> {
    let nodes: Api<Node> = Api::all(kubelet.client.clone());
    let params = PatchParams::apply(MANAGER).force();
    let name = kubelet.node.as_str();
    let what = || format!("registering the node {name}");
    nodes.patch(name, &params, &Patch::Apply(node(name))).await.map_err(Error::api(what()))?;
    let status = json!({"apiVersion": "v1", "kind": "Node", "status": status(name, port)});
    nodes.patch_status(name, &params, &Patch::Apply(status)).await.map_err(Error::api(what()))?;
    let me = Arc::clone(kubelet);
    kubelet.spawn(async move { me.beat().await });
    Ok(())
}

fn node(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}},
    })
}

fn status(name: &str, port: u16) -> Value {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let condition = |kind: &str, status: &str, reason: &str| {
        json!({
            "type": kind,
            "status": status,
            "reason": reason,
            "message": "",
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        })
    };
    // More than this machine has, since most pods only pretend.
    let room = json!({"cpu": "100000", "memory": "1000Ti", "pods": "100000"});
    json!({
        "capacity": room,
        "allocatable": room,
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": name}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        "conditions": [
            condition("Ready", "True", "KubeletReady"),
            condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
            condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
            condition("PIDPressure", "False", "KubeletHasSufficientPID"),
        ],
    })
}

impl Kubelet {
    async fn beat(&self) {
        let leases: Api<Lease> = Api::namespaced(self.client.clone(), "kube-node-lease");
        loop {
            let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
            let lease = json!({
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self.node},
                "spec": {"holderIdentity": self.node, "leaseDurationSeconds": 40, "renewTime": now},
            });
            let params = PatchParams::apply(MANAGER).force();
            let beaten = leases.patch(&self.node, &params, &Patch::Apply(lease)).await;
            tokio::time::sleep(if beaten.is_ok() { BEAT } else { AGAIN }).await;
        }
    }
}
