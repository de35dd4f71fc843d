//! Replies about the cluster: brokers, topics with their leaders, and coordinators.

use std::sync::Arc;

use crate::kafka::wire::{Malformed, Wire};

/// A broker and where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broker {
    pub(crate) id: i32,
    pub(crate) host: String,
    pub(crate) port: i32,
}

/// One partition: its leader (-1 while there is none).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartitionMeta {
    pub(crate) partition: i32,
    pub(crate) leader: i32,
}

/// One topic, or the error in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicMeta {
    pub(crate) name: Arc<str>,
    pub(crate) error: i16,
    pub(crate) partitions: Vec<PartitionMeta>,
}

/// Metadata, versions 4 to 12.
pub(crate) fn metadata(body: &[u8], version: i16) -> Result<(Vec<Broker>, Vec<TopicMeta>), Malformed> {
    let mut wire = Wire::new(body, version >= 9);
    wire.i32()?; // throttle time
    let count = wire.array(11)?;
    let mut brokers = Vec::with_capacity(count);
    for _ in 0..count {
        brokers.push(Broker { id: wire.i32()?, host: wire.text()?.to_owned(), port: wire.i32()? });
        wire.nullable_text()?; // rack
        wire.tags()?;
    }
    wire.nullable_text()?; // cluster id
    wire.i32()?; // controller
    let count = wire.array(5)?;
    let mut topics = Vec::with_capacity(count);
    for _ in 0..count {
        topics.push(topic(&mut wire, version)?);
    }
    Ok((brokers, topics))
}

fn topic(wire: &mut Wire<'_>, version: i16) -> Result<TopicMeta, Malformed> {
    let error = wire.i16()?;
    let name = Arc::from(wire.nullable_text()?.unwrap_or_default());
    if version >= 10 {
        wire.take(16)?; // topic id
    }
    wire.i8()?; // internal
    let count = wire.array(12)?;
    let mut partitions = Vec::with_capacity(count);
    for _ in 0..count {
        wire.i16()?; // the partition's own error: a leader of -1 says all that matters
        partitions.push(PartitionMeta { partition: wire.i32()?, leader: wire.i32()? });
        if version >= 7 {
            wire.i32()?; // leader epoch
        }
        wire.skip_numbers()?; // replicas
        wire.skip_numbers()?; // in-sync replicas
        if version >= 5 {
            wire.skip_numbers()?; // offline replicas
        }
        wire.tags()?;
    }
    if version >= 8 {
        wire.i32()?; // authorized operations
    }
    wire.tags()?;
    Ok(TopicMeta { name, error, partitions })
}

/// Where a group's coordinator is, or the error in its place. Before version 4 `key` is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Coordinator {
    pub(crate) key: String,
    pub(crate) error: i16,
    pub(crate) host: String,
    pub(crate) port: i32,
}

/// FindCoordinator, versions 0 to 6.
pub(crate) fn find_coordinator(body: &[u8], version: i16) -> Result<Vec<Coordinator>, Malformed> {
    let mut wire = Wire::new(body, version >= 3);
    if version >= 1 {
        wire.i32()?; // throttle time
    }
    if version < 4 {
        let error = wire.i16()?;
        if version >= 1 {
            wire.nullable_text()?; // error message
        }
        wire.i32()?; // node id
        let (host, port) = (wire.text()?.to_owned(), wire.i32()?);
        return Ok(vec![Coordinator { key: String::new(), error, host, port }]);
    }
    let count = wire.array(13)?;
    let mut coordinators = Vec::with_capacity(count);
    for _ in 0..count {
        let key = wire.text()?.to_owned();
        wire.i32()?; // node id
        let (host, port) = (wire.text()?.to_owned(), wire.i32()?);
        let error = wire.i16()?;
        wire.nullable_text()?; // error message
        wire.tags()?;
        coordinators.push(Coordinator { key, error, host, port });
    }
    Ok(coordinators)
}
