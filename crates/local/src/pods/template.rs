//! What a Deployment asks for, resolved: nothing in here refers to another manifest any more.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tidegate_crds::env::Environment;

use super::Requests;

/// A Deployment by `namespace` and `name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DeploymentKey {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
}

impl DeploymentKey {
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        DeploymentKey { namespace: namespace.into(), name: name.into() }
    }
}

impl std::fmt::Display for DeploymentKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}", self.namespace, self.name)
    }
}

/// A Deployment.
#[derive(Clone, Debug)]
pub(crate) struct DeploymentSpec {
    pub(crate) key: DeploymentKey,
    /// Names the pod template as it is written; another one replaces the pods. What its environment resolves to is not
    /// part of it: as on Kubernetes, a changed Secret reaches new pods only.
    pub(crate) revision: u64,
    pub(crate) template: Arc<PodTemplate>,
}

/// `spec.template`.
#[derive(Clone, Debug)]
pub(crate) struct PodTemplate {
    /// At least one.
    pub(crate) containers: Vec<ContainerTemplate>,
    /// `terminationGracePeriodSeconds`.
    pub(crate) grace: Duration,
    /// The annotation `controller.kubernetes.io/pod-deletion-cost`.
    pub(crate) deletion_cost: i32,
    /// The pods' labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// What its containers request.
    pub(crate) requests: Arc<Requests>,
}

/// One container: a command line with its environment.
#[derive(Clone, Debug)]
pub(crate) struct ContainerTemplate {
    pub(crate) name: String,
    /// `command` and `args`, with `$(NAME)` still in them.
    pub(crate) command: Vec<String>,
    pub(crate) variables: Arc<dyn Variables>,
    /// Relative ones are relative to the folder of the manifests.
    pub(crate) working_dir: Option<PathBuf>,
    pub(crate) readiness: Option<Probe>,
    /// `lifecycle.preStop.exec.command`.
    pub(crate) pre_stop: Option<Vec<String>>,
}

/// Who a pod is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PodIdentity<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) uid: &'a str,
}

/// The environment that a container's manifest asks for. Resolved when a process is started, so that the newest Secrets
/// and the pod's own name are in it.
pub(crate) trait Variables: Send + Sync + std::fmt::Debug {
    /// For one pod.
    ///
    /// # Errors
    /// What is missing, in words.
    fn of(&self, pod: &PodIdentity<'_>) -> Result<Environment, String>;
}

/// No variables.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct NoVariables;

#[cfg(test)]
impl Variables for NoVariables {
    fn of(&self, _pod: &PodIdentity<'_>) -> Result<Environment, String> {
        Ok(Environment::default())
    }
}

/// `readinessProbe`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    pub(crate) action: ProbeAction,
    pub(crate) initial_delay: Duration,
    pub(crate) period: Duration,
    pub(crate) timeout: Duration,
    pub(crate) success_threshold: u32,
    pub(crate) failure_threshold: u32,
}

/// What a probe does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProbeAction {
    /// Runs a command; ready when it exits with 0.
    Exec(Vec<String>),
    /// Asks over HTTP; ready on a status of 200 to 399.
    HttpGet { host: String, port: u16, path: String, headers: Vec<(String, String)> },
    /// Connects; ready when that succeeds.
    Tcp { host: String, port: u16 },
}
