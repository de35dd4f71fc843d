//! What a ScaledObject scales: that its kind is known and has a scale subresource, that it exists, and its counts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResource;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use tidegate_crds::admission::TargetKey;
use tidegate_crds::{Gvkr, ScaledObject};
use tidegate_engine::TargetId;
use tokio::time::Instant;

use crate::call::{CallError, call};
use crate::watches::{Index, WorkloadBrief, Workloads, brief_of};

/// How long the resources of an API are remembered: kinds come and go with their definitions.
const REMEMBERED: Duration = Duration::from_secs(60);
/// How long a reconcile waits for the first list of a kind that nobody has used yet.
const FIRST_LIST: Duration = Duration::from_secs(10);

/// Why a workload cannot be scaled.
#[derive(Debug, thiserror::Error)]
pub(super) enum TargetError {
    /// The API server does not know the kind.
    #[error("the API server has no kind {kind:?} in {api_version:?}; see spec.scaleTargetRef")]
    UnknownKind { api_version: String, kind: String },
    /// The kind has none.
    #[error("{kind} {name:?} has no scale subresource, so it cannot be scaled; see spec.scaleTargetRef")]
    NoScale { kind: String, name: String },
    /// It is not there.
    #[error("there is no {kind} {name:?} in namespace {namespace:?}; see spec.scaleTargetRef")]
    Missing { kind: String, name: String, namespace: String },
    /// The API server did not say.
    #[error("looking at the target {name:?}: {error}")]
    Call {
        name: String,
        #[source]
        error: CallError,
    },
}

/// A workload that can be scaled.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) key: TargetKey,
    pub(super) resource: ApiResource,
    pub(super) brief: Arc<WorkloadBrief>,
}

impl Target {
    pub(super) fn gvkr(&self) -> Gvkr {
        let ApiResource { group, version, kind, plural, .. } = self.resource.clone();
        Gvkr { group, version, kind, resource: plural }
    }
}

/// The resources of one API version, and when they were asked for.
type Remembered = (Instant, Arc<Vec<APIResource>>);

/// Finds workloads.
pub(super) struct Targets {
    client: Client,
    index: Index,
    workloads: Workloads,
    kinds: Mutex<HashMap<String, Remembered>>,
}

impl Targets {
    pub(super) fn new(client: Client, index: Index, workloads: Workloads) -> Self {
        Targets { client, index, workloads, kinds: Mutex::default() }
    }

    /// The workload of a ScaledObject, with its template where there is one.
    pub(super) async fn find(&self, id: &TargetId, object: &ScaledObject) -> Result<Target, TargetError> {
        let target = &object.spec.scale_target_ref;
        let key = TargetKey::from(target);
        let resource = self.resource(target.api_version(), target.kind(), &target.name).await?;
        let mut ready = self.workloads.ensure(&resource);
        // Better late than by a request for each object; with no answer it is asked for all the same.
        let _ = tokio::time::timeout(FIRST_LIST, ready.wait_for(|waiting| *waiting == 0)).await;
        if let Some(brief) = self.index.workload(id.namespace(), &key).filter(|brief| brief.template.is_some()) {
            return Ok(Target { key, resource, brief });
        }
        let brief = Arc::new(self.look(id, &key, &resource).await?);
        Ok(Target { key, resource, brief })
    }

    async fn look(&self, id: &TargetId, key: &TargetKey, resource: &ApiResource) -> Result<WorkloadBrief, TargetError> {
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), id.namespace(), resource);
        let (kind, name) = (key.kind.clone(), key.name.clone());
        let object = match call(api.get(&name)).await {
            Ok(object) => Some(object),
            Err(error) if error.is_not_found() => {
                return Err(TargetError::Missing { kind, name, namespace: id.namespace().to_owned() });
            }
            // Its /scale may be allowed where itself is not.
            Err(error) if error.code() == 403 => None,
            Err(error) => return Err(TargetError::Call { name, error }),
        };
        match call(api.get_scale(&name)).await {
            Ok(scale) => {
                let brief = brief_of(&scale, object.as_ref());
                self.index.put_workload(id.namespace(), key, brief.clone());
                Ok(brief)
            }
            Err(error) if error.is_not_found() => Err(TargetError::NoScale { kind, name }),
            Err(error) => Err(TargetError::Call { name, error }),
        }
    }

    async fn resource(&self, api_version: &str, kind: &str, name: &str) -> Result<ApiResource, TargetError> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let made =
            |plural: &str| ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
        match kind {
            "Deployment" => return Ok(made("deployments")),
            "StatefulSet" => return Ok(made("statefulsets")),
            _ => {}
        }
        let kinds = self.kinds(api_version, name).await?;
        let found = kinds.iter().find(|resource| resource.kind == kind && !resource.name.contains('/'));
        let Some(found) = found else {
            self.forget(api_version);
            return Err(TargetError::UnknownKind { api_version: api_version.to_owned(), kind: kind.to_owned() });
        };
        let scale = format!("{}/scale", found.name);
        if !kinds.iter().any(|resource| resource.name == scale) {
            self.forget(api_version);
            return Err(TargetError::NoScale { kind: kind.to_owned(), name: name.to_owned() });
        }
        Ok(made(&found.name))
    }

    fn forget(&self, api_version: &str) {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner).remove(api_version);
    }

    async fn kinds(&self, api_version: &str, name: &str) -> Result<Arc<Vec<APIResource>>, TargetError> {
        let remembered = self.kinds.lock().unwrap_or_else(PoisonError::into_inner).get(api_version).cloned();
        if let Some((at, kinds)) = remembered
            && at.elapsed() < REMEMBERED
        {
            return Ok(kinds);
        }
        let list = if api_version.contains('/') {
            call(self.client.list_api_group_resources(api_version)).await
        } else {
            call(self.client.list_core_api_resources(api_version)).await
        };
        let kinds = match list {
            Ok(list) => Arc::new(list.resources),
            // No such group or version.
            Err(error) if error.is_not_found() => return Ok(Arc::default()),
            Err(error) => return Err(TargetError::Call { name: name.to_owned(), error }),
        };
        let mut known = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(api_version.to_owned(), (Instant::now(), Arc::clone(&kinds)));
        Ok(kinds)
    }
}
