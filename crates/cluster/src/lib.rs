//! A real control plane on this machine, for tests and benches: etcd, kube-apiserver, kube-controller-manager and
//! kube-scheduler as processes, and a node of our own whose pods are processes too.
//!
//! [`Cluster::shared`] is what a test wants: one cluster for the whole test process, started at first use. Everything ends
//! with the process that started it, however that ended: a guard (see `tidegate_local::guard`) kills what is left and
//! removes the files. `docs/test-cluster.md` says what the node can do.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod access;
mod certificates;
mod cluster;
mod component;
mod control_plane;
mod error;
mod folder;
pub mod keda;
mod node;
mod options;
mod ports;
mod programs;
mod shared;
mod testing;

pub use access::Access;
pub use certificates::{Authority, KeyPair};
pub use cluster::Cluster;
pub use component::{Component, Usage};
pub use error::Error;
pub use options::{ClusterOptions, NodeOptions};
pub use programs::{kubernetes_programs, workspace_root};
pub use testing::ApiServiceName;
