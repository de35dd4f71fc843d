//! Scales on the lag of a Kafka consumer group: the records that it has still to receive.
//!
//! The lag of a partition is its end offset minus the group's committed offset. The end offset is the one that a
//! read-committed consumer can reach, so records of open transactions do not count, and neither do the markers that
//! transactions leave behind. One replica is meant to have `lagThreshold` records waiting. More replicas than
//! partitions would have nothing to do, so the decision stops there unless `allowIdleConsumers` says otherwise.
//!
//! ```yaml
//! triggers:
//!   - type: kafka
//!     metadata:
//!       bootstrapServers: kafka-0.kafka:9092,kafka-1.kafka:9092
//!       consumerGroup: orders
//!       topic: orders
//!       lagThreshold: "50"
//! ```
//!
//! ## Offsets that cannot be used
//!
//! | the group's committed offset | `offsetResetPolicy: latest` | `offsetResetPolicy: earliest` |
//! |---|---|---|
//! | there is none | 1 | all records there are |
//! | points at what retention has deleted | all records there are | all records there are |
//! | lies beyond the end of the log (truncated, or the topic was made again) | 1 | all records there are |
//!
//! The 1 has a replica started that finds its place and commits it. With `scaleToZeroOnInvalidOffset` the first and the
//! last row count 0. The reading's notes say which partitions a rule was applied to.
//!
//! ## Without a topic
//!
//! The topics that the group has committed offsets of are read, all their partitions. A group that has committed
//! nothing gives an error, not a number: nothing is known of it then.
//!
//! ## Persistent lag
//!
//! With `excludePersistentLag` a partition that has lag and whose committed offset has stood still for three minutes
//! adds nothing to the value. It is judged by time, however often it is looked at, and it still keeps the workload
//! active.
//!
//! ## Connections
//!
//! Triggers with equal connection parameters share one connection to each broker, and those that are read at the same
//! time share their requests. Only the wanted topics are asked for, as with `fullMetadata: false`, and no topic is
//! ever created. Brokers from Kafka 1.0 on are understood; versions are negotiated, so `version` has no effect either.
//! The user needs the right to DESCRIBE the group and the topics; with READ on the topics transaction markers can be
//! told from records.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_engine::{ReadError, ReadErrorKind, Reading, Timestamp};
use tokio::time::Instant;

use crate::clients::Clients;
use crate::declare::{choices, parameters};
use crate::given::{Given, Metric, source_of};
use crate::input::TriggerInput;
use crate::kafka::KafkaClients;
use crate::kafka::gather::Source;
use crate::kafka::lag::{Reset, Rules};
use crate::kafka::parameters::{ConnectionParameters, Tls};
use crate::kafka::pass::Want;
use crate::kafka::progress::Progress;
use crate::kafka::reading::{self, Shape};
use crate::scaler::MetricSpec;
use crate::trigger::Trigger;
use crate::value::Ranges;

choices! {
    #[doc = "Where a group begins that has no usable committed offset."]
    pub(super) enum OffsetReset {
        Latest = "latest",
        Earliest = "earliest",
    }
}

parameters! {
    /// What is read, and how it counts.
    pub(super) struct Config {
        /// Where the cluster is, and as whom to ask it.
        connection: ConnectionParameters = block;
        /// The consumer group whose lag counts.
        consumer_group: String = "consumerGroup" from [Metadata, Env];
        /// The topic, or several apart by commas. Without one: those that the group has committed offsets of.
        topic: Option<Vec<String>> = "topic" from [Metadata, Env];
        /// Partitions that count, as `1,3,5-10`. Needs `topic`.
        partition_limitation: Option<Ranges> = "partitionLimitation" from [Metadata];
        /// Records that one replica is meant to have waiting.
        lag_threshold: i64 = "lagThreshold" from [Metadata] { default("10"), min(1.0) };
        /// The workload is active when its lag is above this.
        activation_lag_threshold: i64 = "activationLagThreshold" from [Metadata] { default("0"), min(0.0) };
        /// Where the group's consumers begin without a usable committed offset (their `auto.offset.reset`).
        offset_reset_policy: OffsetReset = "offsetResetPolicy" from [Metadata] { default("latest") };
        /// Allows more replicas than partitions.
        allow_idle_consumers: bool = "allowIdleConsumers" from [Metadata] { default("false") };
        /// Allows no more replicas than there are partitions with lag. Needs `topic`.
        limit_to_partitions_with_lag: bool = "limitToPartitionsWithLag" from [Metadata] { default("false") };
        /// Rounds the replicas up to a divisor of the partitions, so that each gets equally many. Needs `topic`.
        ensure_even_distribution: bool = "ensureEvenDistributionOfPartitions" from [Metadata] { default("false") };
        /// Leaves partitions out whose committed offset stands still although they have lag.
        exclude_persistent_lag: bool = "excludePersistentLag" from [Metadata] { default("false") };
        /// Partitions without a usable committed offset have no lag.
        scale_to_zero_on_invalid_offset: bool = "scaleToZeroOnInvalidOffset" from [Metadata] { default("false") };
        /// Has no effect: only the wanted topics are ever asked for.
        full_metadata: bool = "fullMetadata" from [Metadata] { default("true") };
        /// Has no effect: versions are negotiated with each broker.
        version: Option<String> = "version" from [Metadata];
    }
}

/// A group's lag.
pub(super) struct Kafka {
    /// `None` with the reason when the parameters cannot be used; `check` has refused them then.
    source: Result<Arc<Source>, ReadError>,
    want: Want,
    shape: Shape,
    progress: Mutex<Progress>,
}

#[async_trait]
impl Trigger for Kafka {
    type Config = Config;

    fn check(config: &Config, given: &mut Given<'_>) -> Option<MetricSpec> {
        check_connection(&config.connection, given);
        check_rules(config, given);
        let connection = &config.connection;
        let name = match &config.topic {
            Some(topics) => format!("kafka-{}", topics.join(",")),
            None => format!("kafka-{}-topics", config.consumer_group),
        };
        let source = source_of((
            "kafka",
            &connection.bootstrap_servers,
            &connection.username,
            connection.sasl,
            connection.tls,
            connection.unsafe_ssl,
        ));
        #[allow(clippy::cast_precision_loss, reason = "thresholds beyond 2^53 records are no use")]
        given.spec(Metric {
            name: &name,
            target: ("lagThreshold", config.lag_threshold as f64),
            activation: config.activation_lag_threshold as f64,
            source,
        })
    }

    fn connect(config: Config, _input: &TriggerInput, clients: &Clients) -> Self {
        let settings = config.connection.settings().map_err(|problems| {
            let messages: Vec<String> =
                problems.iter().map(|problem| format!("{}: {}", problem.parameter, problem.message)).collect();
            ReadError::new(ReadErrorKind::Configuration, format!("kafka: {}", messages.join("; ")))
        });
        let topics = config.topic.as_ref().map(|topics| topics.iter().map(|topic| Arc::from(topic.as_str())).collect());
        let reset = match config.offset_reset_policy {
            OffsetReset::Latest => Reset::Latest,
            OffsetReset::Earliest => Reset::Earliest,
        };
        let bounded =
            !config.allow_idle_consumers || config.limit_to_partitions_with_lag || config.ensure_even_distribution;
        Kafka {
            source: settings.map(|settings| clients.shared::<KafkaClients>().source(&settings, &clients.egress())),
            want: Want { group: config.consumer_group.as_str().into(), topics },
            shape: Shape {
                rules: Rules { reset, zero_on_invalid: config.scale_to_zero_on_invalid_offset },
                partitions: config.partition_limitation.filter(|_| config.topic.is_some()).map(|ranges| ranges.0),
                threshold: config.lag_threshold,
                bounded,
                only_with_lag: config.limit_to_partitions_with_lag,
                even: config.ensure_even_distribution,
                exclude_persistent: config.exclude_persistent_lag,
            },
            progress: Mutex::default(),
        }
    }

    async fn read(&self, now: Timestamp, timeout: Duration) -> Result<Reading, ReadError> {
        let source = self.source.as_ref().map_err(Clone::clone)?;
        // A little less than allowed, so that what is said names the step that took too long.
        let deadline = Instant::now() + timeout.mul_f64(0.95);
        let found = source.read(self.want.clone(), deadline).await?;
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        reading::from_offsets(&self.want, &found, &self.shape, &mut progress, now)
    }
}

fn check_connection(connection: &ConnectionParameters, given: &mut Given<'_>) {
    if let Err(problems) = connection.settings() {
        for problem in problems {
            given.problem(&problem.parameter, problem.message);
        }
    }
    for name in connection.unused() {
        given.warn(name, "has no effect: it belongs to gssapi or aws_msk_iam, which are not available");
    }
    if connection.tls == Tls::Disable {
        for name in ["ca", "cert", "key", "keyPassword", "unsafeSsl"] {
            if given.has(name) {
                given.warn(name, "has no effect: tls is not enabled");
            }
        }
    } else if connection.unsafe_ssl {
        given.warn("unsafeSsl", "any certificate is accepted: whoever sits between can read the credentials");
    }
}

fn check_rules(config: &Config, given: &mut Given<'_>) {
    let topic = config.topic.is_some();
    if config.limit_to_partitions_with_lag && config.allow_idle_consumers {
        given.problem("allowIdleConsumers", "contradicts limitToPartitionsWithLag: give only one of them");
    }
    if config.limit_to_partitions_with_lag && config.ensure_even_distribution {
        given.problem(
            "ensureEvenDistributionOfPartitions",
            "contradicts limitToPartitionsWithLag: give only one of them",
        );
    }
    for (name, set) in [
        ("limitToPartitionsWithLag", config.limit_to_partitions_with_lag),
        ("ensureEvenDistributionOfPartitions", config.ensure_even_distribution),
    ] {
        if set && !topic {
            given.problem(name, "needs topic, which is absent");
        }
    }
    if !config.full_metadata && !topic {
        given.problem("topic", "is absent although fullMetadata is false; give it, or leave fullMetadata out");
    }
    if config.ensure_even_distribution && config.allow_idle_consumers {
        given.warn("allowIdleConsumers", "has no effect with ensureEvenDistributionOfPartitions");
    }
    if config.partition_limitation.is_some() && !topic {
        given.warn("partitionLimitation", "has no effect without topic");
    }
    for topic in config.topic.iter().flatten() {
        if let Some(fault) = topic_fault(topic) {
            // A text from the environment is not shown: it may be a secret.
            let shown =
                if given.input.metadata.contains_key("topic") { format!("{topic:?}") } else { "a name".to_owned() };
            given.problem("topic", format!("found {shown}, which {fault}"));
        }
    }
    if let Some(version) = &config.version
        && !is_version(version)
    {
        given.problem("version", format!("found {version:?}, expected a version of Kafka, as 3.9.0"));
    }
}

/// What makes a text unusable as a topic's name.
fn topic_fault(topic: &str) -> Option<&'static str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match topic {
        "" => Some("is empty; expected names apart by commas"),
        "." | ".." => Some("Kafka does not allow as a topic's name"),
        _ if topic.len() > 249 => Some("is longer than the 249 characters that Kafka allows"),
        _ if !topic.chars().all(allowed) => Some("holds characters other than letters, digits, '.', '_' and '-'"),
        _ => None,
    }
}

/// Three numbers, or four before Kafka 1.0.
fn is_version(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let numbers =
        parts.iter().all(|part| !part.is_empty() && part.len() < 6 && part.bytes().all(|byte| byte.is_ascii_digit()));
    numbers && (parts.len() == 3 || (parts.len() == 4 && parts.first() == Some(&"0")))
}

#[cfg(test)]
mod tests;
