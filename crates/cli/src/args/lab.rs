//! `produce` and `consume`: load, and consumers of known speed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{KafkaArgs, OutputFormat, span};

/// Arguments of `produce`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tidegate produce -b localhost:9092 --topic orders --rate 100/s --duration 1m\n  tidegate \
    produce -b localhost:9092 --topic orders --executor ramping-arrival-rate --stages 30s:100,1m:500,30s:0\n  tidegate \
    produce -b localhost:9092 --scenario examples/kafka-lag/scenario.yaml --load ramp\n\nArrival-rate executors are an \
    open model: when the rate cannot be kept, the records that were not sent are counted and told."
)]
pub(crate) struct ProduceArgs {
    /// How to reach the cluster
    #[command(flatten)]
    pub(crate) kafka: KafkaArgs,
    /// A Scenario manifest to take the load from, instead of the options below
    #[arg(long, value_name = "FILE", conflicts_with_all = ["topic", "executor", "rate", "stages"])]
    pub(crate) scenario: Option<PathBuf>,
    /// Which of the scenario's loads [default: the only one]
    #[arg(long, value_name = "NAME", requires = "scenario")]
    pub(crate) load: Option<String>,
    /// Topic to produce to
    #[arg(short, long, value_name = "NAME", required_unless_present = "scenario")]
    pub(crate) topic: Option<String>,
    /// How the load is made, in k6's words
    #[arg(long, value_enum, default_value_t)]
    pub(crate) executor: Executor,
    /// Records in a unit of time, as 100/s or 30/m
    #[arg(long, value_name = "RATE", default_value = "10/s")]
    pub(crate) rate: String,
    /// Stages as SPAN:TARGET, separated by commas (ramping executors)
    #[arg(long, value_name = "LIST")]
    pub(crate) stages: Option<String>,
    /// Producers at the same time (the vus executors)
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    pub(crate) vus: u32,
    /// Records in all, or for each producer (the iterations executors)
    #[arg(long, value_name = "COUNT")]
    pub(crate) iterations: Option<u64>,
    /// How long
    #[arg(long, value_name = "SPAN", value_parser = span, default_value = "1m")]
    pub(crate) duration: Duration,
    /// Size of a record's value
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    pub(crate) message_bytes: u32,
    /// Keys: none, random, sequence, or hot:SHARE for a share of records with one and the same key
    #[arg(long, value_name = "KEYS", default_value = "none")]
    pub(crate) keys: String,
    /// What chance starts from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    /// How the summary is printed
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: OutputFormat,
}

/// How load is made, in k6's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Executor {
    /// A rate that stays
    #[default]
    ConstantArrivalRate,
    /// A rate that goes through stages
    RampingArrivalRate,
    /// Producers that send one record after the other
    ConstantVus,
    /// Such producers, their number going through stages
    RampingVus,
    /// A number of records shared by such producers
    SharedIterations,
    /// A number of records for each such producer
    PerVuIterations,
}

/// Arguments of `consume`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tidegate consume -b localhost:9092 --topic orders --group orders --rate 20/s\n  tidegate \
    consume -b localhost:9092 --topic orders --group orders --service-time exponential:50ms --warm-up 2s\n\nSIGTERM or \
    Ctrl-C: finishes the record at hand, commits, leaves the group."
)]
pub(crate) struct ConsumeArgs {
    /// How to reach the cluster
    #[command(flatten)]
    pub(crate) kafka: KafkaArgs,
    /// Topic to consume, may be repeated
    #[arg(short, long = "topic", value_name = "NAME", required = true)]
    pub(crate) topics: Vec<String>,
    /// Consumer group
    #[arg(short, long, value_name = "NAME")]
    pub(crate) group: String,
    /// Most records in a unit of time, as 20/s [default: as fast as it can]
    #[arg(long, value_name = "RATE")]
    pub(crate) rate: Option<String>,
    /// Time that a record takes: 50ms, exponential:50ms, normal:50ms:10ms, lognormal:50ms:20ms
    #[arg(long, value_name = "DISTRIBUTION", conflicts_with = "rate")]
    pub(crate) service_time: Option<String>,
    /// Time before the first record, as a program that loads first
    #[arg(long, value_name = "SPAN", value_parser = span, default_value = "0s")]
    pub(crate) warm_up: Duration,
    /// Share of records that fail, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub(crate) fail_share: f64,
    /// What happens to a record that fails
    #[arg(long, value_enum, default_value_t)]
    pub(crate) on_failure: OnFailure,
    /// How often progress is committed
    #[arg(long, value_name = "SPAN", value_parser = span, default_value = "1s")]
    pub(crate) commit_interval: Duration,
    /// Append what happens to this file, JSON Lines
    #[arg(long, value_name = "FILE", env = "TIDEGATE_EVENTS_FILE")]
    pub(crate) events_file: Option<PathBuf>,
    /// Serve /metrics and /healthz at this address
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics_bind_address: Option<SocketAddr>,
    /// What chance starts from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
}

/// What happens to a record that fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnFailure {
    /// It is done again until it succeeds
    #[default]
    Retry,
    /// It is counted and left behind
    Skip,
}
