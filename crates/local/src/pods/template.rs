//! What a Deployment asks for, resolved: nothing in here refers to another manifest any more.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tidegate_scalers::Secret;

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
#[derive(Clone, Debug, Default)]
pub(crate) struct PodTemplate {
    /// At least one.
    pub(crate) containers: Vec<ContainerTemplate>,
    /// `terminationGracePeriodSeconds`.
    pub(crate) grace: Duration,
    /// The annotation `controller.kubernetes.io/pod-deletion-cost`.
    pub(crate) deletion_cost: i32,
}

/// One container: a command line with its environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct ContainerTemplate {
    pub(crate) name: String,
    /// `command` and `args`, with `$(NAME)` still in them.
    pub(crate) command: Vec<String>,
    /// In order; later ones win and may refer to earlier ones.
    pub(crate) env: Vec<(String, EnvValue)>,
    /// Relative ones are relative to the folder of the manifests.
    pub(crate) working_dir: Option<PathBuf>,
    pub(crate) readiness: Option<Probe>,
    /// `lifecycle.preStop.exec.command`.
    pub(crate) pre_stop: Option<Vec<String>>,
}

/// Where a variable's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EnvValue {
    /// Written in the manifest; `$(NAME)` in it is replaced.
    Text(String),
    /// From a Secret or ConfigMap; taken as it is.
    Plain(Secret),
    /// `fieldRef: metadata.name`.
    PodName,
    /// `fieldRef: metadata.uid`.
    PodUid,
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
