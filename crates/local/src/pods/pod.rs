//! One pod: its containers together, from the first start to the last end.

use std::fs;

use futures::future::join_all;

use super::PodWhat;
use super::container::{Container, PodContext};

/// Hears what happens to the containers of one pod. Called from the pod's task: must return quickly.
pub trait PodListener: Send + Sync {
    /// Something happened to the container of this index. [`PodWhat::Ready`] and [`PodWhat::Unready`] are its own
    /// readiness and not the pod's.
    fn hear(&self, container: usize, what: PodWhat);
}

/// Runs a pod until it has been stopped, or all of its containers have ended for good, and nothing of it is left.
pub async fn run(pod: PodContext, listener: &dyn PodListener) {
    if let Err(error) = fs::create_dir_all(&pod.folder) {
        tracing::warn!(pod = %pod.name, %error, "the pod's folder cannot be made; its events will be missing");
    }
    let containers = &pod.template.containers;
    let log = pod.shared.logs.pod(&pod.namespace, &pod.name);
    let runs = containers.iter().enumerate().map(|(index, template)| {
        let log = if containers.len() > 1 { log.named(&template.name) } else { log.clone() };
        let pod = &pod;
        async move { Container { pod, template, log }.run(&|what| listener.hear(index, what)).await }
    });
    join_all(runs).await;
    log.close();
}
