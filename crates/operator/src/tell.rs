//! Whom events are about.

use k8s_openapi::api::core::v1::ObjectReference;
use tidegate_crds::ScaledObject;

/// A ScaledObject, as events refer to it.
pub(crate) fn reference(object: &ScaledObject) -> ObjectReference {
    let metadata = &object.metadata;
    ObjectReference {
        api_version: Some("keda.sh/v1alpha1".to_owned()),
        kind: Some("ScaledObject".to_owned()),
        namespace: metadata.namespace.clone(),
        name: metadata.name.clone(),
        uid: metadata.uid.clone(),
        ..ObjectReference::default()
    }
}
