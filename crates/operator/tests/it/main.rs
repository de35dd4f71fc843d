//! Tests of the operator against a real control plane.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod activation;
mod admission;
mod certificates;
mod credentials;
mod disruption;
mod events;
mod faults;
mod hpas;
mod installed;
mod leadership;
mod lifecycle;
mod metrics_api;
mod pages;
mod rbac;
mod scaling;
mod security;
mod served;
mod stage;
mod stalled;
mod takeover;
mod whole;
