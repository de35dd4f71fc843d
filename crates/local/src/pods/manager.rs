//! The task that knows all Deployments: starts and stops pods until there are as many as asked for.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use tidegate_engine::Workload;
use tidegate_scalers::LabelSelector;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::container::PodContext;
use super::plan::{PodView, plan};
use super::told::{Told, supervise};
use super::{DeploymentKey, DeploymentSpec, PodNature, PodObserver, PodSeen, PodTemplate, PodWhat, Shared};
use crate::processes::{self, Process};

/// Many pods often go together.
const SWEEP_DELAY: Duration = Duration::from_millis(200);

/// What the manager is asked to do.
pub(crate) enum Order {
    Put { spec: DeploymentSpec, replicas: u32 },
    Remove { key: DeploymentKey },
    Scale { key: DeploymentKey, replicas: u32, reply: oneshot::Sender<bool> },
    Counts { key: DeploymentKey, reply: oneshot::Sender<Option<Workload>> },
    Matching { namespace: Arc<str>, selector: LabelSelector, reply: oneshot::Sender<u64> },
    Seen { key: DeploymentKey, reply: oneshot::Sender<Option<Vec<PodSeen>>> },
    Shutdown { reply: oneshot::Sender<()> },
    Kill,
}

struct Deployment {
    revision: u64,
    template: Arc<PodTemplate>,
    nature: Arc<PodNature>,
    replicas: u32,
    pods: BTreeMap<u64, Pod>,
    /// Forgotten when its last pod is gone.
    removed: bool,
    /// What the observer was told last.
    told: Option<Workload>,
}

struct Pod {
    name: Arc<str>,
    revision: u64,
    ready: bool,
    terminating: bool,
    cost: i32,
    stop: CancellationToken,
}

pub(crate) struct Manager {
    shared: Arc<Shared>,
    observer: Arc<dyn PodObserver>,
    /// Given to each pod.
    told: mpsc::UnboundedSender<Told>,
    deployments: HashMap<DeploymentKey, Deployment>,
    /// Pods made so far.
    made: u64,
    kill: CancellationToken,
    /// Who waits for the last pod to end; nothing is started any more.
    ending: Vec<oneshot::Sender<()>>,
    sweeps: Sweeps,
}

impl Manager {
    pub(crate) fn new(shared: Arc<Shared>, observer: Arc<dyn PodObserver>, told: mpsc::UnboundedSender<Told>) -> Self {
        let kill = CancellationToken::new();
        let (deployments, sweeps) = (HashMap::new(), Sweeps::default());
        Manager { shared, observer, told, deployments, made: 0, kill, ending: Vec::new(), sweeps }
    }

    /// Until nobody can give orders any more and no pod is left.
    pub(crate) async fn run(
        mut self,
        mut orders: mpsc::UnboundedReceiver<Order>,
        mut heard: mpsc::UnboundedReceiver<Told>,
    ) {
        let mut open = true;
        while open || self.alive() > 0 {
            tokio::select! {
                order = orders.recv(), if open => match order {
                    Some(order) => self.obey(order),
                    None => {
                        open = false;
                        self.end_everything();
                    }
                },
                // The manager holds a sender itself, so this never ends.
                Some(told) = heard.recv() => self.hear(told),
                found = self.sweeps.found() => self.sweep(&found),
            }
            if !self.ending.is_empty() && self.alive() == 0 {
                for waiting in self.ending.drain(..) {
                    let _ = waiting.send(());
                }
            }
        }
    }

    fn alive(&self) -> usize {
        self.deployments.values().map(|deployment| deployment.pods.len()).sum()
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Put { spec, replicas } => self.put(spec, replicas),
            Order::Remove { key } => {
                if let Some(deployment) = self.deployments.get_mut(&key) {
                    deployment.removed = true;
                    deployment.replicas = 0;
                    self.reconcile(&key);
                }
            }
            Order::Scale { key, replicas, reply } => {
                let found = self.deployments.get_mut(&key).filter(|deployment| !deployment.removed);
                let known = found.map(|deployment| deployment.replicas = replicas).is_some();
                let _ = reply.send(known);
                self.reconcile(&key);
            }
            Order::Counts { key, reply } => {
                let found = self.deployments.get(&key).filter(|deployment| !deployment.removed);
                let _ = reply.send(found.map(Deployment::counts));
            }
            Order::Matching { namespace, selector, reply } => {
                let _ = reply.send(self.matching(&namespace, &selector));
            }
            Order::Seen { key, reply } => {
                let _ = reply.send(self.deployments.get(&key).map(Deployment::seen));
            }
            Order::Shutdown { reply } => {
                self.ending.push(reply);
                self.end_everything();
            }
            Order::Kill => {
                self.kill.cancel();
                self.end_everything();
            }
        }
    }

    fn matching(&self, namespace: &str, selector: &LabelSelector) -> u64 {
        let meant = self
            .deployments
            .iter()
            .filter(|(key, deployment)| *key.namespace == *namespace && selector.matches(&deployment.nature.labels));
        meant.map(|(_, deployment)| deployment.pods.len() as u64).sum()
    }

    fn put(&mut self, spec: DeploymentSpec, replicas: u32) {
        let DeploymentSpec { key, revision, template, nature } = spec;
        let deployment = self.deployments.entry(key.clone()).or_insert_with(|| Deployment {
            revision,
            template: Arc::clone(&template),
            nature: Arc::clone(&nature),
            replicas,
            pods: BTreeMap::new(),
            removed: false,
            told: None,
        });
        if deployment.removed {
            // It came back while its last pods were being ended.
            (deployment.removed, deployment.replicas) = (false, replicas);
        }
        (deployment.revision, deployment.template, deployment.nature) = (revision, template, nature);
        self.reconcile(&key);
    }

    fn end_everything(&mut self) {
        if self.ending.is_empty() {
            // Kept so that nothing is started again: a closed receiver does no harm.
            self.ending.push(oneshot::channel().0);
        }
        for (key, deployment) in &mut self.deployments {
            for pod in deployment.pods.values_mut().filter(|pod| !pod.terminating) {
                pod.terminating = true;
                pod.stop.cancel();
                self.observer.event(key, &pod.name, &PodWhat::Terminating);
            }
        }
    }

    fn hear(&mut self, told: Told) {
        let Told { deployment: key, number, pod, what } = told;
        self.observer.event(&key, &pod, &what);
        let Some(deployment) = self.deployments.get_mut(&key) else { return };
        match what {
            PodWhat::Ready => deployment.set_ready(number, true),
            PodWhat::Unready { .. } | PodWhat::Exited { .. } => deployment.set_ready(number, false),
            PodWhat::Gone => {
                deployment.pods.remove(&number);
                self.sweeps.due(&self.shared.options.state);
            }
            _ => return,
        }
        self.reconcile(&key);
    }

    /// Ends what descends from pods that are gone: daemons that left their pod's process group.
    fn sweep(&mut self, found: &[(Process, String)]) {
        let pods = self.deployments.values().flat_map(|deployment| deployment.pods.values());
        let alive: HashSet<&str> = pods.map(|pod| &*pod.name).collect();
        for (process, pod) in found {
            if !alive.contains(pod.as_str()) {
                process.signal(Signal::SIGKILL);
            }
        }
    }

    fn reconcile(&mut self, key: &DeploymentKey) {
        let Some(deployment) = self.deployments.get_mut(key) else { return };
        if self.ending.is_empty() {
            let excess = deployment.live().count() > deployment.replicas as usize;
            if excess {
                deployment.look_up_costs(&self.shared.options.pods);
            }
            let plan = plan(&deployment.views(), deployment.replicas as usize);
            for number in plan.stop {
                if let Some(pod) = deployment.pods.get_mut(&number) {
                    pod.terminating = true;
                    pod.stop.cancel();
                    self.observer.event(key, &pod.name, &PodWhat::Terminating);
                }
            }
            for _ in 0..plan.start {
                self.made += 1;
                let told = self.told.clone();
                deployment.start(key, self.made, &self.shared, &self.kill, told);
            }
        }
        let counts = deployment.counts();
        if deployment.removed {
            if deployment.pods.is_empty() {
                self.deployments.remove(key);
            }
        } else if deployment.told != Some(counts) {
            deployment.told = Some(counts);
            self.observer.counts(key, counts);
        }
    }
}

impl Deployment {
    fn live(&self) -> impl Iterator<Item = &Pod> {
        self.pods.values().filter(|pod| !pod.terminating)
    }

    fn seen(&self) -> Vec<PodSeen> {
        let seen = |pod: &Pod| PodSeen {
            name: Arc::clone(&pod.name),
            ready: pod.ready,
            terminating: pod.terminating,
            nature: Arc::clone(&self.nature),
        };
        self.pods.values().map(seen).collect()
    }

    fn counts(&self) -> Workload {
        let count = |pods: usize| u32::try_from(pods).unwrap_or(u32::MAX);
        Workload {
            replicas: self.replicas,
            current: count(self.live().count()),
            ready: count(self.live().filter(|pod| pod.ready).count()),
            busy: None,
        }
    }

    fn views(&self) -> Vec<PodView> {
        let view = |(number, pod): (&u64, &Pod)| PodView {
            number: *number,
            outdated: pod.revision != self.revision,
            ready: pod.ready,
            terminating: pod.terminating,
            cost: pod.cost,
        };
        self.pods.iter().map(view).collect()
    }

    fn set_ready(&mut self, number: u64, ready: bool) {
        if let Some(pod) = self.pods.get_mut(&number) {
            pod.ready = ready;
        }
    }

    /// Pods may say what ending them would cost; that matters, and is looked up, only when some have to go.
    fn look_up_costs(&mut self, pods: &Path) {
        for pod in self.pods.values_mut().filter(|pod| !pod.terminating) {
            let Ok(text) = fs::read_to_string(pods.join(&*pod.name).join("deletion-cost")) else { continue };
            match text.trim().parse() {
                Ok(cost) => pod.cost = cost,
                Err(_) => {
                    tracing::warn!(pod = %pod.name, found = text.trim(), "the pod's deletion cost is no whole number");
                }
            }
        }
    }

    fn start(
        &mut self,
        key: &DeploymentKey,
        number: u64,
        shared: &Arc<Shared>,
        kill: &CancellationToken,
        told: mpsc::UnboundedSender<Told>,
    ) {
        let name: Arc<str> = format!("{}-{}", key.name, suffix(number)).into();
        let stop = CancellationToken::new();
        let context = PodContext {
            shared: Arc::clone(shared),
            template: Arc::clone(&self.template),
            namespace: Arc::clone(&key.namespace),
            name: Arc::clone(&name),
            uid: uid(number),
            mark: Arc::clone(&name),
            folder: shared.options.pods.join(&*name),
            stop: stop.clone(),
            kill: kill.clone(),
        };
        let (revision, cost) = (self.revision, self.template.deletion_cost);
        self.pods.insert(number, Pod { name, revision, ready: false, terminating: false, cost, stop });
        tokio::spawn(supervise(context, number, key.clone(), told));
    }
}

/// Looks for what pods left behind: soon after one has gone, and one look for all that went meanwhile.
#[derive(Debug, Default)]
struct Sweeps {
    looking: Option<JoinHandle<Vec<(Process, String)>>>,
}

impl Sweeps {
    fn due(&mut self, state: &Path) {
        if self.looking.is_none() {
            let state = state.to_owned();
            self.looking = Some(tokio::spawn(async move {
                tokio::time::sleep(SWEEP_DELAY).await;
                tokio::task::spawn_blocking(move || processes::of_run(&state)).await.unwrap_or_default()
            }));
        }
    }

    /// What there is, pods that are alive included.
    async fn found(&mut self) -> Vec<(Process, String)> {
        let Some(looking) = &mut self.looking else { return std::future::pending().await };
        let found = looking.await.unwrap_or_default();
        self.looking = None;
        found
    }
}

/// Five letters as Kubernetes chooses them: no vowels, so that no words come about.
fn suffix(number: u64) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut rest = RandomState::new().hash_one(number);
    let mut letter = || {
        let index = usize::try_from(rest % LETTERS.len() as u64).unwrap_or(0);
        rest /= LETTERS.len() as u64;
        char::from(LETTERS[index])
    };
    std::iter::repeat_with(&mut letter).take(5).collect()
}

/// Shaped as a random UUID.
fn uid(number: u64) -> String {
    let (one, two) = (RandomState::new().hash_one(number), RandomState::new().hash_one(number));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        one >> 32,
        one >> 16 & 0xffff,
        one & 0xfff,
        two >> 52,
        two & 0xffff_ffff_ffff
    )
}
