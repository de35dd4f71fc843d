//! A Deployment made into what the pods need.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use tidegate_crds::env::{self, PodFacts};
use tidegate_crds::k8s_openapi::api::apps::v1::Deployment;
use tidegate_crds::k8s_openapi::api::core::v1::{
    Container, HTTPGetAction, PodSpec, PodTemplateSpec, Probe as ProbeSpec,
};
use tidegate_crds::k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use tidegate_crds::{Configs, Located, Problem, quantity};

use crate::pods::{
    ContainerRequests, ContainerTemplate, DeploymentKey, DeploymentSpec, PodIdentity, PodNature, PodTemplate, Probe,
    ProbeAction, Requests, RestartPolicy, Variables,
};

/// Kubernetes' default for `terminationGracePeriodSeconds`.
const GRACE_SECONDS: i64 = 30;

/// The annotation that says what ending a pod costs.
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// What a Deployment came to.
#[derive(Clone, Debug)]
pub(crate) struct DeploymentParts {
    pub(crate) spec: DeploymentSpec,
    /// `spec.replicas`.
    pub(crate) replicas: u32,
}

/// Makes the parts, with everything wrong or suspicious.
pub(crate) fn build(
    deployment: &Located<&Deployment>,
    configs: &Arc<Configs>,
) -> (Option<DeploymentParts>, Vec<Problem>) {
    let mut problems = Vec::new();
    let metadata = &deployment.value.metadata;
    let Some(spec) = &deployment.value.spec else { return (None, problems) };
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "localhost".to_owned(), |name| name.trim().to_owned());
    let (template, found) = pod_template(deployment, configs, &machine);
    problems.extend(found);
    let Some(template) = template else { return (None, problems) };
    let mut revision = DefaultHasher::new();
    // The template as it was written, so that a change of anything in it makes new pods.
    serde_json::to_string(&spec.template).unwrap_or_default().hash(&mut revision);
    let key = DeploymentKey::new(
        metadata.namespace.as_deref().unwrap_or("default"),
        metadata.name.as_deref().unwrap_or_default(),
    );
    let replicas = u32::try_from(spec.replicas.unwrap_or(1)).unwrap_or(0);
    let spec = DeploymentSpec {
        key,
        revision: revision.finish(),
        template: Arc::new(template),
        nature: Arc::new(nature(&spec.template)),
    };
    (Some(DeploymentParts { spec, replicas }), problems)
}

/// Makes the template of a Deployment's pods into what runs them as processes, with everything wrong or suspicious.
/// `node` is the name of the machine that pods see. The problems say what `tidegate up` does.
#[must_use]
pub fn pod_template(
    deployment: &Located<&Deployment>,
    configs: &Arc<Configs>,
    node: &str,
) -> (Option<PodTemplate>, Vec<Problem>) {
    let mut problems = Vec::new();
    let Some(spec) = &deployment.value.spec else { return (None, problems) };
    let pod = spec.template.spec.clone().unwrap_or_default();
    ignored(deployment, &pod, &mut problems);
    let owned = Arc::new(deployment.map(|value| (*value).clone()));
    let containers = pod.containers.iter().enumerate().filter_map(|(index, container)| {
        let at = Place { deployment, base: format!("spec.template.spec.containers[{index}]") };
        let (deployment, configs) = (Arc::clone(&owned), Arc::clone(configs));
        let variables = Arc::new(FromManifest { deployment, index, configs, node: node.to_owned() });
        container_template(container, &at, variables, &mut problems)
    });
    let containers: Vec<ContainerTemplate> = containers.collect();
    let deletion_cost = deletion_cost(deployment, &spec.template, &mut problems);
    if containers.len() < pod.containers.len() || containers.is_empty() {
        return (None, problems);
    }
    let grace = u64::try_from(pod.termination_grace_period_seconds.unwrap_or(GRACE_SECONDS)).unwrap_or(0);
    let restart = match pod.restart_policy.as_deref() {
        Some("OnFailure") => RestartPolicy::OnFailure,
        Some("Never") => RestartPolicy::Never,
        _ => RestartPolicy::Always,
    };
    let template = PodTemplate { containers, grace: Duration::from_secs(grace), deletion_cost, restart };
    (Some(template), problems)
}

/// What there is to know of a template's pods besides how they run.
fn nature(template: &PodTemplateSpec) -> PodNature {
    let labels = template.metadata.as_ref().and_then(|metadata| metadata.labels.clone()).unwrap_or_default();
    let containers = template.spec.iter().flat_map(|pod| &pod.containers);
    PodNature { labels, requests: Requests(containers.map(requests).collect()) }
}

/// What a container requests; where it requests nothing but has a limit, that, as on Kubernetes.
fn requests(container: &Container) -> ContainerRequests {
    let resources = container.resources.clone().unwrap_or_default();
    let milli = |name: &str| {
        let text = [&resources.requests, &resources.limits].into_iter().find_map(|all| all.as_ref()?.get(name))?;
        let amount = quantity(&text.0).filter(|amount| *amount > 0.0)?;
        Some((amount * 1000.0).round() as u64)
    };
    ContainerRequests { name: container.name.clone(), cpu_milli: milli("cpu"), memory_milli: milli("memory") }
}

/// Where in a Deployment we are.
struct Place<'a> {
    deployment: &'a Located<&'a Deployment>,
    base: String,
}

impl Place<'_> {
    fn error(&self, field: &str, message: impl Into<String>) -> Problem {
        self.deployment.source.error(&format!("{}{field}", self.base), message)
    }

    fn warning(&self, field: &str, message: impl Into<String>) -> Problem {
        self.deployment.source.warning(&format!("{}{field}", self.base), message)
    }
}

/// A container's environment, resolved for each pod anew.
struct FromManifest {
    deployment: Arc<Located<Deployment>>,
    index: usize,
    configs: Arc<Configs>,
    node: String,
}

impl fmt::Debug for FromManifest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("FromManifest").field("index", &self.index).finish_non_exhaustive()
    }
}

impl Variables for FromManifest {
    fn of(&self, pod: &PodIdentity<'_>) -> Result<env::Environment, String> {
        let template = self.deployment.value.spec.as_ref().map(|spec| &spec.template);
        let metadata = template.and_then(|template| template.metadata.as_ref());
        let account = template.and_then(|template| template.spec.as_ref()?.service_account_name.clone());
        let facts = PodFacts {
            name: pod.name.to_owned(),
            namespace: pod.namespace.to_owned(),
            uid: pod.uid.to_owned(),
            labels: metadata.and_then(|metadata| metadata.labels.clone()).unwrap_or_default(),
            annotations: metadata.and_then(|metadata| metadata.annotations.clone()).unwrap_or_default(),
            ip: "127.0.0.1".to_owned(),
            host_ip: "127.0.0.1".to_owned(),
            node_name: self.node.clone(),
            service_account: account.unwrap_or_else(|| "default".to_owned()),
            machine_cpus: std::thread::available_parallelism().map_or(1.0, |count| count.get() as f64),
            machine_memory: machine_memory(),
        };
        let deployment = Located { value: &self.deployment.value, source: self.deployment.source.clone() };
        env::resolve(&deployment, self.index, &facts, &self.configs)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }
}

fn machine_memory() -> f64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kibibytes =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok());
    kibibytes.map_or(0.0, |kibibytes: f64| kibibytes * 1024.0)
}

fn ignored(deployment: &Located<&Deployment>, pod: &PodSpec, problems: &mut Vec<Problem>) {
    let base = "spec.template.spec";
    if pod.init_containers.as_ref().is_some_and(|init| !init.is_empty()) {
        let message = "init containers are not run by `tidegate up`";
        problems.push(deployment.source.warning(&format!("{base}.initContainers"), message));
    }
    for (index, container) in pod.containers.iter().enumerate() {
        if container.liveness_probe.is_some() || container.startup_probe.is_some() {
            let message = "only readiness probes are run by `tidegate up`; this one is ignored";
            let name = if container.liveness_probe.is_some() { "livenessProbe" } else { "startupProbe" };
            problems.push(deployment.source.warning(&format!("{base}.containers[{index}].{name}"), message));
        }
        if container.volume_mounts.as_ref().is_some_and(|mounts| !mounts.is_empty()) {
            let message = "volumes are not mounted by `tidegate up`: a pod is a process that sees this machine's files";
            problems.push(deployment.source.warning(&format!("{base}.containers[{index}].volumeMounts"), message));
        }
    }
}

fn deletion_cost(deployment: &Located<&Deployment>, template: &PodTemplateSpec, problems: &mut Vec<Problem>) -> i32 {
    let annotations = template.metadata.as_ref().and_then(|metadata| metadata.annotations.as_ref());
    let Some(text) = annotations.and_then(|annotations| annotations.get(DELETION_COST)) else { return 0 };
    text.parse().unwrap_or_else(|_| {
        let field = "spec.template.metadata.annotations";
        problems.push(deployment.source.mismatch(field, format!("{DELETION_COST}: {text:?}"), "a whole number"));
        0
    })
}

fn container_template(
    container: &Container,
    at: &Place<'_>,
    variables: Arc<dyn Variables>,
    problems: &mut Vec<Problem>,
) -> Option<ContainerTemplate> {
    let mut command = container.command.clone().unwrap_or_default();
    if command.is_empty() {
        let message = "the container has no command; `tidegate up` runs programs of this machine and not images, so name \
                       the program here";
        problems.push(at.error(".command", message));
        return None;
    }
    command.extend(container.args.clone().unwrap_or_default());
    let readiness = match &container.readiness_probe {
        Some(spec) => Some(probe(spec, container, at, problems)?),
        None => None,
    };
    let pre_stop = container.lifecycle.as_ref().and_then(|lifecycle| lifecycle.pre_stop.as_ref());
    let command_of = pre_stop.and_then(|handler| handler.exec.as_ref()?.command.clone());
    if pre_stop.is_some() && command_of.is_none() {
        problems.push(at.warning(".lifecycle.preStop", "only exec is run by `tidegate up`; this one is ignored"));
    }
    Some(ContainerTemplate {
        name: container.name.clone(),
        command,
        variables,
        working_dir: container.working_dir.clone().map(Into::into),
        readiness,
        pre_stop: command_of,
    })
}

fn probe(spec: &ProbeSpec, container: &Container, at: &Place<'_>, problems: &mut Vec<Problem>) -> Option<Probe> {
    let action = if let Some(command) = spec.exec.as_ref().and_then(|exec| exec.command.clone()) {
        ProbeAction::Exec(command)
    } else if let Some(get) = &spec.http_get {
        if get.scheme.as_deref().is_some_and(|scheme| !scheme.eq_ignore_ascii_case("http")) {
            problems.push(at.error(".readinessProbe.httpGet.scheme", "only HTTP is possible under `tidegate up`"));
            return None;
        }
        http_get(get, container, at, problems)?
    } else if let Some(tcp) = &spec.tcp_socket {
        let port = port(&tcp.port, container, at, ".readinessProbe.tcpSocket.port", problems)?;
        ProbeAction::Tcp { host: host(tcp.host.as_ref()), port }
    } else {
        problems.push(at.error(".readinessProbe", "expected one of exec, httpGet and tcpSocket"));
        return None;
    };
    let seconds = |given: Option<i32>, least: u64, default: u64| {
        Duration::from_secs(
            given.and_then(|given| u64::try_from(given).ok()).filter(|given| *given >= least).unwrap_or(default),
        )
    };
    let count = |given: Option<i32>, default: u32| {
        given.and_then(|given| u32::try_from(given).ok()).filter(|given| *given > 0).unwrap_or(default)
    };
    Some(Probe {
        action,
        initial_delay: seconds(spec.initial_delay_seconds, 0, 0),
        period: seconds(spec.period_seconds, 1, 10),
        timeout: seconds(spec.timeout_seconds, 1, 1),
        success_threshold: count(spec.success_threshold, 1),
        failure_threshold: count(spec.failure_threshold, 3),
    })
}

fn http_get(
    get: &HTTPGetAction,
    container: &Container,
    at: &Place<'_>,
    problems: &mut Vec<Problem>,
) -> Option<ProbeAction> {
    let port = port(&get.port, container, at, ".readinessProbe.httpGet.port", problems)?;
    let headers = get.http_headers.iter().flatten().map(|header| (header.name.clone(), header.value.clone()));
    Some(ProbeAction::HttpGet {
        host: host(get.host.as_ref()),
        port,
        path: get.path.clone().unwrap_or_else(|| "/".to_owned()),
        headers: headers.collect(),
    })
}

fn host(given: Option<&String>) -> String {
    given.filter(|host| !host.is_empty()).cloned().unwrap_or_else(|| "127.0.0.1".to_owned())
}

fn port(
    port: &IntOrString,
    container: &Container,
    at: &Place<'_>,
    field: &str,
    problems: &mut Vec<Problem>,
) -> Option<u16> {
    let number = match port {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(name) => container
            .ports
            .iter()
            .flatten()
            .find(|port| port.name.as_deref() == Some(name))
            .map(|port| port.container_port)
            .or_else(|| name.parse().ok()),
    };
    let valid = number.and_then(|number| u16::try_from(number).ok()).filter(|number| *number > 0);
    if valid.is_none() {
        problems.push(at.error(field, "expected a port number, or the name of one of the container's ports"));
    }
    valid
}
