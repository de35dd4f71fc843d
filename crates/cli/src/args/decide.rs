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
    case as `decide` takes it\n  tidegate explain http://127.0.0.1:8080 --target default/orders"
)]
pub(crate) struct ExplainArgs {
    /// A folder that `up` runs or ran, a page's address, a records.jsonl, or a case; `-` reads standard input
    #[arg(value_name = "SOURCE", default_value = ".")]
    pub(crate) source: String,
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
