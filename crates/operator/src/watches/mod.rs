//! Everything the process knows of the cluster: one shared watch a kind, stripped to what is needed, in an [`Index`].
//!
//! What changed is told as [`Change`]s. Workloads are watched by kind, and only kinds that a ScaledObject names.

mod brief;
mod feed;
mod index;
mod objects;
mod packed;
mod workloads;

use std::sync::Arc;

use kube::Client;
use kube::core::ApiResource;
use tidegate_engine::TargetId;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::Options;

pub(crate) use brief::{HPA_OWNERSHIP, MANAGED_BY, Named};
pub use brief::{HpaBrief, HpaOwner, HpaScaling, KnownObject, WorkloadBrief};
pub(crate) use feed::{Lists, Step, follow};
pub use index::Index;
pub(crate) use index::id_of;
pub(crate) use objects::scaled_object_resource;
pub use packed::Packed;
pub(crate) use workloads::{Workloads, brief_of};

/// Something that a watch saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A ScaledObject, what is attached to it, or its HorizontalPodAutoscaler changed in a way that may ask for
    /// something to be done.
    Object(TargetId),
    /// A ScaledObject is not there any more.
    Gone(TargetId),
    /// The conditions of a ScaledObject's HorizontalPodAutoscaler changed.
    HpaStatus(TargetId),
    /// The counts of what a ScaledObject scales changed.
    Counts(TargetId),
}

/// The running watches. They end when this is dropped.
#[derive(Debug)]
pub(crate) struct Watches {
    pub(crate) index: Index,
    pub(crate) workloads: Workloads,
    tasks: Arc<Tasks>,
}

/// What a watch works with: how lists come, what is known, and who hears of changes.
type Tools = (Lists, Index, mpsc::UnboundedSender<Change>);

/// Tasks that end with their owner.
#[derive(Debug, Default)]
struct Tasks {
    tracker: TaskTracker,
    stop: tokio_util::sync::CancellationToken,
}

impl Tasks {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(self.stop.clone().run_until_cancelled_owned(async move {
            task.await;
        }));
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Watches {
    /// Starts all watches but those of workloads.
    pub(crate) fn start(
        client: Client,
        options: &Options,
        lists: &Lists,
        changes: mpsc::UnboundedSender<Change>,
    ) -> Watches {
        let (index, tasks) = (Index::default(), Arc::new(Tasks::default()));
        let namespaces: Vec<Option<String>> = if options.namespaces.is_empty() {
            vec![None]
        } else {
            options.namespaces.iter().cloned().map(Some).collect()
        };
        for namespace in &namespaces {
            let namespace = namespace.as_deref();
            let labels = options.label_selector.clone();
            let told = || (lists.clone(), index.clone(), changes.clone());
            index.expect_list();
            tasks.spawn(objects::scaled_objects(client.clone(), namespace, labels, told()));
            index.expect_list();
            tasks.spawn(objects::scaling_policies(client.clone(), namespace, told()));
            index.expect_list();
            tasks.spawn(objects::hpas(client.clone(), namespace, told()));
        }
        let told = (lists.clone(), index.clone(), changes);
        let workloads = Workloads::new(client, namespaces, told, Arc::downgrade(&tasks));
        Watches { index, workloads, tasks }
    }

    /// Ends all watches.
    pub(crate) async fn stop(&self) {
        self.tasks.stop.cancel();
        self.tasks.tracker.close();
        self.tasks.tracker.wait().await;
    }
}

/// An API of one namespace, or of all.
fn api<K>(client: Client, namespace: Option<&str>, resource: &ApiResource) -> kube::Api<K>
where
    K: kube::Resource<DynamicType = ApiResource, Scope = kube::core::DynamicResourceScope>,
{
    match namespace {
        Some(namespace) => kube::Api::namespaced_with(client, namespace, resource),
        None => kube::Api::all_with(client, resource),
    }
}
