//! What some triggers need of the place they run in: pods to count, what pods use, the endpoints of a Service. The drivers
//! implement these traits; a trigger that needs one that was not given says so in each read.

use std::net::IpAddr;

use async_trait::async_trait;
use tidegate_engine::{ReadError, Reading, Timestamp};

use crate::selector::LabelSelector;

/// Counts pods.
#[async_trait]
pub trait PodCounter: Send + Sync {
    /// How many pods of a namespace match and have neither succeeded nor failed; pending, unknown and terminating ones
    /// count. With `group_by_node`: on how many nodes they are; pods without a node count for nothing then.
    ///
    /// # Errors
    /// When the pods cannot be known. No pod at all is not an error but 0.
    async fn count(&self, namespace: &str, selector: &LabelSelector, group_by_node: bool) -> Result<u64, ReadError>;
}

/// Knows what the pods of a target use of the machine.
#[async_trait]
pub trait PodUsage: Send + Sync {
    /// Each pod's use now, as the engine's resource targets want it.
    ///
    /// # Errors
    /// When it cannot be known.
    async fn usage(&self, query: &UsageQuery, now: Timestamp) -> Result<Reading, ReadError>;
}

/// Whose use of what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UsageQuery {
    /// The ScaledObject's namespace.
    pub namespace: String,
    /// The ScaledObject whose target's pods are meant.
    pub scaled_object: String,
    /// What is used.
    pub resource: Resource,
    /// The only container that counts; `None`: all of a pod's.
    pub container: Option<String>,
}

/// What a pod can use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// Processor time, in cores.
    Cpu,
    /// Memory, in bytes.
    Memory,
}

impl Resource {
    /// Its name in Kubernetes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Resource::Cpu => "cpu",
            Resource::Memory => "memory",
        }
    }
}

/// The engine's word for it.
impl From<Resource> for tidegate_engine::Resource {
    fn from(resource: Resource) -> Self {
        match resource {
            Resource::Cpu => tidegate_engine::Resource::Cpu,
            Resource::Memory => tidegate_engine::Resource::Memory,
        }
    }
}

/// Knows the endpoints of Services.
#[async_trait]
pub trait Endpoints: Send + Sync {
    /// What is behind a Service, one entry for each EndpointSlice. Only endpoints that are ready or do not say.
    ///
    /// # Errors
    /// When it cannot be known. A Service without endpoints, or none of that name, is not an error but an empty list.
    async fn endpoints(&self, namespace: &str, service: &str) -> Result<Vec<EndpointGroup>, ReadError>;
}

/// Endpoints that listen on the same ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointGroup {
    /// Their addresses.
    pub addresses: Vec<IpAddr>,
    /// The pods' ports, not the Service's.
    pub ports: Vec<u16>,
}
