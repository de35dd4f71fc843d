//! Discovery: the group, its version and its one resource, in the old form and in the aggregated one.

use serde_json::{Value, json};

use super::{GROUP, GROUP_VERSION, RESOURCE, VERSION};

const KIND: &str = "ExternalMetricValueList";

/// `/apis`
pub(super) fn groups() -> Value {
    let mut group = group();
    if let Some(fields) = group.as_object_mut() {
        fields.shift_remove("kind");
        fields.shift_remove("apiVersion");
    }
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": [group] })
}

/// `/apis/external.metrics.k8s.io`
pub(super) fn group() -> Value {
    let version = json!({ "groupVersion": GROUP_VERSION, "version": VERSION });
    json!({ "kind": "APIGroup", "apiVersion": "v1", "name": GROUP, "versions": [version], "preferredVersion": version })
}

/// `/apis/external.metrics.k8s.io/v1beta1`. Metrics come and go, and there may be thousands: none is named.
pub(super) fn resources() -> Value {
    json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": GROUP_VERSION,
        "resources": [
            { "name": RESOURCE, "singularName": "", "namespaced": true, "kind": KIND, "verbs": ["get"] },
        ],
    })
}

/// `/apis` as an `APIGroupDiscoveryList` of `apidiscovery.k8s.io/VERSION`.
pub(super) fn aggregated(version: &str) -> Value {
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{version}"),
        "metadata": {},
        "items": [{
            "metadata": { "name": GROUP, "creationTimestamp": null },
            "versions": [{
                "version": VERSION,
                "resources": [{
                    "resource": RESOURCE,
                    "responseKind": { "group": GROUP, "version": VERSION, "kind": KIND },
                    "scope": "Namespaced",
                    "singularResource": "",
                    "verbs": ["get"],
                }],
                "freshness": "Current",
            }],
        }],
    })
}
