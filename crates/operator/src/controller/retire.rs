//! The end of a ScaledObject.

use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use serde_json::json;
use tidegate_crds::ScaledObject;
use tidegate_crds::admission::TargetKey;
use tidegate_engine::{Mode, TargetId};

use super::Shared;
use super::serve::FINALIZER;
use crate::call::{CallError, call};
use crate::events::{Kind, reasons};
use crate::status::FIELD_MANAGER;
use crate::tell::reference;
use crate::watches::scaled_object_resource;

/// However slow the API server is, an object that is to go goes.
const RESTORE_IN: Duration = Duration::from_secs(20);

impl Shared {
    /// It is not there any more, or another one is in its place, or it left the label selector.
    pub(super) async fn vanished(&self, id: &TargetId) {
        let served = self.served().get(id).map(|served| (served.about.clone(), served.policy.mode));
        let _ = self.stop_serving(id, false).await;
        self.forget(id);
        let Some((about, mode)) = served else { return };
        tracing::info!(scaled_object = %id, "is not served any more");
        if mode != Mode::Shadow && self.tools.leading.now() && self.is_deleted(id, &about).await {
            self.tell_deleted(about);
        }
    }

    /// Whether it is gone, and has not only left what is looked at.
    async fn is_deleted(&self, id: &TargetId, about: &ObjectReference) -> bool {
        let resource = scaled_object_resource();
        let api: Api<DynamicObject> = Api::namespaced_with(self.tools.client.clone(), id.namespace(), &resource);
        match call(api.get(id.name())).await {
            Ok(found) => found.metadata.uid != about.uid,
            Err(error) => error.is_not_found(),
        }
    }

    fn forget(&self, id: &TargetId) {
        self.tools.status.forget(id);
        self.tools.credentials.forget(id);
        self.said.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(id);
    }

    /// It is being deleted.
    pub(super) async fn leave(&self, id: &TargetId, object: &ScaledObject) -> Option<Duration> {
        if !self.tools.leading.now() {
            return None;
        }
        let mode = self.served().get(id).map(|served| served.policy.mode);
        if mode == Some(Mode::Shadow) || (mode.is_none() && self.is_shadowed(id)) {
            // Whoever serves it finishes it too.
            self.vanished(id).await;
            return None;
        }
        if !object.metadata.finalizers.iter().flatten().any(|name| name == FINALIZER) {
            // It is told when it is gone.
            return None;
        }
        if let Some(mode) = mode {
            let note = "Stopped scalers watch".to_owned();
            self.tools.recorder.emit(reference(object), Kind::Normal, reasons::SCALERS_STOPPED, "Stop", note);
            tracing::debug!(scaled_object = %id, ?mode, "is deleted");
        }
        let asked = object.spec.advanced.as_ref().and_then(|a| a.restore_to_original_replica_count).unwrap_or(false);
        if asked && tokio::time::timeout(RESTORE_IN, self.restore(id, object)).await.is_err() {
            tracing::error!(scaled_object = %id, "the original replica count could not be put back in time");
        }
        match self.release(id, object).await {
            Ok(()) => {
                if self.served().contains_key(id) {
                    self.vanished(id).await;
                } else {
                    self.forget(id);
                    self.tell_deleted(reference(object));
                }
                None
            }
            Err(error) => {
                tracing::warn!(scaled_object = %id, %error, "cannot take the finalizer off; it is tried again");
                Some(if error.is_conflict() { Duration::from_millis(50) } else { self.pause(id) })
            }
        }
    }

    fn is_shadowed(&self, id: &TargetId) -> bool {
        let mode = self.tools.index.scaling_policy(id).and_then(|policy| policy.spec.mode);
        mode == Some(tidegate_crds::PolicyMode::Shadow)
    }

    fn tell_deleted(&self, about: ObjectReference) {
        let note = "ScaledObject was deleted".to_owned();
        self.tools.recorder.emit(about, Kind::Warning, reasons::SCALED_OBJECT_DELETED, "Delete", note);
    }

    /// The HorizontalPodAutoscaler first, or it would scale what is put back.
    async fn restore(&self, id: &TargetId, object: &ScaledObject) {
        if let Err(error) = self.hpas.remove(id).await {
            tracing::warn!(scaled_object = %id, %error, "before the original replica count is put back");
        }
        if self.served().contains_key(id) {
            let _ = self.stop_serving(id, true).await;
            return;
        }
        // A process that never served it knows the count from the status.
        let original = self.tools.index.known(id).and_then(|known| known.status.original_replica_count);
        let (Some(original), Ok(target)) = (original, self.targets.find(id, object).await) else { return };
        if i64::from(target.brief.replicas) == i64::from(original) {
            return;
        }
        let api: Api<DynamicObject> = Api::namespaced_with(self.tools.client.clone(), id.namespace(), &target.resource);
        let name = TargetKey::from(&object.spec.scale_target_ref).name;
        let patch = Patch::Merge(json!({ "spec": { "replicas": original } }));
        match call(api.patch_scale(&name, &params(), &patch)).await {
            Ok(_) => {
                let note = format!("{} → {original}, the count found at first is put back", target.brief.replicas);
                self.tools.recorder.emit(reference(object), Kind::Normal, reasons::REPLICAS_CHANGED, "Restore", note);
            }
            Err(error) => tracing::warn!(scaled_object = %id, %error, "the original replica count is not put back"),
        }
    }

    /// Takes the finalizer off.
    async fn release(&self, id: &TargetId, object: &ScaledObject) -> Result<(), CallError> {
        let resource = scaled_object_resource();
        let api: Api<DynamicObject> = Api::namespaced_with(self.tools.client.clone(), id.namespace(), &resource);
        let metadata = match call(api.get(id.name())).await {
            Ok(found) if found.metadata.uid == object.metadata.uid => found.metadata,
            Ok(_) => return Ok(()),
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error),
        };
        let rest: Vec<String> = metadata.finalizers.into_iter().flatten().filter(|name| name != FINALIZER).collect();
        let patch = json!({ "metadata": { "finalizers": rest, "resourceVersion": metadata.resource_version } });
        match call(api.patch(id.name(), &params(), &Patch::Merge(&patch))).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn params() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}
