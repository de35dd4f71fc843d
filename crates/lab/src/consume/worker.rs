//! The loop of one consumer: take a record, work on it for its time, store its offset.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use tidegate_engine::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::context::WorkerContext;
use super::events::{ConsumerEventKind, EventLog};
use super::figures::Figures;
use super::options::{Assignment, ConsumeOptions, FailureHandling, OffsetReset, Speed};
use super::pace::Pace;
use super::{ConsumeSummary, http};
use crate::error::LabError;

/// How long the record at hand may take after `stop`; beyond that it is left to the next consumer.
const FINISH: Duration = Duration::from_secs(5);
/// How long leaving the group may take.
const LEAVE: Duration = Duration::from_secs(5);
type Worker = StreamConsumer<WorkerContext>;

pub(super) async fn run(options: ConsumeOptions, stop: CancellationToken) -> Result<ConsumeSummary, LabError> {
    let figures = Arc::<Figures>::default();
    let events = Arc::new(EventLog::open(options.events_file.as_deref())?);
    events.append(ConsumerEventKind::Started { pid: std::process::id() });
    let server = match options.metrics_address {
        Some(address) => {
            let listener = http::listen(address).await?;
            Some(tokio::spawn(http::serve(listener, Arc::clone(&figures), options.group.as_str().into())))
        }
        None => None,
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(options.warm_up) => {}
    }
    let mut outcome = join(&options, &figures, &events, &stop).await;
    if matches!(outcome, Ok(Ended::NoBrokerAssignment)) {
        tracing::info!("this broker does not assign partitions itself; the group's members do");
        let classic = ConsumeOptions { assignment: Assignment::CooperativeSticky, ..options };
        outcome = join(&classic, &figures, &events, &stop).await;
    }
    if let Some(server) = server {
        server.abort();
    }
    let summary = figures.summary();
    events.append(ConsumerEventKind::Stopped { processed: summary.processed });
    outcome.map(|_| summary)
}

/// How one membership ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Done,
    NoBrokerAssignment,
}

/// Joins the group, works, leaves it.
async fn join(
    options: &ConsumeOptions,
    figures: &Arc<Figures>,
    events: &Arc<EventLog>,
    stop: &CancellationToken,
) -> Result<Ended, LabError> {
    let consumer = subscribe(options, figures, events)?;
    let outcome = Loop { options, consumer: &consumer, figures, events, stop }.run().await;
    leave(consumer).await;
    outcome
}

fn subscribe(options: &ConsumeOptions, figures: &Arc<Figures>, events: &Arc<EventLog>) -> Result<Worker, LabError> {
    let address = &options.kafka.bootstrap_servers;
    let context =
        WorkerContext { connection: options.kafka.context(), figures: Arc::clone(figures), events: Arc::clone(events) };
    let consumer: Worker = client_config(options)
        .create_with_context(context)
        .map_err(|error| LabError::kafka(address, "set up the consumer", error))?;
    let topics: Vec<&str> = options.topics.iter().map(String::as_str).collect();
    consumer
        .subscribe(&topics)
        .map_err(|error| LabError::kafka(address, format!("subscribe to {}", topics.join(", ")), error))?;
    Ok(consumer)
}

/// Commits what is done and leaves the group. Blocks inside the library, so it has a thread of its own, and is given up
/// when the library does not come back: nobody has to wait for a coordinator that is gone.
async fn leave(consumer: Worker) {
    let (done, left) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        match consumer.commit_consumer_state(CommitMode::Sync) {
            Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
            Err(error) => {
                tracing::warn!(%error, "the last commit failed; the records since the one before are repeated")
            }
        }
        // The destructor leaves the group and waits for that.
        drop(consumer);
        let _ = done.send(());
    });
    if tokio::time::timeout(LEAVE, left).await.is_err() {
        tracing::warn!("the group's coordinator does not answer; it notices that we are gone at the session time-out");
    }
}

fn client_config(options: &ConsumeOptions) -> ClientConfig {
    let mut config = options.kafka.client_config();
    let (messages, kilobytes) = prefetch(options.speed);
    config
        .set("group.id", &options.group)
        .set(
            "auto.offset.reset",
            match options.offset_reset {
                OffsetReset::Earliest => "earliest",
                OffsetReset::Latest => "latest",
            },
        )
        .set("enable.auto.commit", "true")
        .set("auto.commit.interval.ms", options.commit_interval.as_millis().max(1).to_string())
        .set("enable.auto.offset.store", "false")
        .set("queued.min.messages", messages.to_string())
        .set("queued.max.messages.kbytes", kilobytes.to_string())
        .set("fetch.message.max.bytes", (kilobytes * 1024 / 4).to_string())
        .set("fetch.max.bytes", "1048576")
        .set("fetch.wait.max.ms", "100")
        .set("fetch.error.backoff.ms", "50")
        .set("fetch.queue.backoff.ms", "50")
        .set("coordinator.query.interval.ms", "500")
        .set("topic.metadata.refresh.fast.interval.ms", "100");
    if matches!(options.assignment, Assignment::Broker | Assignment::Auto) {
        config.set("group.protocol", "consumer");
    } else {
        let session = options.session_timeout.unwrap_or(ConsumeOptions::SESSION);
        config
            .set("session.timeout.ms", session.as_millis().to_string())
            .set("heartbeat.interval.ms", (session / 10).as_millis().to_string())
            .set(
                "partition.assignment.strategy",
                match options.assignment {
                    Assignment::Range => "range",
                    Assignment::RoundRobin => "roundrobin",
                    Assignment::CooperativeSticky | Assignment::Broker | Assignment::Auto => "cooperative-sticky",
                },
            );
    }
    if let Some(instance) = &options.static_member {
        config.set("group.instance.id", instance);
    }
    config
}

/// How many messages and kilobytes may wait in the client: some seconds of work, not megabytes.
fn prefetch(speed: Speed) -> (u64, u64) {
    let rate = match speed {
        Speed::Unlimited => return (10_000, 8 * 1024),
        Speed::Rate(rate) => rate,
        Speed::ServiceTime(distribution) => 1.0 / distribution.mean().max(1e-4),
    };
    // A second's work and a little; a float to integer cast saturates.
    let messages = (rate * 2.0).clamp(2.0, 10_000.0) as u64;
    (messages, (messages / 2).clamp(256, 8 * 1024))
}

struct Loop<'a> {
    options: &'a ConsumeOptions,
    consumer: &'a Worker,
    figures: &'a Figures,
    events: &'a EventLog,
    stop: &'a CancellationToken,
}

impl Loop<'_> {
    async fn run(&self) -> Result<Ended, LabError> {
        let mut pace = Pace::new(self.options.speed, self.options.seed);
        let origin = Instant::now();
        let mut handled = 0_u64;
        while self.options.max_records.is_none_or(|most| handled < most) {
            let received = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(Ended::Done),
                () = idle(self.options.idle_exit) => return Ok(Ended::Done),
                received = self.consumer.recv() => received,
            };
            let message = match received {
                Ok(message) => message,
                Err(error) => {
                    if self.options.assignment == Assignment::Auto && self.no_broker_assignment(&error) {
                        return Ok(Ended::NoBrokerAssignment);
                    }
                    self.give_up_or_go_on(error).await?;
                    continue;
                }
            };
            if handled == 0 {
                self.first(&message);
            }
            handled += 1;
            if !self.work(&message, &mut pace, origin).await {
                return Ok(Ended::Done);
            }
        }
        Ok(Ended::Done)
    }

    /// An older broker does not know the request by which a member asks for its partitions; to the library that is
    /// fatal.
    fn no_broker_assignment(&self, error: &KafkaError) -> bool {
        let unsupported = [RDKafkaErrorCode::UnsupportedVersion, RDKafkaErrorCode::UnsupportedFeature];
        let fatal = self.consumer.client().fatal_error();
        error.rdkafka_error_code().is_some_and(|code| unsupported.contains(&code))
            || fatal.is_some_and(|(code, _)| unsupported.contains(&code))
    }

    fn first(&self, message: &BorrowedMessage<'_>) {
        self.events.append(ConsumerEventKind::FirstRecord {
            produced: message.timestamp().to_millis().map(Timestamp::from_millis),
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
        });
    }

    /// Works on one record until it is done or passed over. False: stopped in the middle, the offset is not stored.
    async fn work(&self, message: &BorrowedMessage<'_>, pace: &mut Pace, origin: Instant) -> bool {
        self.figures.busy.store(true, Ordering::Relaxed);
        let finished = loop {
            let done = origin + pace.done_at(origin.elapsed());
            tokio::select! {
                () = tokio::time::sleep_until(done) => {}
                () = self.overdue() => break false,
            }
            match self.options.failing {
                Some(failing) if pace.fails(failing.share) => match failing.handling {
                    FailureHandling::Retry => Figures::add(&self.figures.retried, 1),
                    FailureHandling::Skip => {
                        Figures::add(&self.figures.skipped, 1);
                        break true;
                    }
                },
                _ => {
                    Figures::add(&self.figures.processed, 1);
                    Figures::add(&self.figures.bytes, message.payload_len() as u64);
                    break true;
                }
            }
        };
        self.figures.busy.store(false, Ordering::Relaxed);
        if finished && let Err(error) = self.consumer.store_offset_from_message(message) {
            // The partition went to somebody else while we worked; they will do this record again.
            tracing::debug!(%error, partition = message.partition(), "the offset of a finished record was not stored");
        }
        finished
    }

    /// Completes when a stop was asked for and the record at hand has had its time.
    async fn overdue(&self) {
        self.stop.cancelled().await;
        tokio::time::sleep(FINISH).await;
    }

    /// Some errors will not go away; the others are waited out.
    async fn give_up_or_go_on(&self, error: KafkaError) -> Result<(), LabError> {
        let code = error.rdkafka_error_code();
        let refused = matches!(
            code,
            Some(
                RDKafkaErrorCode::TopicAuthorizationFailed
                    | RDKafkaErrorCode::GroupAuthorizationFailed
                    | RDKafkaErrorCode::SaslAuthenticationFailed
                    | RDKafkaErrorCode::Authentication
                    | RDKafkaErrorCode::Fatal
                    | RDKafkaErrorCode::InvalidTopic
                    | RDKafkaErrorCode::InvalidSessionTimeout
                    | RDKafkaErrorCode::InconsistentGroupProtocol
            )
        );
        let address = &self.options.kafka.bootstrap_servers;
        let doing = format!("consume {} as group \"{}\"", self.options.topics.join(", "), self.options.group);
        let cause = self.consumer.context().connection.explain(&error);
        if refused {
            return Err(LabError::kafka(address, doing, cause));
        }
        if code == Some(RDKafkaErrorCode::UnknownTopicOrPartition) {
            let topic = self.options.topics.join(", ");
            tracing::warn!("{}; waiting for it", LabError::NoTopic { address: address.clone(), topic });
        } else {
            tracing::warn!("{}; trying on", LabError::kafka(address, doing, cause));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(())
    }
}

/// Completes after `span`; never without one.
async fn idle(span: Option<Duration>) {
    match span {
        Some(span) => tokio::time::sleep(span).await,
        None => std::future::pending().await,
    }
}
