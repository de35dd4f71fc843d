//! Tests of the operator against a real control plane.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod activation;
mod certificates;
mod hpas;
mod lifecycle;
mod metrics_api;
mod pages;
mod served;
mod stage;
