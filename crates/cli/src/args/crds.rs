//! `crds`: the CustomResourceDefinitions.

use clap::{Args, ValueEnum};

/// Arguments of `crds`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tidegate crds | kubectl apply -f -\n  tidegate crds scaledobject\n  tidegate crds \
    --output json > crds.json"
)]
pub(crate) struct CrdsArgs {
    /// Only these kinds, as ScaledObject or scaledobjects [default: all]
    #[arg(value_name = "KIND")]
    pub(crate) kinds: Vec<String>,

    /// How they are printed
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: CrdFormat,
}

/// How definitions are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum CrdFormat {
    /// One YAML document each
    #[default]
    Yaml,
    /// One JSON List
    Json,
}
