//! Checks a located value against a JSON schema and gives the plain value to deserialise.
//!
//! The schemas are made from the types themselves, so that the two cannot differ. All faults are found in one pass,
//! each with its place.

mod check;

use std::sync::LazyLock;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::JsonSchema;
use serde_json::Value;

use crate::kinds::Known;
use crate::scaled_object::ScaledObject;
use crate::scaling_policy::ScalingPolicy;
use crate::trigger_authentication::{ClusterTriggerAuthentication, TriggerAuthentication};

pub(crate) use check::{Checker, Rules};

/// The JSON schema of a kind that manifests can hold, as `ScaledObject` or `ScalingPolicy`; `None` for a kind that has
/// none here.
#[must_use]
pub fn json_schema(kind: &str) -> Option<&'static Value> {
    Known::named(kind).filter(|known| *known != Known::Scenario).map(of)
}

/// The schema of a kind. A Scenario's covers its metadata only.
pub(crate) fn of(kind: Known) -> &'static Value {
    macro_rules! schema {
        ($type:ty) => {{
            static SCHEMA: LazyLock<Value> = LazyLock::new(make::<$type>);
            &SCHEMA
        }};
    }
    match kind {
        Known::ScaledObject => schema!(ScaledObject),
        Known::ScalingPolicy => schema!(ScalingPolicy),
        Known::TriggerAuthentication => schema!(TriggerAuthentication),
        Known::ClusterTriggerAuthentication => schema!(ClusterTriggerAuthentication),
        Known::Deployment => schema!(Deployment),
        Known::Secret => schema!(Secret),
        Known::ConfigMap => schema!(ConfigMap),
        Known::Scenario => metadata(),
    }
}

/// The schema of `metadata`.
pub(crate) fn metadata() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(make::<ObjectMeta>);
    &SCHEMA
}

fn make<T: JsonSchema>() -> Value {
    schemars::generate::SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value()
}
