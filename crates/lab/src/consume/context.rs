//! What the client library tells a consumer: assignments, commits, errors.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::events::{ConsumerEventKind, EventLog};
use super::figures::Figures;
use crate::kafka::Context;

/// The callbacks of one consumer. They run inside its poll, never beside it.
pub(crate) struct WorkerContext {
    pub(crate) connection: Context,
    pub(crate) figures: Arc<Figures>,
    pub(crate) events: Arc<EventLog>,
}

impl ClientContext for WorkerContext {
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

impl ConsumerContext for WorkerContext {
    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let total = consumer.assignment().map_or(0, |held| held.count());
        self.figures.assigned.store(total as u64, Ordering::Relaxed);
        match rebalance {
            Rebalance::Assign(partitions) => {
                Figures::add(&self.figures.rebalances, 1);
                self.figures.joined.store(true, Ordering::Relaxed);
                self.events.append(ConsumerEventKind::Assigned { partitions: names(partitions), total });
            }
            Rebalance::Revoke(partitions) => {
                self.events.append(ConsumerEventKind::Revoked { partitions: names(partitions), total });
            }
            Rebalance::Error(error) => tracing::warn!(%error, "the group could not be rebalanced"),
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        match result {
            Ok(()) => Figures::add(&self.figures.commits, 1),
            // Nothing new to commit.
            Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
            Err(error) => {
                Figures::add(&self.figures.commit_errors, 1);
                tracing::warn!(%error, "a commit failed; the records are worked on again by whoever gets the partition");
            }
        }
    }
}

fn names(partitions: &TopicPartitionList) -> Vec<String> {
    partitions.elements().iter().map(|part| format!("{}/{}", part.topic(), part.partition())).collect()
}
