//! Lag of many groups at once, for people and exporters: what `tidegate lag` prints.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tidegate_engine::{ReadError, ReadErrorKind, Timestamp};

use crate::kafka::clients::KafkaClients;
use crate::kafka::settings::ConnectionSettings;

/// Which groups and topics to read.
#[derive(Clone, Debug, Default)]
pub struct LagQuery {
    /// `None`: all consumer groups of the cluster.
    pub groups: Option<Vec<String>>,
    /// `None`: the topics that each group has committed offsets of.
    pub topics: Option<Vec<String>>,
}

/// The lag of groups at one point in time.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LagReport {
    /// When it was asked for.
    pub at: Timestamp,
    /// Requests that this read took.
    pub requests: u64,
    /// Connections open after it.
    pub connections: u64,
    /// Each group, in order of names.
    pub groups: Vec<GroupLag>,
}

/// One consumer group.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupLag {
    /// Its name.
    pub group: Arc<str>,
    /// As `Stable`, `PreparingRebalance`, `Empty`; `None` when the broker does not say.
    pub state: Option<Arc<str>>,
    /// Its members; `None` when the broker does not say.
    pub members: Option<u32>,
    /// Each partition, in order of topic and number.
    pub partitions: Vec<PartitionLag>,
    /// Why this group could not be read; then `partitions` is empty.
    pub error: Option<ReadError>,
}

/// One partition, as one group sees it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionLag {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition's number.
    pub partition: i32,
    /// The group's committed offset; `None` when it has none.
    pub committed: Option<i64>,
    /// The first offset that retention has left, where it was needed or known.
    pub log_start: Option<i64>,
    /// The next offset that a read-committed consumer can reach.
    pub end: i64,
    /// Records that the group will still receive; `None` without a committed offset.
    pub lag: Option<i64>,
}

/// Reads the lag of many groups over shared connections.
#[derive(Clone, Debug)]
pub struct LagReader {
    _settings: ConnectionSettings,
}

impl LagReader {
    /// No connection is made before the first read.
    #[must_use]
    pub fn new(settings: ConnectionSettings) -> Self {
        LagReader::shared(settings, &KafkaClients::default())
    }

    /// Shares the connections of `clients`.
    #[must_use]
    pub fn shared(settings: ConnectionSettings, _clients: &KafkaClients) -> Self {
        LagReader { _settings: settings }
    }

    /// One pass over the asked groups.
    ///
    /// # Errors
    /// When no broker can be reached or asked; a fault of one group stands with that group.
    pub async fn read(&self, _query: &LagQuery, _timeout: Duration) -> Result<LagReport, ReadError> {
        Err(ReadError::new(ReadErrorKind::Internal, "kafka: not wired yet"))
    }
}
