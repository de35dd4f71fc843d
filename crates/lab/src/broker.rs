//! A Kafka-protocol broker inside this process: librdkafka's in-process cluster.
//!
//! It speaks enough of the protocol for librdkafka clients and for Tidegate's own lag reader: produce, fetch, groups
//! with rebalances, offset commits, list offsets. Its limits, so that nobody is surprised:
//!
//! - it keeps at most 5 MB or 100,000 batches in each partition and drops the oldest beyond that, read or not, so keep
//!   messages small ([`KEPT_BYTES_PER_PARTITION`]);
//! - nothing survives the process;
//! - Java clients cannot read its metadata, and there is no authentication and no encryption;
//! - all members of one group must prefer the same assignment strategy: the library ends the process otherwise;
//! - where the members of a group assign its partitions, a rebalance takes as long as `session.timeout.ms` less one
//!   second, the first join of an empty group 3 s, and the cooperative strategy does not work; let the broker assign
//!   (`group.protocol=consumer`): at once for the first member, some 3 s for later ones (see [`crate::consume`]).

use std::net::SocketAddr;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};

use crate::error::LabError;
use crate::kafka::KafkaSettings;

/// What one partition keeps at most, in bytes of record batches.
pub const KEPT_BYTES_PER_PARTITION: u64 = 5 * 1024 * 1024;

/// A topic to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// How many partitions, from 1.
    pub partitions: u32,
}

/// The broker. It stops when this is dropped.
pub struct EmbeddedBroker {
    /// The client that the in-process cluster lives in. It produces nothing.
    host: BaseProducer<Host>,
    bootstrap_servers: String,
}

/// Keeps the library's own words in the debug log.
struct Host;

impl ClientContext for Host {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "embedded_broker", ?level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "embedded_broker", %error, reason);
    }
}

impl ProducerContext for Host {
    type DeliveryOpaque = ();

    fn delivery(&self, _result: &DeliveryResult<'_>, _opaque: ()) {}
}

impl std::fmt::Debug for EmbeddedBroker {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("EmbeddedBroker").field("bootstrap_servers", &self.bootstrap_servers).finish()
    }
}

/// One broker is enough for a story, and a lag reader's connections can be counted.
const BROKERS: i32 = 1;
/// librdkafka's "all brokers".
const ALL: i32 = -1;

impl EmbeddedBroker {
    /// Starts it on free ports of the loopback interface and makes the topics.
    ///
    /// # Errors
    /// If no port can be had or a topic cannot be made.
    pub fn start(topics: &[TopicSpec]) -> Result<Self, LabError> {
        let host: BaseProducer<Host> = ClientConfig::new()
            .set("test.mock.num.brokers", BROKERS.to_string())
            .create_with_context(Host)
            .map_err(|error| broken("start", &error))?;
        let bootstrap_servers = match host.client().mock_cluster() {
            Some(cluster) => cluster.bootstrap_servers(),
            None => return Err(missing("start")),
        };
        let broker = EmbeddedBroker { host, bootstrap_servers };
        for topic in topics {
            broker.create_topic(topic)?;
        }
        Ok(broker)
    }

    /// Makes one more topic. Making one that exists with the same partitions again is no error.
    ///
    /// # Errors
    /// If the name or the number of partitions cannot be used.
    pub fn create_topic(&self, topic: &TopicSpec) -> Result<(), LabError> {
        let partitions =
            i32::try_from(topic.partitions).ok().filter(|count| *count > 0).ok_or_else(|| LabError::Setting {
                field: format!("topics[{}].partitions", topic.name),
                found: topic.partitions.to_string(),
                expected: "a count from 1".to_owned(),
            })?;
        let doing = format!("create topic \"{}\"", topic.name);
        self.ask(&doing, |cluster| cluster.create_topic(&topic.name, partitions, BROKERS))
    }

    /// `host:port` for clients.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// The address of its first listener.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.bootstrap_servers.split(',').next().and_then(|first| first.parse().ok())
    }

    /// Settings for clients of this broker.
    #[must_use]
    pub fn settings(&self) -> KafkaSettings {
        KafkaSettings::plaintext(self.bootstrap_servers.clone())
    }

    /// Cuts all connections and accepts none, until [`resume`](Self::resume). Records and groups are kept.
    ///
    /// # Errors
    /// If the library refuses.
    pub fn pause(&self) -> Result<(), LabError> {
        self.ask("pause", |cluster| cluster.broker_down(ALL))
    }

    /// Accepts connections again.
    ///
    /// # Errors
    /// If the library refuses.
    pub fn resume(&self) -> Result<(), LabError> {
        self.ask("resume", |cluster| cluster.broker_up(ALL))
    }

    /// Delays every answer by `delay`; zero ends it.
    ///
    /// # Errors
    /// If the library refuses.
    pub fn delay_answers(&self, delay: Duration) -> Result<(), LabError> {
        self.ask("delay answers", |cluster| cluster.broker_round_trip_time(ALL, delay))
    }

    fn ask(
        &self,
        doing: &str,
        what: impl FnOnce(&MockCluster<'_, Host>) -> Result<(), KafkaError>,
    ) -> Result<(), LabError> {
        let cluster = self.host.client().mock_cluster().ok_or_else(|| missing(doing))?;
        what(&cluster).map_err(|error| broken(doing, &error))
    }

    /// Stops it; the same as dropping it.
    pub fn stop(self) {
        drop(self);
    }
}

fn missing(doing: &str) -> LabError {
    LabError::Broker { doing: doing.to_owned(), cause: "the client library has no in-process cluster".to_owned() }
}

fn broken(doing: &str, error: &KafkaError) -> LabError {
    LabError::Broker { doing: doing.to_owned(), cause: error.to_string() }
}
