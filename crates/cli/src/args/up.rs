//! `up`, `logs` and `validate`: what works on a folder of manifests.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::span;

/// Arguments of `up`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tidegate up examples/kafka-lag\n  tidegate up manifests/ --for 3m --headless \
    --report report/\n  tidegate up manifests/ --console 127.0.0.1:8080\n\nCtrl-C drains the pods and still writes the \
    report; a second Ctrl-C ends at once.")]
pub(crate) struct UpArgs {
    /// Folder with manifests (Deployment, ScaledObject, Scenario, ...); it is watched for changes
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// Stop after this long, as 3m or 90s [default: when the scenario is over; without one, never]
    #[arg(long = "for", value_name = "SPAN", value_parser = span)]
    pub(crate) run_for: Option<Duration>,
    /// No page
    #[arg(long)]
    pub(crate) headless: bool,
    /// Where the report is written [default: FOLDER/.tidegate/report]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) report: Option<PathBuf>,
    /// Where the page is served [default: 127.0.0.1, a free port]
    #[arg(long, value_name = "ADDRESS", conflicts_with = "headless")]
    pub(crate) console: Option<SocketAddr>,
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tidegate logs manifests/                 which pods have logs\n  tidegate logs \
    manifests/ orders --follow\n  tidegate logs manifests/ orders-7c9f2 --tail 100")]
pub(crate) struct LogsArgs {
    /// The folder that `up` runs or ran
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// A pod, or a Deployment for all of its pods [default: list them]
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Go on printing what is added
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the last lines
    #[arg(long, value_name = "LINES")]
    pub(crate) tail: Option<usize>,
}

/// Arguments of `validate`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tidegate validate manifests/\n  tidegate validate scaledobject.yaml \
    deployment.yaml\n  tidegate validate manifests/ -o json\n\nWarnings alone give exit code 0; errors give 2.")]
pub(crate) struct ValidateArgs {
    /// Files or folders with manifests
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// How the result is printed
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: super::OutputFormat,
}
