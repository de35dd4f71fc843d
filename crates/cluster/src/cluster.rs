//! A cluster: its control plane and its node.

use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;

use crate::access::Access;
use crate::certificates::Authority;
use crate::component::Component;
use crate::control_plane::ControlPlane;
use crate::error::Error;
use crate::folder::Folder;
use crate::node::Node;
use crate::options::ClusterOptions;

/// A port that was free a moment ago may be taken by another cluster that starts now.
const TRIES: u32 = 3;
/// What Go's servers and etcd say then.
const TAKEN: &str = "address already in use";

/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(25);

/// A running cluster.
#[derive(Debug)]
pub struct Cluster {
    pub(crate) folder: Folder,
    pub(crate) control_plane: ControlPlane,
    pub(crate) node: Option<Node>,
    kubeconfig: PathBuf,
    /// Held by whoever changes what all share.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

impl Cluster {
    /// Starts a cluster; returns when pods can be made and run. Its parts live on the current Tokio runtime.
    ///
    /// # Errors
    /// When a program is missing (the message names the command that helps) or a part does not come up.
    pub async fn start(options: ClusterOptions) -> Result<Cluster, Error> {
        crate::component::install_crypto();
        let mut tries = 1;
        loop {
            match Cluster::attempt(&options).await {
                Err(Error::Unhealthy { log, .. }) if tries < TRIES && log.contains(TAKEN) => tries += 1,
                result => return result,
            }
        }
    }

    async fn attempt(options: &ClusterOptions) -> Result<Cluster, Error> {
        let folder = Folder::new()?;
        let control_plane = match ControlPlane::start(&folder, options).await {
            Ok(control_plane) => control_plane,
            Err(error) => {
                folder.remove();
                return Err(error);
            }
        };
        let kubeconfig = folder.path.join("kubeconfig");
        let mut cluster = Cluster { folder, control_plane, node: None, kubeconfig, turn: tokio::sync::Mutex::new(()) };
        match cluster.add_node(options).await {
            Ok(()) => Ok(cluster),
            Err(error) => {
                cluster.stop().await;
                Err(error)
            }
        }
    }

    async fn add_node(&mut self, options: &ClusterOptions) -> Result<(), Error> {
        if let Some(node) = &options.node {
            self.node = Some(Node::start(&self.folder, &self.control_plane, node).await?);
        }
        account_of(&self.control_plane.admin.client()?, "default").await
    }

    /// Ends everything and removes its files.
    pub async fn stop(self) {
        if let Some(node) = &self.node {
            node.stop().await;
        }
        self.control_plane.stop().await;
        self.folder.remove();
    }

    /// Administrator's access.
    #[must_use]
    pub fn admin(&self) -> &Access {
        &self.control_plane.admin
    }

    /// A file for `KUBECONFIG`, as an administrator.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The API server: `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.control_plane.url.clone()
    }

    /// Signs the certificates of the API server and of its clients.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.control_plane.authority
    }

    /// Signs the certificate that the API server shows to aggregated APIs. A test may have it sign one of its own.
    #[must_use]
    pub fn front_proxy(&self) -> &Authority {
        &self.control_plane.front_proxy
    }

    /// The folder with all of the cluster's files: logs, certificates, pods.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder.path
    }

    /// kube-apiserver.
    #[must_use]
    pub fn api_server(&self) -> &Component {
        &self.control_plane.api_server
    }

    /// etcd.
    #[must_use]
    pub fn etcd(&self) -> &Component {
        &self.control_plane.etcd
    }

    /// kube-controller-manager.
    #[must_use]
    pub fn controller_manager(&self) -> &Component {
        &self.control_plane.controller_manager
    }

    /// kube-scheduler.
    #[must_use]
    pub fn scheduler(&self) -> &Component {
        &self.control_plane.scheduler
    }

    /// The folder in which pods run that name no working directory. `None`: there is no node.
    #[must_use]
    pub fn work_dir(&self) -> Option<&Path> {
        self.node.as_ref().map(Node::work_dir)
    }
}

/// Waits for the account that pods of a namespace run as; no pod can be made before.
pub(crate) async fn account_of(client: &kube::Client, namespace: &str) -> Result<(), Error> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let what = format!("namespace {namespace} has its service account `default`");
    let there = || {
        let accounts = accounts.clone();
        async move { accounts.get_opt("default").await.is_ok_and(|found| found.is_some()) }
    };
    until(&what, Duration::from_secs(120), there).await
}

/// Looks until `condition` holds.
pub(crate) async fn until<F: Future<Output = bool>>(
    what: &str,
    within: Duration,
    mut condition: impl FnMut() -> F,
) -> Result<(), Error> {
    let begun = std::time::Instant::now();
    while !condition().await {
        if begun.elapsed() > within {
            return Err(Error::TimedOut { what: what.to_owned(), seconds: within.as_secs() });
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}
