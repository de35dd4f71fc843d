//! Pods as processes of this machine: what a Deployment, its ReplicaSet and the kubelet do on a cluster.
//!
//! One task, the [`manager`], knows all Deployments and their pods; each pod is a task that runs its containers and
//! tells the manager what happens. Nothing polls: processes are waited for, probes have timers, the rest sleeps.

mod backoff;
mod container;
mod manager;
mod plan;
mod pod;
mod probe;
mod program;
mod requests;
mod template;
#[cfg(test)]
mod tests;
mod told;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::Workload;
use tidegate_scalers::LabelSelector;
use tokio::sync::{mpsc, oneshot};

pub use backoff::RestartDelays;
pub use container::PodContext;
pub use pod::{PodListener, run};
pub(crate) use requests::{ContainerRequests, Requests};
pub(crate) use template::PodNature;
pub use template::{ContainerTemplate, PodIdentity, PodTemplate, Probe, ProbeAction, RestartPolicy, Variables};
pub(crate) use template::{DeploymentKey, DeploymentSpec};

use crate::guard::GuardLink;
use crate::logs::Logs;
use manager::{Manager, Order};

/// What all pods have in common.
#[derive(Clone, Debug)]
pub struct PodOptions {
    /// The folder of the manifests: where commands run unless told otherwise.
    pub folder: PathBuf,
    /// The state folder: marks the processes as ours.
    pub state: PathBuf,
    /// The folder that holds a folder for each pod.
    pub pods: PathBuf,
    /// A folder with the program `tidegate`, put first in `PATH`.
    pub bin: PathBuf,
    /// The running program.
    pub program: PathBuf,
    /// Between restarts.
    pub restart_delays: RestartDelays,
}

/// Something that happened to a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodWhat {
    /// It exists; nothing of it runs yet.
    Created,
    /// A process of it runs.
    Started {
        /// Also the number of its group.
        pid: i32,
    },
    /// All of its containers are ready.
    Ready,
    /// One of them is not any more.
    Unready {
        /// What the probe found.
        found: String,
    },
    /// A process ended without having been asked to.
    Exited {
        /// Its exit code; 128 and the number of the signal that ended it, as container runtimes put it.
        code: i32,
        /// In words.
        status: String,
    },
    /// A process could not be started.
    StartFailed {
        /// What went wrong.
        error: String,
    },
    /// A process will be started again after a wait.
    Restarting {
        /// How many there will have been.
        restarts: u32,
        /// Until then.
        wait: Duration,
    },
    /// It was asked to end.
    Terminating,
    /// It did not end within its grace.
    Killed,
    /// Nothing of it is left.
    Gone,
}

/// A pod, for those who measure it.
#[derive(Clone, Debug)]
pub(crate) struct PodSeen {
    pub(crate) name: Arc<str>,
    pub(crate) ready: bool,
    pub(crate) terminating: bool,
    /// By the newest template of its Deployment.
    pub(crate) nature: Arc<PodNature>,
}

/// Who is told about pods. Called from the manager's task: must return quickly.
pub(crate) trait PodObserver: Send + Sync {
    /// The counts of a Deployment changed.
    fn counts(&self, deployment: &DeploymentKey, workload: Workload);
    /// Something happened to one of its pods.
    fn event(&self, deployment: &DeploymentKey, pod: &Arc<str>, what: &PodWhat);
}

/// What pods share with each other.
#[derive(Debug)]
pub struct Shared {
    /// Folders and delays.
    pub options: PodOptions,
    /// Ends their processes when this one is gone.
    pub guard: Arc<GuardLink>,
    /// Takes what they print.
    pub logs: Logs,
}

/// All pods of a run. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pods {
    orders: mpsc::UnboundedSender<Order>,
}

impl Pods {
    /// Starts the manager with no Deployment.
    pub(crate) fn start(
        options: PodOptions,
        guard: Arc<GuardLink>,
        logs: Logs,
        observer: Arc<dyn PodObserver>,
    ) -> Pods {
        let (orders, inbox) = mpsc::unbounded_channel();
        let (told, heard) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { options, guard, logs });
        tokio::spawn(Manager::new(shared, observer, told).run(inbox, heard));
        Pods { orders }
    }

    /// Adds a Deployment with `replicas` pods, or changes the template of one that is there (its count stays).
    pub(crate) fn put(&self, spec: DeploymentSpec, replicas: u32) {
        let _ = self.orders.send(Order::Put { spec, replicas });
    }

    /// Ends all pods of a Deployment and forgets it.
    pub(crate) fn remove(&self, key: DeploymentKey) {
        let _ = self.orders.send(Order::Remove { key });
    }

    /// Sets how many pods a Deployment has; returns when the manager has begun. `false`: there is no such Deployment.
    pub(crate) async fn scale(&self, key: DeploymentKey, replicas: u32) -> bool {
        let (reply, answer) = oneshot::channel();
        let _ = self.orders.send(Order::Scale { key, replicas, reply });
        answer.await.unwrap_or(false)
    }

    /// The counts of a Deployment. `None`: there is none.
    pub(crate) async fn counts(&self, key: DeploymentKey) -> Option<Workload> {
        let (reply, answer) = oneshot::channel();
        let _ = self.orders.send(Order::Counts { key, reply });
        answer.await.ok().flatten()
    }

    /// The pods of a Deployment. `None`: there is none.
    pub(crate) async fn seen(&self, key: DeploymentKey) -> Option<Vec<PodSeen>> {
        let (reply, answer) = oneshot::channel();
        let _ = self.orders.send(Order::Seen { key, reply });
        answer.await.ok().flatten()
    }

    /// How many pods of a namespace match, those that are ending too. `None`: the run is over.
    pub(crate) async fn matching(&self, namespace: &str, selector: LabelSelector) -> Option<u64> {
        let (reply, answer) = oneshot::channel();
        let _ = self.orders.send(Order::Matching { namespace: namespace.into(), selector, reply });
        answer.await.ok()
    }

    /// Ends all pods within their grace, all at once. Returns when nothing is left.
    pub(crate) async fn shutdown(&self) {
        let (reply, answer) = oneshot::channel();
        let _ = self.orders.send(Order::Shutdown { reply });
        let _ = answer.await;
    }

    /// Takes what is left of their grace from pods that are being ended, and ends all others at once.
    pub(crate) fn kill(&self) {
        let _ = self.orders.send(Order::Kill);
    }
}
