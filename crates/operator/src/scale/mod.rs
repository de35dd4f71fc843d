//! Counts and changes of scaled workloads, through their scale subresource; and what survives a restart.

mod bindings;
mod pods;
mod services;
mod states;
mod usage;
mod workloads;

pub(crate) use bindings::{Binding, Bindings};
pub(crate) use pods::Pods;
pub(crate) use services::Services;
pub(crate) use states::StatusStates;
pub(crate) use usage::PodsUse;
pub(crate) use workloads::KubeWorkloads;
