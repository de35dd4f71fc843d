//! What happens to pods, told to those who want to know: the live loop, the report, the terminal.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate_engine::Workload;
use tidegate_lab::report::{Collector, ProcessEvent, ProcessWhat};
use tidegate_runtime::{Clock, Handle};
use tokio::sync::Notify;

use super::workloads::Bindings;
use crate::pods::{DeploymentKey, PodObserver, PodWhat};
use crate::progress::{Progress, ProgressKind};

/// Counts that the live loop has not taken yet: the newest of each Deployment.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    waiting: Mutex<HashMap<DeploymentKey, Workload>>,
    some: Notify,
}

impl Counts {
    /// Hands counts to the live loop for ever.
    pub(crate) async fn forward(self: Arc<Self>, bindings: Arc<Bindings>, handle: Handle) {
        loop {
            self.some.notified().await;
            let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            for (deployment, workload) in waiting {
                let Some(target) = bindings.target_of(&deployment) else { continue };
                if handle.observed(target, Ok(workload)).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// The observer of all pods.
pub(crate) struct PodWatch {
    pub(crate) counts: Arc<Counts>,
    pub(crate) bindings: Arc<Bindings>,
    pub(crate) collector: Arc<Collector>,
    pub(crate) progress: Arc<dyn Progress>,
    pub(crate) clock: Arc<dyn Clock>,
    /// The folder that holds a folder for each pod.
    pub(crate) pods: PathBuf,
}

impl PodObserver for PodWatch {
    fn counts(&self, deployment: &DeploymentKey, workload: Workload) {
        let mut waiting = self.counts.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert(deployment.clone(), workload);
        self.counts.some.notify_one();
    }

    fn event(&self, deployment: &DeploymentKey, pod: &Arc<str>, what: &PodWhat) {
        self.tell(pod, what);
        let Some(target) = self.bindings.target_of(deployment) else { return };
        let what = match what {
            PodWhat::Created => {
                let events = self.pods.join(&**pod).join("events.jsonl");
                self.collector.consumer_events_file(&target, pod, &events);
                return;
            }
            PodWhat::Started { .. } => ProcessWhat::Started,
            PodWhat::Ready => ProcessWhat::Ready,
            PodWhat::Terminating => ProcessWhat::Stopping,
            PodWhat::Exited { status, .. } => {
                ProcessWhat::Exited { code: status.strip_prefix("exit code ").and_then(|code| code.parse().ok()) }
            }
            PodWhat::Gone => ProcessWhat::Exited { code: None },
            _ => return,
        };
        self.collector.process(ProcessEvent { target, pod: pod.to_string(), at: self.clock.now(), what });
    }
}

impl PodWatch {
    fn tell(&self, pod: &Arc<str>, what: &PodWhat) {
        let text = match what {
            PodWhat::Exited { status, .. } => format!("{pod}: its process ended by itself ({status})"),
            PodWhat::StartFailed { error } => format!("{pod}: {error}"),
            PodWhat::Unready { found } => format!("{pod}: not ready any more: {found}"),
            PodWhat::Killed => format!("{pod}: did not end within its grace and was killed"),
            PodWhat::Restarting { restarts, wait } if *wait >= Duration::from_secs(1) => {
                format!("{pod}: CrashLoopBackOff, restart {restarts} in {} s", wait.as_secs())
            }
            _ => return,
        };
        self.progress.tell(ProgressKind::Warning, &text);
    }
}
