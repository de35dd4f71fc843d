//! Lag of many groups at once, for people and exporters: what `tidegate lag` prints.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::join_all;
use kafka_protocol::messages::ListGroupsRequest;
use serde::Serialize;
use tidegate_engine::{ReadError, Timestamp};
use tokio::time::Instant;

use crate::egress::Egress;
use crate::kafka::address::BrokerAddress;
use crate::kafka::clients::KafkaClients;
use crate::kafka::cluster::{Cluster, invalid};
use crate::kafka::fault::{Fault, Step};
use crate::kafka::gather::Source;
use crate::kafka::lag::plain_lag;
use crate::kafka::pass::{self, GroupOffsets, PartitionOffsets, Want};
use crate::kafka::replies::groups::{Listed, list_groups};
use crate::kafka::settings::ConnectionSettings;
use crate::kafka::versions::LIST_GROUPS;

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
    /// Requests that these connections have carried since they were made, for all their users.
    pub total_requests: u64,
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
    /// Records that the group will still receive; `None` without a committed offset. 0 when the committed offset lies
    /// beyond the log's end.
    pub lag: Option<i64>,
}

/// Reads the lag of many groups over shared connections.
#[derive(Clone, Debug)]
pub struct LagReader {
    source: Arc<Source>,
}

impl LagReader {
    /// No connection is made before the first read; connections are kept between reads.
    #[must_use]
    pub fn new(settings: ConnectionSettings) -> Self {
        LagReader { source: Arc::new(Source::new(settings, Egress::default())) }
    }

    /// Shares the connections of `clients`.
    #[must_use]
    pub fn shared(settings: &ConnectionSettings, clients: &KafkaClients) -> Self {
        LagReader { source: clients.source(settings, &Egress::default()) }
    }

    /// One pass over the asked groups.
    ///
    /// # Errors
    /// When no broker can be reached or asked; a fault of one group stands with that group.
    pub async fn read(&self, query: &LagQuery, timeout: Duration) -> Result<LagReport, ReadError> {
        let deadline = Instant::now() + timeout;
        let cluster = &self.source.cluster;
        let before = cluster.pool.requests();
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let groups: BTreeSet<Arc<str>> = match &query.groups {
            Some(groups) => groups.iter().map(|group| group.as_str().into()).collect(),
            None => all_groups(cluster, deadline).await?,
        };
        let topics: Option<BTreeSet<Arc<str>>> =
            query.topics.as_ref().map(|topics| topics.iter().map(|topic| topic.as_str().into()).collect());
        let wants: Vec<Want> = groups
            .into_iter()
            .map(|group| Want { group, topics: topics.as_ref().map(|topics| topics.iter().cloned().collect()) })
            .collect();
        let answers = pass::run(cluster, &wants, deadline).await;
        // Nobody can be asked: that is no property of a group.
        if let Some(fault) = answers.iter().all(Result::is_err).then(|| answers.first()?.as_ref().err()).flatten()
            && cluster.pool.connections() == 0
        {
            return Err(fault.clone().into());
        }
        let only_known = query.groups.is_none();
        let groups = wants.into_iter().zip(answers).map(|(want, answer)| group_lag(want.group, answer));
        let groups = groups.filter(|group| !only_known || topics.is_none() || has_commits(group)).collect();
        Ok(LagReport {
            at: Timestamp::EPOCH + at,
            requests: cluster.pool.requests() - before,
            total_requests: cluster.pool.requests(),
            connections: cluster.pool.connections(),
            groups,
        })
    }
}

/// Of all groups, those are shown that know the asked topics.
fn has_commits(group: &GroupLag) -> bool {
    group.error.is_some() || group.partitions.iter().any(|partition| partition.committed.is_some())
}

fn group_lag(group: Arc<str>, answer: Result<GroupOffsets, Fault>) -> GroupLag {
    match answer {
        Ok(found) => {
            let partitions = found
                .topics
                .iter()
                .flat_map(|topic| topic.partitions.iter().map(|partition| partition_lag(&topic.name, partition)));
            GroupLag {
                group,
                partitions: partitions.collect(),
                state: found.state,
                members: found.members,
                error: None,
            }
        }
        Err(fault) => GroupLag { group, state: None, members: None, partitions: Vec::new(), error: Some(fault.into()) },
    }
}

fn partition_lag(topic: &Arc<str>, partition: &PartitionOffsets) -> PartitionLag {
    PartitionLag {
        topic: Arc::clone(topic),
        partition: partition.partition,
        committed: partition.committed,
        log_start: partition.start,
        end: partition.end,
        lag: plain_lag(partition),
    }
}

/// The consumer groups of all brokers: each knows those that it coordinates.
async fn all_groups(cluster: &Cluster, deadline: Instant) -> Result<BTreeSet<Arc<str>>, Fault> {
    let brokers = cluster.brokers(deadline).await?;
    let mut groups = BTreeSet::new();
    for listed in join_all(brokers.iter().map(|broker| listed(cluster, broker, deadline))).await {
        let consumers = listed?.into_iter().filter(is_consumer_group);
        groups.extend(consumers.map(|group| Arc::from(group.group)));
    }
    Ok(groups)
}

async fn listed(cluster: &Cluster, broker: &BrokerAddress, deadline: Instant) -> Result<Vec<Listed>, Fault> {
    let connection = cluster.pool.to(broker, deadline).await?;
    let version = connection.version(LIST_GROUPS)?;
    let body = connection.ask(LIST_GROUPS, &ListGroupsRequest::default(), deadline).await?;
    let (error, groups) =
        list_groups(&body, version).map_err(|error| invalid(connection.address(), LIST_GROUPS.name, &error))?;
    match error {
        0 => Ok(groups),
        code => Err(Fault::code(connection.address(), Step::Request(LIST_GROUPS.name), "", code)),
    }
}

/// Groups that commit offsets of topics: consumers', and those without a protocol, whose offsets a tool has set.
fn is_consumer_group(group: &Listed) -> bool {
    let kind = group.kind.as_deref().unwrap_or("classic").to_ascii_lowercase();
    matches!(group.protocol_type.as_str(), "consumer" | "") && kind != "share"
}
