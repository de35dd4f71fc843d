//! Checks a located value against a JSON schema and gives the plain value to deserialise.
//!
//! The schemas of our kinds are made from the types themselves, so that the two cannot differ. Those of Kubernetes' own
//! kinds are in `schema/kubernetes.json`: names and types of the fields of the API at version 1.36, one definition a
//! line. (The library of its types could make them too, at the cost of minutes of compiling.) All faults are found in
//! one pass, each with its place.

mod check;
mod job;

use std::sync::LazyLock;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::cloud_event_source::{CloudEventSource, ClusterCloudEventSource};
use crate::kinds::Known;
use crate::scaled_job::ScaledJob;
use crate::scaled_object::ScaledObject;
use crate::scaling_policy::ScalingPolicy;
use crate::trigger_authentication::{ClusterTriggerAuthentication, TriggerAuthentication};

pub(crate) use check::{Checker, Rules};
pub(crate) use job::{SET_BY_API_SERVER, quantity};

const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// The definitions that `metadata` needs.
const META_PREFIX: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.";

/// The definitions of Kubernetes' own types.
static KUBERNETES: LazyLock<Map<String, Value>> =
    LazyLock::new(|| serde_json::from_str(include_str!("schema/kubernetes.json")).unwrap_or_default());

/// The JSON schema of a kind that manifests can hold, as `ScaledObject` or `ScalingPolicy`; `None` for a kind that has
/// none here.
#[must_use]
pub fn json_schema(kind: &str) -> Option<&'static Value> {
    Known::named(kind).filter(|known| *known != Known::Scenario).map(of)
}

/// The schema of a kind. A Scenario's covers its metadata only.
pub(crate) fn of(kind: Known) -> &'static Value {
    macro_rules! schema {
        ($make:expr) => {{
            static SCHEMA: LazyLock<Value> = LazyLock::new(|| $make);
            &SCHEMA
        }};
    }
    match kind {
        Known::ScaledObject => schema!(ours::<ScaledObject>()),
        Known::ScalingPolicy => schema!(ours::<ScalingPolicy>()),
        Known::TriggerAuthentication => schema!(ours::<TriggerAuthentication>()),
        Known::ClusterTriggerAuthentication => schema!(ours::<ClusterTriggerAuthentication>()),
        Known::ScaledJob => schema!(ours::<ScaledJob>()),
        Known::CloudEventSource => schema!(ours::<CloudEventSource>()),
        Known::ClusterCloudEventSource => schema!(ours::<ClusterCloudEventSource>()),
        Known::Deployment => schema!(kubernetes("io.k8s.api.apps.v1.Deployment")),
        Known::Secret => schema!(kubernetes("io.k8s.api.core.v1.Secret")),
        Known::ConfigMap => schema!(kubernetes("io.k8s.api.core.v1.ConfigMap")),
        Known::Scenario => metadata(),
    }
}

/// The schema of `metadata`.
pub(crate) fn metadata() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| kubernetes(OBJECT_META));
    &SCHEMA
}

/// The reference to the schema of `metadata` within one of ours.
pub(crate) fn object_meta(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({"$ref": format!("#/$defs/{OBJECT_META}")})
}

/// A point in time.
pub(crate) fn date_time(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({"type": "string", "format": "date-time"})
}

/// `spec` of a Job.
pub(crate) fn job_spec(_: &mut SchemaGenerator) -> Schema {
    Schema::try_from(job::JOB_SPEC.clone()).unwrap_or_default()
}

fn kubernetes(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}"), "$defs": *KUBERNETES})
}

fn ours<T: JsonSchema>() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12();
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    let meta = KUBERNETES.iter().filter(|(name, _)| name.starts_with(META_PREFIX));
    if let Some(definitions) = schema.get_mut("$defs").and_then(Value::as_object_mut) {
        definitions.extend(meta.map(|(name, value)| (name.clone(), value.clone())));
    }
    schema
}
