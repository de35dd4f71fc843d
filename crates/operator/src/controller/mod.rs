//! Keeps the cluster as its ScaledObjects ask for: looks at each that changed, puts it to work in the live loop, keeps its
//! HorizontalPodAutoscaler, and says in its status how it went.
//!
//! What works goes on working: a manifest that cannot be used leaves its last good form at work.

mod build;
mod facts;
mod lacking;
mod pause;
mod queue;
mod reconcile;
mod report;
mod retire;
mod serve;
mod target;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use tidegate_console::Store;
use tidegate_engine::{Policy, TargetId};
use tidegate_runtime::{Clock, Handle, Workloads as _};
use tidegate_scalers::{Clients, MetricSpec};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::board::Board;
use crate::credentials::Credentials;
use crate::demand::FreshReadings;
use crate::events::Recorder;
use crate::hpa::Hpas;
use crate::jitter::jitter;
use crate::leadership::Leading;
use crate::scale::{Bindings, KubeWorkloads};
use crate::status::StatusWriter;
use crate::watches::{Change, Index, Packed};
use build::Connected;
pub(crate) use facts::AllFacts;
use queue::Queue;
use target::Targets;

/// Objects looked at at the same time. Each spends its time waiting for the API server.
const WORKERS: usize = 24;

/// After a failure an object is looked at again after this, doubling.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(300);

/// How often counts of ready pods are looked at that nobody tells of.
const READY_AGAIN: Duration = Duration::from_secs(10);

/// What the controller works with.
pub(crate) struct Tools {
    pub(crate) client: Client,
    pub(crate) index: Index,
    pub(crate) workloads: crate::watches::Workloads,
    pub(crate) credentials: Credentials,
    pub(crate) recorder: Recorder,
    pub(crate) status: StatusWriter,
    pub(crate) handle: Handle,
    pub(crate) clients: Clients,
    pub(crate) bindings: Bindings,
    pub(crate) port: KubeWorkloads,
    pub(crate) board: Board,
    pub(crate) demand: FreshReadings,
    pub(crate) console: Arc<Store>,
    pub(crate) leading: Leading,
    pub(crate) version: String,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A ScaledObject that is at work.
struct Served {
    about: ObjectReference,
    connected: Option<Connected>,
    /// As it was asked for, before this replica's part was considered.
    policy: Arc<Policy>,
    /// Of the policy as it is at work.
    mark: u64,
    metrics: Vec<MetricSpec>,
    /// The HorizontalPodAutoscaler as it was last wanted.
    hpa: Option<Packed<HorizontalPodAutoscaler>>,
    /// Tasks that listen to sources that push.
    _listening: Option<DropGuard>,
}

/// What was last said of an object, so that it is not said again.
#[derive(Default)]
struct Said {
    ready: bool,
    error: Option<Arc<str>>,
    paused: Option<bool>,
    failures: u32,
    warned: u64,
}

/// The controller while it runs.
pub(crate) struct Controller {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
    stop: CancellationToken,
}

struct Shared {
    tools: Tools,
    targets: Targets,
    hpas: Hpas,
    queue: Queue,
    /// For tasks that want an object looked at.
    wake: mpsc::UnboundedSender<TargetId>,
    served: Mutex<HashMap<TargetId, Box<Served>>>,
    said: Mutex<HashMap<TargetId, Said>>,
}

impl Shared {
    fn served(&self) -> MutexGuard<'_, HashMap<TargetId, Box<Served>>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn said<T>(&self, id: &TargetId, change: impl FnOnce(&mut Said) -> T) -> T {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        change(said.entry(id.clone()).or_default())
    }
}

impl Controller {
    /// Starts to work on what `changes` and `inputs` (of credentials) tell, once all first lists are in.
    pub(crate) fn start(
        tools: Tools,
        changes: mpsc::UnboundedReceiver<Change>,
        inputs: mpsc::Receiver<TargetId>,
    ) -> Controller {
        let stop = CancellationToken::new();
        let (wake, woken) = mpsc::unbounded_channel();
        let targets = Targets::new(tools.client.clone(), tools.index.clone(), tools.workloads.clone());
        let hpas = Hpas::new(tools.client.clone(), tools.index.clone());
        let shared = Arc::new(Shared {
            tools,
            targets,
            hpas,
            queue: Queue::default(),
            wake,
            served: Mutex::default(),
            said: Mutex::default(),
        });
        let run = |work: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
            let stop = stop.clone();
            tokio::spawn(async move {
                stop.run_until_cancelled_owned(work).await;
            })
        };
        let mut tasks = vec![
            run(Box::pin(listen(Arc::clone(&shared), changes))),
            run(Box::pin(take_inputs(Arc::clone(&shared), inputs, woken))),
            run(Box::pin(follow_leadership(Arc::clone(&shared)))),
            run(Box::pin(count_ready_pods(Arc::clone(&shared)))),
        ];
        tasks.extend((0..WORKERS).map(|_| run(Box::pin(work(Arc::clone(&shared))))));
        Controller { shared, tasks, stop }
    }

    /// Ends all work; what is under way is given up.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        futures::future::join_all(self.tasks).await;
        self.shared.served().clear();
    }
}

/// Hears what changed.
async fn listen(shared: Arc<Shared>, mut changes: mpsc::UnboundedReceiver<Change>) {
    while let Some(change) = changes.recv().await {
        match change {
            Change::Object(id) | Change::Gone(id) => shared.queue.add(id),
            Change::HpaStatus(id) => {
                let owned = shared.tools.index.hpas_owned_by(&id);
                shared.tools.status.hpa(&id, owned.first().and_then(|hpa| hpa.scaling.clone()));
            }
            Change::Counts(id) => shared.observe(&id).await,
        }
    }
}

/// Hears whose triggers are given something else, or have other metrics.
async fn take_inputs(
    shared: Arc<Shared>,
    mut inputs: mpsc::Receiver<TargetId>,
    mut woken: mpsc::UnboundedReceiver<TargetId>,
) {
    loop {
        let id = tokio::select! {
            Some(id) = inputs.recv() => id,
            Some(id) = woken.recv() => id,
            else => return,
        };
        shared.queue.add(id);
    }
}

/// Whoever begins or ends to lead puts every object to work anew, in the mode that goes with it.
async fn follow_leadership(shared: Arc<Shared>) {
    let mut leading = shared.tools.leading.clone();
    while let Some(now) = leading.changed().await {
        tracing::info!(leading = now, "taking up every ScaledObject");
        shared.tools.index.ids().into_iter().for_each(|id| shared.queue.add(id));
        if now {
            shared.tools.status.look_at_all();
        }
    }
}

async fn count_ready_pods(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(READY_AGAIN).await;
        for id in shared.tools.bindings.needing_ready() {
            let Some(binding) = shared.tools.bindings.get(&id) else { continue };
            let brief = shared.tools.index.workload(id.namespace(), &binding.key);
            if brief.is_some_and(|brief| brief.ready.is_none()) {
                shared.observe(&id).await;
            }
        }
    }
}

async fn work(shared: Arc<Shared>) {
    while !shared.tools.index.synced() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    loop {
        let id = shared.queue.next().await;
        let again = shared.reconcile(&id).await;
        shared.queue.done(&id);
        if let Some(pause) = again {
            shared.queue.add_after(id, pause);
        }
    }
}

impl Shared {
    /// Tells the live loop of counts that changed.
    async fn observe(&self, id: &TargetId) {
        let Some(binding) = self.tools.bindings.get(id) else { return };
        let here = self.tools.index.workload(id.namespace(), &binding.key).is_some();
        let counts = match here {
            true => self.tools.port.observe(id).await,
            false => Err(tidegate_engine::ReadError::new(
                tidegate_engine::ReadErrorKind::NotFound,
                format!("there is no {} {}/{} any more", binding.key.kind, id.namespace(), binding.key.name),
            )),
        };
        // A loop that has stopped needs no counts.
        let _ = self.tools.handle.observed(id.clone(), counts).await;
    }

    /// How long to wait after another failure of this object.
    fn pause(&self, id: &TargetId) -> Duration {
        let failures = self.said(id, |said| {
            said.failures = said.failures.saturating_add(1);
            said.failures
        });
        let pause = RETRY.saturating_mul(1_u32 << (failures - 1).min(10)).min(RETRY_MAX);
        pause.mul_f64(jitter(0.8..1.2))
    }
}
