//! Writes what the node has to say about pods. Bounded, and patient: an API server that is away is waited for.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::brief::Brief;

/// Before a write that failed is tried again; twice as long each time.
const AGAIN: Duration = Duration::from_millis(50);
/// Never longer.
const AT_MOST: Duration = Duration::from_secs(2);

/// Writes to the API server.
pub(crate) struct Writer {
    client: kube::Client,
    permits: Semaphore,
    ending: CancellationToken,
}

enum Write {
    Status(Patch<Value>),
    Delete(DeleteParams),
}

impl Writer {
    pub(crate) fn new(client: kube::Client, at_once: usize, ending: CancellationToken) -> Writer {
        Writer { client, permits: Semaphore::new(at_once), ending }
    }

    /// Writes a pod's status. Gives up when there is no such pod any more.
    pub(crate) async fn status(&self, pod: &Brief, status: Value) {
        let patch = Patch::Strategic(json!({"metadata": {"uid": pod.uid}, "status": status}));
        self.persist(pod, &Write::Status(patch)).await;
    }

    /// Removes a pod whose processes are gone.
    pub(crate) async fn delete(&self, pod: &Brief) {
        let preconditions = Preconditions { uid: Some(pod.uid.clone()), resource_version: None };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() }.grace_period(0);
        self.persist(pod, &Write::Delete(params)).await;
    }

    async fn persist(&self, pod: &Brief, write: &Write) {
        let mut wait = AGAIN;
        loop {
            let written = tokio::select! {
                () = self.ending.cancelled() => return,
                written = self.once(pod, write) => written,
            };
            match written {
                Ok(()) => return,
                // Gone, or another one of the same name.
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => return,
                Err(error) => tracing::debug!(%error, pod = %pod.name, "the pod cannot be written; trying again"),
            }
            tokio::select! {
                () = self.ending.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            wait = (wait * 2).min(AT_MOST);
        }
    }

    async fn once(&self, pod: &Brief, write: &Write) -> kube::Result<()> {
        // Never closed.
        let _permit = self.permits.acquire().await;
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &pod.namespace);
        match write {
            Write::Status(patch) => api.patch_status(&pod.name, &PatchParams::default(), patch).await.map(drop),
            Write::Delete(params) => api.delete(&pod.name, params).await.map(drop),
        }
    }
}
