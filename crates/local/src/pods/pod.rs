//! One pod: its containers together, from the first start to the last end.

use std::fs;
use std::sync::{Mutex, PoisonError};

use futures::future::join_all;

use super::container::{Container, PodContext};
use super::{PodWhat, Told};
use crate::logs::PodLog;

/// Runs a pod until it has been stopped and nothing of it is left; tells the manager all along.
pub(crate) async fn run(pod: PodContext, number: u64, deployment: super::DeploymentKey) {
    let tell = |what: PodWhat| {
        // The manager outlives its pods.
        let _ = pod.shared.told.send(Told { deployment: deployment.clone(), number, pod: pod.name.clone(), what });
    };
    tell(PodWhat::Created);
    if let Err(error) = fs::create_dir_all(&pod.folder) {
        tracing::warn!(pod = %pod.name, %error, "the pod's folder cannot be made; its events will be missing");
    }
    let containers = &pod.template.containers;
    let ready = Readiness::new(containers.len());
    let log = pod.shared.logs.pod(&pod.namespace, &pod.name);
    let runs = containers.iter().enumerate().map(|(index, template)| {
        let log = if containers.len() > 1 { log.named(&template.name) } else { log.clone() };
        run_container(&pod, template, log, index, &ready, &tell)
    });
    join_all(runs).await;
    log.close();
    tell(PodWhat::Gone);
}

async fn run_container(
    pod: &PodContext,
    template: &super::ContainerTemplate,
    log: PodLog,
    index: usize,
    ready: &Readiness,
    tell: &(dyn Fn(PodWhat) + Sync),
) {
    let told = |what: PodWhat| {
        let change = match &what {
            PodWhat::Ready => ready.set(index, true),
            PodWhat::Unready { .. } | PodWhat::Exited { .. } => ready.set(index, false),
            _ => None,
        };
        match what {
            PodWhat::Ready | PodWhat::Unready { .. } if change.is_none() => {}
            what => tell(what),
        }
    };
    Container { pod, template, log }.run(&told).await;
}

/// A pod is ready when all of its containers are.
struct Readiness(Mutex<Vec<bool>>);

impl Readiness {
    fn new(containers: usize) -> Self {
        Readiness(Mutex::new(vec![false; containers]))
    }

    /// The pod's readiness, if this changed it.
    fn set(&self, index: usize, ready: bool) -> Option<bool> {
        let mut each = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = each.iter().all(|one| *one);
        each[index] = ready;
        let after = each.iter().all(|one| *one);
        (before != after).then_some(after)
    }
}
