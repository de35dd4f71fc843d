//! One pass: the committed offsets of many groups, then the end offsets of all their partitions.
//!
//! Committed offsets are read before end offsets, so that a lag is never negative for the order of asking alone. Each
//! coordinator is asked once for all its groups and each leader once for all its partitions; what moved in the meantime
//! is looked up again and asked again, a few times.

mod committed;
mod described;
mod ends;
mod result;
mod tails;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::kafka::cluster::Cluster;
use crate::kafka::fault::{Fault, Step};
use crate::kafka::versions::METADATA;

pub(crate) use result::{GroupOffsets, PartitionOffsets};

/// How often what moved is looked up and asked again within a pass.
const ATTEMPTS: u32 = 5;

/// What one asker wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Want {
    pub(crate) group: Arc<str>,
    /// `None`: the topics that the group has committed offsets of.
    pub(crate) topics: Option<Vec<Arc<str>>>,
}

/// What one asker gets.
pub(crate) type Answer = Result<GroupOffsets, Fault>;

/// Answers all wants, each with its own result.
pub(crate) async fn run(cluster: &Cluster, wants: &[Want], deadline: Instant) -> Vec<Answer> {
    let mut pass = Pass::new(cluster, wants, deadline);
    match pass.go().await {
        Ok(()) => wants.iter().map(|want| pass.result(want)).collect(),
        Err(fault) => wants.iter().map(|_| Err(fault.clone())).collect(),
    }
}

/// The work in progress.
struct Pass<'a> {
    cluster: &'a Cluster,
    deadline: Instant,
    groups: Vec<Group>,
    group_places: HashMap<Arc<str>, usize>,
    topics: Vec<Topic>,
    topic_places: HashMap<Arc<str>, usize>,
}

/// A group that somebody wants to know of.
struct Group {
    name: Arc<str>,
    /// The union of the topics that are wanted of it by name.
    named: BTreeSet<Arc<str>>,
    /// Whether somebody wants whatever it has committed.
    all: bool,
    /// Place of the topic, partition, committed offset; sorted once all are there.
    committed: Vec<(usize, i32, i64)>,
    fault: Option<Fault>,
    state: Option<Arc<str>>,
    members: Option<u32>,
}

/// A topic that some group reads.
struct Topic {
    name: Arc<str>,
    /// Why it cannot be read as a whole.
    fault: Option<Fault>,
    /// Sorted by number.
    partitions: Vec<Partition>,
}

#[derive(Clone, Debug, Default)]
struct Partition {
    number: i32,
    leader: i32,
    /// The last stable offset: what a read-committed consumer can reach.
    end: Option<i64>,
    /// The high watermark, asked for only where a committed offset lies beyond `end`.
    high: Option<i64>,
    start: Option<i64>,
    fault: Option<Fault>,
}

impl Topic {
    fn partition(&mut self, number: i32) -> Option<&mut Partition> {
        let place = self.partitions.binary_search_by_key(&number, |partition| partition.number).ok()?;
        self.partitions.get_mut(place)
    }
}

impl<'a> Pass<'a> {
    fn new(cluster: &'a Cluster, wants: &[Want], deadline: Instant) -> Self {
        let mut pass = Pass {
            cluster,
            deadline,
            groups: Vec::new(),
            group_places: HashMap::new(),
            topics: Vec::new(),
            topic_places: HashMap::new(),
        };
        for want in wants {
            let place = *pass.group_places.entry(Arc::clone(&want.group)).or_insert_with(|| {
                pass.groups.push(Group::new(&want.group));
                pass.groups.len() - 1
            });
            let Some(group) = pass.groups.get_mut(place) else { continue };
            group.all |= want.topics.is_none();
            group.named.extend(want.topics.iter().flatten().cloned());
        }
        pass
    }

    async fn go(&mut self) -> Result<(), Fault> {
        let named: BTreeSet<Arc<str>> = self.groups.iter().flat_map(|group| group.named.iter().cloned()).collect();
        self.resolve(named).await?;
        self.read_committed().await?;
        let committed = self.topics.iter().filter(|topic| topic.partitions.is_empty() && topic.fault.is_none());
        let committed: BTreeSet<Arc<str>> = committed.map(|topic| Arc::clone(&topic.name)).collect();
        self.resolve(committed).await?;
        self.read_ends().await?;
        self.read_tails().await;
        self.describe().await;
        Ok(())
    }

    /// The place of a topic, made if it is new.
    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.topic_places.get(name) {
            return *place;
        }
        let name: Arc<str> = name.into();
        self.topic_places.insert(Arc::clone(&name), self.topics.len());
        self.topics.push(Topic { name, fault: None, partitions: Vec::new() });
        self.topics.len() - 1
    }

    /// Looks up partitions and leaders of topics. What a former look-up found and read is kept.
    async fn resolve(&mut self, names: BTreeSet<Arc<str>>) -> Result<(), Fault> {
        if names.is_empty() {
            return Ok(());
        }
        let mut found = self.cluster.topics(&names, self.deadline).await?;
        for name in names {
            let meta = found.remove(&name);
            let place = self.place(&name);
            let address = self.cluster.pool.name();
            let Some(topic) = self.topics.get_mut(place) else { continue };
            let code = meta.as_ref().map_or(3, |meta| meta.error);
            topic.fault = (code != 0)
                .then(|| Fault::code(&address, Step::Request(METADATA.name), &format!("topic {name}"), code));
            let mut partitions: Vec<Partition> = meta
                .iter()
                .flat_map(|meta| &meta.partitions)
                .map(|partition| Partition {
                    number: partition.partition,
                    leader: partition.leader,
                    ..Partition::default()
                })
                .collect();
            partitions.sort_by_key(|partition| partition.number);
            for partition in &mut partitions {
                if let Some(old) = topic.partition(partition.number).filter(|old| old.end.is_some()) {
                    let leader = partition.leader;
                    *partition = Partition { leader, ..std::mem::take(old) };
                }
            }
            topic.partitions = partitions;
        }
        Ok(())
    }

    /// Waits before asking again, longer each time, and not beyond the deadline.
    async fn back_off(&self, attempt: u32) {
        let wait = Duration::from_millis(40) * 2_u32.saturating_pow(attempt);
        tokio::time::sleep_until(self.deadline.min(Instant::now() + wait)).await;
    }
}

impl Group {
    fn new(name: &Arc<str>) -> Self {
        Group {
            name: Arc::clone(name),
            named: BTreeSet::new(),
            all: false,
            committed: Vec::new(),
            fault: None,
            state: None,
            members: None,
        }
    }
}
