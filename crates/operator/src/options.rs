//! All settings of an operator, as plain data. Crate `cli` makes them from flags and KEDA's environment variables.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of one operator process. [`Options::default`] serves nothing on the network and leads without an election.
#[derive(Clone, Debug)]
pub struct Options {
    /// Namespaces to look at (`WATCH_NAMESPACE`). Empty: all.
    pub namespaces: Vec<String>,
    /// Only ScaledObjects with these labels (`WATCH_LABEL_SELECTOR`).
    pub label_selector: Option<String>,
    /// Only authentication objects with these labels (`WATCH_LABEL_SELECTOR_FOR_TRIGGERAUTH`).
    pub authentication_label_selector: Option<String>,
    /// The operator's own namespace (`POD_NAMESPACE`): its lease and certificates live there.
    pub own_namespace: String,
    /// Where ClusterTriggerAuthentications find Secrets (`KEDA_CLUSTER_OBJECT_NAMESPACE`). `None`: the own namespace.
    pub cluster_object_namespace: Option<String>,
    /// Secrets are read only from the namespace of cluster objects (`KEDA_RESTRICT_SECRET_ACCESS`).
    pub restrict_secret_access: bool,
    /// Below which folder `filePath` of a ClusterTriggerAuthentication is found (`--filepath-auth-root-path`).
    pub file_auth_root: Option<PathBuf>,
    /// Lifetime of tokens for `boundServiceAccountToken`.
    pub bound_token_lifetime: Duration,
    /// Leader election. `None`: this process always leads.
    pub lease: Option<LeaseOptions>,
    /// Where `/metrics` is served. Port 0: any free one.
    pub metrics: Option<SocketAddr>,
    /// Where `/healthz` and `/readyz` are served.
    pub health: Option<SocketAddr>,
    /// Where CPU and heap profiles are served.
    pub profiling: Option<SocketAddr>,
    /// Where the console is served.
    pub console: Option<SocketAddr>,
    /// The external metrics API. `None`: not served.
    pub external_metrics: Option<ExternalMetricsOptions>,
    /// The admission webhook. `None`: not served.
    pub admission: Option<AdmissionOptions>,
    /// Where serving certificates come from.
    pub certificates: CertificateOptions,
    /// How long a request of a trigger may take where the trigger does not say (`KEDA_HTTP_DEFAULT_TIMEOUT`).
    pub http_timeout: Duration,
    /// Folders of certificate authorities that all triggers trust besides the system's (`--ca-dir`). Read at the start.
    pub authority_folders: Vec<PathBuf>,
    /// Addresses (`10.0.0.0/8`, `::1/128`) that triggers may reach although they are refused otherwise.
    pub allowed_addresses: Vec<String>,
    /// For the label `app.kubernetes.io/version`.
    pub version: String,
}

/// A Service of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its port.
    pub port: u16,
}

/// The external metrics API.
#[derive(Clone, Debug)]
pub struct ExternalMetricsOptions {
    /// Where it listens.
    pub bind: SocketAddr,
    /// Through which Service the API server reaches it; the APIService names it.
    pub service: ServiceName,
    /// Whether to keep the `caBundle` of the APIService right (`--enable-apiservice-patching`).
    pub patch_api_service: bool,
}

/// The admission webhook.
#[derive(Clone, Debug)]
pub struct AdmissionOptions {
    /// Where it listens.
    pub bind: SocketAddr,
    /// The ValidatingWebhookConfiguration (`--validating-webhook-name`).
    pub configuration: String,
    /// Whether to keep its `caBundle` right (`--enable-webhook-patching`).
    pub patch_configuration: bool,
}

/// Leader election.
#[derive(Clone, Debug)]
pub struct LeaseOptions {
    /// The Lease's name (`--leader-election-id`); it lives in the own namespace.
    pub name: String,
    /// Who this process is; unique among the replicas.
    pub identity: String,
    /// After how long without a renewal others take over.
    pub duration: Duration,
    /// How long the leader tries to renew before it gives up.
    pub renew_deadline: Duration,
    /// How often it is renewed, and looked at by the others.
    pub retry_period: Duration,
}

/// Where serving certificates come from.
#[derive(Clone, Debug)]
pub enum CertificateOptions {
    /// Made and rotated by the operator, kept in a Secret of the own namespace that all replicas share.
    Managed {
        /// The Secret's name (`--cert-secret-name`).
        secret: String,
        /// The names that they are valid for.
        dns_names: Vec<String>,
    },
    /// Given as files `tls.crt`, `tls.key` and `ca.crt` in a folder (`--cert-dir`), as cert-manager mounts them; read
    /// again when they change.
    Files {
        /// The folder.
        folder: PathBuf,
    },
}

impl Default for Options {
    fn default() -> Self {
        Options {
            namespaces: Vec::new(),
            label_selector: None,
            authentication_label_selector: None,
            own_namespace: "keda".to_owned(),
            cluster_object_namespace: None,
            restrict_secret_access: false,
            file_auth_root: None,
            bound_token_lifetime: Duration::from_secs(3600),
            lease: None,
            metrics: None,
            health: None,
            profiling: None,
            console: None,
            external_metrics: None,
            admission: None,
            certificates: CertificateOptions::Managed {
                secret: "kedaorg-certs".to_owned(),
                dns_names: vec!["localhost".to_owned()],
            },
            http_timeout: Duration::from_secs(3),
            authority_folders: Vec::new(),
            allowed_addresses: Vec::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

impl Options {
    /// Where ClusterTriggerAuthentications find Secrets, ConfigMaps and service accounts.
    #[must_use]
    pub fn cluster_objects(&self) -> &str {
        self.cluster_object_namespace.as_deref().unwrap_or(&self.own_namespace)
    }
}
