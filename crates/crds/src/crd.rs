//! CustomResourceDefinitions, made from the types of the kinds.
//!
//! Those of `keda.sh` and `eventing.keda.sh` have the structure of KEDA's own, so that they can take the place of these
//! under objects that exist. The descriptions are the types' doc comments; a Job's and its pods' fields have none, so that
//! `kubectl apply` can store each definition in its annotation (at most [`LARGEST_ANNOTATION`] bytes).

mod keda;
mod names;
mod structural;

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::kinds::Known;
use crate::schema;

/// The most that all annotations of an object may have together, in bytes: what `kubectl apply` keeps of an object in one
/// of them must be smaller.
pub const LARGEST_ANNOTATION: usize = 262_144;

/// The kinds that have a definition, in the order they are printed.
pub const KINDS: [&str; 7] = [
    "ScaledObject",
    "ScaledJob",
    "TriggerAuthentication",
    "ClusterTriggerAuthentication",
    "CloudEventSource",
    "ClusterCloudEventSource",
    "ScalingPolicy",
];

/// The CustomResourceDefinition of one of [`KINDS`]; `None` for any other.
#[must_use]
pub fn crd(kind: &str) -> Option<&'static Value> {
    static ALL: LazyLock<Vec<(&str, Value)>> =
        LazyLock::new(|| KINDS.iter().filter_map(|kind| Some((*kind, definition(Known::named(kind)?)?))).collect());
    ALL.iter().find(|(name, _)| *name == kind).map(|(_, definition)| definition)
}

fn definition(known: Known) -> Option<Value> {
    let names = names::of(known)?;
    let mut version = json!({
        "name": "v1alpha1",
        "served": true,
        "storage": true,
        "additionalPrinterColumns": names.columns.iter().map(names::Column::to_json).collect::<Vec<_>>(),
        "schema": {"openAPIV3Schema": open_api_schema(known)},
    });
    if names.has_status {
        version["subresources"] = json!({"status": {}});
    }
    let mut spec_names = json!({
        "kind": known.name(),
        "listKind": format!("{}List", known.name()),
        "plural": names.plural,
        "singular": known.name().to_lowercase(),
    });
    if !names.short.is_empty() {
        spec_names["shortNames"] = names.short.into();
    }
    Some(json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{}.{}", names.plural, names.group)},
        "spec": {
            "group": names.group,
            "names": spec_names,
            "scope": if known.is_cluster_wide() { "Cluster" } else { "Namespaced" },
            "versions": [version],
        },
    }))
}

/// The whole object's schema, as the API server wants it.
fn open_api_schema(known: Known) -> Value {
    let root = schema::of(known);
    let mut whole = structural::convert(root, root);
    if let Some(properties) = whole.get_mut("properties").and_then(Value::as_object_mut) {
        let text = |description: &str| json!({"type": "string", "description": description});
        let version = format!("The API's version: {}.", known.api_version());
        properties.insert("apiVersion".into(), text(&version));
        properties.insert("kind".into(), text(&format!("{}.", known.name())));
        // The API server has its own, and takes nothing here but this.
        properties.insert("metadata".into(), json!({"type": "object"}));
    }
    keda::adjust(known, &mut whole);
    whole
}
