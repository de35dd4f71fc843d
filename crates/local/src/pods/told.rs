//! What pods tell the manager: what happens to their containers, and when a pod as a whole is ready.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::container::PodContext;
use super::pod::{self, PodListener};
use super::{DeploymentKey, PodWhat};

/// What a pod tells the manager.
pub(crate) struct Told {
    pub(crate) deployment: DeploymentKey,
    pub(crate) number: u64,
    pub(crate) pod: Arc<str>,
    pub(crate) what: PodWhat,
}

/// Runs a pod and tells the manager all along.
pub(super) async fn supervise(
    pod: PodContext,
    number: u64,
    deployment: DeploymentKey,
    told: mpsc::UnboundedSender<Told>,
) {
    let ready = Mutex::new(vec![false; pod.template.containers.len()]);
    let teller = Teller { deployment, number, pod: Arc::clone(&pod.name), told, ready };
    teller.tell(PodWhat::Created);
    pod::run(pod, &teller).await;
    teller.tell(PodWhat::Gone);
}

struct Teller {
    deployment: DeploymentKey,
    number: u64,
    pod: Arc<str>,
    told: mpsc::UnboundedSender<Told>,
    /// Each container's readiness.
    ready: Mutex<Vec<bool>>,
}

impl PodListener for Teller {
    fn hear(&self, container: usize, what: PodWhat) {
        let change = match &what {
            PodWhat::Ready => self.set(container, true),
            PodWhat::Unready { .. } | PodWhat::Exited { .. } => self.set(container, false),
            _ => None,
        };
        match what {
            PodWhat::Ready | PodWhat::Unready { .. } if change.is_none() => {}
            what => self.tell(what),
        }
    }
}

impl Teller {
    fn tell(&self, what: PodWhat) {
        let (deployment, pod) = (self.deployment.clone(), Arc::clone(&self.pod));
        // The manager outlives its pods.
        let _ = self.told.send(Told { deployment, number: self.number, pod, what });
    }

    /// The pod's readiness, if this changed it: a pod is ready when all of its containers are.
    fn set(&self, container: usize, ready: bool) -> Option<bool> {
        let mut each = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let before = each.iter().all(|one| *one);
        if let Some(one) = each.get_mut(container) {
            *one = ready;
        }
        let after = each.iter().all(|one| *one);
        (before != after).then_some(after)
    }
}
