//! `operator`: the flags of KEDA's three programs where they mean something here, and a few of our own.

use std::path::PathBuf;

use clap::{ArgAction, Args};

#[cfg(test)]
pub(crate) use ignored::FLAGS as IGNORED_FLAGS;
pub(crate) use ignored::Ignored;

mod ignored;

/// Arguments of `operator`. Flags bear KEDA's names; those of switches take `=false`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = LONG_EXAMPLES)]
pub(crate) struct OperatorArgs {
    /// Kubeconfig to use [default: the service account of the pod; outside of a pod KUBECONFIG or ~/.kube/config]
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    pub(crate) context: Option<String>,

    /// Take part in a leader election: one replica works, the others are ready to take over
    #[arg(long, value_name = "BOOL", help_heading = "Replicas", action = ArgAction::Set, num_args = 0..=1,
        require_equals = true, default_value_t = false, default_missing_value = "true")]
    pub(crate) leader_elect: bool,
    /// Name of the Lease
    #[arg(long, value_name = "NAME", help_heading = "Replicas", default_value = "operator.keda.sh")]
    pub(crate) leader_election_id: String,

    /// Where the external metrics API is served: a port, or ADDRESS:PORT; 0: not at all
    #[arg(long, value_name = "PORT", help_heading = "Listening", default_value = "6443")]
    pub(crate) secure_port: String,
    /// Where the admission webhook is served; 0: not at all
    #[arg(long, value_name = "ADDRESS", help_heading = "Listening", default_value = ":9443")]
    pub(crate) admission_bind_address: String,
    /// Where /metrics is served for Prometheus; 0: not at all
    #[arg(long, value_name = "ADDRESS", help_heading = "Listening", default_value = ":8080")]
    pub(crate) metrics_bind_address: String,
    /// Whether /metrics is served
    #[arg(long, value_name = "BOOL", help_heading = "Listening", action = ArgAction::Set, num_args = 0..=1,
        require_equals = true, default_value_t = true, default_missing_value = "true")]
    pub(crate) enable_prometheus_metrics: bool,
    /// Where /healthz and /readyz are served; 0: not at all
    #[arg(long, value_name = "ADDRESS", help_heading = "Listening", default_value = ":8081")]
    pub(crate) health_probe_bind_address: String,
    /// Where CPU and heap profiles are served [default: not at all]
    #[arg(long, value_name = "ADDRESS", help_heading = "Listening", default_value = "")]
    pub(crate) profiling_bind_address: String,
    /// Where the console and its API are served; there is no login, so keep it on loopback; 0: not at all
    #[arg(long, value_name = "ADDRESS", help_heading = "Listening", default_value = "127.0.0.1:8085")]
    pub(crate) console_bind_address: String,

    /// Make and rotate the serving certificates; otherwise they are read from --cert-dir
    #[arg(long, value_name = "BOOL", help_heading = "Certificates", action = ArgAction::Set, num_args = 0..=1,
        require_equals = true, default_value_t = false, default_missing_value = "true")]
    pub(crate) enable_cert_rotation: bool,
    /// Secret with the certificates that are made
    #[arg(long, value_name = "NAME", help_heading = "Certificates", default_value = "kedaorg-certs")]
    pub(crate) cert_secret_name: String,
    /// Folder with tls.crt, tls.key and ca.crt
    #[arg(long, value_name = "FOLDER", help_heading = "Certificates", default_value = "/certs")]
    pub(crate) cert_dir: PathBuf,
    /// Service of the operator, for its certificate
    #[arg(long, value_name = "NAME", help_heading = "Certificates", default_value = "keda-operator")]
    pub(crate) operator_service_name: String,
    /// Service of the external metrics API
    #[arg(long, value_name = "NAME", help_heading = "Certificates", default_value = "keda-metrics-apiserver")]
    pub(crate) metrics_server_service_name: String,
    /// Service of the admission webhook
    #[arg(long, value_name = "NAME", help_heading = "Certificates", default_value = "keda-admission-webhooks")]
    pub(crate) webhooks_service_name: String,
    /// Domain of the cluster, for the certificates
    #[arg(long, value_name = "DOMAIN", help_heading = "Certificates", default_value = "cluster.local")]
    pub(crate) k8s_cluster_domain: String,
    /// The ValidatingWebhookConfiguration whose caBundle is kept right
    #[arg(long, value_name = "NAME", help_heading = "Certificates", default_value = "keda-admission")]
    pub(crate) validating_webhook_name: String,
    /// Keep the caBundle of the webhook configuration right
    #[arg(long, value_name = "BOOL", help_heading = "Certificates", action = ArgAction::Set, num_args = 0..=1,
        require_equals = true, default_value_t = true, default_missing_value = "true")]
    pub(crate) enable_webhook_patching: bool,
    /// Keep the caBundle of the APIService right
    #[arg(long, value_name = "BOOL", help_heading = "Certificates", action = ArgAction::Set, num_args = 0..=1,
        require_equals = true, default_value_t = true, default_missing_value = "true")]
    pub(crate) enable_apiservice_patching: bool,

    /// Folder of certificate authorities (PEM files) that all triggers trust besides the system's and their own; may be
    /// repeated; read at the start [default: /custom/ca where that is there]
    #[arg(long, value_name = "FOLDER", help_heading = "Triggers")]
    pub(crate) ca_dir: Vec<PathBuf>,
    /// Folder below which `filePath` of ClusterTriggerAuthentications is found [default: none, no files are read]
    #[arg(long, value_name = "FOLDER", help_heading = "Triggers")]
    pub(crate) filepath_auth_root_path: Option<PathBuf>,
    /// Let triggers reach an address or network (10.0.0.0/8, ::1) that is refused otherwise: loopback, the API server;
    /// may be repeated. Link-local addresses, where clouds keep identities, are always refused
    #[arg(long = "allow-address", value_name = "ADDRESS[/BITS]", help_heading = "Triggers")]
    pub(crate) allow_addresses: Vec<String>,

    /// How much is logged: error, info or debug; or a filter of tracing, as tidegate_operator=debug
    #[arg(long, value_name = "LEVEL", help_heading = "Logging", default_value = "info")]
    pub(crate) zap_log_level: String,
    /// The form of logs: console or json
    #[arg(long, value_name = "FORM", help_heading = "Logging", default_value = "console", value_parser = ["console", "json"])]
    pub(crate) zap_encoder: String,

    /// KEDA's flags that have nothing to set here.
    #[command(flatten)]
    pub(crate) ignored: Ignored,
}

const EXAMPLES: &str = "\
Examples:
  tidegate operator --leader-elect --enable-cert-rotation     in a pod, as deploy/tidegate.yaml has it
  tidegate operator --kubeconfig ~/.kube/config --secure-port 0 --admission-bind-address 0
                                                              beside a KEDA, to look only
  tidegate operator --help                                    environment variables, KEDA's other flags
";

const LONG_EXAMPLES: &str = "\
Examples:
  tidegate operator --leader-elect --enable-cert-rotation     in a pod, as deploy/tidegate.yaml has it
  tidegate operator --kubeconfig ~/.kube/config --secure-port 0 --admission-bind-address 0
                                                              beside a KEDA, to look only

Environment variables (KEDA's; a value that is not understood ends the program with exit code 2):
  WATCH_NAMESPACE                                    namespaces, separated by commas; empty: all
  WATCH_LABEL_SELECTOR                               only ScaledObjects with these labels
  WATCH_LABEL_SELECTOR_FOR_TRIGGERAUTH               only authentication objects with these labels
  POD_NAMESPACE, POD_NAME                            where and who this process is (keda, the host's name)
  KEDA_CLUSTER_OBJECT_NAMESPACE                      where ClusterTriggerAuthentications find Secrets (POD_NAMESPACE)
  KEDA_RESTRICT_SECRET_ACCESS                        true: no Secrets of other namespaces are read
  KEDA_BOUND_SERVICE_ACCOUNT_TOKEN_EXPIRY            lifetime of service accounts' tokens, 1h to 6h (1h)
  KEDA_HTTP_DEFAULT_TIMEOUT                          limit for a request of a trigger, in milliseconds (3000)
  KEDA_OPERATOR_LEADER_ELECTION_LEASE_DURATION       when others take over (15s)
  KEDA_OPERATOR_LEADER_ELECTION_RENEW_DEADLINE       when a leader gives up (10s)
  KEDA_OPERATOR_LEADER_ELECTION_RETRY_PERIOD         how often the lease is renewed and looked at (2s)
KEDA's other variables are accepted; a warning at the start says why they have no effect.
";
