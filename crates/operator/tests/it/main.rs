//! Tests of the operator against a real control plane.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod activation;
mod admission;
mod allowed_hosts;
mod certificates;
mod clocks;
mod credentials;
mod disruption;
mod events;
mod expired;
mod external;
mod faults;
mod faulty;
mod formulas;
mod hpas;
mod installed;
mod kills;
mod leadership;
mod lifecycle;
mod many;
mod metrics_api;
mod pages;
mod passes;
mod rbac;
mod scaling;
mod security;
mod series;
mod served;
mod sources;
mod stage;
mod stalled;
mod subresources;
mod takeover;
mod tls;
mod whole;
