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
    /// What else there is to know of its pods.
    pub(crate) nature: Arc<PodNature>,
}

/// What others want to know of pods, and what makes no difference to how they run.
#[derive(Clone, Debug, Default)]
pub(crate) struct PodNature {
    /// Their labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// What their containers request.
    pub(crate) requests: Requests,
}

/// `spec.template`.
#[derive(Clone, Debug)]
pub struct PodTemplate {
    /// At least one.
    pub containers: Vec<ContainerTemplate>,
    /// `terminationGracePeriodSeconds`.
    pub grace: Duration,
    /// The annotation `controller.kubernetes.io/pod-deletion-cost`.
    pub deletion_cost: i32,
    /// `restartPolicy`.
    pub restart: RestartPolicy,
}

/// Which containers are started again when they end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Each.
    #[default]
    Always,
    /// Those that failed.
    OnFailure,
    /// None.
    Never,
}

impl RestartPolicy {
    /// Whether a container that ended so is started again.
    #[must_use]
    pub fn restarts(self, success: bool) -> bool {
        match self {
            RestartPolicy::Always => true,
            RestartPolicy::OnFailure => !success,
            RestartPolicy::Never => false,
        }
    }
}

/// One container: a command line with its environment.
#[derive(Clone, Debug)]
pub struct ContainerTemplate {
    /// Its name.
    pub name: String,
    /// `command` and `args`, with `$(NAME)` still in them.
    pub command: Vec<String>,
    /// `env` and `envFrom`.
    pub variables: Arc<dyn Variables>,
    /// Relative ones are relative to the folder of the manifests.
    pub working_dir: Option<PathBuf>,
    /// `readinessProbe`.
    pub readiness: Option<Probe>,
    /// `lifecycle.preStop.exec.command`.
    pub pre_stop: Option<Vec<String>>,
}

/// Who a pod is.
#[derive(Clone, Copy, Debug)]
pub struct PodIdentity<'a> {
    /// `metadata.namespace`.
    pub namespace: &'a str,
    /// `metadata.name`.
    pub name: &'a str,
    /// `metadata.uid`.
    pub uid: &'a str,
}

/// The environment that a container's manifest asks for. Resolved when a process is started, so that the newest Secrets
/// and the pod's own name are in it.
pub trait Variables: Send + Sync + std::fmt::Debug {
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
pub struct Probe {
    /// What it does.
    pub action: ProbeAction,
    /// Before the first.
    pub initial_delay: Duration,
    /// Between two.
    pub period: Duration,
    /// A longer one has failed.
    pub timeout: Duration,
    /// So many in a row make the container ready.
    pub success_threshold: u32,
    /// So many in a row make it unready.
    pub failure_threshold: u32,
}

/// What a probe does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeAction {
    /// Runs a command; ready when it exits with 0.
    Exec(Vec<String>),
    /// Asks over HTTP; ready on a status of 200 to 399.
    HttpGet {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
        /// Path and query.
        path: String,
        /// Sent with it.
        headers: Vec<(String, String)>,
    },
    /// Connects; ready when that succeeds.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
}
