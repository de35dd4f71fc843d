//! The live loop's port to the pods of this machine.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use tidegate_engine::{ReadError, ReadErrorKind, Record, TargetId, Workload};
use tidegate_runtime::Workloads;

use super::states::{FileStates, SavedReplicas};
use crate::pods::{DeploymentKey, Pods};

/// Which Deployment each target scales.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    by_target: HashMap<TargetId, DeploymentKey>,
    by_deployment: HashMap<DeploymentKey, TargetId>,
    /// What each Deployment's manifest says.
    replicas: HashMap<DeploymentKey, u32>,
}

impl Bindings {
    pub(crate) fn bind(&self, target: &TargetId, deployment: &DeploymentKey) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = inner.by_target.insert(target.clone(), deployment.clone()) {
            inner.by_deployment.remove(&before);
        }
        inner.by_deployment.insert(deployment.clone(), target.clone());
    }

    pub(crate) fn unbind(&self, target: &TargetId) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(deployment) = inner.by_target.remove(target) {
            inner.by_deployment.remove(&deployment);
        }
    }

    pub(crate) fn deployment_of(&self, target: &TargetId) -> Option<DeploymentKey> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).by_target.get(target).cloned()
    }

    pub(crate) fn target_of(&self, deployment: &DeploymentKey) -> Option<TargetId> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).by_deployment.get(deployment).cloned()
    }

    pub(crate) fn set_manifest_replicas(&self, deployment: &DeploymentKey, replicas: u32) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.replicas.insert(deployment.clone(), replicas);
    }

    fn manifest_replicas(&self, deployment: &DeploymentKey) -> u32 {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        inner.replicas.get(deployment).copied().unwrap_or(1)
    }
}

/// The port.
#[derive(Clone)]
pub(crate) struct LocalWorkloads {
    pub(crate) pods: Pods,
    pub(crate) bindings: Arc<Bindings>,
    pub(crate) states: FileStates,
}

impl LocalWorkloads {
    fn deployment(&self, target: &TargetId) -> Result<DeploymentKey, ReadError> {
        self.bindings.deployment_of(target).ok_or_else(|| {
            ReadError::new(ReadErrorKind::Internal, format!("{target} scales no Deployment; please report it"))
        })
    }
}

fn gone(target: &TargetId, deployment: &DeploymentKey) -> ReadError {
    let message = format!("{target} scales the Deployment {deployment}, which does not exist; add its manifest again");
    ReadError::new(ReadErrorKind::NotFound, message)
}

#[async_trait]
impl Workloads for LocalWorkloads {
    async fn observe(&self, target: &TargetId) -> Result<Workload, ReadError> {
        let deployment = self.deployment(target)?;
        self.pods.counts(deployment.clone()).await.ok_or_else(|| gone(target, &deployment))
    }

    async fn set_replicas(
        &self,
        target: &TargetId,
        replicas: u32,
        _record: Option<&Arc<Record>>,
    ) -> Result<(), ReadError> {
        let deployment = self.deployment(target)?;
        if !self.pods.scale(deployment.clone(), replicas).await {
            return Err(gone(target, &deployment));
        }
        // The processes start meanwhile: safely storing takes longer than starting.
        let saved = SavedReplicas { replicas, manifest: self.bindings.manifest_replicas(&deployment) };
        let states = self.states.clone();
        let stored = tokio::task::spawn_blocking(move || states.save_replicas(&deployment, saved)).await;
        if let Ok(Err(error)) = stored {
            tracing::warn!(%target, %error, "a restart would not know this replica count");
        }
        Ok(())
    }
}
