//! Group states and members: worth having with a lag, never worth failing for.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use kafka_protocol::messages::{ConsumerGroupDescribeRequest, DescribeGroupsRequest, GroupId};
use tokio::time::Instant;

use super::Pass;
use crate::kafka::address::BrokerAddress;
use crate::kafka::cluster::{Cluster, invalid, text};
use crate::kafka::fault::Fault;
use crate::kafka::replies::groups::{Described, consumer_group_describe, describe_groups};
use crate::kafka::versions::{CONSUMER_GROUP_DESCRIBE, DESCRIBE_GROUPS};

const GROUPS_A_REQUEST: usize = 1_000;

impl Pass<'_> {
    /// Reads state and members of all groups that could be read. What a broker does not say stays unknown.
    pub(super) async fn describe(&mut self) {
        let readable = self.groups.iter().filter(|group| group.fault.is_none());
        let names: Vec<Arc<str>> = readable.map(|group| Arc::clone(&group.name)).collect();
        let Ok(coordinators) = self.cluster.coordinators(&names, self.deadline).await else { return };
        let mut by_coordinator: BTreeMap<BrokerAddress, Vec<Arc<str>>> = BTreeMap::new();
        for (name, coordinator) in names.into_iter().zip(coordinators) {
            if let Ok(address) = coordinator {
                by_coordinator.entry(address).or_default().push(name);
            }
        }
        let (cluster, deadline) = (self.cluster, self.deadline);
        let chunks = by_coordinator.iter().flat_map(|(address, names)| {
            names.chunks(GROUPS_A_REQUEST).map(move |chunk| describe(cluster, address, chunk, deadline))
        });
        for described in futures::future::join_all(chunks).await {
            match described {
                Ok(described) => described.into_iter().for_each(|one| self.take_described(one)),
                Err(fault) => tracing::debug!(%fault, "groups could not be described"),
            }
        }
    }

    fn take_described(&mut self, described: Described) {
        let group = self.group_places.get(described.group.as_str()).and_then(|place| self.groups.get_mut(*place));
        if let Some(group) = group
            && described.error == 0
        {
            group.state = Some(described.state.into());
            group.members = Some(described.members);
        }
    }
}

/// Describes groups of the classic protocol, then those that turn out to be of the newer one.
async fn describe(
    cluster: &Cluster,
    address: &BrokerAddress,
    groups: &[Arc<str>],
    deadline: Instant,
) -> Result<Vec<Described>, Fault> {
    let connection = cluster.pool.to(address, deadline).await?;
    if !connection.knows(DESCRIBE_GROUPS) {
        return Ok(Vec::new());
    }
    let version = connection.version(DESCRIBE_GROUPS)?;
    let ids = groups.iter().map(|group| GroupId(text(group))).collect();
    let body = connection.ask(DESCRIBE_GROUPS, &DescribeGroupsRequest::default().with_groups(ids), deadline).await?;
    let mut described =
        describe_groups(&body, version).map_err(|error| invalid(connection.address(), DESCRIBE_GROUPS.name, &error))?;
    // To the classic question a group of the newer protocol is dead, as is one that does not exist.
    let dead: Vec<GroupId> = described.iter().filter(|one| is_dead(one)).map(|one| GroupId(text(&one.group))).collect();
    if dead.is_empty() || !connection.knows(CONSUMER_GROUP_DESCRIBE) {
        return Ok(described);
    }
    let version = connection.version(CONSUMER_GROUP_DESCRIBE)?;
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(dead);
    let body = connection.ask(CONSUMER_GROUP_DESCRIBE, &request, deadline).await?;
    let newer = consumer_group_describe(&body, version)
        .map_err(|error| invalid(connection.address(), CONSUMER_GROUP_DESCRIBE.name, &error))?;
    let mut newer: HashMap<String, Described> =
        newer.into_iter().filter(|one| one.error == 0).map(|one| (one.group.clone(), one)).collect();
    for one in &mut described {
        if let Some(found) = newer.remove(&one.group) {
            *one = found;
        }
    }
    Ok(described)
}

fn is_dead(described: &Described) -> bool {
    described.error == 69 || (described.error == 0 && described.state == "Dead")
}
