//! Whether the controller has seen what was done to pods.
//!
//! All controllers of kube-controller-manager look at one and the same cache of pods, which takes changes in their order.
//! So when its disruption controller has seen a pod of ours that was changed last, the HPA controller sees all before it.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;

use super::PATIENCE;

/// A pod that counts for a budget and for nothing else.
pub(crate) struct Marker {
    name: String,
    pods: Api<Pod>,
    budgets: Api<PodDisruptionBudget>,
}

impl Marker {
    pub(crate) fn new(client: &Client, namespace: &str, object: &str) -> Self {
        let name = format!("{object}-marker");
        let (pods, budgets) = (client.clone(), client.clone());
        Marker { name, pods: Api::namespaced(pods, namespace), budgets: Api::namespaced(budgets, namespace) }
    }

    pub(crate) async fn create(&self) {
        let budget = json!({
            "metadata": {"name": self.name},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"marker": self.name}}},
        });
        self.budgets.create(&PostParams::default(), &serde_json::from_value(budget).unwrap()).await.unwrap();
        let pod = json!({
            "metadata": {"name": self.name, "labels": {"marker": self.name}},
            "spec": {"schedulerName": "nobody", "containers": [{"name": "main", "image": "none"}]},
        });
        self.pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
        self.pass(true).await;
    }

    /// Changes the pod, to `ready` or not as it was not before, and waits until that is seen.
    pub(crate) async fn pass(&self, ready: bool) {
        let condition = json!({"type": "Ready", "status": if ready { "True" } else { "False" }});
        let status = json!({"status": {"phase": "Running", "conditions": [condition]}});
        self.pods.patch_status(&self.name, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
        let give_up = Instant::now() + PATIENCE;
        while !self.is_seen(ready).await {
            assert!(Instant::now() < give_up, "{}: the controllers do not see the pods", self.name);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn is_seen(&self, ready: bool) -> bool {
        let budget = self.budgets.get(&self.name).await.unwrap();
        budget.status.is_some_and(|status| status.current_healthy == Some(i32::from(ready)))
    }
}
