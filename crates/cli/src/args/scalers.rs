//! `scalers`: the catalogue.

use clap::{Args, Subcommand};

use super::OutputFormat;

/// Arguments of `scalers`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tidegate scalers list\n  tidegate scalers show kafka\n  tidegate scalers schema kafka > \
    kafka.schema.json"
)]
pub(crate) struct ScalersArgs {
    /// What of them
    #[command(subcommand)]
    pub(crate) command: ScalersCommand,
}

/// What `scalers` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum ScalersCommand {
    /// All trigger types
    List {
        /// How they are printed
        #[arg(short, long, value_enum, default_value_t)]
        output: OutputFormat,
    },
    /// One trigger type's page: what it reads, and each parameter
    Show {
        /// The type, as in a manifest
        kind: String,
        /// How it is printed
        #[arg(short, long, value_enum, default_value_t)]
        output: OutputFormat,
    },
    /// A JSON schema of a trigger's metadata
    Schema {
        /// The type, as in a manifest [default: all of them in one]
        kind: Option<String>,
    },
}
