//! A node whose pods are processes of this machine: what a kubelet does, as far as tests need it.
//!
//! Pods are run by the same code that runs them under `tidegate up` (`tidegate_local::pods`). A pod may also only pretend
//! ([`annotations`]): then the node says that it runs, and thousands cost nothing.

mod annotations;
mod brief;
mod configs;
mod kubelet;
mod logs;
mod metrics_api;
mod pod;
mod pretend;
mod registration;
mod selector;
mod serve;
mod state;
mod sweeps;
mod usage;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidegate_local::logs::{LogOptions, Logs};
use tidegate_local::pods::{PodOptions, RestartDelays, Shared};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::control_plane::ControlPlane;
use crate::error::Error;
use crate::folder::Folder;
use crate::options::NodeOptions;
use crate::testing::{ApiServiceName, aggregate, local_service};
use kubelet::Kubelet;
use sweeps::Sweeps;
use usage::UsageBook;
use writer::Writer;

/// A running node.
pub(crate) struct Node {
    work: PathBuf,
    kubelet: Arc<Kubelet>,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Node").field("name", &self.kubelet.node).finish_non_exhaustive()
    }
}

impl Node {
    /// Registers the node and begins to run what is bound to it.
    pub(crate) async fn start(folder: &Folder, plane: &ControlPlane, options: &NodeOptions) -> Result<Node, Error> {
        let client = plane.admin.client()?;
        let work = options.working_dir.clone().unwrap_or_else(|| folder.path.join("work"));
        let logs = folder.path.join("logs/pods");
        let started = Logs::start(LogOptions::new(logs.clone()));
        let writing =
            started.map_err(|cause| Error::Start { name: "the thread that writes logs".to_owned(), cause })?;
        let pod_options = PodOptions {
            folder: work.clone(),
            state: folder.path.clone(),
            pods: folder.path.join("pods"),
            bin: options.bin.clone(),
            program: options.bin.join("tidegate"),
            restart_delays: RestartDelays { first: options.first_restart_delay, most: options.longest_restart_delay },
        };
        let shared = Shared { options: pod_options, guard: Arc::clone(&folder.guard), logs: writing };
        let ending = CancellationToken::new();
        let kubelet = Arc::new(Kubelet {
            node: options.name.clone(),
            client: client.clone(),
            shared: Arc::new(shared),
            writer: Writer::new(client.clone(), options.writers, ending.clone()),
            usage: UsageBook::default(),
            sweeps: Sweeps::new(folder.path.clone()),
            ending,
            tasks: TaskTracker::new(),
        });
        let node = Node { work, kubelet };
        if let Err(error) = node.begin(plane, logs).await {
            node.stop().await;
            return Err(error);
        }
        Ok(node)
    }

    async fn begin(&self, plane: &ControlPlane, logs: PathBuf) -> Result<(), Error> {
        let Node { kubelet, .. } = self;
        let (namespace, name) = ("kube-system".to_owned(), "tidegate-test-node".to_owned());
        let host = format!("{name}.{namespace}.svc");
        let certificate = plane.authority.server(&name, &[&host, "127.0.0.1", "localhost"])?;
        let router = metrics_api::router(Arc::clone(kubelet)).merge(logs::router(logs));
        let port = serve::start(kubelet, router, &certificate).await?;
        registration::register(kubelet, port).await?;
        kubelet.spawn(Arc::clone(kubelet).watch());
        kubelet.spawn(usage::sample(Arc::clone(kubelet)));
        kubelet.spawn(sweeps::run(Arc::clone(kubelet)));
        let (client, service) = (kubelet.client.clone(), ApiServiceName { namespace, name, port });
        local_service(&client, &service).await?;
        aggregate(client, "metrics.k8s.io", "v1beta1", &service, &plane.authority.pem()).await
    }

    /// Ends all pods at once, and the node.
    pub(crate) async fn stop(&self) {
        self.kubelet.ending.cancel();
        self.kubelet.tasks.close();
        self.kubelet.tasks.wait().await;
    }

    /// Where pods run unless they say otherwise.
    pub(crate) fn work_dir(&self) -> &Path {
        &self.work
    }
}
