//! A pod that is run: from the binding to the last process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tidegate_crds::{Located, has_errors};
use tidegate_local::pods::{self, PodContext, PodListener, PodTemplate, PodWhat};
use tokio::sync::{mpsc, watch};

use super::brief::Brief;
use super::configs;
use super::kubelet::{Kubelet, Signals};
use super::state::PodState;
use super::sweeps::mark;

/// Before a pod is looked at again whose Secret or ConfigMap is missing.
const AGAIN: Duration = Duration::from_secs(1);

struct Heard(mpsc::UnboundedSender<(usize, PodWhat)>);

impl PodListener for Heard {
    fn hear(&self, container: usize, what: PodWhat) {
        let _ = self.0.send((container, what));
    }
}

/// Runs a pod until it is deleted, or has ended for good and is deleted then.
pub(crate) async fn run(kubelet: Arc<Kubelet>, pod: Pod, brief: watch::Receiver<Brief>, signals: Signals) {
    let known = brief.borrow().clone();
    let mut state = PodState::new(&known.containers);
    if let Some(template) = prepare(&kubelet, pod, &known, &mut state, &signals).await {
        kubelet.sweeps.began(&known.uid);
        attend(&kubelet, template, &brief, &mut state, &signals).await;
        kubelet.sweeps.ended(&known.uid);
        kubelet.usage.remove(&known.uid);
        if !signals.stop.is_cancelled() {
            state.finish();
            kubelet.writer.status(&known, state.status()).await;
        }
    }
    tokio::select! {
        () = signals.stop.cancelled() => kubelet.writer.delete(&known).await,
        () = kubelet.ending.cancelled() => {}
    }
}

/// What is to be run, as soon as all that it refers to is there. `None`: it was deleted first.
async fn prepare(
    kubelet: &Kubelet,
    pod: Pod,
    known: &Brief,
    state: &mut PodState,
    signals: &Signals,
) -> Option<PodTemplate> {
    let deployment = as_deployment(pod, known);
    let mut told = None;
    loop {
        let found = match configs::of(&kubelet.client, &deployment, &known.namespace).await {
            Ok(configs) => template(&deployment, configs, &kubelet.node),
            Err(error) => Err(error.to_string()),
        };
        let problem = match found {
            Ok(template) => return Some(template),
            Err(problem) => problem,
        };
        if told.as_ref() != Some(&problem) {
            state.waiting_all("CreateContainerConfigError", &problem);
            kubelet.writer.status(known, state.status()).await;
            told = Some(problem);
        }
        tokio::select! {
            () = signals.stop.cancelled() => return None,
            () = kubelet.ending.cancelled() => return None,
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

/// The code that reads templates reads those of Deployments.
fn as_deployment(pod: Pod, known: &Brief) -> Deployment {
    let metadata = ObjectMeta {
        name: Some(known.name.clone()),
        namespace: Some(known.namespace.clone()),
        ..ObjectMeta::default()
    };
    let template = PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: pod.metadata.labels,
            annotations: pod.metadata.annotations,
            ..ObjectMeta::default()
        }),
        spec: pod.spec,
    };
    Deployment { metadata, spec: Some(DeploymentSpec { template, ..DeploymentSpec::default() }), status: None }
}

fn template(deployment: &Deployment, configs: tidegate_crds::Configs, node: &str) -> Result<PodTemplate, String> {
    let configs = Arc::new(configs);
    let located = Located::unplaced(deployment);
    let (template, problems) = tidegate_local::pod_template(&located, &configs, node);
    let words = || problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let template = template.filter(|_| !has_errors(&problems)).ok_or_else(words)?;
    // What is missing is to be seen before the first start, as a kubelet shows it.
    let identity = pods::PodIdentity { namespace: "", name: "", uid: "" };
    for container in &template.containers {
        container.variables.of(&identity)?;
    }
    Ok(template)
}

/// Runs the processes and writes what becomes of them.
async fn attend(
    kubelet: &Arc<Kubelet>,
    template: PodTemplate,
    brief: &watch::Receiver<Brief>,
    state: &mut PodState,
    signals: &Signals,
) {
    let known = brief.borrow().clone();
    let context = PodContext {
        shared: Arc::clone(&kubelet.shared),
        template: Arc::new(template),
        namespace: known.namespace.as_str().into(),
        name: known.name.as_str().into(),
        uid: known.uid.clone(),
        mark: mark(&known.uid).into(),
        folder: kubelet.shared.options.pods.join(&known.uid),
        stop: signals.stop.clone(),
        kill: signals.kill.clone(),
    };
    let (sender, mut heard) = mpsc::unbounded_channel();
    // The end of the node ends its pods.
    let end = {
        let (ending, stop) = (kubelet.ending.clone(), signals.stop.clone());
        async move {
            ending.cancelled().await;
            stop.cancel();
            std::future::pending::<()>().await;
        }
    };
    let running = async move {
        let listener = Heard(sender);
        pods::run(context, &listener).await;
    };
    let writing = async {
        let mut groups = BTreeMap::new();
        while let Some((container, what)) = heard.recv().await {
            note(state, &mut groups, container, what);
            // What happened at the same moment is written at once.
            while let Ok((container, what)) = heard.try_recv() {
                note(state, &mut groups, container, what);
            }
            kubelet.usage.real(&brief.borrow(), &groups);
            kubelet.writer.status(&known, state.status()).await;
        }
    };
    tokio::select! {
        ((), ()) = futures::future::join(running, writing) => {}
        () = end => {}
    }
}

fn note(state: &mut PodState, groups: &mut BTreeMap<usize, i32>, container: usize, what: PodWhat) {
    match &what {
        PodWhat::Started { pid } => {
            groups.insert(container, *pid);
        }
        PodWhat::Exited { .. } => {
            groups.remove(&container);
        }
        _ => {}
    }
    state.hear(container, &what);
}
