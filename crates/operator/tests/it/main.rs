//! Tests of the operator against a real control plane.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod admission;
mod certificates;
mod credentials;
mod events;
mod installed;
mod metrics_api;
mod pages;
mod rbac;
mod served;
