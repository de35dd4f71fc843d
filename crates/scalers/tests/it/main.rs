//! Triggers against servers, real and broken.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

mod behaviour;
mod egress;
mod external;
mod fixtures;
mod http;
mod keda;
mod metrics_api;
mod pages;
#[path = "../../../cluster/src/ports.rs"]
mod ports;
mod prometheus;
mod real;
mod rebinding;
mod server;
mod telemetry;
mod watch;
