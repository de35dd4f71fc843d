//! Putting HorizontalPodAutoscalers right: create, replace, delete.
//!
//! A differing one is replaced as a whole, as KEDA does it, and not applied server-side: fields that KEDA wrote belong to
//! KEDA's field manager, so applying would never remove, say, a behaviour that was taken out of the ScaledObject. The
//! object keeps its UID and its status.

use std::sync::Arc;

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::{Api, Client};
use tidegate_crds::admission::TargetKey;
use tidegate_engine::TargetId;

use super::compare::differs;
use crate::call::{CallError, call};
use crate::status::FIELD_MANAGER;
use crate::watches::{HpaBrief, Index};

/// Why a HorizontalPodAutoscaler is not as it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HpaError {
    /// The API server did not do it.
    #[error("{doing} the HorizontalPodAutoscaler {name:?}: {error}")]
    Call {
        doing: &'static str,
        name: String,
        #[source]
        error: CallError,
    },
    /// Somebody else owns it.
    #[error(
        "the HorizontalPodAutoscaler {name:?} belongs to {owner}; give another name in \
         spec.advanced.horizontalPodAutoscalerConfig.name"
    )]
    Owned { name: String, owner: String },
}

impl HpaError {
    /// Whether trying again may help without anybody having changed anything.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, HpaError::Call { error, .. } if error.is_passing())
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Nothing,
    Created,
    Replaced,
}

/// The HorizontalPodAutoscalers of the cluster.
#[derive(Clone)]
pub(crate) struct Hpas {
    client: Client,
    index: Index,
}

impl Hpas {
    pub(crate) fn new(client: Client, index: Index) -> Self {
        Hpas { client, index }
    }

    fn api(&self, namespace: &str) -> Api<HorizontalPodAutoscaler> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Makes it as wanted; removes others that this ScaledObject owns, once the wanted one is there.
    pub(crate) async fn put(
        &self,
        id: &TargetId,
        wanted: &HorizontalPodAutoscaler,
        earlier: Option<&HorizontalPodAutoscaler>,
    ) -> Result<Done, HpaError> {
        let name = wanted.metadata.name.clone().unwrap_or_default();
        let there = self.index.hpa(id.namespace(), &name);
        let done = match &there {
            Some(there) => self.replace(id, there, wanted, earlier).await?,
            None => self.create(id, &name, wanted).await?,
        };
        for other in self.index.hpas_owned_by(id).iter().filter(|other| other.name != name) {
            self.delete(id, other).await?;
        }
        Ok(done)
    }

    async fn create(&self, id: &TargetId, name: &str, wanted: &HorizontalPodAutoscaler) -> Result<Done, HpaError> {
        match call(self.api(id.namespace()).create(&post(), wanted)).await {
            Ok(made) => {
                self.index.put_hpa(id.namespace(), Arc::new(HpaBrief::of(made)));
                Ok(Done::Created)
            }
            // The watch is behind: an earlier run made it, or somebody else did.
            Err(error) if error.is_conflict() => {
                let found = call(self.api(id.namespace()).get(name)).await;
                let found = found.map_err(|error| failed("reading", name, error))?;
                let there = Arc::new(HpaBrief::of(found));
                self.index.put_hpa(id.namespace(), Arc::clone(&there));
                self.replace(id, &there, wanted, None).await
            }
            Err(error) => Err(failed("creating", name, error)),
        }
    }

    async fn replace(
        &self,
        id: &TargetId,
        there: &HpaBrief,
        wanted: &HorizontalPodAutoscaler,
        earlier: Option<&HorizontalPodAutoscaler>,
    ) -> Result<Done, HpaError> {
        if let Some(owner) = there.owner.as_ref().filter(|_| !there.is_owned_by(id.name())) {
            let owner = format!("{} {:?}", owner.kind, owner.name);
            return Err(HpaError::Owned { name: there.name.clone(), owner });
        }
        let scaled = &wanted.spec.scale_target_ref;
        let target = TargetKey::new(scaled.api_version.as_deref().unwrap_or_default(), &scaled.kind, &scaled.name);
        if there.owner.is_none() && there.target != target {
            let owner = format!("nobody and scales the {} {:?}", there.target.kind, there.target.name);
            return Err(HpaError::Owned { name: there.name.clone(), owner });
        }
        let Some(what) = differs(there, wanted, earlier) else { return Ok(Done::Nothing) };
        tracing::info!(scaled_object = %id, hpa = there.name, what, "the HorizontalPodAutoscaler is put right");
        match call(self.api(id.namespace()).replace(&there.name, &post(), wanted)).await {
            Ok(made) => {
                self.index.put_hpa(id.namespace(), Arc::new(HpaBrief::of(made)));
                Ok(Done::Replaced)
            }
            Err(error) if error.is_not_found() => {
                self.index.remove_hpa(&TargetId::new(id.namespace(), &there.name));
                let made = call(self.api(id.namespace()).create(&post(), wanted)).await;
                made.map(|_| Done::Created).map_err(|error| failed("creating", &there.name, error))
            }
            Err(error) => Err(failed("replacing", &there.name, error)),
        }
    }

    /// Removes all that this ScaledObject owns. Whether there were any.
    pub(crate) async fn remove(&self, id: &TargetId) -> Result<bool, HpaError> {
        let owned: Vec<Arc<HpaBrief>> = self.index.hpas_owned_by(id);
        for hpa in &owned {
            self.delete(id, hpa).await?;
        }
        Ok(!owned.is_empty())
    }

    async fn delete(&self, id: &TargetId, hpa: &HpaBrief) -> Result<(), HpaError> {
        // One that was made again under the same name is another one.
        let only = Preconditions { uid: Some(hpa.uid.clone()), resource_version: None };
        match call(self.api(id.namespace()).delete(&hpa.name, &DeleteParams::default().preconditions(only))).await {
            Ok(_) => {}
            Err(error) if error.is_not_found() || error.is_conflict() => {}
            Err(error) => return Err(failed("removing", &hpa.name, error)),
        }
        self.index.remove_hpa(&TargetId::new(id.namespace(), &hpa.name));
        Ok(())
    }
}

fn failed(doing: &'static str, name: &str, error: CallError) -> HpaError {
    HpaError::Call { doing, name: name.to_owned(), error }
}

fn post() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }
}
