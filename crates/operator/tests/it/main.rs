//! Tests of the operator against a real control plane.

mod admission;
mod certificates;
mod metrics_api;
mod pages;
mod served;
