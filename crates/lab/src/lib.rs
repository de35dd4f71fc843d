//! The lab: everything needed to see an autoscaler at work without a cluster.
//!
//! - [`broker`]: a Kafka-protocol broker inside this process;
//! - [`scenario`]: what a `Scenario` manifest asks for, in k6's words;
//! - [`load`]: producers that follow it;
//! - [`consume`]: a consumer of known speed (`tidegate consume`);
//! - [`report`]: what is left of a run: HTML, pictures, CSV, a summary;
//! - [`remote_write`]: the same samples to a Prometheus.
//!
//! The crate depends on the engine's vocabulary only. It reads no manifests and no secrets: settings come resolved.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod broker;
pub mod consume;
mod error;
pub mod kafka;
pub mod load;
pub mod remote_write;
pub mod report;
pub mod scenario;
pub mod units;

pub use error::LabError;
