//! What is known of one cluster as one identity: topics with their leaders, and the coordinators of groups.
//!
//! Only wanted topics are ever asked for, and never in a way that would create one.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{FindCoordinatorRequest, MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use tidegate_engine::ReadErrorKind;
use tokio::time::Instant;

use crate::egress::Egress;
use crate::kafka::address::BrokerAddress;
use crate::kafka::connection::Connection;
use crate::kafka::fault::{Fault, Step};
use crate::kafka::pool::{Pool, lock};
use crate::kafka::replies::cluster::{Broker, Coordinator, TopicMeta, find_coordinator, metadata};
use crate::kafka::settings::ConnectionSettings;
use crate::kafka::tail::Tails;
use crate::kafka::versions::{FIND_COORDINATOR, METADATA};

/// How old a topic's partitions and leaders may be. New partitions are seen within this; a leader that moved is
/// noticed at once by the error it costs.
const TOPIC_AGE: Duration = Duration::from_secs(30);
/// How many groups are asked for in one request.
const GROUPS_A_REQUEST: usize = 2_500;
/// What nobody asked for in this time is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(900);

/// One cluster as one identity.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) pool: Pool,
    pub(crate) tails: Tails,
    topics: Mutex<HashMap<Arc<str>, Topic>>,
    brokers: Mutex<HashMap<i32, BrokerAddress>>,
    coordinators: Mutex<HashMap<Arc<str>, (BrokerAddress, Instant)>>,
}

#[derive(Clone, Debug)]
struct Topic {
    meta: Arc<TopicMeta>,
    at: Instant,
    wanted: Instant,
}

impl Cluster {
    pub(crate) fn new(settings: ConnectionSettings, egress: Egress) -> Self {
        Cluster {
            pool: Pool::new(settings, egress),
            tails: Tails::default(),
            topics: Mutex::default(),
            brokers: Mutex::default(),
            coordinators: Mutex::default(),
        }
    }

    /// The partitions and leaders of topics, from memory where they are fresh. A topic that does not exist, or may not
    /// be seen, has its error code.
    pub(crate) async fn topics(
        &self,
        wanted: &BTreeSet<Arc<str>>,
        deadline: Instant,
    ) -> Result<HashMap<Arc<str>, Arc<TopicMeta>>, Fault> {
        let now = Instant::now();
        let mut found = HashMap::new();
        let mut missing = Vec::new();
        {
            let mut topics = lock(&self.topics);
            topics.retain(|_, topic| now.duration_since(topic.wanted) < FORGET_AFTER);
            for name in wanted {
                match topics.get_mut(name).filter(|topic| now.duration_since(topic.at) < TOPIC_AGE) {
                    Some(topic) => {
                        topic.wanted = now;
                        found.insert(Arc::clone(name), Arc::clone(&topic.meta));
                    }
                    None => missing.push(Arc::clone(name)),
                }
            }
        }
        if !missing.is_empty() {
            for meta in self.ask_topics(&missing, deadline).await? {
                found.insert(Arc::clone(&meta.name), meta);
            }
        }
        Ok(found)
    }

    /// Forgets topics whose leaders or partitions turned out to be others.
    pub(crate) fn forget_topics<'a>(&self, names: impl Iterator<Item = &'a Arc<str>>) {
        let mut topics = lock(&self.topics);
        names.for_each(|name| drop(topics.remove(name)));
    }

    async fn ask_topics(&self, names: &[Arc<str>], deadline: Instant) -> Result<Vec<Arc<TopicMeta>>, Fault> {
        let connection = self.pool.any(deadline).await?;
        let version = connection.version(METADATA)?;
        let topics =
            names.iter().map(|name| MetadataRequestTopic::default().with_name(Some(topic_name(name)))).collect();
        let request = MetadataRequest::default().with_topics(Some(topics)).with_allow_auto_topic_creation(false);
        let body = connection.ask(METADATA, &request, deadline).await?;
        let (brokers, topics) =
            metadata(&body, version).map_err(|error| invalid(connection.address(), METADATA.name, &error))?;
        self.learn(&connection, brokers)?;
        let now = Instant::now();
        let topics: Vec<_> = topics.into_iter().map(Arc::new).collect();
        let mut kept = lock(&self.topics);
        for meta in &topics {
            // What is not well is asked for again next time.
            if meta.error == 0 && meta.partitions.iter().all(|partition| partition.leader >= 0) {
                kept.insert(Arc::clone(&meta.name), Topic { meta: Arc::clone(meta), at: now, wanted: now });
            }
        }
        Ok(topics)
    }

    fn learn(&self, connection: &Connection, brokers: Vec<Broker>) -> Result<(), Fault> {
        let mut known = HashMap::new();
        for broker in brokers {
            known.insert(broker.id, broker_address(connection, METADATA.name, &broker.host, broker.port)?);
        }
        self.pool.learn(known.values().cloned().collect());
        *lock(&self.brokers) = known;
        Ok(())
    }

    /// Asks about brokers only, by way of the given topic-less question; for reads that concern the whole cluster.
    pub(crate) async fn brokers(&self, deadline: Instant) -> Result<Vec<BrokerAddress>, Fault> {
        let connection = self.pool.any(deadline).await?;
        let version = connection.version(METADATA)?;
        let request = MetadataRequest::default().with_topics(Some(Vec::new())).with_allow_auto_topic_creation(false);
        let body = connection.ask(METADATA, &request, deadline).await?;
        let (brokers, _) =
            metadata(&body, version).map_err(|error| invalid(connection.address(), METADATA.name, &error))?;
        self.learn(&connection, brokers)?;
        Ok(lock(&self.brokers).values().cloned().collect())
    }

    /// Where a broker listens.
    pub(crate) fn broker(&self, id: i32) -> Option<BrokerAddress> {
        lock(&self.brokers).get(&id).cloned()
    }

    /// The coordinators of groups, from memory where they are known; for each group its own or why it has none.
    pub(crate) async fn coordinators(
        &self,
        groups: &[Arc<str>],
        deadline: Instant,
    ) -> Result<Vec<Result<BrokerAddress, Fault>>, Fault> {
        let mut found: Vec<Option<Result<BrokerAddress, Fault>>> = Vec::with_capacity(groups.len());
        let mut missing = Vec::new();
        let now = Instant::now();
        {
            let mut known = lock(&self.coordinators);
            for group in groups {
                let address = known.get_mut(group).map(|(address, wanted)| {
                    *wanted = now;
                    address.clone()
                });
                if address.is_none() {
                    missing.push(Arc::clone(group));
                }
                found.push(address.map(Ok));
            }
            if known.len() > 2 * groups.len() {
                known.retain(|_, (_, wanted)| now.duration_since(*wanted) < FORGET_AFTER);
            }
        }
        let mut asked =
            if missing.is_empty() { HashMap::new() } else { self.ask_coordinators(&missing, deadline).await? };
        let lost = || {
            Fault::new(
                ReadErrorKind::Invalid,
                &self.pool.name(),
                Step::Request(FIND_COORDINATOR.name),
                "no answer for this group",
            )
        };
        let results = found.into_iter().zip(groups);
        Ok(results.map(|(known, group)| known.or_else(|| asked.remove(group)).unwrap_or_else(|| Err(lost()))).collect())
    }

    /// Forgets coordinators that turned out to be others.
    pub(crate) fn forget_coordinators<'a>(&self, groups: impl Iterator<Item = &'a Arc<str>>) {
        let mut known = lock(&self.coordinators);
        groups.for_each(|group| drop(known.remove(group)));
    }

    async fn ask_coordinators(
        &self,
        groups: &[Arc<str>],
        deadline: Instant,
    ) -> Result<HashMap<Arc<str>, Result<BrokerAddress, Fault>>, Fault> {
        let connection = self.pool.any(deadline).await?;
        let version = connection.version(FIND_COORDINATOR)?;
        let a_request = if version >= 4 { GROUPS_A_REQUEST } else { 1 };
        let chunks = groups.chunks(a_request).map(|chunk| find(&connection, version, chunk, deadline));
        let answers = futures::future::try_join_all(chunks).await?;
        let now = Instant::now();
        let mut results = HashMap::with_capacity(groups.len());
        let mut known = lock(&self.coordinators);
        for (group, coordinator) in answers.into_iter().flatten() {
            let address = located(&connection, &group, &coordinator);
            if let Ok(address) = &address {
                known.insert(Arc::clone(&group), (address.clone(), now));
            }
            results.insert(group, address);
        }
        Ok(results)
    }
}

/// One FindCoordinator, paired with the groups it was asked for.
async fn find(
    connection: &Connection,
    version: i16,
    groups: &[Arc<str>],
    deadline: Instant,
) -> Result<Vec<(Arc<str>, Coordinator)>, Fault> {
    let mut request = FindCoordinatorRequest::default();
    if version >= 4 {
        request.coordinator_keys = groups.iter().map(|group| text(group)).collect();
    } else if let Some(group) = groups.first() {
        request.key = text(group);
    }
    let body = connection.ask(FIND_COORDINATOR, &request, deadline).await?;
    let found = find_coordinator(&body, version)
        .map_err(|error| invalid(connection.address(), FIND_COORDINATOR.name, &error))?;
    if version < 4 {
        return Ok(groups.iter().cloned().zip(found).collect());
    }
    let names: HashMap<&str, &Arc<str>> = groups.iter().map(|group| (&**group, group)).collect();
    let paired = found.into_iter().filter_map(|one| Some((Arc::clone(names.get(one.key.as_str())?), one)));
    Ok(paired.collect())
}

fn located(connection: &Connection, group: &str, coordinator: &Coordinator) -> Result<BrokerAddress, Fault> {
    if coordinator.error != 0 {
        let step = Step::Request(FIND_COORDINATOR.name);
        return Err(Fault::code(connection.address(), step, &format!("group {group}"), coordinator.error));
    }
    broker_address(connection, FIND_COORDINATOR.name, &coordinator.host, coordinator.port)
}

fn broker_address(
    connection: &Connection,
    request: &'static str,
    host: &str,
    port: i32,
) -> Result<BrokerAddress, Fault> {
    match u16::try_from(port) {
        Ok(port) if port > 0 && !host.is_empty() => Ok(BrokerAddress::new(host, port)),
        _ => {
            let cause = format!("a broker of the cluster advertises the address {host:?}:{port}");
            Err(Fault::new(ReadErrorKind::Invalid, connection.address(), Step::Request(request), cause)
                .hint("check advertised.listeners of the brokers"))
        }
    }
}

/// A reply that cannot be understood.
pub(crate) fn invalid(address: &str, request: &'static str, error: &impl ToString) -> Fault {
    Fault::new(ReadErrorKind::Invalid, address, Step::Request(request), error.to_string())
}

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}
