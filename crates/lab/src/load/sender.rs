//! One producer and its counts. Records are acknowledged in the library's own thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, PurgeConfig, ThreadedProducer};
use tokio::sync::oneshot;

use super::message::{Made, Messages};
use crate::consume::now;
use crate::error::LabError;
use crate::kafka::{Context, KafkaSettings};
use crate::scenario::LoadSpec;

/// How long a broker may take to tell about its topics.
const METADATA: Duration = Duration::from_secs(10);

/// What happened to the records so far.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) sent: AtomicU64,
    pub(super) acknowledged: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) first_error: Mutex<Option<String>>,
}

impl Counts {
    pub(super) fn read(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }

    pub(super) fn in_flight(&self) -> u64 {
        let done = Self::read(&self.acknowledged) + Self::read(&self.failed);
        Self::read(&self.sent).saturating_sub(done)
    }

    fn failure(&self, error: impl std::fmt::Display) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut first) = self.first_error.lock() {
            first.get_or_insert_with(|| error.to_string());
        }
    }
}

/// Told when its record is acknowledged or has failed.
type Waiter = Option<oneshot::Sender<()>>;

struct Acknowledgements {
    connection: Context,
    counts: Arc<Counts>,
}

impl ClientContext for Acknowledgements {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.connection.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.connection.error(error, reason);
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.connection.generate_oauth_token(config)
    }
}

impl ProducerContext for Acknowledgements {
    type DeliveryOpaque = Box<Waiter>;

    fn delivery(&self, result: &DeliveryResult<'_>, waiter: Box<Waiter>) {
        match result {
            Ok(_) => {
                self.counts.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            // Purged at the end of the graceful stop: neither acknowledged nor refused.
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight), _)) => {
            }
            Err((error, _)) => self.counts.failure(error),
        }
        if let Some(waiter) = *waiter {
            // The loop may have been stopped meanwhile.
            let _ = waiter.send(());
        }
    }
}

/// Sends the records of one load.
pub(super) struct Sender {
    producer: ThreadedProducer<Acknowledgements>,
    messages: Mutex<Messages>,
    topic: String,
    pub(super) counts: Arc<Counts>,
}

impl Sender {
    /// Connects and looks for the topic. Waits for the broker as long as [`METADATA`].
    pub(super) async fn connect(spec: &LoadSpec, kafka: &KafkaSettings) -> Result<Self, LabError> {
        let counts = Arc::<Counts>::default();
        let connection = kafka.context();
        let context = Acknowledgements { connection: connection.clone(), counts: Arc::clone(&counts) };
        let address = kafka.bootstrap_servers.clone();
        let producer: ThreadedProducer<Acknowledgements> = kafka
            .client_config()
            .set("linger.ms", "5")
            .set("queue.buffering.max.messages", "200000")
            .set("queue.buffering.max.kbytes", "65536")
            .set("message.timeout.ms", "30000")
            .create_with_context(context)
            .map_err(|error| LabError::kafka(&address, "set up the producer", error))?;
        let topic = spec.topic.clone();
        let (seed, message) = (spec.seed, spec.message.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let found = partitions(&producer, &address, &topic, &connection);
            found.map(|partitions| (producer, topic, partitions))
        });
        let (producer, topic, partitions) =
            looked.await.map_err(|error| LabError::kafka(&kafka.bootstrap_servers, "look for the topic", error))??;
        Ok(Sender { producer, messages: Mutex::new(Messages::new(&message, seed, partitions)), topic, counts })
    }

    /// Hands one record to the library. False when its queue is full: nothing was sent.
    pub(super) fn send(&self) -> bool {
        self.hand_over(None)
    }

    /// Sends one record and waits until it is acknowledged or has failed. False when the queue was full.
    pub(super) async fn send_and_wait(&self) -> bool {
        let (waiter, acknowledged) = oneshot::channel();
        // A waiter that is dropped counts as told.
        self.hand_over(Some(waiter)) && matches!(acknowledged.await, Ok(()) | Err(_))
    }

    fn hand_over(&self, waiter: Waiter) -> bool {
        let Ok(mut messages) = self.messages.lock() else { return false };
        let Made { partition, key, value } = messages.next();
        let mut record: BaseRecord<'_, str, [u8], Box<Waiter>> =
            BaseRecord::with_opaque_to(&self.topic, Box::new(waiter))
                .payload(value.as_slice())
                .timestamp(now().as_millis());
        record.partition = partition;
        record.key = key.as_deref();
        // Counted first: the acknowledgement may be faster than we are.
        self.counts.sent.fetch_add(1, Ordering::Relaxed);
        match self.producer.send(record) {
            Ok(()) => true,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                self.counts.sent.fetch_sub(1, Ordering::Relaxed);
                false
            }
            Err((error, _)) => {
                self.counts.failure(error);
                true
            }
        }
    }

    /// Waits at most `grace` for what is not acknowledged; gives up the rest. Says how many that were.
    pub(super) async fn finish(self, grace: Duration) -> u64 {
        let deadline = tokio::time::Instant::now() + grace;
        while self.counts.in_flight() > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let unfinished = self.counts.in_flight();
        let closing = tokio::task::spawn_blocking(move || {
            if unfinished > 0 {
                self.producer.purge(PurgeConfig::default().queue().inflight());
            }
        });
        if let Err(error) = closing.await {
            tracing::warn!(%error, "closing the producer failed");
        }
        unfinished
    }
}

fn partitions(
    producer: &ThreadedProducer<Acknowledgements>,
    address: &str,
    topic: &str,
    connection: &Context,
) -> Result<u32, LabError> {
    // Asked for all topics, since asking for one may create it.
    let metadata = producer
        .client()
        .fetch_metadata(None, METADATA)
        .map_err(|error| LabError::kafka(address, "look for its topics", connection.explain(error)))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
    let count = found.map_or(0, |found| found.partitions().len());
    match u32::try_from(count) {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(LabError::NoTopic { address: address.to_owned(), topic: topic.to_owned() }),
    }
}
