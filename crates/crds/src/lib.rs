//! Manifests: the `keda.sh` and `tidegate.dev` types, their validation, and the way from a manifest to the engine's
//! [`Policy`](tidegate_engine::Policy).
//!
//! Pure: text in, objects and [`Problem`]s out. Nothing here reads a file, an environment or a cluster.
//!
//! [`parse`] reads text, [`cross_check`] looks at all objects together, [`policy`] makes what the engine needs of one
//! ScaledObject, [`admission`] says whether an object can be taken, [`env`] and [`authentication`] find what its triggers and pods are given.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod admission;
mod allowed_hosts;
mod annotations;
mod authentication;
mod behavior;
pub mod case;
mod cloud_event_source;
mod configs;
pub mod crd;
mod cross_check;
pub mod env;
mod kinds;
mod nearest;
mod node;
mod object;
mod parse;
mod path;
mod policy;
mod problem;
mod quantity;
mod resource;
mod rules;
mod scaled_job;
mod scaled_object;
mod scaling_policy;
mod schema;
mod secret;
mod status;
mod trigger_authentication;
mod yaml;

pub use k8s_openapi;

pub use allowed_hosts::{ALLOWED_HOSTS, AllowedHosts, allowed_hosts, allowed_hosts_field};
pub use authentication::{TriggerSources, authentication_parameters, find_deployment, pod_identity, trigger_sources};
pub use cloud_event_source::{
    AzureEventGridTopic, CloudEventSource, CloudEventSourceSpec, CloudEventType, ClusterCloudEventSource, Destination,
    EventSubscription, HttpDestination,
};
pub use configs::{BROKER_ADDRESS_KEY, BROKER_CONFIG_MAP, ConfigKind, Configs, config_map_data, secret_data};
pub use cross_check::{cross_check, cross_check_all, find_scaling_policy};
pub use nearest::nearest;
pub use node::{Key, Node, NodeKind, Scalar};
pub use object::{Located, Object, Scenario, Source, line_of};
pub use parse::{Parsed, parse};
pub use policy::{TriggerTarget, policy};
pub use problem::{Problem, Severity, has_errors};
pub use quantity::{IntOrText, duration, quantity};
pub use resource::{Manifest, Understood, from_json};
pub use scaled_job::{
    JobRollout, JobScalingStrategy, JobStrategy, MultipleScalersCalculation, PropagationPolicy, RolloutStrategy,
    ScaledJob, ScaledJobSpec,
};
pub use scaled_object::{
    Advanced, AuthenticationKind, AuthenticationRef, FallbackKind, FallbackSpec, FormulaMetricType, HpaBehavior,
    HpaConfig, HpaPolicyType, HpaScalingPolicy, HpaScalingRules, HpaSelectPolicy, ScaleTargetRef, ScaledObject,
    ScaledObjectSpec, ScalingModifiers, Trigger, TriggerMetricType,
};
pub use scaling_policy::{
    CompatSwitch, OnFailure, PolicyMode, PolicyTargetKind, PolicyTargetRef, PolicyTrigger, ScalingPolicy,
    ScalingPolicySpec,
};
pub use schema::json_schema;
pub use secret::SecretText;
pub use status::{
    CloudEventSourceStatus, Condition, Gvkr, HealthStatus, ScaledJobStatus, ScaledObjectStatus, TriggerActivity,
    TriggerAuthenticationStatus,
};
pub use trigger_authentication::*;
