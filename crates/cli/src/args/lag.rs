//! `lag`: what the reader sees.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use super::{KafkaArgs, OutputFormat, span};

/// Arguments of `lag`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tidegate lag -b localhost:9092                            all groups\n  tidegate lag -b \
    localhost:9092 --group orders --watch 2s\n  tidegate lag -b localhost:9092 -o json\n  tidegate lag -b localhost:9092 \
    --metrics-bind-address 127.0.0.1:9308   a lag exporter for Prometheus\n\nOne pass costs a few requests a broker, \
    however many groups there are."
)]
pub(crate) struct LagArgs {
    /// How to reach the cluster
    #[command(flatten)]
    pub(crate) kafka: KafkaArgs,
    /// Only these groups, may be repeated [default: all]
    #[arg(short, long = "group", value_name = "NAME")]
    pub(crate) groups: Vec<String>,
    /// Only these topics, may be repeated [default: all that the groups committed to]
    #[arg(short, long = "topic", value_name = "NAME")]
    pub(crate) topics: Vec<String>,
    /// Read again every so often [default when given alone: 2s]
    #[arg(short, long, value_name = "SPAN", value_parser = span, num_args = 0..=1, default_missing_value = "2s")]
    pub(crate) watch: Option<Duration>,
    /// How long one pass may take
    #[arg(long, value_name = "SPAN", value_parser = span, default_value = "15s")]
    pub(crate) timeout: Duration,
    /// Serve the lag on /metrics at this address under the common Kafka exporter's names, until interrupted
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["watch", "output"])]
    pub(crate) metrics_bind_address: Option<SocketAddr>,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: OutputFormat,
}
