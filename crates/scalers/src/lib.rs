//! The catalogue of triggers, and the clients that they share.
//!
//! Building a trigger has three steps that never mix: [`catalog::check`] understands and validates the parameters (pure),
//! [`Checked::connect`] binds it to shared clients (no I/O before the first read), [`Scaler::read`] asks the source
//! (I/O, with a deadline).

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod authorities;
pub mod catalog;
mod clients;
mod declare;
mod egress;
/// What is said between Tidegate and an external scaler, for whoever writes one.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used, clippy::too_many_lines)]
pub mod externalscaler {
    tonic::include_proto!("externalscaler");
}
mod given;
mod grpc;
mod http;
mod input;
pub mod kafka;
mod parameter;
mod ports;
mod quantity;
mod scaler;
mod schedule;
mod secret;
mod selector;
mod trigger;
mod value;
mod wrap;

pub use authorities::Authorities;
pub use catalog::Checked;
pub use clients::Clients;
pub use egress::{AllowedHosts, ApiServer, EgressPolicy, Network, Refusal, Resolver};
pub use input::{MetricType, Problem, TriggerInput};
pub use parameter::{Kind, Parameter, Source};
pub use ports::{EndpointGroup, Endpoints, PodCounter, PodUsage, Resource, UsageQuery};
pub use scaler::{MetricSpec, Push, ResourceMetric, Scaler, metric_of};
pub use secret::Secret;
pub use selector::LabelSelector;
pub use wrap::{Faults, HttpCall, Observed, ReadObserver, TriggerName};
