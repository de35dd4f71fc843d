//! The second half of a pass: end offsets, one request a leader for the union of all partitions; log starts where they
//! are needed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{BrokerId, ListOffsetsRequest};
use tidegate_engine::ReadErrorKind;
use tokio::time::Instant;

use super::{ATTEMPTS, Partition, Pass};
use crate::kafka::cluster::{Cluster, invalid, topic_name};
use crate::kafka::fault::{Fault, Step};
use crate::kafka::replies::offsets::list_offsets;
use crate::kafka::versions::LIST_OFFSETS;

/// Which offset of a partition is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Which {
    /// The last stable offset: the next one that a read-committed consumer can reach.
    End,
    /// The high watermark: the next one that any consumer can reach.
    High,
    /// The first that retention has left.
    Start,
}

impl Which {
    /// Kafka's stand-ins for a time.
    fn timestamp(self) -> i64 {
        match self {
            Which::End | Which::High => -1,
            Which::Start => -2,
        }
    }

    fn isolation(self) -> i8 {
        i8::from(self == Which::End)
    }

    fn put(self, partition: &mut Partition, offset: i64) {
        match self {
            Which::End => partition.end = Some(offset),
            Which::High => partition.high = Some(offset),
            Which::Start => partition.start = Some(offset),
        }
    }
}

/// Partitions by place of their topic.
type Asked = BTreeMap<usize, Vec<i32>>;

/// A reply with what is needed to understand it.
struct Reply {
    which: Which,
    leader: i32,
    address: Arc<str>,
    version: i16,
    asked: Asked,
    body: Result<Bytes, Fault>,
}

impl Pass<'_> {
    /// Reads the end offsets of all partitions, log starts where they are needed, and high watermarks where a
    /// committed offset lies beyond what a read-committed consumer can reach.
    pub(super) async fn read_ends(&mut self) -> Result<(), Fault> {
        let starts = self.starts_needed();
        for attempt in 0..ATTEMPTS {
            self.ask(&[Which::End, Which::Start], &starts).await;
            let moved: BTreeSet<Arc<str>> = self.unread().collect();
            if moved.is_empty() || Instant::now() >= self.deadline {
                break;
            }
            // The last failure stands if looking again does not help.
            if attempt + 1 < ATTEMPTS {
                self.cluster.forget_topics(moved.iter());
                self.back_off(attempt).await;
                self.resolve(moved).await?;
            }
        }
        let beyond = self.beyond_end();
        if !beyond.is_empty() {
            self.ask(&[Which::High], &beyond).await;
        }
        Ok(())
    }

    /// Topics with partitions whose failure may be over when looked up again.
    fn unread(&self) -> impl Iterator<Item = Arc<str>> {
        let waits = |partition: &Partition| partition.fault.as_ref().is_some_and(|fault| fault.passing);
        let unread = self.topics.iter().filter(move |topic| topic.partitions.iter().any(waits));
        unread.map(|topic| Arc::clone(&topic.name))
    }

    /// Partitions of which some group has no committed offset (its lag may count from the log's start), and those whose
    /// start was not looked at for a while: a committed offset may have been overtaken by retention.
    fn starts_needed(&self) -> BTreeSet<(usize, i32)> {
        let mut needed = BTreeSet::new();
        for (place, topic) in self.topics.iter().enumerate() {
            for partition in &topic.partitions {
                if self.cluster.tails.known_start(&topic.name, partition.number).is_none() {
                    needed.insert((place, partition.number));
                }
            }
        }
        for group in &self.groups {
            let named = group.named.iter().filter_map(|name| self.topic_places.get(name).copied());
            let places: BTreeSet<usize> = named.chain(group.committed.iter().map(|(topic, _, _)| *topic)).collect();
            for place in places {
                for partition in self.topics.get(place).iter().flat_map(|topic| &topic.partitions) {
                    if group.committed_at(place, partition.number).is_none() {
                        needed.insert((place, partition.number));
                    }
                }
            }
        }
        needed
    }

    fn beyond_end(&self) -> BTreeSet<(usize, i32)> {
        let mut beyond = BTreeSet::new();
        for (place, number, committed) in self.groups.iter().flat_map(|group| &group.committed) {
            let end = self.topics.get(*place).and_then(|topic| {
                let at = topic.partitions.binary_search_by_key(number, |partition| partition.number).ok()?;
                topic.partitions.get(at)?.end
            });
            if end.is_some_and(|end| *committed > end) {
                beyond.insert((*place, *number));
            }
        }
        beyond
    }

    /// Asks each leader for what is still unknown. `Start` and `High` only of the partitions in `some`.
    async fn ask(&mut self, which: &[Which], some: &BTreeSet<(usize, i32)>) {
        let mut by_leader: BTreeMap<(i32, Which), Asked> = BTreeMap::new();
        for (place, topic) in self.topics.iter_mut().enumerate() {
            for partition in &mut topic.partitions {
                for which in which.iter().copied() {
                    let wanted = match which {
                        Which::End => partition.end.is_none(),
                        Which::Start => partition.start.is_none() && some.contains(&(place, partition.number)),
                        Which::High => some.contains(&(place, partition.number)),
                    };
                    if wanted {
                        partition.fault = None;
                        by_leader
                            .entry((partition.leader, which))
                            .or_default()
                            .entry(place)
                            .or_default()
                            .push(partition.number);
                    }
                }
            }
        }
        let names: Vec<Arc<str>> = self.topics.iter().map(|topic| Arc::clone(&topic.name)).collect();
        let (cluster, deadline) = (self.cluster, self.deadline);
        let asks = by_leader
            .into_iter()
            .map(|((leader, which), asked)| ask_leader(cluster, leader, which, asked, &names, deadline));
        for reply in futures::future::join_all(asks).await {
            self.take(reply);
        }
    }

    fn take(&mut self, reply: Reply) {
        let Reply { which, leader, address, version, asked, body } = reply;
        let read = body.and_then(|body| {
            let mut topic: Option<(Arc<str>, usize)> = None;
            list_offsets(&body, version, &mut |name, number, offset, error| {
                if topic.as_ref().is_none_or(|(known, _)| **known != *name) {
                    topic = self.topic_places.get_key_value(name).map(|(name, place)| (Arc::clone(name), *place));
                }
                let Some(partition) =
                    topic.as_ref().and_then(|(_, place)| self.topics.get_mut(*place)?.partition(number))
                else {
                    return;
                };
                match error {
                    0 if offset >= 0 => which.put(partition, offset),
                    _ => {
                        let what = format!("partition {number} of topic {name}");
                        partition.fault = Some(Fault::code(&address, Step::Request(LIST_OFFSETS.name), &what, error));
                    }
                }
            })
            .map_err(|error| invalid(&address, LIST_OFFSETS.name, &error))
        });
        let fault =
            read.err().unwrap_or_else(|| invalid(&address, LIST_OFFSETS.name, &"the reply leaves out partitions"));
        let fault = if leader < 0 { fault.passing() } else { fault };
        for (place, numbers) in asked {
            let Some(topic) = self.topics.get_mut(place) else { continue };
            for number in numbers {
                let name = Arc::clone(&topic.name);
                let Some(partition) = topic.partition(number) else { continue };
                let known = match which {
                    Which::End => partition.end,
                    Which::High => partition.high,
                    Which::Start => partition.start,
                };
                match known {
                    None => drop(partition.fault.get_or_insert_with(|| fault.clone())),
                    Some(start) if which == Which::Start => self.cluster.tails.learn_start(&name, number, start),
                    Some(_) => {}
                }
            }
        }
    }
}

async fn ask_leader(
    cluster: &Cluster,
    leader: i32,
    which: Which,
    asked: Asked,
    names: &[Arc<str>],
    deadline: Instant,
) -> Reply {
    let mut reply =
        Reply { which, leader, address: cluster.pool.name().into(), version: 0, asked, body: Ok(Bytes::new()) };
    let Some(address) = cluster.broker(leader) else {
        let cause = if leader < 0 {
            "a partition has no leader now".to_owned()
        } else {
            format!("no address of broker {leader}")
        };
        let fault = Fault::new(ReadErrorKind::Refused, &reply.address, Step::Request(LIST_OFFSETS.name), cause)
            .hint("look whether all brokers are up and in sync");
        reply.body = Err(fault.passing());
        return reply;
    };
    reply.address = address.to_string().into();
    let asking = async {
        let connection = cluster.pool.to(&address, deadline).await?;
        let version = connection.version(LIST_OFFSETS)?;
        let body = connection.ask(LIST_OFFSETS, &request(which, &reply.asked, names, version), deadline).await?;
        Ok((version, body))
    };
    match asking.await {
        Ok((version, body)) => (reply.version, reply.body) = (version, Ok(body)),
        Err(fault) => reply.body = Err(fault),
    }
    reply
}

fn request(which: Which, asked: &Asked, names: &[Arc<str>], version: i16) -> ListOffsetsRequest {
    let topics = asked.iter().filter_map(|(place, numbers)| {
        let partitions = numbers.iter().map(|number| {
            let partition = ListOffsetsPartition::default().with_partition_index(*number);
            partition.with_timestamp(which.timestamp()).with_current_leader_epoch(-1)
        });
        Some(
            ListOffsetsTopic::default().with_name(topic_name(names.get(*place)?)).with_partitions(partitions.collect()),
        )
    });
    // Version 1, of brokers before 0.11, knows no transactions: there every offset is stable.
    let isolation = if version >= 2 { which.isolation() } else { 0 };
    ListOffsetsRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_isolation_level(isolation)
        .with_topics(topics.collect())
}
