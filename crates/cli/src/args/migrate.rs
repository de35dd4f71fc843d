//! `migrate`: what would change for a cluster that runs KEDA.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Arguments of `migrate`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tidegate migrate                          the cluster that kubectl speaks to\n  tidegate \
    migrate --namespace shop --output json\n  kubectl get so,sj,ta,cta -A -o json | tidegate migrate --from -\n\nNothing is \
    changed. Exit code 1: something would break; 0: nothing would."
)]
pub(crate) struct MigrateArgs {
    /// Kubeconfig of the cluster [default: as kubectl]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Only this namespace
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// The namespace that KEDA runs in
    #[arg(long, value_name = "NAMESPACE", default_value = "keda")]
    pub(crate) keda_namespace: String,
    /// Read objects from a file (a List in JSON, as kubectl prints it) and not from a cluster; `-`: standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kubeconfig", "context"])]
    pub(crate) from: Option<PathBuf>,
    /// How the report is printed
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: MigrateFormat,
}

/// Forms of the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum MigrateFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}
