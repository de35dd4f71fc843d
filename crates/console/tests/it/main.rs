//! The console over HTTP, as a person, a script and Prometheus see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod api;
mod dashboard;
mod http;
mod metrics;
mod page;
#[path = "../../../cluster/src/ports.rs"]
mod ports;
mod scene;
mod stream;
