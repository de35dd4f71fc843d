//! Pods, watched by namespace and only where somebody asks: triggers that count pods, and workloads of kinds that do not
//! tell how many of their pods are ready.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use tidegate_engine::{ReadError, ReadErrorKind};
use tidegate_scalers::{LabelSelector, PodCounter};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::watches::{Lists, Named, Step, follow};

/// A namespace about which nobody has asked for this long is watched no more.
const UNASKED: Duration = Duration::from_secs(900);

/// How long the first list of a namespace may take before whoever asks is told that nothing is known.
const FIRST_LIST: Duration = Duration::from_secs(10);

/// What is kept of a pod.
#[derive(Clone, Debug, PartialEq)]
struct PodBrief {
    labels: BTreeMap<String, String>,
    node: Option<String>,
    /// Succeeded or failed.
    ended: bool,
    /// Running, ready and not about to go.
    ready: bool,
}

impl PodBrief {
    fn of(pod: Pod) -> Self {
        let status = pod.status.unwrap_or_default();
        let phase = status.phase.as_deref().unwrap_or_default();
        let conditions = status.conditions.unwrap_or_default();
        let ready = conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
        PodBrief {
            labels: pod.metadata.labels.unwrap_or_default(),
            node: pod.spec.and_then(|spec| spec.node_name).filter(|node| !node.is_empty()),
            ended: matches!(phase, "Succeeded" | "Failed"),
            ready: phase == "Running" && ready && pod.metadata.deletion_timestamp.is_none(),
        }
    }
}

/// The pods of one namespace.
struct Namespace {
    pods: Arc<RwLock<HashMap<Named, PodBrief>>>,
    complete: watch::Receiver<bool>,
    asked: Instant,
    _running: DropGuard,
}

/// The watches. Cheap to clone; clones share.
#[derive(Clone)]
pub(crate) struct Pods {
    client: Client,
    lists: Lists,
    namespaces: Arc<Mutex<HashMap<String, Namespace>>>,
}

type Shared = (Arc<RwLock<HashMap<Named, PodBrief>>>, watch::Receiver<bool>);

impl Pods {
    pub(crate) fn new(client: Client, lists: Lists) -> Self {
        Pods { client, lists, namespaces: Arc::default() }
    }

    fn watched(&self, name: &str) -> Shared {
        let mut namespaces = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        namespaces.retain(|_, namespace| namespace.asked.elapsed() < UNASKED);
        let namespace = namespaces.entry(name.to_owned()).or_insert_with(|| self.begin(name));
        namespace.asked = Instant::now();
        (Arc::clone(&namespace.pods), namespace.complete.clone())
    }

    fn begin(&self, name: &str) -> Namespace {
        let pods: Arc<RwLock<HashMap<Named, PodBrief>>> = Arc::default();
        let (done, complete) = watch::channel(false);
        let api: Api<Pod> = Api::namespaced(self.client.clone(), name);
        let table = Arc::clone(&pods);
        let take = move |step: Step<Pod>| {
            let mut table = table.write().unwrap_or_else(PoisonError::into_inner);
            match step {
                Step::Apply(pod) => {
                    let metadata = &pod.metadata;
                    let name = Named::new(
                        metadata.namespace.as_deref().unwrap_or_default(),
                        metadata.name.as_deref().unwrap_or_default(),
                    );
                    table.insert(name, PodBrief::of(pod));
                }
                Step::Gone(name) => drop(table.remove(&name)),
                Step::Complete => drop(done.send_replace(true)),
            }
        };
        let (stop, lists) = (CancellationToken::new(), self.lists.clone());
        tokio::spawn(stop.clone().run_until_cancelled_owned(async move { follow(api, None, lists, take).await }));
        Namespace { pods, complete, asked: Instant::now(), _running: stop.drop_guard() }
    }

    async fn matching<T>(
        &self,
        namespace: &str,
        selector: &LabelSelector,
        answer: impl FnOnce(&mut dyn Iterator<Item = &PodBrief>) -> T,
    ) -> Result<T, ReadError> {
        let (pods, mut complete) = self.watched(namespace);
        let in_time = tokio::time::timeout(FIRST_LIST, complete.wait_for(|complete| *complete)).await;
        if !matches!(in_time, Ok(Ok(_))) {
            let message = format!(
                "listing pods of namespace {namespace:?}: no answer yet; may the operator list and watch pods there?"
            );
            return Err(ReadError::new(ReadErrorKind::Unreachable, message));
        }
        let pods = pods.read().unwrap_or_else(PoisonError::into_inner);
        Ok(answer(&mut pods.values().filter(|pod| selector.matches(&pod.labels))))
    }

    /// How many pods are running and ready.
    pub(crate) async fn ready(&self, namespace: &str, selector: &str) -> Result<u32, ReadError> {
        let parsed = LabelSelector::parse(selector).map_err(|error| {
            let message = format!("counting ready pods by {selector:?}: {error}");
            ReadError::new(ReadErrorKind::Invalid, message)
        })?;
        let ready = self.matching(namespace, &parsed, |pods| pods.filter(|pod| pod.ready).count()).await?;
        Ok(u32::try_from(ready).unwrap_or(u32::MAX))
    }
}

#[async_trait]
impl PodCounter for Pods {
    async fn count(&self, namespace: &str, selector: &LabelSelector, group_by_node: bool) -> Result<u64, ReadError> {
        let count = self.matching(namespace, selector, |pods| {
            let pods = pods.filter(|pod| !pod.ended);
            if group_by_node {
                let nodes: std::collections::HashSet<&str> = pods.filter_map(|pod| pod.node.as_deref()).collect();
                nodes.len()
            } else {
                pods.count()
            }
        });
        Ok(count.await? as u64)
    }
}
