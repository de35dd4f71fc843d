//! The servers of the control plane: with which flags, in which order.

use std::path::Path;

use crate::access::Access;
use crate::certificates::{Authority, KeyPair, service_account_keys};
use crate::component::{Component, Plan};
use crate::error::Error;
use crate::folder::Folder;
use crate::options::ClusterOptions;
use crate::ports::free_ports;
use crate::programs;

/// The user that may call aggregated APIs for others.
const FRONT_PROXY: &str = "front-proxy-client";

/// The running servers, and the way in.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    pub(crate) etcd: Component,
    pub(crate) api_server: Component,
    pub(crate) controller_manager: Component,
    pub(crate) scheduler: Component,
    /// `https://127.0.0.1:PORT`.
    pub(crate) url: String,
    /// Signs clients' and servers' certificates.
    pub(crate) authority: Authority,
    /// Signs what the API server shows to aggregated APIs.
    pub(crate) front_proxy: Authority,
    /// `system:masters`.
    pub(crate) admin: Access,
}

impl ControlPlane {
    /// Starts everything; returns when all of it is healthy.
    pub(crate) async fn start(folder: &Folder, options: &ClusterOptions) -> Result<ControlPlane, Error> {
        let certificates = folder.path.join("certificates");
        let authority = Authority::new("tidegate-test-cluster", &certificates)?;
        let front_proxy = Authority::new("tidegate-test-front-proxy", &certificates.join("front-proxy"))?;
        let [port, etcd_clients, etcd_peers, managers_own, schedulers_own] =
            free_ports().map_err(Error::ports("the control plane"))?;
        let port = options.port.unwrap_or(port);
        let url = format!("https://127.0.0.1:{port}");
        let access = |user: &str, groups: &[&str]| -> Result<Access, Error> {
            Ok(Access::by_certificate(&url, &authority.certificate, authority.client(user, groups)?))
        };
        let admin = access("tidegate-test-admin", &["system:masters"])?;
        admin.write_kubeconfig(&folder.path.join("kubeconfig"))?;
        let (etcd, etcd_url) = etcd(folder, etcd_clients, etcd_peers)?;
        let api_server = api_server(folder, options, &authority, &front_proxy, port, &etcd_url)?;
        let user = access("system:kube-controller-manager", &[])?;
        let controller_manager = controller_manager(folder, options, &authority, &user, managers_own)?;
        let user = access("system:kube-scheduler", &[])?;
        let scheduler = scheduler(folder, options, &user, schedulers_own)?;
        let plane =
            ControlPlane { etcd, api_server, controller_manager, scheduler, url, authority, front_proxy, admin };
        let brought_up = plane.bring_up().await;
        if brought_up.is_err() {
            plane.stop().await;
        }
        brought_up.map(|()| plane)
    }

    async fn bring_up(&self) -> Result<(), Error> {
        self.etcd.start().await?;
        self.api_server.start().await?;
        // Both only wait for the API server; side by side they are ready sooner.
        self.controller_manager.spawn()?;
        self.scheduler.spawn()?;
        self.controller_manager.healthy().await?;
        self.scheduler.healthy().await
    }

    /// Ends the servers, those first that depend on others.
    pub(crate) async fn stop(&self) {
        for component in [&self.scheduler, &self.controller_manager] {
            component.kill().await;
        }
        // Nothing of it is kept, so there is nothing to end in order.
        self.api_server.kill().await;
        self.etcd.kill().await;
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn etcd(folder: &Folder, clients: u16, peers: u16) -> Result<(Component, String), Error> {
    let url = format!("http://127.0.0.1:{clients}");
    let peers = format!("http://127.0.0.1:{peers}");
    let args = [
        format!("--data-dir={}", text(&folder.path.join("etcd"))),
        format!("--listen-client-urls={url}"),
        format!("--advertise-client-urls={url}"),
        format!("--listen-peer-urls={peers}"),
        format!("--initial-advertise-peer-urls={peers}"),
        format!("--initial-cluster=default={peers}"),
        "--quota-backend-bytes=4294967296".to_owned(),
        "--auto-compaction-retention=5m".to_owned(),
    ];
    let plan = Plan {
        name: "etcd".to_owned(),
        program: programs::etcd()?,
        args: args.to_vec(),
        env: Vec::new(),
        health: Some(format!("{url}/health")),
    };
    Ok((Component::new(folder, plan), url))
}

fn api_server(
    folder: &Folder,
    options: &ClusterOptions,
    authority: &Authority,
    front_proxy: &Authority,
    port: u16,
    etcd: &str,
) -> Result<Component, Error> {
    let hosts = ["127.0.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
    let KeyPair { certificate, key } = authority.server("kube-apiserver", &hosts)?;
    let kubelet_client = authority.client("kube-apiserver-kubelet-client", &["system:masters"])?;
    let proxy = front_proxy.client(FRONT_PROXY, &[])?;
    let accounts = service_account_keys(&folder.path.join("certificates"))?;
    let mut args = vec![
        format!("--etcd-servers={etcd}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        // The service `kubernetes` would need an address that is not this machine's own.
        "--endpoint-reconciler-type=none".to_owned(),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        format!("--tls-cert-file={}", text(&certificate)),
        format!("--tls-private-key-file={}", text(&key)),
        format!("--client-ca-file={}", text(&authority.certificate)),
        format!("--kubelet-client-certificate={}", text(&kubelet_client.certificate)),
        format!("--kubelet-client-key={}", text(&kubelet_client.key)),
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={}", text(&accounts.certificate)),
        format!("--service-account-signing-key-file={}", text(&accounts.key)),
        "--authorization-mode=RBAC".to_owned(),
        format!("--requestheader-client-ca-file={}", text(&front_proxy.certificate)),
        format!("--requestheader-allowed-names={FRONT_PROXY}"),
        "--requestheader-extra-headers-prefix=X-Remote-Extra-".to_owned(),
        "--requestheader-group-headers=X-Remote-Group".to_owned(),
        "--requestheader-username-headers=X-Remote-User".to_owned(),
        format!("--proxy-client-cert-file={}", text(&proxy.certificate)),
        format!("--proxy-client-key-file={}", text(&proxy.key)),
        // A new node would wait for the next look of the node controller.
        "--disable-admission-plugins=TaintNodesByCondition".to_owned(),
    ];
    args.extend(options.api_server_flags.iter().cloned());
    let plan = Plan {
        name: "kube-apiserver".to_owned(),
        program: programs::kubernetes("kube-apiserver")?,
        args,
        env: Vec::new(),
        health: Some(format!("https://127.0.0.1:{port}/readyz")),
    };
    Ok(Component::new(folder, plan))
}

/// What the controller manager and the scheduler have in common: flags and the port of `/healthz`.
fn client_flags(
    folder: &Folder,
    name: &str,
    options: &ClusterOptions,
    user: &Access,
    port: u16,
) -> Result<(Vec<String>, String), Error> {
    let file = folder.path.join(format!("{name}.kubeconfig"));
    user.write_kubeconfig(&file)?;
    let file = text(&file);
    let mut args = vec![
        format!("--kubeconfig={file}"),
        format!("--authentication-kubeconfig={file}"),
        format!("--authorization-kubeconfig={file}"),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        "--leader-elect=false".to_owned(),
    ];
    if let Some(qps) = options.client_qps {
        args.extend([format!("--kube-api-qps={qps}"), format!("--kube-api-burst={}", qps * 2)]);
    }
    Ok((args, format!("https://127.0.0.1:{port}/healthz")))
}

fn controller_manager(
    folder: &Folder,
    options: &ClusterOptions,
    authority: &Authority,
    user: &Access,
    port: u16,
) -> Result<Component, Error> {
    let name = "kube-controller-manager";
    let (mut args, health) = client_flags(folder, name, options, user, port)?;
    let seconds = |duration: std::time::Duration| format!("{}ms", duration.as_millis());
    let accounts = folder.path.join("certificates/service-accounts.key");
    args.extend([
        format!("--root-ca-file={}", text(&authority.certificate)),
        format!("--service-account-private-key-file={}", text(&accounts)),
        // Each controller with the rights that it has on a real cluster.
        "--use-service-account-credentials=true".to_owned(),
        format!("--horizontal-pod-autoscaler-sync-period={}", seconds(options.hpa_sync)),
        format!("--horizontal-pod-autoscaler-downscale-stabilization={}", seconds(options.hpa_downscale_stabilization)),
        format!("--horizontal-pod-autoscaler-cpu-initialization-period={}", seconds(options.hpa_cpu_initialization)),
        format!("--horizontal-pod-autoscaler-initial-readiness-delay={}", seconds(options.hpa_initial_readiness_delay)),
        format!("--concurrent-horizontal-pod-autoscaler-syncs={}", options.hpa_workers),
    ]);
    args.extend(options.controller_manager_flags.iter().cloned());
    let program = programs::kubernetes(name)?;
    let plan = Plan { name: name.to_owned(), program, args, env: Vec::new(), health: Some(health) };
    Ok(Component::new(folder, plan))
}

fn scheduler(folder: &Folder, options: &ClusterOptions, user: &Access, port: u16) -> Result<Component, Error> {
    let name = "kube-scheduler";
    let (args, health) = client_flags(folder, name, options, user, port)?;
    let program = programs::kubernetes(name)?;
    let plan = Plan { name: name.to_owned(), program, args, env: Vec::new(), health: Some(health) };
    Ok(Component::new(folder, plan))
}
