//! What a pass found, cut to what one asker wanted.

use std::sync::Arc;

use tidegate_engine::ReadErrorKind;

use super::{Answer, Group, Partition, Pass, Topic, Want};
use crate::kafka::fault::{Fault, Step};
use crate::kafka::versions::OFFSET_FETCH;

/// What is known of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupOffsets {
    pub(crate) state: Option<Arc<str>>,
    pub(crate) members: Option<u32>,
    pub(crate) topics: Vec<TopicOffsets>,
    /// Topics that the group has committed offsets of and that do not exist any more.
    pub(crate) gone: Vec<Arc<str>>,
}

/// One topic, as one group sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicOffsets {
    pub(crate) name: Arc<str>,
    /// In order of their numbers.
    pub(crate) partitions: Vec<PartitionOffsets>,
}

/// One partition, as one group sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartitionOffsets {
    pub(crate) partition: i32,
    pub(crate) committed: Option<i64>,
    /// The first offset that retention has left, where it was needed or known.
    pub(crate) start: Option<i64>,
    /// What a read-committed consumer can reach.
    pub(crate) end: i64,
    /// What any consumer can reach, where the committed offset lies beyond `end`.
    pub(crate) high: Option<i64>,
    /// How many records a read-committed consumer still receives, where the tail was looked at.
    pub(crate) visible: Option<i64>,
}

impl Group {
    pub(super) fn committed_at(&self, topic: usize, partition: i32) -> Option<i64> {
        let place =
            self.committed.binary_search_by_key(&(topic, partition), |(topic, partition, _)| (*topic, *partition));
        place.ok().and_then(|place| self.committed.get(place)).map(|(_, _, committed)| *committed)
    }
}

impl Pass<'_> {
    pub(super) fn result(&self, want: &Want) -> Answer {
        let group = self.group_places.get(&want.group).and_then(|place| self.groups.get(*place));
        let group = group.ok_or_else(|| {
            Fault::new(
                ReadErrorKind::Internal,
                &self.cluster.pool.name(),
                Step::Request(OFFSET_FETCH.name),
                "a group was lost",
            )
        })?;
        if let Some(fault) = &group.fault {
            return Err(fault.clone());
        }
        let mut found = GroupOffsets { state: group.state.clone(), members: group.members, ..GroupOffsets::default() };
        match &want.topics {
            Some(names) => {
                for place in names.iter().filter_map(|name| self.topic_places.get(name)) {
                    found
                        .topics
                        .extend(self.topics.get(*place).map(|topic| self.topic(group, *place, topic)).transpose()?);
                }
            }
            None => self.committed_topics(group, &mut found)?,
        }
        Ok(found)
    }

    fn committed_topics(&self, group: &Group, found: &mut GroupOffsets) -> Result<(), Fault> {
        let mut places: Vec<usize> = group.committed.iter().map(|(topic, _, _)| *topic).collect();
        places.dedup();
        for (place, topic) in places.into_iter().filter_map(|place| Some((place, self.topics.get(place)?))) {
            match &topic.fault {
                Some(fault) if fault.kind == ReadErrorKind::NotFound => found.gone.push(Arc::clone(&topic.name)),
                _ => found.topics.push(self.topic(group, place, topic)?),
            }
        }
        found.topics.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(())
    }

    fn topic(&self, group: &Group, place: usize, topic: &Topic) -> Result<TopicOffsets, Fault> {
        if let Some(fault) = &topic.fault {
            return Err(fault.clone());
        }
        let partitions = topic.partitions.iter().map(|partition| self.partition(group, place, topic, partition));
        Ok(TopicOffsets { name: Arc::clone(&topic.name), partitions: partitions.collect::<Result<_, _>>()? })
    }

    fn partition(
        &self,
        group: &Group,
        place: usize,
        topic: &Topic,
        partition: &Partition,
    ) -> Result<PartitionOffsets, Fault> {
        let committed = group.committed_at(place, partition.number);
        if let Some(fault) = &partition.fault {
            return Err(fault.clone());
        }
        let end = partition.end.ok_or_else(|| Fault::late(&self.cluster.pool.name(), Step::Request("ListOffsets")))?;
        let tails = &self.cluster.tails;
        Ok(PartitionOffsets {
            partition: partition.number,
            committed,
            start: partition.start.or_else(|| tails.known_start(&topic.name, partition.number)),
            end,
            high: partition.high,
            visible: committed.and_then(|committed| tails.visible(&topic.name, partition.number, committed, end)),
        })
    }
}
