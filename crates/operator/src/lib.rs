//! Tidegate on Kubernetes: the ports of the live loop to a cluster, and what a cluster expects of an autoscaler.
//!
//! It watches `ScaledObject`s and what belongs to them, keeps their `HorizontalPodAutoscaler`s, answers the external metrics
//! API from memory, checks manifests at admission, and scales through the scale subresource. All decisions are made by
//! the engine; nothing in here weighs a number.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod admission;
mod board;
mod bucket;
mod call;
mod certificates;
mod client;
mod controller;
mod credentials;
mod demand;
mod egress;
pub mod events;
mod hpa;
mod jitter;
mod lane;
mod leadership;
mod metrics_api;
mod observed;
mod options;
mod run;
mod scale;
mod serve;
mod sink;
mod status;
mod tell;
mod watches;

pub use admission::{Admission, AdmissionError, serve as serve_admission};
pub use board::{Board, BoardValue, Lookup};
pub use certificates::{CertificateError, Certificates, publish};
pub use client::client;
pub use credentials::{AuthenticationKey, Credentials, Given};
pub use events::Recorder;
#[cfg(fuzzing)]
pub use metrics_api::fuzzed_answer;
pub use metrics_api::{Demand, MetricsApi, MetricsApiError, NoDemand, serve as serve_metrics_api};
pub use options::{AdmissionOptions, CertificateOptions, ExternalMetricsOptions, LeaseOptions, Options, ServiceName};
pub use run::{Operator, Running, StartError, start, start_by};
pub use serve::{
    Condition, Heartbeat, MetricsPage, Readiness, Report, Series, ServeError, Serving, console as serve_console,
    health as serve_health, metrics as serve_metrics, profiling as serve_profiling,
};
pub use watches::{HpaBrief, HpaOwner, HpaScaling, Index, KnownObject, Packed, WorkloadBrief};
