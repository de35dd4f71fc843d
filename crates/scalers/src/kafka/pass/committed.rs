//! The first half of a pass: committed offsets, one request a coordinator for many groups.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{GroupId, OffsetFetchRequest};
use tokio::time::Instant;

use super::{ATTEMPTS, Pass, Topic};
use crate::kafka::address::BrokerAddress;
use crate::kafka::cluster::{Cluster, invalid, text, topic_name};
use crate::kafka::fault::{Fault, Step};
use crate::kafka::replies::offsets::{CommittedVisitor, offset_fetch};
use crate::kafka::versions::OFFSET_FETCH;

/// Groups and partitions in one request at most, so that no request keeps a broker busy for long.
const GROUPS_A_REQUEST: usize = 1_000;
const PARTITIONS_A_REQUEST: usize = 50_000;
/// What a group counts that is asked for whatever it has committed.
const PARTITIONS_UNTOLD: usize = 50;
/// How many requests are under way at once to a broker that takes one group a request.
const UNDER_WAY: usize = 64;

/// What one group asks for: for each topic its partitions, or everything.
type Asked = (GroupId, Option<Vec<(Arc<str>, Vec<i32>)>>);

/// A reply with what is needed to understand it.
struct Reply {
    address: Arc<str>,
    version: i16,
    places: Vec<usize>,
    body: Result<Bytes, Fault>,
}

impl Pass<'_> {
    /// Reads the committed offsets of all groups. A group that cannot be read keeps its fault.
    pub(super) async fn read_committed(&mut self) -> Result<(), Fault> {
        let mut pending: Vec<usize> = (0..self.groups.len()).collect();
        for attempt in 0..ATTEMPTS {
            for reply in self.ask_committed(&pending).await? {
                self.take_committed(reply);
            }
            let groups = &self.groups;
            let passing = |place: &usize| {
                groups.get(*place).and_then(|group| group.fault.as_ref()).is_some_and(|fault| fault.passing)
            };
            pending.retain(passing);
            if pending.is_empty() || Instant::now() >= self.deadline {
                break;
            }
            self.cluster.forget_coordinators(pending.iter().filter_map(|place| Some(&self.groups.get(*place)?.name)));
            if attempt + 1 < ATTEMPTS {
                self.back_off(attempt).await;
            }
        }
        for group in &mut self.groups {
            group.committed.sort_unstable();
        }
        Ok(())
    }

    async fn ask_committed(&mut self, pending: &[usize]) -> Result<Vec<Reply>, Fault> {
        let names: Vec<Arc<str>> =
            pending.iter().filter_map(|place| Some(Arc::clone(&self.groups.get(*place)?.name))).collect();
        let coordinators = self.cluster.coordinators(&names, self.deadline).await?;
        let mut by_coordinator: BTreeMap<BrokerAddress, Vec<usize>> = BTreeMap::new();
        for (place, coordinator) in pending.iter().zip(coordinators) {
            let Some(group) = self.groups.get_mut(*place) else { continue };
            group.committed.clear();
            match coordinator {
                Ok(address) => {
                    group.fault = None;
                    by_coordinator.entry(address).or_default().push(*place);
                }
                Err(fault) => group.fault = Some(fault),
            }
        }
        let asks = by_coordinator.into_iter().map(|(address, places)| {
            let asked: Vec<Asked> = places.iter().map(|place| self.asked(*place)).collect();
            ask_coordinator(self.cluster, address, places, asked, self.deadline)
        });
        Ok(futures::future::join_all(asks).await.into_iter().flatten().collect())
    }

    /// What to ask of one group. Topics that are known not to exist are left out.
    fn asked(&self, place: usize) -> Asked {
        let Some(group) = self.groups.get(place) else { return (GroupId::default(), None) };
        let known = |name: &Arc<str>| -> Option<&Topic> { self.topics.get(*self.topic_places.get(name)?) };
        let topics = (!group.all).then(|| {
            let topics = group.named.iter().filter_map(|name| known(name).filter(|topic| topic.fault.is_none()));
            topics
                .map(|topic| {
                    (Arc::clone(&topic.name), topic.partitions.iter().map(|partition| partition.number).collect())
                })
                .collect()
        });
        (GroupId(text(&group.name)), topics)
    }

    fn take_committed(&mut self, reply: Reply) {
        let outcome = reply.body.and_then(|body| {
            let names: HashMap<Arc<str>, usize> = reply
                .places
                .iter()
                .filter_map(|place| Some((Arc::clone(&self.groups.get(*place)?.name), *place)))
                .collect();
            let address = Arc::clone(&reply.address);
            let only = reply.places.first().copied();
            let mut taker =
                Taker { pass: self, names, only, address, group: None, topic: None, answered: HashSet::new() };
            offset_fetch(&body, reply.version, &mut taker)
                .map(|()| std::mem::take(&mut taker.answered))
                .map_err(|error| invalid(&reply.address, OFFSET_FETCH.name, &error))
        });
        let unanswered = match &outcome {
            Ok(_) => invalid(&reply.address, OFFSET_FETCH.name, &"the reply says nothing of this group"),
            Err(fault) => fault.clone(),
        };
        let answered = outcome.unwrap_or_default();
        for place in reply.places.iter().filter(|place| !answered.contains(place)) {
            if let Some(group) = self.groups.get_mut(*place) {
                group.fault = Some(unanswered.clone());
            }
        }
    }
}

/// Puts what a reply says to its groups.
struct Taker<'p, 'a> {
    pass: &'p mut Pass<'a>,
    names: HashMap<Arc<str>, usize>,
    /// The only group asked for, where the reply does not name groups.
    only: Option<usize>,
    address: Arc<str>,
    group: Option<usize>,
    topic: Option<usize>,
    answered: HashSet<usize>,
}

impl Taker<'_, '_> {
    fn fault(&mut self, what: &str, code: i16) {
        let fault = Fault::code(&self.address, Step::Request(OFFSET_FETCH.name), what, code);
        if let Some(group) = self.group.and_then(|place| self.pass.groups.get_mut(place)) {
            group.fault.get_or_insert(fault);
        }
    }
}

impl CommittedVisitor for Taker<'_, '_> {
    fn group(&mut self, name: &str) {
        self.group = if name.is_empty() { self.only } else { self.names.get(name).copied() };
        self.answered.extend(self.group);
    }

    fn topic(&mut self, topic: &str) {
        self.topic = Some(self.pass.place(topic));
    }

    fn partition(&mut self, partition: i32, committed: i64, error: i16) {
        let Some(topic) = self.topic else { return };
        if error != 0 {
            let name = self.pass.topics.get(topic).map(|topic| Arc::clone(&topic.name)).unwrap_or_default();
            return self.fault(&format!("partition {partition} of topic {name}"), error);
        }
        if let Some(group) = self.group.and_then(|place| self.pass.groups.get_mut(place))
            && committed >= 0
        {
            group.committed.push((topic, partition, committed));
        }
    }

    fn group_error(&mut self, error: i16) {
        // A group that does not exist yet has committed nothing.
        if error != 0 && error != 69 {
            let name = self.group.and_then(|place| Some(Arc::clone(&self.pass.groups.get(place)?.name)));
            self.fault(&format!("group {}", name.unwrap_or_default()), error);
        }
    }
}

async fn ask_coordinator(
    cluster: &Cluster,
    address: BrokerAddress,
    places: Vec<usize>,
    asked: Vec<Asked>,
    deadline: Instant,
) -> Vec<Reply> {
    let connected = cluster.pool.to(&address, deadline).await;
    let connected = connected.and_then(|connection| Ok((connection.version(OFFSET_FETCH)?, connection)));
    let (version, connection) = match connected {
        Ok(connected) => connected,
        // A coordinator may be unreachable because it has moved.
        Err(fault) => return vec![Reply { address: address.to_string().into(), version: 0, places, body: Err(fault) }],
    };
    let requests = requests(places, asked, version);
    let asks = requests.into_iter().map(|(places, request)| {
        let connection = Arc::clone(&connection);
        async move {
            let body = connection.ask(OFFSET_FETCH, &request, deadline).await;
            Reply { address: Arc::clone(connection.address()), version, places, body }
        }
    });
    futures::stream::iter(asks).buffer_unordered(UNDER_WAY).collect().await
}

/// Many groups a request where the version allows it, else one.
fn requests(places: Vec<usize>, asked: Vec<Asked>, version: i16) -> Vec<(Vec<usize>, OffsetFetchRequest)> {
    let mut requests: Vec<(Vec<usize>, OffsetFetchRequest)> = Vec::new();
    let mut partitions = usize::MAX;
    for (place, (group, topics)) in places.into_iter().zip(asked) {
        if version < 8 {
            let topics = topics.map(|topics| topics.into_iter().map(old_topic).collect());
            requests.push((vec![place], OffsetFetchRequest::default().with_group_id(group).with_topics(topics)));
            continue;
        }
        let more = topics
            .as_ref()
            .map_or(PARTITIONS_UNTOLD, |topics| topics.iter().map(|(_, partitions)| partitions.len()).sum());
        let topics = topics.map(|topics| topics.into_iter().map(new_topic).collect());
        let group = OffsetFetchRequestGroup::default().with_group_id(group).with_topics(topics).with_member_epoch(-1);
        match requests.last_mut() {
            Some((places, request))
                if places.len() < GROUPS_A_REQUEST && partitions.saturating_add(more) <= PARTITIONS_A_REQUEST =>
            {
                partitions += more;
                places.push(place);
                request.groups.push(group);
            }
            _ => {
                partitions = more;
                requests.push((vec![place], OffsetFetchRequest::default().with_groups(vec![group])));
            }
        }
    }
    requests
}

fn old_topic((name, partitions): (Arc<str>, Vec<i32>)) -> OffsetFetchRequestTopic {
    OffsetFetchRequestTopic::default().with_name(topic_name(&name)).with_partition_indexes(partitions)
}

fn new_topic((name, partitions): (Arc<str>, Vec<i32>)) -> OffsetFetchRequestTopics {
    OffsetFetchRequestTopics::default().with_name(topic_name(&name)).with_partition_indexes(partitions)
}
