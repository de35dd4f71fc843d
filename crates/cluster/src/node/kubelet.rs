//! Watches the pods that are bound to the node, and has one task for each.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::runtime::watcher::{self, Event};
use tidegate_local::pods::Shared;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::brief::Brief;
use super::sweeps::Sweeps;
use super::usage::UsageBook;
use super::writer::Writer;
use super::{pod, pretend};

/// Before a watch that broke is tried again.
const AGAIN: Duration = Duration::from_millis(250);

/// What the node's parts share.
pub(crate) struct Kubelet {
    pub(crate) node: String,
    pub(crate) client: kube::Client,
    /// Of the pods' processes.
    pub(crate) shared: Arc<Shared>,
    pub(crate) writer: Writer,
    pub(crate) usage: UsageBook,
    pub(crate) sweeps: Sweeps,
    /// The node is to end, with all of its pods, at once.
    pub(crate) ending: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

/// A pod's task, from outside.
struct Entry {
    brief: watch::Sender<Brief>,
    signals: Signals,
    /// Whether the current list has it.
    seen: bool,
}

/// How a pod's task is told to end.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    /// Within the grace.
    pub(crate) stop: CancellationToken,
    /// Now.
    pub(crate) kill: CancellationToken,
}

impl Kubelet {
    /// Runs a task until the node ends.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let ending = self.ending.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = ending.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Follows the pods of the node for ever.
    pub(crate) async fn watch(self: Arc<Self>) {
        let api: Api<Pod> = Api::all(self.client.clone());
        let config = watcher::Config::default().fields(&format!("spec.nodeName={}", self.node)).any_semantic();
        let mut events = Box::pin(watcher::watcher(api, config));
        let mut pods: HashMap<String, Entry> = HashMap::new();
        loop {
            match events.try_next().await {
                Ok(Some(Event::Init)) => pods.values_mut().for_each(|entry| entry.seen = false),
                Ok(Some(Event::InitApply(pod) | Event::Apply(pod))) => self.applied(&mut pods, pod),
                Ok(Some(Event::InitDone)) => pods.retain(|_, entry| {
                    if !entry.seen {
                        entry.signals.end_now();
                    }
                    entry.seen
                }),
                Ok(Some(Event::Delete(pod))) => {
                    let entry = pod.metadata.uid.and_then(|uid| pods.remove(&uid));
                    if let Some(entry) = entry {
                        entry.signals.end_now();
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(%error, "the node's watch of its pods broke; trying again");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    fn applied(self: &Arc<Self>, pods: &mut HashMap<String, Entry>, pod: Pod) {
        let brief = Brief::of(&pod);
        match pods.get_mut(&brief.uid) {
            Some(entry) => {
                entry.seen = true;
                if let Some(grace) = brief.deletion_grace {
                    self.terminate(&entry.signals, grace);
                }
                entry.brief.send_if_modified(|old| {
                    let changed = old.annotations != brief.annotations || old.labels != brief.labels;
                    *old = brief;
                    changed
                });
            }
            None if brief.deletion_grace.is_some() => {
                let me = Arc::clone(self);
                self.tasks.spawn(async move { me.writer.delete(&brief).await });
            }
            None if brief.ended => {}
            None => {
                let signals = Signals { stop: CancellationToken::new(), kill: self.ending.child_token() };
                let uid = brief.uid.clone();
                let (sender, receiver) = watch::channel(brief);
                pods.insert(uid, Entry { brief: sender, signals: signals.clone(), seen: true });
                self.begin(pod, receiver, signals);
            }
        }
    }

    fn begin(self: &Arc<Self>, pod: Pod, brief: watch::Receiver<Brief>, signals: Signals) {
        let real = brief.borrow().real;
        let me = Arc::clone(self);
        if real {
            self.tasks.spawn(pod::run(me, pod, brief, signals));
        } else {
            self.tasks.spawn(pretend::run(me, brief, signals));
        }
    }

    fn terminate(&self, signals: &Signals, grace: Duration) {
        if signals.stop.is_cancelled() {
            return;
        }
        signals.stop.cancel();
        let kill = signals.kill.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = kill.cancelled() => {}
                () = tokio::time::sleep(grace) => kill.cancel(),
            }
        });
    }
}

impl Signals {
    fn end_now(&self) {
        self.stop.cancel();
        self.kill.cancel();
    }
}
