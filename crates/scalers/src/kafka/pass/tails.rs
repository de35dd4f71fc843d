//! The last step of a pass: what lies between committed and end offsets that are close together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{BrokerId, FetchRequest};
use tokio::time::Instant;

use super::Pass;
use crate::kafka::cluster::{Cluster, invalid, topic_name};
use crate::kafka::fault::Fault;
use crate::kafka::replies::fetch::{Fetched, fetch};
use crate::kafka::tail::TAIL_OFFSETS;
use crate::kafka::versions::FETCH;

/// The longest that a pass spends on this.
const TIME: Duration = Duration::from_secs(2);
/// Requests to one leader in a pass at most.
const ROUNDS: usize = 6;
const PARTITIONS_A_REQUEST: usize = 500;
const BYTES_A_PARTITION: i32 = 128 << 10;
const BYTES_A_REQUEST: i32 = 4 << 20;

/// A tail to look at.
#[derive(Clone, Debug)]
struct Job {
    topic: Arc<str>,
    partition: i32,
    from: i64,
    end: i64,
}

impl Pass<'_> {
    /// Looks at tails as far as time and the size limits allow. What is left over counts by its offsets.
    pub(super) async fn read_tails(&self) {
        let mut by_leader: BTreeMap<i32, Vec<Job>> = BTreeMap::new();
        for (leader, job) in self.tails_needed() {
            by_leader.entry(leader).or_default().push(job);
        }
        if by_leader.is_empty() {
            return;
        }
        self.cluster.tails.prune();
        let left = self.deadline.saturating_duration_since(Instant::now());
        let jobs = by_leader.into_iter().map(|(leader, jobs)| look(self.cluster, leader, jobs, self.deadline));
        let looked = tokio::time::timeout(TIME.min(left / 2), futures::future::join_all(jobs)).await;
        for fault in looked.into_iter().flatten().filter_map(Result::err) {
            tracing::debug!(%fault, "the ends of partitions could not be looked at");
        }
    }

    fn tails_needed(&self) -> Vec<(i32, Job)> {
        let mut lowest: BTreeMap<(usize, i32), i64> = BTreeMap::new();
        for (topic, partition, committed) in self.groups.iter().flat_map(|group| &group.committed) {
            let Some(end) = self.end_of(*topic, *partition) else { continue };
            if *committed < end && end - committed <= TAIL_OFFSETS {
                let low = lowest.entry((*topic, *partition)).or_insert(*committed);
                *low = (*low).min(*committed);
            }
        }
        let needed = lowest.into_iter().filter_map(|((place, partition), committed)| {
            let topic = self.topics.get(place)?;
            let at = topic.partitions.binary_search_by_key(&partition, |one| one.number).ok()?;
            let known = topic.partitions.get(at)?;
            let (leader, end) = (known.leader, known.end?);
            // What retention took is not there to be looked at.
            let committed = committed.max(known.start.unwrap_or(committed));
            let from = self.cluster.tails.look_from(&topic.name, partition, committed, end)?;
            Some((leader, Job { topic: Arc::clone(&topic.name), partition, from, end }))
        });
        needed.collect()
    }

    fn end_of(&self, topic: usize, partition: i32) -> Option<i64> {
        let topic = self.topics.get(topic)?;
        let at = topic.partitions.binary_search_by_key(&partition, |one| one.number).ok()?;
        topic.partitions.get(at)?.end
    }
}

async fn look(cluster: &Cluster, leader: i32, mut jobs: Vec<Job>, deadline: Instant) -> Result<(), Fault> {
    let Some(address) = cluster.broker(leader) else { return Ok(()) };
    let connection = cluster.pool.to(&address, deadline).await?;
    if !connection.knows(FETCH) {
        return Ok(());
    }
    let version = connection.version(FETCH)?;
    for _ in 0..ROUNDS {
        let now: Vec<Job> = jobs.drain(..jobs.len().min(PARTITIONS_A_REQUEST)).collect();
        if now.is_empty() {
            return Ok(());
        }
        let body = connection.ask(FETCH, &request(&now), deadline).await?;
        let mut found: BTreeMap<(String, i32), Fetched> = BTreeMap::new();
        fetch(&body, version, &mut |topic, fetched| drop(found.insert((topic.to_owned(), fetched.partition), fetched)))
            .map_err(|error| invalid(connection.address(), FETCH.name, &error))?;
        let mut empty = Vec::new();
        for mut job in now {
            let fetched = found.remove(&(job.topic.to_string(), job.partition));
            match fetched {
                Some(fetched) if fetched.error == 0 && !fetched.stretches.is_empty() => {
                    let next = cluster.tails.learn(&job.topic, job.partition, job.from, job.end, &fetched.stretches);
                    if next < job.end && next > job.from {
                        job.from = next;
                        jobs.push(job);
                    }
                }
                // The request's size limit came before this one.
                Some(fetched) if fetched.error == 0 => empty.push(job),
                _ => cluster.tails.give_up(&job.topic, job.partition),
            }
        }
        jobs.extend(empty);
    }
    Ok(())
}

fn request(jobs: &[Job]) -> FetchRequest {
    let mut topics: BTreeMap<&Arc<str>, Vec<FetchPartition>> = BTreeMap::new();
    for job in jobs {
        let partition = FetchPartition::default().with_partition(job.partition).with_fetch_offset(job.from);
        let partition = partition.with_current_leader_epoch(-1).with_last_fetched_epoch(-1).with_log_start_offset(-1);
        topics.entry(&job.topic).or_default().push(partition.with_partition_max_bytes(BYTES_A_PARTITION));
    }
    let topics = topics
        .into_iter()
        .map(|(name, partitions)| FetchTopic::default().with_topic(topic_name(name)).with_partitions(partitions));
    FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(0)
        .with_min_bytes(0)
        .with_max_bytes(BYTES_A_REQUEST)
        .with_isolation_level(1)
        .with_session_id(0)
        .with_session_epoch(-1)
        .with_topics(topics.collect())
}
