//! Tidegate on Kubernetes: the ports of the live loop to a cluster, and what a cluster expects of an autoscaler.
//!
//! It watches `ScaledObject`s and what belongs to them, keeps their `HorizontalPodAutoscaler`s, answers the external metrics
//! API from memory, checks manifests at admission, and scales through the scale subresource. All decisions are made by
//! the engine; nothing in here weighs a number.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod board;
mod credentials;
pub mod events;
mod options;

pub use board::{Board, BoardValue, Lookup};
pub use credentials::{Credentials, Given};
pub use events::Recorder;
pub use options::{AdmissionOptions, CertificateOptions, ExternalMetricsOptions, LeaseOptions, Options, ServiceName};
