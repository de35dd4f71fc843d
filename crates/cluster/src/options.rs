//! What a cluster can be asked to be.

use std::path::PathBuf;
use std::time::Duration;

use crate::programs::workspace_root;

/// Settings of a cluster. The default is Kubernetes with its own defaults.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// Between two looks of the HPA controller at each HorizontalPodAutoscaler.
    pub hpa_sync: Duration,
    /// The downscale stabilization window of HPAs that name none.
    pub hpa_downscale_stabilization: Duration,
    /// How long after its start a pod's CPU is left out of account.
    pub hpa_cpu_initialization: Duration,
    /// How long after its start a pod that was never ready counts as starting.
    pub hpa_initial_readiness_delay: Duration,
    /// HPAs looked at at once.
    pub hpa_workers: u32,
    /// Requests a second, of each controller and of the scheduler. `None`: Kubernetes' own limits (20 and 50).
    pub client_qps: Option<u32>,
    /// The node. `None`: pods stay pending.
    pub node: Option<NodeOptions>,
    /// Further flags of kube-apiserver; a flag given here wins.
    pub api_server_flags: Vec<String>,
    /// Further flags of kube-controller-manager.
    pub controller_manager_flags: Vec<String>,
    /// The API server's port. `None`: a free one.
    pub port: Option<u16>,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        ClusterOptions {
            hpa_sync: Duration::from_secs(15),
            hpa_downscale_stabilization: Duration::from_secs(300),
            hpa_cpu_initialization: Duration::from_secs(300),
            hpa_initial_readiness_delay: Duration::from_secs(30),
            hpa_workers: 5,
            client_qps: None,
            node: Some(NodeOptions::default()),
            api_server_flags: Vec::new(),
            controller_manager_flags: Vec::new(),
            port: None,
        }
    }
}

impl ClusterOptions {
    /// For tests of behaviour: as few waits as possible.
    #[must_use]
    pub fn quick() -> Self {
        ClusterOptions {
            hpa_sync: Duration::from_secs(2),
            hpa_downscale_stabilization: Duration::from_secs(5),
            hpa_cpu_initialization: Duration::ZERO,
            hpa_initial_readiness_delay: Duration::ZERO,
            client_qps: Some(1000),
            ..ClusterOptions::default()
        }
    }
}

/// Settings of the node.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// Its name.
    pub name: String,
    /// Put first in the `PATH` of pods.
    pub bin: PathBuf,
    /// Where pods run unless they name a working directory. `None`: a folder of the cluster.
    pub working_dir: Option<PathBuf>,
    /// Before the second restart of a container that keeps ending.
    pub first_restart_delay: Duration,
    /// The longest such delay.
    pub longest_restart_delay: Duration,
    /// Requests to the API server at once.
    pub writers: usize,
}

impl Default for NodeOptions {
    fn default() -> Self {
        NodeOptions {
            name: "tidegate-test-node".to_owned(),
            // So that pods find `tidegate`.
            bin: workspace_root().join("target/debug"),
            working_dir: None,
            first_restart_delay: Duration::from_secs(1),
            longest_restart_delay: Duration::from_secs(10),
            writers: 32,
        }
    }
}
