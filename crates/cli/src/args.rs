//! The command line, as clap sees it. One file a command under `args/`.

mod crds;
mod decide;
mod kafka;
mod lab;
mod lag;
mod migrate;
mod operator;
mod scalers;
mod up;

use clap::{Parser, Subcommand, ValueEnum};

pub(crate) use crds::{CrdFormat, CrdsArgs};
pub(crate) use decide::{DecideArgs, ExplainArgs};
pub(crate) use kafka::{KafkaArgs, Sasl};
pub(crate) use lab::{ConsumeArgs, Executor, OnFailure, ProduceArgs};
pub(crate) use lag::LagArgs;
pub(crate) use migrate::{MigrateArgs, MigrateFormat};
#[cfg(test)]
pub(crate) use operator::IGNORED_FLAGS;
pub(crate) use operator::OperatorArgs;
pub(crate) use scalers::{ScalersArgs, ScalersCommand};
pub(crate) use up::{LogsArgs, UpArgs, ValidateArgs};

use crate::exit::EXIT_CODES;

/// Scales workloads on the events that wait for them: Kafka lag, queue length, a query's result.
///
/// Reads KEDA's manifests (keda.sh/v1alpha1). `tidegate up FOLDER` runs them on this machine, with no Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, after_help = format!("{AFTER_HELP}\n{EXIT_CODES}"))]
#[command(propagate_version = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// Log more on standard error: -v for information, -vv for everything (also TIDEGATE_LOG, as tracing filters)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  tidegate up examples/kafka-lag            scale Kafka consumers here, and watch it in the browser
  tidegate validate manifests/              what is wrong with the manifests, before anything starts
  tidegate explain manifests/               why the last decision was made
";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a folder of manifests on this machine: processes as pods, scaled on events
    Up(UpArgs),
    /// Scale the workloads of a Kubernetes cluster, in the place of KEDA
    Operator(Box<OperatorArgs>),
    /// What would change if Tidegate took the place of a cluster's KEDA
    Migrate(MigrateArgs),
    /// One decision from a case file, for what-if questions and golden tests
    Decide(DecideArgs),
    /// Why a decision was made, in sentences
    Explain(ExplainArgs),
    /// The lag of consumer groups, once, watched, or as a Prometheus exporter
    Lag(LagArgs),
    /// Check manifests and say everything that is wrong with them
    Validate(ValidateArgs),
    /// The CustomResourceDefinitions, for `kubectl apply`
    Crds(CrdsArgs),
    /// The triggers that can be served, with their parameters
    Scalers(ScalersArgs),
    /// Produce records at a given rate, in k6's words
    Produce(ProduceArgs),
    /// Consume records at a known speed
    Consume(ConsumeArgs),
    /// The logs of pods that `up` runs or ran
    Logs(LogsArgs),
    /// Completions for a shell, on standard output
    #[command(after_help = "Examples:\n  tidegate completions bash > /etc/bash_completion.d/tidegate\n  \
        tidegate completions zsh > \"${fpath[1]}/_tidegate\"")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Manual pages: the main one on standard output, or all of them into a folder
    #[command(after_help = "Examples:\n  tidegate man | man -l -\n  tidegate man --out man/")]
    Man {
        /// Write one page a command into this folder
        #[arg(long, value_name = "FOLDER")]
        out: Option<std::path::PathBuf>,
    },
    /// Holds one pod's process (used by `up` itself)
    #[command(hide = true)]
    PodGuard {
        /// What it is told by `up`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<std::ffi::OsString>,
    },
}

/// How results are printed on standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Columns for people
    #[default]
    Table,
    /// More columns
    Wide,
    /// JSON
    Json,
    /// YAML
    Yaml,
}

/// A span as `90s`, `3m`, `1h30m` or `250ms`; a bare number is seconds.
pub(crate) fn span(text: &str) -> Result<std::time::Duration, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        return std::time::Duration::try_from_secs_f64(seconds)
            .map_err(|_| format!("{text:?} is no span of time; write 90s, 3m or 1h30m"));
    }
    text.parse::<jiff::SignedDuration>()
        .ok()
        .and_then(|span| std::time::Duration::try_from(span).ok())
        .ok_or_else(|| format!("{text:?} is no span of time; write 90s, 3m or 1h30m"))
}

#[cfg(test)]
mod tests {
    use super::{Cli, span};
    use clap::CommandFactory;
    use std::time::Duration;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_that_people_use_has_examples() {
        for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:"), "{} has no examples in its help", command.get_name());
        }
    }

    #[test]
    fn spans_are_read_as_people_write_them() {
        assert_eq!(span("3m"), Ok(Duration::from_secs(180)));
        assert_eq!(span("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(span("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(span("2"), Ok(Duration::from_secs(2)));
        assert!(span("-3s").is_err());
        assert!(span("soon").unwrap_err().contains("90s"));
    }
}
