//! What `tidegate consume` is asked to do.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::kafka::KafkaSettings;

/// Everything about one consumer.
#[derive(Clone, Debug)]
pub struct ConsumeOptions {
    /// The Kafka.
    pub kafka: KafkaSettings,
    /// What to read.
    pub topics: Vec<String>,
    /// The consumer group.
    pub group: String,
    /// How fast it works.
    pub speed: Speed,
    /// From the start to joining the group, as a program that loads first.
    pub warm_up: Duration,
    /// Records that fail. `None`: none does.
    pub failing: Option<Failing>,
    /// How often offsets of finished records are committed. They are also committed when partitions are taken away
    /// and at the end.
    pub commit_interval: Duration,
    /// Where a group without a committed offset starts.
    pub offset_reset: OffsetReset,
    /// How the group shares its partitions.
    pub assignment: Assignment,
    /// `group.instance.id` of a static member: its partitions wait for it over a restart.
    pub static_member: Option<String>,
    /// `session.timeout.ms`. `None`: [`ConsumeOptions::SESSION`]. Where the broker assigns, it also decides on this.
    pub session_timeout: Option<Duration>,
    /// JSON lines about starts, assignments and the first record are appended here.
    pub events_file: Option<PathBuf>,
    /// Serves `/metrics` and `/healthz` there.
    pub metrics_address: Option<SocketAddr>,
    /// Where the random numbers start.
    pub seed: u64,
    /// Ends after so many records.
    pub max_records: Option<u64>,
    /// Ends when nothing has come for this long.
    pub idle_exit: Option<Duration>,
}

impl ConsumeOptions {
    /// The session time-out where the members assign the partitions. Kafka's brokers accept none below 6 s.
    pub const SESSION: Duration = Duration::from_secs(10);

    /// One consumer with nothing special about it, as fast as it can.
    #[must_use]
    pub fn new(kafka: KafkaSettings, topics: Vec<String>, group: impl Into<String>) -> Self {
        ConsumeOptions {
            kafka,
            topics,
            group: group.into(),
            speed: Speed::Unlimited,
            warm_up: Duration::ZERO,
            failing: None,
            commit_interval: Duration::from_millis(500),
            offset_reset: OffsetReset::Earliest,
            assignment: Assignment::Auto,
            static_member: None,
            session_timeout: None,
            events_file: None,
            metrics_address: None,
            seed: 0,
            max_records: None,
            idle_exit: None,
        }
    }
}

/// How fast a consumer works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// As fast as it can.
    Unlimited,
    /// Records a second, exact over time.
    Rate(f64),
    /// Each record takes a time of its own.
    ServiceTime(Distribution),
}

/// A distribution of times, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// Always the same.
    Constant(f64),
    /// Exponential with this mean.
    Exponential {
        /// Seconds.
        mean: f64,
    },
    /// Normal, cut off at zero.
    Normal {
        /// Seconds.
        mean: f64,
        /// Seconds.
        std_dev: f64,
    },
    /// Lognormal, given by its own mean and standard deviation (not those of its logarithm).
    LogNormal {
        /// Seconds.
        mean: f64,
        /// Seconds.
        std_dev: f64,
    },
}

/// Records that fail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Failing {
    /// From 0 to 1.
    pub share: f64,
    /// What is done about them.
    pub handling: FailureHandling,
}

/// What is done about a record that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureHandling {
    /// Worked on again, at the cost of its time again, until it succeeds.
    Retry,
    /// Counted as failed and passed over.
    Skip,
}

/// Where a group without a committed offset starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OffsetReset {
    /// At the first record kept.
    #[default]
    Earliest,
    /// At the end.
    Latest,
}

/// How the group shares its partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Assignment {
    /// [`Broker`](Self::Broker) where the broker can do that, else [`CooperativeSticky`](Self::CooperativeSticky).
    #[default]
    Auto,
    /// The broker assigns (KIP-848; Kafka 4.0 and up, and the embedded broker, where it is the only quick way).
    Broker,
    /// The members do; partitions that stay are worked on during a rebalance. Not on the embedded broker.
    CooperativeSticky,
    /// The members do; everybody stops at each rebalance.
    Range,
    /// As range, dealt out in turn.
    RoundRobin,
}

impl Distribution {
    /// Reads `50ms`, `constant:50ms`, `exponential:50ms`, `normal:50ms:10ms` or `lognormal:50ms:20ms` (mean, then
    /// standard deviation).
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Distribution, String> {
        let expected = || "50ms, exponential:50ms, normal:50ms:10ms or lognormal:50ms:20ms".to_owned();
        let parts: Vec<&str> = text.split(':').map(str::trim).collect();
        let span =
            |text: &str| crate::units::parse_duration(text).map(|span| span.as_secs_f64()).map_err(|_| expected());
        let distribution = match parts.as_slice() {
            [mean] | ["constant", mean] => Distribution::Constant(span(mean)?),
            ["exponential", mean] => Distribution::Exponential { mean: span(mean)? },
            ["normal", mean, deviation] => Distribution::Normal { mean: span(mean)?, std_dev: span(deviation)? },
            ["lognormal", mean, deviation] => Distribution::LogNormal { mean: span(mean)?, std_dev: span(deviation)? },
            _ => return Err(expected()),
        };
        if distribution.mean() > 0.0 { Ok(distribution) } else { Err(format!("{} with a mean above zero", expected())) }
    }
}
