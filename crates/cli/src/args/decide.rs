//! `decide` and `explain`: one decision, and why.

use std::path::PathBuf;

use clap::Args;

use super::OutputFormat;

/// Arguments of `decide`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tidegate decide case.yaml -o json\n  tidegate decide - -o json < cases.yaml     \
    several documents give several decisions, a line each\n\nA case:\n  now: 2026-01-01T00:10:00Z\n  policyFile: \
    scaledobject.yaml          # or policy: with the manifest inline\n  workload: {replicas: 3, readyReplicas: 3}\n  \
    readings:\n    s0: {value: 120, parallelism: 10}    # by trigger name or position; or a bare number\n    s1: {error: \
    \"connection refused\"}\n  history:                               # all optional\n    recommendations: [{at: \
    2026-01-01T00:08:00Z, replicas: 5}]\n    scaled: [{at: 2026-01-01T00:09:50Z, from: 2, to: 3}]\n    lastActive: \
    2026-01-01T00:09:30Z\n    failures: {s1: 2}")]
pub(crate) struct DecideArgs {
    /// Case files; `-` reads standard input
    #[arg(value_name = "CASE", required = true)]
    pub(crate) cases: Vec<PathBuf>,
    /// How the decision is printed
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: OutputFormat,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tidegate explain manifests/                    the running `up` of that folder, or \
    its last run\n  tidegate explain report/records.jsonl --last 5\n  tidegate explain case.yaml                     a \
    case as `decide` takes it\n  tidegate explain http://127.0.0.1:8080 --target default/orders\n  tidegate explain \
    --namespace shop orders        a ScaledObject of a cluster, from its operator (by `kubectl port-forward`)\n  tidegate \
    explain --namespace shop orders --operator http://127.0.0.1:8085"
)]
pub(crate) struct ExplainArgs {
    /// A folder that `up` runs or ran, a page's address, a records.jsonl, or a case; `-` reads standard input. With
    /// --namespace the name of a ScaledObject
    #[arg(value_name = "SOURCE", default_value = ".")]
    pub(crate) source: String,
    /// Ask the operator of a cluster about the ScaledObject SOURCE of this namespace
    #[arg(long, value_name = "NAMESPACE", conflicts_with = "target", requires = "source")]
    pub(crate) namespace: Option<String>,
    /// The address of the operator's console [default: found through the cluster]
    #[arg(long, value_name = "URL", requires = "namespace")]
    pub(crate) operator: Option<String>,
    /// The namespace that the operator runs in
    #[arg(long, value_name = "NAMESPACE", requires = "namespace", default_value = "keda")]
    pub(crate) operator_namespace: String,
    /// The port of the operator's console
    #[arg(long, value_name = "PORT", requires = "namespace", default_value_t = 8085)]
    pub(crate) operator_port: u16,
    /// Kubeconfig of the cluster [default: as kubectl]
    #[arg(long, value_name = "FILE", requires = "namespace")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Only this ScaledObject, as NAME or NAMESPACE/NAME
    #[arg(short, long, value_name = "NAME")]
    pub(crate) target: Option<String>,
    /// How many decisions, the newest last
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 1)]
    pub(crate) last: usize,
    /// Only decisions that changed the replicas
    #[arg(short, long)]
    pub(crate) changes: bool,
    /// The decision with this sequence number
    #[arg(short, long, value_name = "NUMBER")]
    pub(crate) sequence: Option<u64>,
    /// How it is printed: sentences (table), or the records themselves (json, yaml)
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: OutputFormat,
}
